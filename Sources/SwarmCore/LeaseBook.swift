import SwarmModel

/// The leases of one swarm, and the pieces that rest after one.
struct LeaseBook: Hashable, Sendable {
    struct Lease: Hashable, Sendable {
        let claim: LeaseClaim
        let peer: PeerID
        var until: Instant
        /// It is not renewed past this.
        let last: Instant
    }

    struct Rest: Hashable, Sendable {
        let pieces: Range<Int>
        var until: Instant
        /// Only for reads from this origin; nil for all.
        let origin: OriginID?
        /// The run is remembered longer than it rests, so that a further reading rests longer.
        var forgetAt: Instant
        var length: Duration
    }

    private(set) var leases: [Lease] = []
    private(set) var rests: [Rest] = []
    /// The earliest that anything here ends.
    private(set) var deadline: Instant?

    var runCount: Int { leases.count + rests.count }
    var isEmpty: Bool { leases.isEmpty && rests.isEmpty }

    /// Longest rest after repeated readings of the same pieces.
    private static let restMax = Duration.seconds(600)

    // MARK: What is free

    /// The first free pieces of the wish, in its order, at most `countMax` in a row.
    func firstFree(of wish: LeaseWish, countMax: Int, at now: Instant) -> Range<Int>? {
        guard countMax > 0 else { return nil }
        for run in wish.pieces where !run.isEmpty {
            let taken = taken(in: run, for: wish.origin, at: now)
            var start = run.lowerBound
            for range in taken {
                if range.lowerBound > start {
                    return start..<min(range.lowerBound, start + countMax)
                }
                start = max(start, range.upperBound)
            }
            if start < run.upperBound { return start..<min(run.upperBound, start + countMax) }
        }
        return nil
    }

    /// What is leased or rests of a run, sorted.
    private func taken(in run: Range<Int>, for origin: OriginID, at now: Instant) -> [Range<Int>] {
        var taken = leases.map(\.claim.pieces).filter { $0.overlaps(run) }
        taken += rests.filter {
            $0.until > now && $0.origin ?? origin == origin && $0.pieces.overlaps(run)
        }.map(\.pieces)
        return taken.sorted { $0.lowerBound < $1.lowerBound }
    }

    func isFree(_ claim: LeaseClaim, at now: Instant) -> Bool {
        taken(in: claim.pieces, for: claim.origin, at: now).isEmpty
    }

    /// When the first of the wished pieces that are taken ends at the latest.
    func nextFree(of wish: LeaseWish) -> Instant? {
        let ends =
            leases.filter { lease in wish.pieces.contains { $0.overlaps(lease.claim.pieces) } }
            .map(\.until)
            + rests.filter { rest in wish.pieces.contains { $0.overlaps(rest.pieces) } }
            .map(\.until)
        return ends.min()
    }

    // MARK: Changes

    mutating func add(_ claim: LeaseClaim, _ peer: PeerID, until: Instant, last: Instant) {
        leases.append(Lease(claim: claim, peer: peer, until: until, last: last))
        deadline = earlier(deadline, until)
    }

    /// False when the lease is not held by the peer.
    mutating func renew(_ claim: LeaseClaim, _ peer: PeerID, until: Instant) -> Bool {
        guard let index = index(of: claim, peer), until <= leases[index].last else { return false }
        leases[index].until = until
        return true
    }

    /// False when the lease is not held by the peer.
    mutating func end(
        _ claim: LeaseClaim,
        _ peer: PeerID,
        _ end: LeaseEnd,
        _ settings: OriginLeaseSettings,
        at now: Instant
    ) -> Bool {
        guard let index = index(of: claim, peer) else { return false }
        leases.remove(at: index)
        switch end {
        case .done: rest(claim.pieces, nil, after: settings.restAfterDone, at: now)
        case .failed: rest(claim.pieces, claim.origin, after: settings.restAfterFailure, at: now)
        case .abandoned: break
        }
        return true
    }

    private func index(of claim: LeaseClaim, _ peer: PeerID) -> Int? {
        leases.firstIndex { $0.claim == claim && $0.peer == peer }
    }

    private mutating func rest(
        _ pieces: Range<Int>,
        _ origin: OriginID?,
        after first: Duration,
        at now: Instant
    ) {
        var length = first
        if let before = rests.first(where: { $0.pieces.overlaps(pieces) && $0.origin == origin }) {
            length = min(before.length * 2, Self.restMax)
        }
        rests.removeAll { $0.pieces == pieces && $0.origin == origin }
        let rest = Rest(
            pieces: pieces,
            until: now + length,
            origin: origin,
            forgetAt: now + length * 2,
            length: length
        )
        rests.append(rest)
        deadline = earlier(deadline, rest.forgetAt)
    }

    mutating func expire(at now: Instant) {
        leases.removeAll { $0.until <= now }
        rests.removeAll { $0.forgetAt <= now }
        deadline = earlier(leases.map(\.until).min(), rests.map(\.forgetAt).min())
    }
}
