package import SwarmModel

extension FileTree {
    /// Hashes of one request for a part of a piece layer: what libtorrent asks for, 16 KiB of an
    /// answer.
    package static let bucketLength = 512

    /// The requests that fetch the whole piece layer, each proved up to the root. None when the
    /// file has no layer.
    ///
    /// All buckets are of one length, so the last one may reach into the padding. Asking only for
    /// what is left would for 512n + 1 pieces be a request of length 1, whose answer has one hash
    /// more or less depending on who counts (BEP 52 does not say; two libtorrents disagree).
    package func layerRequests() -> [HashRange] {
        guard hasPieceLayer else { return [] }
        let base = pieceLayerHeight
        let length = min(Self.bucketLength, 1 << (height - base))
        return stride(from: 0, to: pieceCount, by: length).map { index in
            HashRange(
                root: root,
                baseLayer: UInt32(base),
                index: UInt32(index),
                length: UInt32(length),
                proofLayers: UInt32(height - base - 1)
            )
        }
    }

    /// The request for the leaves of one piece, to be verified against the known hash of that piece
    /// (for a file of at most one piece, its root). Nil when there is nothing to ask, because the
    /// piece is a single leaf, or too much for one request: pieces longer than 128 MiB.
    package func leafRequest(forPiece index: Int) -> HashRange? {
        precondition((0..<pieceCount).contains(index), "piece \(index) of \(pieceCount)")
        let length = 1 << pieceLayerHeight
        guard length > 1, length <= Self.requestLengthMax else { return nil }
        return HashRange(
            root: root,
            baseLayer: 0,
            index: UInt32(index * length),
            length: UInt32(length),
            proofLayers: 0
        )
    }
}

/// Puts a piece layer together from the answers to ``FileTree/layerRequests()``. Holds only hashes
/// that were proved to belong under the root.
package struct PieceLayerAssembly: Sendable {
    package enum Outcome: Hashable, Sendable {
        case accepted
        /// Right, and known already.
        case duplicate
        /// The answer to none of our requests.
        case notAsked
        /// Does not lead to the root: whoever sent it is broken or lies.
        case wrong
    }

    package let tree: FileTree
    private let requests: [HashRange]
    /// The verified base hashes of each request, padding dropped; nil when they have not come.
    private var buckets: [[Digest]?]

    package init(tree: FileTree) {
        self.tree = tree
        requests = tree.layerRequests()
        buckets = Array(repeating: nil, count: requests.count)
    }

    /// The requests whose answers are missing, in order.
    package var missing: [HashRange] {
        zip(requests, buckets).filter { $0.1 == nil }.map(\.0)
    }

    package mutating func accept(_ range: HashRange, hashes: [Digest]) -> Outcome {
        guard let number = requests.firstIndex(of: range) else { return .notAsked }
        guard tree.verify(range, hashes: hashes, anchor: .root) else { return .wrong }
        guard buckets[number] == nil else { return .duplicate }
        let wanted = min(Int(range.length), tree.pieceCount - Int(range.index))
        buckets[number] = Array(hashes.prefix(wanted))
        return .accepted
    }

    /// The layer, once every bucket is there; nil also for a file that has none.
    package var layer: PieceLayer? {
        guard !buckets.isEmpty, !buckets.contains(nil) else { return nil }
        return PieceLayer(root: tree.root, hashes: buckets.flatMap { $0 ?? [] })
    }
}
