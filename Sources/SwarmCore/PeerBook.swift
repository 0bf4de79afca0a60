import OrderedCollections
package import SwarmModel

/// The addresses at which peers of the swarm may be reached, when each may be dialled again, and
/// who is banned. Bounded; bans end.
package struct PeerBook: Sendable {
    package enum State: Hashable, Sendable {
        /// May be dialled from then on.
        case idle(until: Instant)
        case dialling
        case connected(ConnectionID)
    }

    package struct Entry: Hashable, Sendable {
        package var state: State
        /// Dials that failed since the last success.
        package var failures = 0
    }

    private struct Ban: Hashable, Sendable {
        var peer: PeerID
        var endpoint: Endpoint?
        var until: Instant
        var count: Int
    }

    private var entries: OrderedDictionary<Endpoint, Entry> = [:]
    private var bans: [Ban] = []
    /// Addresses at which we met ourselves.
    private var ours: [Endpoint] = []
    private var random: SeededRandom
    private let settings: SwarmSettings

    /// Bans kept; beyond, the one that ends first is dropped.
    package static let bansMax = 1024
    /// Own addresses kept: a host has few.
    package static let oursMax = 16

    package init(settings: SwarmSettings, random: SeededRandom) {
        self.settings = settings
        self.random = random
    }

    package var count: Int { entries.count }
    /// Dials under way.
    package private(set) var diallingCount = 0
    /// When the next address may be dialled.
    package private(set) var deadline: Instant?
    /// How many idle addresses wait for just that moment: most are learned together, and all are
    /// looked at only when the last of these is not idle any more.
    private var countAtDeadline = 0
    /// Addresses to be dialled before all others, and in their own number.
    private(set) var preferred: OrderedSet<Endpoint> = []
    /// When the next of those may be dialled.
    package private(set) var preferredDeadline: Instant?
    /// Dials under way to others than those.
    package private(set) var diallingOthersCount = 0

    private mutating func becomes(idleUntil until: Instant) {
        if let deadline, deadline < until { return }
        countAtDeadline = deadline == until ? countAtDeadline + 1 : 1
        deadline = until
    }

    private mutating func survey() {
        deadline = nil
        countAtDeadline = 0
        for entry in entries.values {
            if case .idle(let until) = entry.state { becomes(idleUntil: until) }
        }
    }

    private mutating func set(_ endpoint: Endpoint, _ state: State?) {
        let before = entries[endpoint]?.state
        let isPreferred = preferred.contains(endpoint)
        defer { if isPreferred { surveyPreferred() } }
        if let state {
            entries[endpoint]?.state = state
        } else {
            entries[endpoint] = nil
        }
        if before == .dialling {
            diallingCount -= 1
            if !isPreferred { diallingOthersCount -= 1 }
        }
        if state == .dialling {
            diallingCount += 1
            if !isPreferred { diallingOthersCount += 1 }
        }
        if case .idle(let until) = before, until == deadline {
            countAtDeadline -= 1
            if countAtDeadline == 0 {
                survey()
                return
            }
        }
        if case .idle(let until) = state { becomes(idleUntil: until) }
    }

    private mutating func surveyPreferred() {
        preferredDeadline = nil
        for endpoint in preferred {
            guard case .idle(let until) = entries[endpoint]?.state else { continue }
            preferredDeadline = earlier(preferredDeadline, until)
        }
    }

    /// Replaces those that are preferred.
    package mutating func prefer(_ endpoints: [Endpoint], at now: Instant) {
        guard !endpoints.isEmpty || !preferred.isEmpty else { return }
        preferred = OrderedSet(endpoints)
        learn(endpoints, at: now)
        diallingOthersCount = entries.elements.count {
            $0.value.state == .dialling && !preferred.contains($0.key)
        }
        surveyPreferred()
    }

    package mutating func learn(_ endpoints: [Endpoint], at now: Instant) {
        var isPreferred = false
        defer { if isPreferred { surveyPreferred() } }
        for endpoint in endpoints
        where entries[endpoint] == nil && endpoint.port != 0 && !ours.contains(endpoint) {
            guard entries.count < settings.knownPeersMax || dropWorst() else { return }
            let until = max(now, banEnd(endpoint) ?? now)
            entries[endpoint] = Entry(state: .idle(until: until))
            becomes(idleUntil: until)
            isPreferred = isPreferred || preferred.contains(endpoint)
        }
    }

    /// Makes room: forgets the idle address that failed most. False when none has failed.
    private mutating func dropWorst() -> Bool {
        let failed = entries.elements.filter { entry in
            if case .idle = entry.value.state { entry.value.failures > 0 } else { false }
        }
        guard let worst = failed.max(by: { $0.value.failures < $1.value.failures }) else {
            return false
        }
        set(worst.key, nil)
        return true
    }

    /// The connection there was one to ourselves: never dialled again.
    package mutating func isOurs(_ endpoint: Endpoint) {
        set(endpoint, nil)
        if ours.count < Self.oursMax, !ours.contains(endpoint) { ours.append(endpoint) }
    }

    /// The tracker says that they left. Those we are connected to prove the contrary.
    package mutating func forget(_ endpoint: Endpoint) {
        guard case .idle = entries[endpoint]?.state else { return }
        set(endpoint, nil)
    }

    /// Up to `count` addresses to dial now, those preferred first, and at most so many others; each
    /// is marked.
    package mutating func nextDials(
        _ count: Int,
        othersMax: Int = .max,
        at now: Instant
    ) -> [Endpoint] {
        guard count > 0, let due = deadline, due <= now else { return [] }
        var chosen: [Endpoint] = []
        for endpoint in preferred where chosen.count < count {
            guard case .idle(let until) = entries[endpoint]?.state, until <= now,
                !isBanned(peer: nil, endpoint: endpoint, at: now)
            else { continue }
            set(endpoint, .dialling)
            chosen.append(endpoint)
        }
        let count = othersMax < count - chosen.count ? chosen.count + othersMax : count
        guard chosen.count < count else { return chosen }
        let start = Int.random(in: 0..<entries.count, using: &random)
        for offset in 0..<entries.count where chosen.count < count {
            let index = (start + offset) % entries.count
            let (endpoint, entry) = entries.elements[index]
            guard case .idle(let until) = entry.state, until <= now,
                !isBanned(peer: nil, endpoint: endpoint, at: now)
            else { continue }
            set(endpoint, .dialling)
            chosen.append(endpoint)
        }
        return chosen
    }

    package mutating func dialFailed(_ endpoint: Endpoint, at now: Instant) {
        guard entries[endpoint]?.state == .dialling else { return }
        backOff(endpoint, at: now)
    }

    package mutating func connected(_ endpoint: Endpoint, _ id: ConnectionID, at now: Instant) {
        learn([endpoint], at: now)
        guard entries[endpoint] != nil else { return }
        set(endpoint, .connected(id))
    }

    /// The connection has proven useful: the next failure starts the back-off anew.
    package mutating func proved(_ endpoint: Endpoint) { entries[endpoint]?.failures = 0 }

    package mutating func disconnected(_ endpoint: Endpoint, _ id: ConnectionID, at now: Instant) {
        guard entries[endpoint]?.state == .connected(id) else { return }
        backOff(endpoint, at: now)
    }

    /// Full jitter (Brooker 2015): an even draw between nothing and the doubled wait keeps a
    /// restarted swarm from dialling in step.
    private mutating func backOff(_ endpoint: Endpoint, at now: Instant) {
        guard let failures = entries[endpoint]?.failures else { return }
        let ceiling = min(
            settings.dialBackoffMax,
            settings.dialBackoff * Double(1 << min(failures, 16))
        )
        let wait = settings.dialBackoff + ceiling * Double.random(in: 0..<1, using: &random)
        entries[endpoint]?.failures = min(failures + 1, 16)
        let until = max(now + wait, banEnd(endpoint) ?? now)
        set(endpoint, .idle(until: until))
    }

    // MARK: Bans

    /// Bans a peer that sent wrong bytes, by id and by the address where it listens.
    /// Returns when the ban ends.
    @discardableResult
    package mutating func ban(peer: PeerID, endpoint: Endpoint?, at now: Instant) -> Instant {
        let earlierBans = bans.filter {
            $0.peer == peer || ($0.endpoint != nil && $0.endpoint == endpoint)
        }
        let count = (earlierBans.map(\.count).max() ?? 0) + 1
        // An earlier life of the host at this endpoint stays banned under its own id.
        bans.removeAll { $0.peer == peer }
        if bans.count >= Self.bansMax, let first = bans.min(by: { $0.until < $1.until }) {
            bans.removeAll { $0 == first }
        }
        let duration = min(
            settings.banDuration * Double(1 << min(count - 1, 8)),
            settings.banDurationMax
        )
        let end = now + duration
        bans.append(Ban(peer: peer, endpoint: endpoint, until: end, count: count))
        if let endpoint, case .idle = entries[endpoint]?.state {
            set(endpoint, .idle(until: end))
        }
        return end
    }

    /// When an address stops being banned; nil when it is not.
    private func banEnd(_ endpoint: Endpoint) -> Instant? {
        bans.filter { $0.endpoint == endpoint }.map(\.until).max()
    }

    package func isBanned(peer: PeerID?, endpoint: Endpoint?, at now: Instant) -> Bool {
        bans.contains {
            $0.until > now
                && ($0.peer == peer || ($0.endpoint != nil && $0.endpoint == endpoint))
        }
    }

    package func bannedPeers(at now: Instant) -> [PeerID] {
        bans.filter { $0.until > now }.map(\.peer)
    }
}
