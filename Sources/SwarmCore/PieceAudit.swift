package import SwarmModel

/// Finds who sent the wrong blocks of a failed piece. With one sender there is nothing to find.
/// With several, the leaves of the piece are asked of a peer (BEP 52, base layer 0), proven against
/// the piece's hash, and compared block by block. When nobody gives leaves (libtorrent in seed mode
/// refuses), the piece is fetched anew from one peer, and the blocks kept in mind are compared with
/// the verified ones.
package struct PieceAudit: Hashable, Sendable {
    package enum Stage: Hashable, Sendable {
        /// Leaves asked of a peer, or about to be.
        case askingLeaves(ConnectionID?, until: Instant)
        /// Waits for the exclusive download to be verified.
        case awaitingPiece
    }

    package let piece: PieceIndex
    /// Who sent each block of the failed attempt.
    package let senders: [ConnectionID]
    package let leafRequest: HashRange
    package var stage: Stage
    package var asked: [ConnectionID] = []

    /// Peers asked for leaves before the piece is fetched anew.
    package static let askedMax = 4

    package init(
        piece: PieceIndex,
        senders: [ConnectionID],
        leafRequest: HashRange,
        at now: Instant
    ) {
        self.piece = piece
        self.senders = senders
        self.leafRequest = leafRequest
        stage = .askingLeaves(nil, until: now)
    }

    package var distinctSenders: [ConnectionID] {
        var distinct: [ConnectionID] = []
        for sender in senders where !distinct.contains(sender) { distinct.append(sender) }
        return distinct
    }

    package var deadline: Instant? {
        if case .askingLeaves(_, let until) = stage { until } else { nil }
    }
}

extension PieceGeometry {
    /// The request for all leaves of a piece, to be proven against the piece's known hash: base
    /// layer 0, no proof layers (BEP 52).
    package func leafRequest(for piece: PieceIndex, root: Digest) -> HashRange {
        let file = file(of: piece)
        let isSmallFile = length(of: file) <= pieceLength
        let blocks = isSmallFile ? paddedBlockCount(of: piece) : blocksPerPiece
        let first = offsetInFile(of: piece) / Self.blockLength
        return HashRange(
            root: root,
            baseLayer: 0,
            index: UInt32(first),
            length: UInt32(blocks),
            proofLayers: 0
        )
    }

    private func paddedBlockCount(of piece: PieceIndex) -> Int {
        var width = 1
        while width < blockCount(of: piece) { width *= 2 }
        return width
    }
}
