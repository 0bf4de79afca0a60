import OrderedCollections
package import SwarmModel

/// The knobs of the tracker's leases.
package struct OriginLeaseSettings: Hashable, Sendable {
    /// A lease that is not renewed ends after this. Longer survives a pause of its holder; shorter
    /// frees the pieces of a dead one sooner.
    package var lifetime = Duration.seconds(15)
    /// A lease ends after this however often it is renewed: 16 MiB are read by then at 27 KiB/s.
    package var holdMax = Duration.seconds(600)
    /// Reads of one origin at once, by the whole fleet and all versions.
    package var leasesPerOriginMax = 32
    /// The same after ``faultsMax`` failed leases in a row: one host finds out whether it is back.
    package var faultsMax = 3
    package var leasesPerPeerMax = 8
    package var piecesMax = 4096
    /// Pieces that were read are given to nobody else for this long: peers get them from the
    /// reader. Doubled each time that they are read again, up to the longest.
    package var restAfterDone = Duration.seconds(30)
    /// Pieces that an origin did not give rest this long for that origin.
    package var restAfterFailure = Duration.seconds(3)
    /// No lease is granted so soon after the start: those held from before are renewed first, which
    /// takes a third of their lifetime. After an earlier process has given some, it counts from
    /// when somebody reaches this one.
    package var quietAtStart = Duration.seconds(6)
    package var swarmsMax = 4096
    /// Runs of pieces remembered for one swarm. Over it nothing is granted until some expire.
    package var runsMax = 16384
    /// Origins whose health is remembered.
    package var originsMax = 4096
    /// What those are told to wait for whom there is nothing.
    package var waits = Duration.milliseconds(500)...Duration.seconds(5)

    package init() {}
}

