internal import COpenSSL
internal import SwarmHash
internal import SwarmModel

/// SHA-256 by libcrypto, called in another way than the code under test does.
func oracleSHA256(_ bytes: [UInt8]) -> Digest {
    var output = [UInt8](repeating: 0, count: 32)
    precondition(EVP_Digest(bytes, bytes.count, &output, nil, EVP_sha256(), nil) == 1)
    return Digest(output)!
}

/// A file that both these tests and the script that made the libtorrent vectors can make.
func patternedBytes(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
        var index = 0
        while index < count {
            buffer[index] = UInt8(truncatingIfNeeded: index ^ index >> 8 ^ index >> 16)
            index += 1
        }
        initializedCount = count
    }
}

func randomBytes(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = SeededRandom(seed: seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
}

/// Distinct leaf hashes of a file of that many leaves.
func sampleLeaves(_ count: Int) -> [Digest] {
    (0..<count).map { oracleSHA256([UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)]) }
}

/// A Merkle tree with every node written out, padding included: the slow and obvious way.
struct WrittenOutTree {
    /// From the leaves upwards.
    let layers: [[Digest]]

    init(leaves: [Digest], width: Int) {
        var layers = [leaves + Array(repeating: .zero, count: width - leaves.count)]
        while let nodes = layers.last, nodes.count > 1 {
            layers.append(
                stride(from: 0, to: nodes.count, by: 2).map {
                    oracleSHA256(nodes[$0].bytes + nodes[$0 + 1].bytes)
                }
            )
        }
        self.layers = layers
    }

    /// The tree of a file as BEP 52 describes it.
    init(fileLeaves leaves: [Digest], blocksPerPiece: Int) {
        let pieces = (leaves.count + blocksPerPiece - 1) / blocksPerPiece
        let width =
            pieces <= 1
            ? Self.powerOfTwo(atLeast: leaves.count)
            : Self.powerOfTwo(atLeast: pieces) * blocksPerPiece
        self.init(leaves: leaves, width: width)
    }

    static func powerOfTwo(atLeast number: Int) -> Int {
        var power = 1
        while power < number { power *= 2 }
        return power
    }

    var height: Int { layers.count - 1 }
    var root: Digest { layers[height][0] }
}

/// A file without bytes: its leaves, its tree both ways, its piece layer.
struct SampleFile {
    let leaves: [Digest]
    let written: WrittenOutTree
    let tree: FileTree
    let pieceLayer: [Digest]

    init(leafCount: Int, blocksPerPiece: Int) {
        leaves = sampleLeaves(leafCount)
        written = WrittenOutTree(fileLeaves: leaves, blocksPerPiece: blocksPerPiece)
        // One byte of the last leaf is enough for it to be there.
        tree = FileTree(
            root: written.root,
            length: (leafCount - 1) * 16384 + 1,
            pieceLength: blocksPerPiece * 16384
        )
        pieceLayer =
            tree.hasPieceLayer
            ? Array(written.layers[tree.pieceLayerHeight].prefix(tree.pieceCount)) : []
    }

    func range(base: Int, index: Int, length: Int, proof: Int) -> HashRange {
        HashRange(
            root: tree.root,
            baseLayer: UInt32(base),
            index: UInt32(index),
            length: UInt32(length),
            proofLayers: UInt32(proof)
        )
    }

    /// Every request that has no flaw.
    var ranges: [HashRange] {
        var result: [HashRange] = []
        for base in 0..<written.height {
            let width = 1 << (written.height - base)
            for exponent in 0...(written.height - base) {
                for index in stride(from: 0, to: width, by: 1 << exponent) {
                    for proof in 0..<(written.height - base) {
                        result.append(
                            range(base: base, index: index, length: 1 << exponent, proof: proof)
                        )
                    }
                }
            }
        }
        return result
    }

    /// Layer and index of each hash of the right answer, by the letter of BEP 52; for length 1 with
    /// the sibling of the one hash first.
    func answerNodes(_ range: HashRange) -> [(layer: Int, index: Int)] {
        let (base, index, length) = (Int(range.baseLayer), Int(range.index), Int(range.length))
        var nodes = (index..<index + length).map { (layer: base, index: $0) }
        if length == 1 { nodes.append((base, index ^ 1)) }
        let computable = max(length.trailingZeroBitCount - 1, 0)
        for proof in 0..<Int(range.proofLayers) where proof >= computable {
            nodes.append((base + 1 + proof, (index >> (proof + 1)) ^ 1))
        }
        return nodes
    }

    /// The node that the answer leads to.
    func top(_ range: HashRange) -> (layer: Int, hash: Digest) {
        let reach = max(Int(range.length).trailingZeroBitCount, Int(range.proofLayers) + 1)
        let layer = Int(range.baseLayer) + reach
        return (layer, written.layers[layer][Int(range.index) >> reach])
    }

    func rightAnswer(_ range: HashRange) -> [Digest] {
        answerNodes(range).map { written.layers[$0.layer][$0.index] }
    }

    func answer(_ range: HashRange) -> [Digest]? {
        tree.answer(range, pieceLayer: pieceLayer) { Array(leaves[$0]) }
    }
}
