package import SwarmModel

/// The arithmetic of BEP 52's Merkle trees. Nodes are numbered by layer (0 is the leaves) and
/// index; leaves past the end of a file are thirty-two zero bytes, so a node with nothing but such
/// leaves below it depends on its layer alone.
package enum MerkleTree {
    /// Root of a tree of 2^`height` zero leaves: what stands for a node of layer `height` past the
    /// end of a file.
    package static func zeroRoot(height: Int) -> Digest {
        precondition(zeroRoots.indices.contains(height), "a tree of height \(height)")
        return zeroRoots[height]
    }

    /// The tree of the longest file whose length is an `Int`.
    private static let heightMax = 49

    private static let zeroRoots: [Digest] = {
        var roots = [Digest.zero]
        for _ in 0..<heightMax {
            roots += parents(of: [roots[roots.count - 1], roots[roots.count - 1]])
        }
        return roots
    }()

    /// The layer above `nodes`: SHA-256 of each two neighbours. There is an even number of them.
    package static func parents(of nodes: [Digest]) -> [Digest] {
        parents(of: nodes, using: LeafHasher.kernel)
    }

    package static func parents(of nodes: [Digest], using kernel: HashKernel) -> [Digest] {
        precondition(nodes.count % 2 == 0, "\(nodes.count) nodes do not pair up")
        let count = nodes.count / 2
        let pairLength = 2 * Digest.byteCount
        return Array(unsafeUninitializedCapacity: count) { buffer, initializedCount in
            nodes.withUnsafeBytes { source in
                guard let base = source.baseAddress, let target = buffer.baseAddress else { return }
                kernel.hash(
                    EqualInputs(base: base, stride: pairLength, length: pairLength, count: count),
                    into: target
                )
            }
            initializedCount = count
        }
    }

    /// The layer above `nodes`, which are the first of layer `layer`: an odd one out is paired with
    /// padding.
    static func parents(of nodes: [Digest], inLayer layer: Int) -> [Digest] {
        guard nodes.count % 2 == 1 else { return parents(of: nodes) }
        return parents(of: nodes + [zeroRoot(height: layer)])
    }

    /// Root of the tree of height `height` above `nodes`, which are the first nodes of its layer
    /// `layer`; the rest of that layer is padding.
    static func root(of nodes: [Digest], layer: Int, height: Int) -> Digest {
        precondition(
            height >= layer && nodes.count <= 1 << (height - layer),
            "\(nodes.count) nodes of layer \(layer) under a root at \(height)"
        )
        guard !nodes.isEmpty else { return zeroRoot(height: height) }
        var nodes = nodes
        for layer in layer..<height { nodes = parents(of: nodes, inLayer: layer) }
        return nodes[0]
    }

    /// Root of `leaves` padded with zero leaves to `width`, a power of two.
    package static func root(ofLeaves leaves: [Digest], paddedTo width: Int) -> Digest {
        precondition(width > 0 && width.nonzeroBitCount == 1, "a width of \(width)")
        return root(of: leaves, layer: 0, height: width.trailingZeroBitCount)
    }

    /// The hash of one piece of a file of `fileLength` bytes from the leaves of the piece. For a
    /// file of at most one piece this is its `pieces root` too, and only as high as the file needs;
    /// a piece of a longer file is always padded to the whole piece (BEP 52).
    package static func pieceHash(leaves: [Digest], pieceLength: Int, fileLength: Int) -> Digest {
        precondition(fileLength > 0 && !leaves.isEmpty, "an empty file has no piece")
        let covered = min(fileLength, pieceLength)
        return root(
            of: leaves,
            layer: 0,
            height: height(ofNodes: LeafHasher.leafCount(of: covered))
        )
    }

    /// The `pieces root` of a file longer than one piece from its piece hashes (BEP 52).
    package static func root(ofPieceLayer layer: [Digest], pieceLength: Int) -> Digest {
        let base = height(ofNodes: pieceLength / PieceGeometry.blockLength)
        return root(of: layer, layer: base, height: base + height(ofNodes: layer.count))
    }

    /// Layers above a layer of `count` nodes until there is one: the base-two logarithm, rounded
    /// up.
    static func height(ofNodes count: Int) -> Int {
        count < 2 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount
    }
}
