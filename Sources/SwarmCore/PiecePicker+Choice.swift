import OrderedCollections
package import SwarmModel

/// What to ask a peer for next.
extension PiecePicker {
    package struct Choice: Hashable, Sendable {
        package var range: BlockRange
        /// The piece was not active before.
        package var isNewPiece: Bool
    }

    /// The next range to ask `peer` for, of at most `lengthMax` bytes; nil when it has nothing that
    /// is wanted, not asked for, and allowed over that distance, or when it would be a new piece
    /// and none may be begun. The range is marked as requested.
    package mutating func next(
        for peer: ConnectionID,
        having pieces: Bitfield,
        lengthMax: Int,
        at level: Int = 0,
        mayBegin: Bool = true
    ) -> Choice? {
        let blocks = max(1, lengthMax / PieceGeometry.blockLength)
        if let piece = ownPiece(of: peer) ?? orphan(for: peer, having: pieces, at: level) {
            return take(blocks, of: piece, for: peer, isNewPiece: false)
        }
        if mayBegin, hasRoom, let piece = startable(having: pieces, at: level) {
            setStartable(piece, false)
            let blockCount = geometry.blockCount(of: piece)
            setActive(piece, ActivePiece(piece: piece, blockCount: blockCount, owner: peer))
            return take(blocks, of: piece, for: peer, isNewPiece: true)
        }
        if let piece = shareable(having: pieces, at: level) {
            return take(blocks, of: piece, for: peer, isNewPiece: false)
        }
        return nil
    }

    /// Whether anything might be asked of anybody at that level. Most often nothing may, of those
    /// that are farther than the rack, and then what they have need not be looked at.
    package mutating func mayAsk(at level: Int) -> Bool {
        !unasked.isEmpty || !scopes.open[level].isEmpty
    }

    /// Whether anything might be asked of a peer: blocks of a piece in progress, or a further piece
    /// that it has. Asked far more often than there is; mutating, so that nothing is copied.
    package mutating func mayAsk(having pieces: Bitfield, at level: Int) -> Bool {
        !unasked.isEmpty || scopes.open[level].intersects(pieces) && hasRoom
    }

    /// Pieces begun that nobody serves any more, beyond which they count like others.
    package static let strandedMax = 64

    /// Whether another piece may be begun. Those that nobody serves do not count: they may take for
    /// ever, and everything else would wait for them.
    private var hasRoom: Bool {
        if active.count < activePiecesMax { return true }
        guard active.count < activePiecesMax + Self.strandedMax else { return false }
        let stranded = active.keys.count { scopes.nearest($0.number) == nil }
        return active.count - stranded < activePiecesMax
    }

    private func ownPiece(of peer: ConnectionID) -> PieceIndex? {
        unasked.first { active[$0]?.owner == peer }
    }

    private mutating func orphan(
        for peer: ConnectionID,
        having pieces: Bitfield,
        at level: Int
    ) -> PieceIndex? {
        let found = unasked.first {
            active[$0]?.owner == nil && pieces[$0] && scopes.permits($0.number, at: level)
        }
        guard let piece = found else { return nil }
        change(piece) { $0.owner = peer }
        return piece
    }

    /// Below this many candidates each is looked at; above, the search by rarity finds one soon.
    private static let candidatesMax = 64

    private mutating func startable(having pieces: Bitfield, at level: Int) -> PieceIndex? {
        let open = scopes.open[level]
        guard !open.isEmpty else { return nil }
        if let piece = urgent.first(where: { open[$0] && pieces[$0] }) { return piece }
        let shared = open.commonCount(with: pieces)
        guard shared > 0 else { return nil }
        if shared > Self.candidatesMax {
            return rarity.rarest(using: &random) { open[bit: $0] && pieces[bit: $0] }
                .flatMap { geometry.piece($0) }
        }
        // Among equally rare ones each peer has its own order, so that peers with the same view
        // choose differently.
        let order = random.next()
        let rarest = open.firstCommon(shared, with: pieces).min { a, b in
            let (first, second) = (rarity.availability(of: a), rarity.availability(of: b))
            if first != second { return first < second }
            return RendezvousRank.key(piece: a, salt: order)
                < RendezvousRank.key(piece: b, salt: order)
        }
        return rarest.flatMap { geometry.piece($0) }
    }

    /// A piece of another peer with the most blocks still to ask for.
    private func shareable(having pieces: Bitfield, at level: Int) -> PieceIndex? {
        var best: ActivePiece?
        for piece in unasked where pieces[piece] {
            guard let state = active[piece], !state.isExclusive,
                state.missingCount > best?.missingCount ?? 0,
                scopes.permits(piece.number, at: level)
            else { continue }
            best = state
        }
        return best?.piece
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
        change(piece) { $0.markRequested(run, from: peer) }
        return Choice(range: range, isNewPiece: isNewPiece)
    }
}

/// Whole pieces for a source that is no peer.
extension PiecePicker {
    /// Whether a source that reads whole pieces could take this one: nothing of it is asked of
    /// anybody.
    package func isIdle(_ piece: PieceIndex) -> Bool {
        if let state = activePiece(piece) {
            return state.owner == nil && state.missingCount > 0
                && state.missingCount + state.receivedCount == state.blocks.count
        }
        return rarity.contains(piece.number)
    }

    /// Marks all missing blocks of an idle piece as asked of `source`, which owns it now. Returns
    /// the range from the first of them to the last. Leases bound these pieces, not
    /// `activePiecesMax`: hosts that wait for each other's leased pieces would never be done.
    package mutating func claim(_ piece: PieceIndex, for source: ConnectionID) -> Choice? {
        guard isIdle(piece) else { return nil }
        let isNew = activePiece(piece) == nil
        if isNew {
            setStartable(piece, false)
            let blockCount = geometry.blockCount(of: piece)
            setActive(piece, ActivePiece(piece: piece, blockCount: blockCount, owner: source))
        }
        var blocks: Range<Int>?
        change(piece) {
            $0.owner = source
            blocks = $0.requestMissing(from: source)
        }
        guard let blocks, let range = geometry.range(of: blocks, in: piece) else { return nil }
        return Choice(range: range, isNewPiece: isNew)
    }
}
