package import SwarmModel

/// The shape of one file's Merkle tree (BEP 52): how high it is, which layer holds the pieces,
/// where the file ends. It holds no hash but the root; what it says of hashes, it says of those it
/// is given.
package struct FileTree: Hashable, Sendable {
    /// The file's `pieces root`.
    package let root: Digest
    /// Bytes of the file, at least one.
    package let length: Int
    package let pieceLength: Int
    /// Leaves of the file itself, padding not counted.
    package let leafCount: Int
    /// The layer of the root; layer 0 is the leaves.
    package let height: Int

    /// A file of `length` bytes in a version of valid `pieceLength`: both come from a
    /// ``PieceGeometry``.
    package init(root: Digest, length: Int, pieceLength: Int) {
        precondition(
            length > 0 && length <= PieceGeometry.totalLengthMax,
            "a file of \(length) bytes"
        )
        precondition(
            PieceGeometry.pieceLengths.contains(pieceLength) && pieceLength.nonzeroBitCount == 1,
            "pieces of \(pieceLength) bytes"
        )
        self.root = root
        self.length = length
        self.pieceLength = pieceLength
        leafCount = LeafHasher.leafCount(of: length)
        // Padding the last piece and then the piece layer gives the same width as padding the
        // leaves.
        height = MerkleTree.height(ofNodes: leafCount)
    }

    /// The file is longer than a piece, so that it has an entry in `piece layers`.
    package var hasPieceLayer: Bool { length > pieceLength }

    package var pieceCount: Int { (length + pieceLength - 1) / pieceLength }

    /// The layer whose nodes are piece hashes. A file of at most one piece has one piece hash, its
    /// root.
    package var pieceLayerHeight: Int {
        hasPieceLayer ? (pieceLength / PieceGeometry.blockLength).trailingZeroBitCount : height
    }

    /// How many nodes of a layer have a part of the file below them.
    package func nodeCount(ofLayer layer: Int) -> Int {
        (leafCount + (1 << layer) - 1) >> layer
    }

    /// Whether `layer` is what the file's root says the piece layer is.
    package func matches(_ layer: PieceLayer) -> Bool {
        hasPieceLayer && layer.root == root && layer.hashes.count == pieceCount
            && !layer.hashes.contains(.zero)
            && MerkleTree.root(ofPieceLayer: layer.hashes, pieceLength: pieceLength) == root
    }

    /// Whether a node may have this hash: what is wholly past the end of the file is padding, and
    /// what is not is never zero. A zero hash is otherwise a hole that proves nothing.
    func admits(_ hash: Digest, layer: Int, index: Int) -> Bool {
        index < nodeCount(ofLayer: layer)
            ? hash != .zero : hash == MerkleTree.zeroRoot(height: layer)
    }
}

/// Why a hash request is refused, or its answer not read.
package enum HashRangeFlaw: Error, Hashable, Sendable {
    /// It names another file.
    case root
    /// The base layer is the root's or above it.
    case baseLayer
    /// Not a power of two, or more than ``FileTree/requestLengthMax``.
    case length
    /// Not a multiple of the length, or past the padded end of the layer.
    case index
    /// More proof layers than there are below the root.
    case proofLayers
    /// Below the piece layer, over more leaves than ``FileTree/leavesReadMax``.
    case leafCount
}

extension FileTree {
    /// Most hashes of one request: libtorrent's limit. 256 KiB of an answer.
    package static let requestLengthMax = 8192
    /// Most leaves that one request may make us read: those of the longest piece.
    package static let leavesReadMax =
        PieceGeometry.pieceLengths.upperBound / PieceGeometry.blockLength

    /// Checks a hash request, ours or another's (BEP 52, "hash request"). The standard asks for a
    /// length of two or more; libtorrent sends length 1 for the last piece of a file of 512n + 1,
    /// so we take it.
    package func flaw(of range: HashRange) -> HashRangeFlaw? {
        guard range.root == root else { return .root }
        let (base, index, length) = (Int(range.baseLayer), Int(range.index), Int(range.length))
        guard base < height else { return .baseLayer }
        guard length.nonzeroBitCount == 1, length <= Self.requestLengthMax else { return .length }
        guard index % length == 0, index + length <= 1 << (height - base) else { return .index }
        guard Int(range.proofLayers) < height - base else { return .proofLayers }
        // Nodes between the leaves and the pieces are made from leaves, and a high layer of them
        // would make a few bytes of request cost a reading of the whole file.
        guard base >= pieceLayerHeight || length << base <= Self.leavesReadMax else {
            return .leafCount
        }
        return nil
    }

    /// Hashes of a right answer, uncles included; nil when the range has a flaw.
    package func expectedHashCount(_ range: HashRange) -> Int? {
        guard flaw(of: range) == nil else { return nil }
        let span = ProofSpan(range)
        return span.length + span.uncleLayers.count
    }
}

/// A valid hash range as the nodes that its answer consists of.
///
///     top ──────────── o          the node that base hashes and uncles lead to
///                    /   \
///                   o     u       uncles, one for each layer from peak to below top
///                 /   \
///     peak ───── o     u          the node above the base hashes alone
///              /   \
///     base    b     b             the hashes asked for
struct ProofSpan {
    let base: Int
    let index: Int
    let length: Int
    /// The layer of the one node that the base hashes make up.
    let peak: Int
    /// The layer that the proof reaches.
    let top: Int

    /// The lowest layers of a proof are computable from the base hashes; they count, but have no
    /// uncle (BEP 52). For length 1 none is, so that its sibling comes first: libtorrent expects
    /// that too.
    init(_ range: HashRange) {
        base = Int(range.baseLayer)
        index = Int(range.index)
        length = Int(range.length)
        peak = base + length.trailingZeroBitCount
        top = max(peak, base + Int(range.proofLayers) + 1)
    }

    /// The layers of the uncles, from low to high.
    var uncleLayers: Range<Int> { peak..<top }

    /// The ancestor of the base hashes in a layer from the peak upwards.
    func ancestor(inLayer layer: Int) -> Int { index >> (layer - base) }

    func uncle(inLayer layer: Int) -> Int { ancestor(inLayer: layer) ^ 1 }
}
