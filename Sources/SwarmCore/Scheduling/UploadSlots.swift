package import SwarmModel

/// Who is being sent blocks. Few at a time, since a piece that arrives whole can be passed on and
/// eight eighths cannot; and in two pools, since slow transfers over long links would otherwise
/// hold every slot while the rack starves. Sizing the far pool by the host's share of its region's
/// egress mattered more than anything else in simulation.
package struct UploadSlots: Sendable {
    package enum Pool: Hashable, Sendable, CaseIterable { case near, far }

    /// A peer with requests that wait.
    package struct Candidate: Hashable, Sendable {
        package var id: ConnectionID
        package var isOurs: Bool
        package var level: Int
        package var piecesHeld: Int
        package var waitsSince: Instant
    }

    private struct Turn: Hashable, Sendable {
        var pool: Pool
        var since: Instant
        var bytes = 0
        /// It has had its share while others waited, or takes nothing: what is on its way goes out,
        /// and nothing follows.
        var isEnding = false
    }

    private var turns: [(id: ConnectionID, turn: Turn)] = []
    private var grants = 0
    private let counts: (near: Int, far: Int)
    /// Bytes, or time, after which the next has its turn.
    private let turnBytes: Int
    private let turnTime: Duration

    package init(near: Int, far: Int, turnBytes: Int, turnTime: Duration) {
        precondition(near > 0 && far > 0, "a pool without slots serves nobody")
        counts = (near, far)
        self.turnBytes = turnBytes
        self.turnTime = turnTime
    }

    private func index(of id: ConnectionID) -> Int? { turns.firstIndex { $0.id == id } }

    package func hasRoom(_ pool: Pool) -> Bool {
        turns.count { $0.turn.pool == pool && !$0.turn.isEnding }
            < (pool == .near ? counts.near : counts.far)
    }

    /// Whether the peer may be sent more: it has a turn, or there is room to begin one.
    package mutating func admits(_ id: ConnectionID, _ pool: Pool, at now: Instant) -> Bool {
        if let index = index(of: id) { return !turns[index].turn.isEnding }
        guard hasRoom(pool) else { return false }
        turns.append((id, Turn(pool: pool, since: now)))
        return true
    }

    /// Bytes were handed out for it; `othersWait` in its pool.
    package mutating func sent(
        _ bytes: Int,
        to id: ConnectionID,
        othersWait: Bool,
        at now: Instant
    ) {
        guard let index = index(of: id) else { return }
        turns[index].turn.bytes += bytes
        let hasHadItsShare =
            turns[index].turn.bytes >= turnBytes || now - turns[index].turn.since >= turnTime
        if othersWait, hasHadItsShare { turns[index].turn.isEnding = true }
    }

    /// It takes nothing for now: its slot is another's. What it has been sent may still go out.
    package mutating func stalled(_ id: ConnectionID) {
        if let index = index(of: id) { turns[index].turn.isEnding = true }
    }

    /// Nothing of it is on its way any more, or its connection is gone.
    package mutating func drained(_ id: ConnectionID) { turns.removeAll { $0.id == id } }

    /// Who begins a turn next: our peers before other clients; of these the farthest first, because
    /// what goes far feeds a whole domain that has no copy yet; then who has least. Every fourth
    /// turn goes to who has waited longest, so that nobody waits for ever.
    package mutating func next(among candidates: [Candidate]) -> ConnectionID? {
        let free = candidates.filter { index(of: $0.id) == nil }
        guard !free.isEmpty else { return nil }
        grants += 1
        if grants % 4 == 0 {
            return free.min { ($0.waitsSince, $0.id) < ($1.waitsSince, $1.id) }?.id
        }
        return free.min { a, b in
            if a.isOurs != b.isOurs { return a.isOurs }
            if a.level != b.level { return a.level < b.level }
            if a.piecesHeld != b.piecesHeld { return a.piecesHeld < b.piecesHeld }
            return (a.waitsSince, a.id) < (b.waitsSince, b.id)
        }?.id
    }
}
