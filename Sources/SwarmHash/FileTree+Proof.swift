package import SwarmModel

/// What the hashes of an answer must lead to.
package enum ProofAnchor: Hashable, Sendable {
    /// The file's root; the proof reaches all the way up.
    case root
    /// The node that the proof ends at, known from before, as a piece hash is for the leaves of the
    /// piece.
    case known(Digest)
}

extension FileTree {
    package typealias Anchor = ProofAnchor

    /// Whether `hashes` is a right and complete answer to `range`. Hostile input: every count and
    /// index is checked, padding has to be padding, and nothing else may be zero.
    package func verify(_ range: HashRange, hashes: [Digest], anchor: Anchor) -> Bool {
        guard expectedHashCount(range) == hashes.count else { return false }
        let span = ProofSpan(range)
        let target: Digest
        switch anchor {
        case .root:
            guard span.top == height else { return false }
            target = root
        case .known(let digest): target = digest
        }
        let isAdmissible = (0..<span.length).allSatisfy {
            admits(hashes[$0], layer: span.base, index: span.index + $0)
        }
        guard isAdmissible else { return false }
        var node = MerkleTree.root(
            of: Array(hashes.prefix(span.length)),
            layer: span.base,
            height: span.peak
        )
        for (layer, uncle) in zip(span.uncleLayers, hashes.dropFirst(span.length)) {
            let index = span.uncle(inLayer: layer)
            guard admits(uncle, layer: layer, index: index) else { return false }
            let isRight = index % 2 == 1
            node = MerkleTree.parents(of: isRight ? [node, uncle] : [uncle, node])[0]
        }
        return node == target
    }

    /// The answer to a hash request: the hashes of the range, padding included, and the uncles of
    /// its proof (BEP 52). Nil when the request has a flaw, which is answered by a reject.
    ///
    /// `pieceLayer` is the whole layer, empty for a file of at most one piece. `leaves` gives the
    /// leaf hashes of the file with these indices; it is called at most once, with a range inside
    /// the file and, but for base layers that span several pieces, inside one piece.
    ///
    /// Costs one hash for each piece of the file when the proof reaches above the piece layer; to
    /// answer many requests make a ``PieceLayerTree`` once.
    package func answer(
        _ range: HashRange,
        pieceLayer: [Digest],
        leaves: (Range<Int>) throws -> [Digest]
    ) rethrows -> [Digest]? {
        guard flaw(of: range) == nil else { return nil }
        let needsUpper = hasPieceLayer && ProofSpan(range).top > pieceLayerHeight
        let upper = needsUpper ? PieceLayerTree(tree: self, pieceLayer: pieceLayer) : nil
        return try answer(range, upper: upper, leaves: leaves)
    }

    /// As ``answer(_:pieceLayer:leaves:)`` with the nodes above the pieces at hand.
    package func answer(
        _ range: HashRange,
        from upper: PieceLayerTree,
        leaves: (Range<Int>) throws -> [Digest]
    ) rethrows -> [Digest]? {
        precondition(upper.tree == self, "the piece layer of another file")
        guard flaw(of: range) == nil else { return nil }
        return try answer(range, upper: upper, leaves: leaves)
    }

    private func answer(
        _ range: HashRange,
        upper: PieceLayerTree?,
        leaves: (Range<Int>) throws -> [Digest]
    ) rethrows -> [Digest] {
        let span = ProofSpan(range)
        let lower = try lowerNodes(of: span, leaves: leaves)
        func node(_ layer: Int, _ index: Int) -> Digest {
            guard index < nodeCount(ofLayer: layer) else {
                return MerkleTree.zeroRoot(height: layer)
            }
            if let upper, layer >= pieceLayerHeight {
                return upper.nodes.node(layer: layer, index: index)
            }
            // Absent only when every node before the end of the file is in the upper part.
            guard let lower else { preconditionFailure("node \(index) of layer \(layer)") }
            return lower.node(layer: layer, index: index)
        }
        return (0..<span.length).map { node(span.base, span.index + $0) }
            + span.uncleLayers.map { node($0, span.uncle(inLayer: $0)) }
    }

    /// The nodes of the answer below the piece layer (for a small file, below the root), made from
    /// leaves. The base hashes and the uncles of a proof are exactly what is below the node it
    /// reaches.
    private func lowerNodes(
        of span: ProofSpan,
        leaves: (Range<Int>) throws -> [Digest]
    ) rethrows -> Subtree? {
        guard span.base < pieceLayerHeight else { return nil }
        let top = max(span.peak, min(span.top, pieceLayerHeight))
        let first = span.ancestor(inLayer: top) << top
        var found: [Digest] = []
        // A request may lie wholly in the padding.
        if first < leafCount {
            let asked = first..<min(first + (1 << top), leafCount)
            found = try leaves(asked)
            precondition(found.count == asked.count, "\(found.count) leaves for \(asked)")
        }
        return Subtree(nodes: found, baseLayer: 0, firstIndex: first, topLayer: top)
    }
}

/// The nodes of a file's tree from its piece layer to its root, to answer hash requests from. Twice
/// the size of the layer.
package struct PieceLayerTree: Sendable {
    let tree: FileTree
    let nodes: Subtree

    /// `pieceLayer` has been checked against the root.
    package init(tree: FileTree, pieceLayer: [Digest]) {
        precondition(
            tree.hasPieceLayer && pieceLayer.count == tree.pieceCount,
            "\(pieceLayer.count) piece hashes for a file of \(tree.pieceCount) pieces"
        )
        self.tree = tree
        nodes = Subtree(
            nodes: pieceLayer,
            baseLayer: tree.pieceLayerHeight,
            firstIndex: 0,
            topLayer: tree.height
        )
    }
}