/// Who may read what from which origin: the tracker's only say in the data path. One holder for
/// each piece of a version, a bound on the reads of an origin, and an end to every lease, whatever
/// becomes of its holder.
///
/// A run of pieces is *free*, *leased*, or *resting* after a lease: for a while after it was read,
/// when its reader hands it on, and for a moment after an origin did not give it. Numbers of leases
/// rise, so a late word about an old lease is told from one about the present one. The state is
/// soft: after a restart renewals bring the leases back, and nothing is granted before they could.
package struct OriginLeases: Sendable {
    package let settings: OriginLeaseSettings
    private var swarms: OrderedDictionary<SwarmID, LeaseBook> = [:]
    private var faults: OrderedDictionary<OriginID, Int> = [:]
    private var lastNumber: UInt64
    private let startedAt: Instant
    /// When the first request came; the start, for one that has no predecessor.
    private var reachedAt: Instant?

    /// `firstNumber` is larger than every number of an earlier life: the wall clock in milliseconds
    /// will do, times some thousand. `hasPredecessor`: an earlier process may have given leases
    /// that are still held.
    package init(
        settings: OriginLeaseSettings,
        firstNumber: UInt64,
        hasPredecessor: Bool,
        at now: Instant
    ) {
        self.settings = settings
        lastNumber = firstNumber
        startedAt = now
        reachedAt = hasPredecessor ? nil : now
    }

    package var leaseCount: Int { swarms.values.reduce(0) { $0 + $1.leases.count } }

    // MARK: Asking

    /// Grants the first free pieces of the wish, or says how long to wait.
    package mutating func ask(
        _ wish: LeaseWish,
        in swarm: SwarmID,
        by peer: PeerID,
        at now: Instant
    ) -> LeaseAnswer {
        expire(at: now)
        let quietUntil = reached(at: now)
        guard quietUntil <= now else { return .wait(quietUntil - now) }
        let isKnown = swarms[swarm] != nil
        guard isKnown || swarms.count < settings.swarmsMax,
            held(of: wish.origin) < leasesMax(of: wish.origin), held(by: peer) < leasesPerPeerMax,
            swarms[swarm]?.runCount ?? 0 < settings.runsMax
        else { return .wait(settings.waits.upperBound / 5) }
        let book = swarms[swarm] ?? LeaseBook()
        let countMax = min(wish.countMax, settings.piecesMax)
        guard let free = book.firstFree(of: wish, countMax: countMax, at: now) else {
            return .wait(wait(until: book.nextFree(of: wish), at: now))
        }
        lastNumber += 1
        let claim = LeaseClaim(number: lastNumber, origin: wish.origin, pieces: free)
        swarms[swarm, default: LeaseBook()].add(
            claim,
            peer,
            until: now + settings.lifetime,
            last: now + settings.holdMax
        )
        return .granted(claim, lifetime: settings.lifetime)
    }

    /// Notes that somebody reaches this process, and says until when it grants nothing. A holder
    /// that could not reach it has not renewed; after a lifetime it holds nothing any more.
    private mutating func reached(at now: Instant) -> Instant {
        let first = reachedAt ?? now
        reachedAt = first
        return min(first + settings.quietAtStart, startedAt + settings.lifetime)
    }

    private var leasesPerPeerMax: Int { settings.leasesPerPeerMax }

    private func leasesMax(of origin: OriginID) -> Int {
        faults[origin] ?? 0 >= settings.faultsMax ? 1 : settings.leasesPerOriginMax
    }

    private func held(of origin: OriginID) -> Int {
        swarms.values.reduce(0) { $0 + $1.leases.count { $0.claim.origin == origin } }
    }

    private func held(by peer: PeerID) -> Int {
        swarms.values.reduce(0) { $0 + $1.leases.count { $0.peer == peer } }
    }

    private func wait(until next: Instant?, at now: Instant) -> Duration {
        settings.waits.clamp((next ?? now) - now)
    }

    // MARK: Holding

    /// The lease's new lifetime; nil when its pieces are somebody else's by now. One that is not
    /// known is taken up when its pieces are free: it is from before a restart.
    package mutating func renew(
        _ claim: LeaseClaim,
        in swarm: SwarmID,
        by peer: PeerID,
        at now: Instant
    ) -> Duration? {
        expire(at: now)
        _ = reached(at: now)
        let until = now + settings.lifetime
        if swarms[swarm]?.renew(claim, peer, until: until) == true { return settings.lifetime }
        guard swarms[swarm] != nil || swarms.count < settings.swarmsMax,
            claim.pieces.count <= settings.piecesMax, held(by: peer) < leasesPerPeerMax,
            swarms[swarm]?.isFree(claim, at: now) ?? true
        else { return nil }
        swarms[swarm, default: LeaseBook()].add(
            claim,
            peer,
            until: until,
            last: now + settings.holdMax
        )
        lastNumber = max(lastNumber, min(claim.number, lastNumber + Self.skipMax))
        return settings.lifetime
    }

    /// How far a number that a peer says may push ours.
    private static let skipMax: UInt64 = 1 << 32

    /// The holder is done with a lease. A word about a lease that is not held changes nothing.
    package mutating func end(
        _ claim: LeaseClaim,
        _ end: LeaseEnd,
        in swarm: SwarmID,
        by peer: PeerID,
        at now: Instant
    ) {
        expire(at: now)
        guard swarms[swarm]?.end(claim, peer, end, settings, at: now) == true else { return }
        switch end {
        case .done: faults.removeValue(forKey: claim.origin)
        case .failed:
            let isKnown = faults[claim.origin] != nil
            if isKnown || faults.count < settings.originsMax {
                faults[claim.origin, default: 0] += 1
            }
        case .abandoned: break
        }
    }

    // MARK: Time

    /// Forgets what is over.
    package mutating func expire(at now: Instant) {
        guard let deadline, deadline <= now else { return }
        for swarm in swarms.keys {
            swarms[swarm]?.expire(at: now)
            if swarms[swarm]?.isEmpty == true { swarms.removeValue(forKey: swarm) }
        }
    }

    package var deadline: Instant? { swarms.values.compactMap(\.deadline).min() }
}
