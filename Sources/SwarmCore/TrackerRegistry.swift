internal import OrderedCollections
package import SwarmModel

/// The memory of a tracker: who is in which swarm, and what each announce is answered.
///
/// Soft state: it starts empty, and peers fill it again by announcing. A peer is known by swarm and
/// peer id; the id belongs to whoever announced it first until that one leaves, falls silent, or
/// shows itself again by its key or a newer generation. Everything iterates in an order that the
/// sequence of announces decides, so one seed replays one tracker.
package struct TrackerRegistry: Sendable {
    package let settings: TrackerRegistrySettings
    /// This life's half of every roster epoch: never zero, and small enough for a signed integer.
    package let life: UInt64
    var swarms: OrderedDictionary<SwarmID, Swarm> = [:]
    /// Counts changes of all rosters, so that the counter of a swarm that was forgotten and came
    /// back never repeats a value.
    private var changes: UInt64 = 0
    package private(set) var peerCount = 0
    private var expiryEarliest: Instant?
    private var lastSweep: Instant?

    /// Expired peers are swept together at most this often: each sweep looks at every peer.
    private static let sweepSpacing = Duration.seconds(1)

    package init(settings: TrackerRegistrySettings, random: inout SeededRandom) {
        precondition(settings.interval > .zero, "a tracker needs an interval")
        precondition(settings.lifetimeIntervals > 1, "peers would expire between announces")
        self.settings = settings
        life = UInt64.random(in: 1...UInt64(Int64.max), using: &random)
    }

    package var swarmCount: Int { swarms.count }

    /// When to call ``expire(at:)`` next; nil while there are no peers. May be early, never late by
    /// more than the spacing of sweeps.
    package var deadline: Instant? {
        guard let expiryEarliest else { return nil }
        guard let lastSweep else { return expiryEarliest }
        return max(expiryEarliest, lastSweep + Self.sweepSpacing)
    }

    /// Enters an announce and answers it. `observed` is the address of the connection; its port is
    /// not looked at.
    package mutating func announce(
        _ request: AnnounceRequest,
        from observed: Endpoint,
        at now: Instant,
        random: inout SeededRandom
    ) -> AnnounceResponse {
        if let refusal = refusal(of: request, from: observed, at: now) { return refusal }
        if request.event == .stopped {
            remove(request.peer, from: request.swarm)
            return .success(success(random: &random))
        }
        enter(request, from: observed, at: now)
        return .success(answer(request, at: now, random: &random))
    }

    /// Forgets the peers that have been silent for too long.
    package mutating func expire(at now: Instant) {
        lastSweep = now
        expiryEarliest = nil
        for id in swarms.keys {
            for peer in swarms[id]!.expired(at: now) { remove(peer, from: id) }
            expiryEarliest = earlier(expiryEarliest, swarms[id]?.expiryEarliest)
        }
    }

    // MARK: Entering

    private mutating func enter(
        _ request: AnnounceRequest,
        from observed: Endpoint,
        at now: Instant
    ) {
        let isNew = swarms[request.swarm]?.peers[request.peer] == nil
        if isNew { makeRoom(for: request, from: observed) }
        let expiry = now + settings.lifetime
        if swarms[request.swarm] == nil {
            changes += 1
            swarms[request.swarm] = Swarm(createdAt: changes)
        }
        let changed = swarms[request.swarm]!.enter(
            request,
            from: observed,
            at: now,
            change: changes + 1,
            settings: settings
        )
        if changed { changes += 1 }
        if isNew { peerCount += 1 }
        expiryEarliest = earlier(expiryEarliest, expiry)
    }

    /// A process that starts at an endpoint ends the life of the peer that was there: two cannot
    /// listen on one port, and nobody should wait for the dead one. Only `started` does this, so
    /// that two hosts behind one translated address do not push each other out at each announce.
    private mutating func makeRoom(for request: AnnounceRequest, from observed: Endpoint) {
        guard request.event == .started, request.port != 0 else { return }
        let endpoint = Endpoint(address: observed.address, port: request.port)
        if let former = swarms[request.swarm]?.owner(of: endpoint) {
            remove(former, from: request.swarm)
        }
    }

    private mutating func remove(_ peer: PeerID, from swarm: SwarmID) {
        guard swarms[swarm]?.peers[peer] != nil else { return }
        let changed = swarms[swarm]!.remove(
            peer,
            change: changes + 1,
            departuresKeptMin: settings.departuresKeptMin
        )
        if changed { changes += 1 }
        peerCount -= 1
        if swarms[swarm]!.peers.isEmpty { swarms.swapRemove(swarm) }
    }

    // MARK: Refusing

    private mutating func refusal(
        of request: AnnounceRequest,
        from observed: Endpoint,
        at now: Instant
    ) -> AnnounceResponse? {
        if let known = swarms[request.swarm]?.peers[request.peer] {
            return claimRefusal(of: request, from: observed, known: known, at: now)
        }
        guard request.event != .stopped else { return nil }
        guard let full = fullness(for: request.swarm) else { return nil }
        if let deadline, deadline <= now {
            expire(at: now)
            if fullness(for: request.swarm) == nil { return nil }
        }
        return .failure(reason: full, retry: .minutes(1))
    }

    /// Two clients with one peer id: the second is refused, and neither is disturbed, unless it
    /// shows that it is the first one: by its key, by its address when neither has a key, or by a
    /// newer generation.
    private func claimRefusal(
        of request: AnnounceRequest,
        from observed: Endpoint,
        known: Peer,
        at now: Instant
    ) -> AnnounceResponse? {
        if known.expiry <= now { return nil }
        if let generation = request.generation, known.isOurs {
            if generation > known.entry.generation { return nil }
            if generation < known.entry.generation {
                return .failure(
                    reason: "a newer generation of this peer has announced itself",
                    retry: .minutes(1)
                )
            }
        }
        let isSame =
            request.key == known.key
            && (known.key != nil || known.observed.contains { $0.address == observed.address })
        if isSame { return nil }
        return .failure(
            reason: "this peer id belongs to another client; restart to draw a new one",
            retry: .minutes(1)
        )
    }

    private func fullness(for swarm: SwarmID) -> String? {
        if peerCount >= settings.peerCountMax { return "the tracker has no room for more peers" }
        guard let swarm = swarms[swarm] else {
            guard swarms.count >= settings.swarmCountMax else { return nil }
            return "the tracker has no room for more swarms"
        }
        guard swarm.peers.count >= settings.peersPerSwarmMax else { return nil }
        return "this swarm has no room for more peers"
    }

    // MARK: Answering

    private func success(random: inout SeededRandom) -> AnnounceSuccess {
        let interval = random.jittered(settings.interval, by: settings.intervalJitter)
        let seconds = Self.wholeSeconds(interval)
        return AnnounceSuccess(
            intervalSeconds: seconds,
            intervalSecondsMin: min(seconds, Self.wholeSeconds(settings.intervalMin))
        )
    }

    /// The nearest number of seconds, at least one.
    private static func wholeSeconds(_ duration: Duration) -> Int {
        max(1, Int((duration.nanoseconds + 500_000_000) / 1_000_000_000))
    }

    private mutating func answer(
        _ request: AnnounceRequest,
        at now: Instant,
        random: inout SeededRandom
    ) -> AnnounceSuccess {
        var answer = success(random: &random)
        let counts = counts(of: request.swarm)
        answer.seeds = counts?.complete
        answer.leeches = counts?.incomplete
        let wanted = request.peersWanted ?? settings.peersPerResponseDefault
        answer.peers =
            swarms[request.swarm]?.neighbours(
                of: request.peer,
                count: min(max(0, wanted), settings.peersPerResponseMax),
                random: &random
            ) ?? []
        addRoster(to: &answer, for: request, at: now)
        return answer
    }

    private mutating func addRoster(
        to answer: inout AnnounceSuccess,
        for request: AnnounceRequest,
        at now: Instant
    ) {
        guard let epoch = request.rosterEpoch else { return }
        answer.roster = swarms[request.swarm]?.rosterUpdate(
            for: request.peer,
            since: epoch.life == life ? epoch.counter : nil,
            entriesMax: settings.rosterEntriesPerResponseMax
        )
        answer.roster?.epoch.life = life
        answer.roster?.ownRating =
            swarms[request.swarm]?.peers[request.peer]?.ownRating ?? .unmeasured
        let isLast = answer.roster?.epoch.counter == swarms[request.swarm]?.lastChange
        if !isLast { answer.intervalSeconds = answer.intervalSecondsMin ?? 1 }
        if answer.roster?.joined.isEmpty == false,
            swarms[request.swarm]?.isGrowing(byShare: settings.growingShare, at: now) == true
        {
            let seconds = Self.wholeSeconds(settings.intervalGrowing)
            answer.intervalSeconds = min(seconds, answer.intervalSeconds)
            answer.intervalSecondsMin = answer.intervalSeconds
            answer.roster?.isGrowing = true
        }
    }
}

extension OrderedDictionary {
    /// Removes a key in constant time; the last one takes its place in the order.
    mutating func swapRemove(_ key: Key) {
        guard let index = index(forKey: key) else { return }
        swapAt(index, count - 1)
        removeLast()
    }
}
