import OrderedCollections
package import SwarmModel

/// Which blocks to ask a peer for next. A piece is in exactly one of these states: *verified*,
/// *active* (some block asked for or here), *held back* (its layer is unknown, it duplicates
/// another file's, or a failed one is being audited), or *startable* (in the rarity index).
///
/// Order of choice for a peer: the piece it already owns, one that lost its owner, an urgent piece,
/// the rarest startable piece, and when none is left a part of another peer's piece. One owner for
/// each piece keeps blame exact; sharing keeps the last pieces from waiting for one slow peer.
package struct PiecePicker: Sendable {
    package let geometry: PieceGeometry
    package private(set) var verified: Bitfield
    /// Where pieces are to be had, and which of them may be begun over which distance.
    package internal(set) var scopes: PieceScopes
    var rarity: RarityIndex
    private(set) var active: OrderedDictionary<PieceIndex, ActivePiece> = [:]
    /// The active pieces with blocks that nobody has been asked for.
    private(set) var unasked: OrderedSet<PieceIndex> = []
    /// How often blocks of pieces in progress became free to be asked for, or room for a new piece.
    private var releases: UInt64 = 0
    private(set) var urgent: [PieceIndex]
    var random: SeededRandom
    let activePiecesMax: Int

    /// All pieces not yet verified start held back; see ``release(_:)``.
    package init(
        geometry: PieceGeometry,
        verified: Bitfield,
        urgent: [PieceIndex],
        activePiecesMax: Int,
        random: SeededRandom
    ) {
        self.geometry = geometry
        self.verified = verified
        self.urgent = urgent.filter { !verified[$0] }
        self.activePiecesMax = activePiecesMax
        self.random = random
        rarity = RarityIndex(pieceCount: geometry.pieceCount)
        scopes = PieceScopes(pieceCount: geometry.pieceCount)
    }

    package var isComplete: Bool { verified.isFull }
    package var activeCount: Int { active.count }
    package var activePieces: [PieceIndex] { Array(active.keys) }
    package func activePiece(_ piece: PieceIndex) -> ActivePiece? { active[piece] }
    package func availability(of piece: PieceIndex) -> Int { rarity.availability(of: piece.number) }

    package enum State: Hashable, Sendable { case verified, active, startable, heldBack }

    package func state(of piece: PieceIndex) -> State {
        if verified[piece] { return .verified }
        if active[piece] != nil { return .active }
        return rarity.contains(piece.number) ? .startable : .heldBack
    }

    // MARK: Who has what

    /// Returns how many of the pieces are missing here.
    package mutating func peerGained(_ pieces: [PieceIndex]) -> Int {
        for piece in pieces { rarity.increment(piece.number) }
        return pieces.count { !verified[$0] }
    }
    package mutating func peerLost(_ piece: PieceIndex) { rarity.decrement(piece.number) }

    /// A peer that is not complete came with these pieces.
    package mutating func peerJoined(with pieces: Bitfield) {
        for number in pieces.members { rarity.increment(number) }
    }

    package mutating func peerLeft(with pieces: Bitfield) {
        for number in pieces.members { rarity.decrement(number) }
    }

    // MARK: Life of a piece

    /// A piece that was held back may be started.
    package mutating func release(_ piece: PieceIndex) {
        guard !verified[piece], active[piece] == nil else { return }
        setStartable(piece, true)
    }

    mutating func setStartable(_ piece: PieceIndex, _ isStartable: Bool) {
        if isStartable { rarity.insert(piece.number) } else { rarity.remove(piece.number) }
        scopes.setStartable(piece.number, isStartable)
    }

    package mutating func markVerified(_ piece: PieceIndex) {
        setActive(piece, nil)
        setStartable(piece, false)
        verified.insert(piece)
        urgent.removeAll { $0 == piece }
    }

    /// A verified piece is lost (a damaged file, a failed commit) and may be started again.
    package mutating func markLost(_ piece: PieceIndex) {
        guard verified.remove(piece) else { return }
        setStartable(piece, true)
    }

    /// Takes a piece out of play without making it startable: it is being audited, or comes with
    /// another.
    package mutating func holdBack(_ piece: PieceIndex) {
        setActive(piece, nil)
        setStartable(piece, false)
    }

    /// Puts a piece back into play with all blocks here but these.
    package mutating func resume(_ piece: PieceIndex, missing: [Int]) {
        var state = ActivePiece(
            piece: piece,
            blockCount: geometry.blockCount(of: piece),
            owner: nil
        )
        state.markReceived(0..<geometry.blockCount(of: piece))
        state.markMissing(missing)
        setActive(piece, state)
    }

    /// Puts a failed piece back into play, to be fetched whole from one peer.
    package mutating func restartExclusively(_ piece: PieceIndex) {
        setStartable(piece, false)
        let blockCount = geometry.blockCount(of: piece)
        setActive(
            piece,
            ActivePiece(piece: piece, blockCount: blockCount, owner: nil, isExclusive: true)
        )
    }

    /// Changes whenever a peer at that level of which nothing could be asked might be asked now, if
    /// it has gained nothing itself. Mutating, so that it is read where the picker is kept.
    package mutating func offers(at level: Int) -> UInt64 { scopes.openings[level] &+ releases }

    /// More may be begun than before.
    package mutating func offerAgain() { releases += 1 }

    /// Changes with any of them.
    mutating func offerCount() -> UInt64 { scopes.openings.reduce(releases, &+) }

    /// The same for all levels, and what may be begun there. Not to be kept while that changes: it
    /// would be copied.
    struct Offers: Sendable {
        fileprivate let openings: [UInt64]
        fileprivate let releases: UInt64
        fileprivate let open: [Bitfield]
        fileprivate let hasUnasked: Bool

        func at(_ level: Int) -> UInt64 { openings[level] &+ releases }

        /// Whether anything might be asked of a peer; see ``PiecePicker/mayAsk(having:at:)``.
        func mayBeAsked(having pieces: Bitfield, at level: Int) -> Bool {
            hasUnasked || !open[level].isEmpty && open[level].intersects(pieces)
        }
    }

    mutating func offers() -> Offers {
        Offers(
            openings: scopes.openings,
            releases: releases,
            open: scopes.open,
            hasUnasked: !unasked.isEmpty
        )
    }

    mutating func setActive(_ piece: PieceIndex, _ state: ActivePiece?) {
        if state == nil, active.count >= activePiecesMax { releases += 1 }
        active[piece] = state
        noteUnasked(piece)
    }

    mutating func change(_ piece: PieceIndex, _ change: (inout ActivePiece) -> Void) {
        guard active[piece] != nil else { return }
        change(&active[piece]!)
        noteUnasked(piece)
    }

    private mutating func noteUnasked(_ piece: PieceIndex) {
        if let missing = active[piece]?.missingCount, missing > 0 {
            guard unasked.append(piece).inserted else { return }
            releases += 1
            scopes.setUnasked(piece.number, true)
        } else if unasked.remove(piece) != nil {
            scopes.setUnasked(piece.number, false)
        }
    }

    // MARK: What became of a request

    /// The blocks of the range are here, whoever sent them.
    package mutating func markReceived(_ range: BlockRange) {
        change(range.piece) { $0.markReceived(range.blocks) }
    }

    /// `peer` will not send the range: its blocks may be asked of another.
    package mutating func release(_ range: BlockRange, from peer: ConnectionID) {
        change(range.piece) { $0.release(range.blocks, from: peer) }
    }

    /// The peer of which the start of the range is asked.
    package func peerAsked(for range: BlockRange) -> ConnectionID? {
        guard let first = range.blocks.first, let piece = active[range.piece],
            case .requested(let peer) = piece.blocks[first]
        else { return nil }
        return peer
    }

    /// `peer` will not send the range, and `other` has been asked for it too.
    package mutating func transfer(
        _ range: BlockRange,
        from peer: ConnectionID,
        to other: ConnectionID
    ) {
        active[range.piece]?.transfer(range.blocks, from: peer, to: other)
    }

    /// The piece has no owner any more.
    package mutating func free(_ piece: PieceIndex) {
        releases += 1
        change(piece) { $0.owner = nil }
    }

    /// `peer` owns no piece any more. Returns the exclusive pieces it had begun, which must be
    /// restarted: their blocks would come from two peers.
    package mutating func disown(_ peer: ConnectionID) -> [PieceIndex] {
        var begun: [PieceIndex] = []
        for piece in active.keys where active[piece]?.owner == peer {
            releases += 1
            active[piece]?.owner = nil
            guard let state = active[piece], state.isExclusive else { continue }
            if state.missingCount < state.blocks.count { begun.append(piece) }
        }
        return begun
    }

    /// Nothing is left to ask for: every wanted block is here or asked of somebody.
    package var isEndgame: Bool {
        !isComplete && rarity.isEmpty && unasked.isEmpty
    }
}
