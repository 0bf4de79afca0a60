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
        /// Nobody else has the piece that it waits for, or is being sent it.
        package var isFirst = false
    }

    private struct Turn: Hashable, Sendable {
        var pool: Pool
        var since: Instant
        var bytes = 0
        /// Of the last block.
        var piece: PieceIndex?
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
    /// Of the version; a turn of a slow host is one piece.
    package var pieceLength = 0

    /// Turns at once that this host's uplink feeds, as far as is known: one more for each block at
    /// whose pace a whole piece goes out soon, half of them when none does. What is cut into too
    /// many shares reaches nobody before those that wait take the source for dead.
    private var crowd: Int
    private static let crowdMin = 3
    private static let crowdFirst = 8
    /// How long a piece may take to go out, and how long is too long.
    private static let soon = Duration.milliseconds(500)
    private static let late = Duration.seconds(2)
    /// A piece that takes more than this share of the time after the crowd was halved shows that
    /// the peers are slow, and not this host.
    private static let gainMin = 0.85
    /// Then the crowd is not halved for this long.
    private static let respite = Duration.seconds(60)
    /// Blocks that have gone out and not been judged by: short ones say little one by one.
    private var unjudged = (bytes: 0, time: Duration.zero)
    private static let judgedBytesMin = 4 * PieceGeometry.blockLength
    /// When a block last went out at a good pace.
    package private(set) var soonAt: Instant?
    /// What the crowd was when it was halved, the time that was the reason, and since when no more
    /// have had a turn; nil once the effect has been seen.
    private var halved: (crowd: Int, time: Duration, at: Instant?)?
    private var restsUntil: Instant?
    /// When a piece last took longer than `soon` to go out, and none had gone out sooner for
    /// `alike`; for `narrowTime` the uplink counts as narrow.
    private var slowAt: Instant?
    private static let alike = Duration.seconds(1)
    private static let narrowTime = Duration.seconds(2)
    /// Pieces that went out from a narrow uplink, the oldest first: nobody has said so yet.
    private var settling: [(piece: PieceIndex, to: ConnectionID, since: Instant)] = []
    private static let settlingMax = 64
    /// So long after a piece has left it counts as being sent: its have is on its way here.
    private static let settles = Duration.seconds(1)

    package init(
        near: Int,
        far: Int,
        turnBytes: Int,
        turnTime: Duration,
        isUplinkKnown: Bool = false
    ) {
        precondition(near > 0 && far > 0, "a pool without slots serves nobody")
        counts = (near, far)
        crowd = isUplinkKnown ? near + far : Self.crowdFirst
        self.turnBytes = turnBytes
        self.turnTime = turnTime
    }

    private func index(of id: ConnectionID) -> Int? { turns.firstIndex { $0.id == id } }

    /// The uplink feeds fewer than there are slots: blocks go out one by one, and pieces too.
    package var isSlow: Bool { crowd < counts.near + counts.far }

    /// No piece went out soon a moment ago, so what is sent is scarce, and goes to whom nobody else
    /// can send it.
    package func isNarrow(at now: Instant) -> Bool {
        slowAt.map { now - $0 < Self.narrowTime } ?? false
    }

    /// So many have a turn that the uplink does not idle when one of them takes little.
    package var isBusy: Bool { turns.count >= Self.crowdMin }

    package func hasTurn(_ id: ConnectionID) -> Bool { index(of: id) != nil }

    package func hasRoom(_ pool: Pool) -> Bool {
        let begun = turns.count { $0.turn.pool == pool && !$0.turn.isEnding }
        let most = pool == .near ? counts.near : counts.far
        guard isSlow else { return begun < most }
        // Neither pool takes what there is from the other.
        let all = turns.count { $0.turn.pool == pool }
        return begun < most && turns.count < crowd && all < crowd - 1
    }

    /// A block has gone out, so long after it was handed over or the one before it went.
    package mutating func finished(_ bytes: Int, after time: Duration, at now: Instant) {
        // Handling a file of a few bytes takes longer than sending it.
        guard bytes >= min(PieceGeometry.blockLength, pieceLength) else { return }
        unjudged.bytes += bytes
        unjudged.time += time
        guard unjudged.bytes >= min(Self.judgedBytesMin, pieceLength) else { return }
        let whole = unjudged.time * max(1, Double(pieceLength) / Double(max(1, unjudged.bytes)))
        unjudged = (0, .zero)
        judge(whole, after: time, at: now)
    }

    /// A whole piece would have taken so long.
    private mutating func judge(_ whole: Duration, after time: Duration, at now: Instant) {
        let slots = counts.near + counts.far
        if whole <= Self.soon {
            soonAt = now
            crowd = min(crowd + 1, slots)
        } else if soonAt.map({ now - $0 >= Self.alike }) != false {
            slowAt = now
        }
        guard whole >= Self.late, soonAt.map({ now - $0 >= Self.late }) != false else { return }
        if let last = halved {
            if last.at == nil, turns.count <= crowd { halved?.at = now }
            // One that was begun before says nothing of what followed.
            guard let since = last.at, now - since >= time else { return }
            halved = nil
            if whole > last.time * Self.gainMin {
                crowd = min(slots, last.crowd * 2)
                restsUntil = now + Self.respite
            }
        }
        let begun = min(crowd, turns.count)
        guard now >= restsUntil ?? now, begun > Self.crowdMin else { return }
        halved = (begun, whole, nil)
        crowd = max(Self.crowdMin, begun / 2)
        // The others go on when it is their turn again.
        for index in turns.indices.dropFirst(crowd) { turns[index].turn.isEnding = true }
    }

    /// Whether the peer may be sent more: it has a turn, or there is room to begin one.
    package mutating func admits(_ id: ConnectionID, _ pool: Pool, at now: Instant) -> Bool {
        if let index = index(of: id) { return !turns[index].turn.isEnding }
        guard hasRoom(pool) else { return false }
        turns.append((id, Turn(pool: pool, since: now)))
        return true
    }

    /// Whether somebody else is being sent the piece, or was a moment ago.
    package func isSending(
        _ piece: PieceIndex,
        besides id: ConnectionID,
        at now: Instant
    ) -> Bool {
        turns.contains { $0.turn.piece == piece && $0.id != id }
            || isSettling(piece, besides: id, at: now)
    }

    /// What is being sent, and to whom.
    package var sending: some Sequence<(id: ConnectionID, piece: PieceIndex)> {
        turns.lazy.compactMap { turn in turn.turn.piece.map { (turn.id, $0) } }
    }

    /// What was asked for of a piece has gone out to somebody else, who has had no time to say that
    /// it has the piece. It may ask for the rest of it.
    package func isSettling(
        _ piece: PieceIndex,
        besides id: ConnectionID,
        at now: Instant
    ) -> Bool {
        settling.contains {
            $0.piece == piece && $0.to != id && now - $0.since < Self.settles
        }
    }

    private mutating func settle(_ piece: PieceIndex?, to id: ConnectionID, at now: Instant) {
        guard let piece, isNarrow(at: now) else { return }
        settling.removeAll { $0.piece == piece || now - $0.since >= Self.settles }
        settling.append((piece, id, now))
        if settling.count > Self.settlingMax { settling.removeFirst() }
    }

    /// Bytes were handed out for it; `othersWait` in its pool.
    package mutating func sent(
        _ bytes: Int,
        of piece: PieceIndex? = nil,
        to id: ConnectionID,
        othersWait: Bool,
        at now: Instant
    ) {
        guard let index = index(of: id) else { return }
        turns[index].turn.bytes += bytes
        if piece != turns[index].turn.piece { settle(turns[index].turn.piece, to: id, at: now) }
        turns[index].turn.piece = piece
        let turn = turns[index].turn
        let hasHadItsShare =
            isSlow
            ? turn.bytes >= pieceLength : turn.bytes >= turnBytes || now - turn.since >= turnTime
        if othersWait, hasHadItsShare { turns[index].turn.isEnding = true }
    }

    /// It takes nothing for now: its slot is another's. What it has been sent may still go out.
    package mutating func stalled(_ id: ConnectionID) {
        if let index = index(of: id) { turns[index].turn.isEnding = true }
    }

    /// Nothing of it is on its way any more.
    package mutating func drained(_ id: ConnectionID, at now: Instant) {
        guard let index = index(of: id) else { return }
        settle(turns.remove(at: index).turn.piece, to: id, at: now)
    }

    /// Its connection is gone, and what was sent with it.
    package mutating func left(_ id: ConnectionID) { turns.removeAll { $0.id == id } }

    /// Who begins a turn next: our peers before other clients. Of these first who wants a piece
    /// that only this host has, since whoever has it can pass it on (as in super seeding, BEP 16),
    /// the nearest of them, from which the most may have it. Of the others the farthest, because
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
            if a.isFirst != b.isFirst { return a.isFirst }
            if a.level != b.level { return a.isFirst ? a.level > b.level : a.level < b.level }
            if a.piecesHeld != b.piecesHeld { return a.piecesHeld < b.piecesHeld }
            return (a.waitsSince, a.id) < (b.waitsSince, b.id)
        }?.id
    }
}
