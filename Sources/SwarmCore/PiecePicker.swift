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
    private var rarity: RarityIndex
    private var active: OrderedDictionary<PieceIndex, ActivePiece> = [:]
    private var urgent: [PieceIndex]
    private var random: SeededRandom
    private let activePiecesMax: Int

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

    package mutating func peerGained(_ piece: PieceIndex) { rarity.increment(piece.number) }
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
        rarity.insert(piece.number)
    }

    package mutating func markVerified(_ piece: PieceIndex) {
        active[piece] = nil
        rarity.remove(piece.number)
        verified.insert(piece)
        urgent.removeAll { $0 == piece }
    }

    /// A verified piece is lost (a damaged file, a failed commit) and may be started again.
    package mutating func markLost(_ piece: PieceIndex) {
        guard verified.remove(piece) else { return }
        rarity.insert(piece.number)
    }

    /// Takes a piece out of play without making it startable: it is being audited, or comes with
    /// another.
    package mutating func holdBack(_ piece: PieceIndex) {
        active[piece] = nil
        rarity.remove(piece.number)
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
        active[piece] = state
    }

    /// Puts a failed piece back into play, to be fetched whole from one peer.
    package mutating func restartExclusively(_ piece: PieceIndex) {
        rarity.remove(piece.number)
        active[piece] = ActivePiece(
            piece: piece,
            blockCount: geometry.blockCount(of: piece),
            owner: nil,
            isExclusive: true
        )
    }

    // MARK: Choice

    package struct Choice: Hashable, Sendable {
        package var range: BlockRange
        /// The piece was not active before.
        package var isNewPiece: Bool
    }

    /// The next range to ask `peer` for, of at most `lengthMax` bytes; nil when it has nothing that
    /// is wanted and not asked for. The range is marked as requested.
    package mutating func next(
        for peer: ConnectionID,
        having pieces: Bitfield,
        lengthMax: Int
    ) -> Choice? {
        let blocks = max(1, lengthMax / PieceGeometry.blockLength)
        if let piece = ownPiece(of: peer) ?? orphan(for: peer, having: pieces) {
            return take(blocks, of: piece, for: peer, isNewPiece: false)
        }
        if active.count < activePiecesMax, let piece = startable(having: pieces) {
            rarity.remove(piece.number)
            active[piece] = ActivePiece(
                piece: piece,
                blockCount: geometry.blockCount(of: piece),
                owner: peer
            )
            return take(blocks, of: piece, for: peer, isNewPiece: true)
        }
        if let piece = shareable(having: pieces) {
            return take(blocks, of: piece, for: peer, isNewPiece: false)
        }
        return nil
    }

    private func ownPiece(of peer: ConnectionID) -> PieceIndex? {
        active.values.first { $0.owner == peer && $0.missingCount > 0 }?.piece
    }

    private mutating func orphan(for peer: ConnectionID, having pieces: Bitfield) -> PieceIndex? {
        let found = active.values.first {
            $0.owner == nil && $0.missingCount > 0 && pieces[$0.piece]
        }
        guard let piece = found?.piece else { return nil }
        active[piece]?.owner = peer
        return piece
    }

    private mutating func startable(having pieces: Bitfield) -> PieceIndex? {
        if let piece = urgent.first(where: { rarity.contains($0.number) && pieces[$0] }) {
            return piece
        }
        let number = rarity.rarest(using: &random) { pieces[bit: $0] }
        return number.flatMap { geometry.piece($0) }
    }

    /// A piece of another peer with the most blocks still to ask for.
    private func shareable(having pieces: Bitfield) -> PieceIndex? {
        active.values
            .filter { !$0.isExclusive && $0.missingCount > 0 && pieces[$0.piece] }
            .max { $0.missingCount < $1.missingCount }?.piece
    }

    private mutating func take(
        _ blockCount: Int,
        of piece: PieceIndex,
        for peer: ConnectionID,
        isNewPiece: Bool
    ) -> Choice? {
        guard let run = active[piece]?.firstMissingRun(countMax: blockCount),
            let range = geometry.range(of: run, in: piece)
        else { return nil }
        active[piece]?.markRequested(run, from: peer)
        return Choice(range: range, isNewPiece: isNewPiece)
    }

    // MARK: What became of a request

    /// The blocks of the range are here, whoever sent them.
    package mutating func markReceived(_ range: BlockRange) {
        active[range.piece]?.markReceived(range.blocks)
    }

    /// `peer` will not send the range: its blocks may be asked of another.
    package mutating func release(_ range: BlockRange, from peer: ConnectionID) {
        active[range.piece]?.release(range.blocks, from: peer)
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

    /// `peer` owns no piece any more. Returns the exclusive pieces it had begun, which must be
    /// restarted: their blocks would come from two peers.
    package mutating func disown(_ peer: ConnectionID) -> [PieceIndex] {
        var begun: [PieceIndex] = []
        for piece in active.keys where active[piece]?.owner == peer {
            active[piece]?.owner = nil
            guard let state = active[piece], state.isExclusive else { continue }
            if state.missingCount < state.blocks.count { begun.append(piece) }
        }
        return begun
    }

    /// Nothing is left to ask for: every wanted block is here or asked of somebody.
    package var isEndgame: Bool {
        !isComplete && rarity.isEmpty && active.values.allSatisfy { $0.missingCount == 0 }
    }
}
