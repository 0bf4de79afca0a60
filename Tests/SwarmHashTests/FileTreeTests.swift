internal import SwarmHash
internal import SwarmModel
internal import Testing

@Suite("File trees")
struct FileTreeTests {
    @Test("the height and the piece layer of every small file", arguments: 1...40, [1, 2, 4, 8])
    func shape(leafCount: Int, blocksPerPiece: Int) {
        let sample = SampleFile(leafCount: leafCount, blocksPerPiece: blocksPerPiece)
        #expect(sample.tree.height == sample.written.height)
        #expect(sample.tree.hasPieceLayer == (leafCount > blocksPerPiece))
        let layer = sample.written.layers[sample.tree.pieceLayerHeight]
        #expect(
            layer.count == WrittenOutTree.powerOfTwo(atLeast: sample.tree.pieceCount)
        )
    }

    @Test("a piece layer matches its root, and nothing else does")
    func matchingLayers() {
        let sample = SampleFile(leafCount: 21, blocksPerPiece: 4)
        let (root, hashes) = (sample.tree.root, sample.pieceLayer)
        #expect(sample.tree.matches(PieceLayer(root: root, hashes: hashes)))
        #expect(!sample.tree.matches(PieceLayer(root: .zero, hashes: hashes)))
        #expect(!sample.tree.matches(PieceLayer(root: root, hashes: hashes.reversed())))
        #expect(!sample.tree.matches(PieceLayer(root: root, hashes: hashes.dropLast())))
        // The same root comes out with the padding written down, but the file ends before it.
        let padding = MerkleTree.zeroRoot(height: 2)
        #expect(!sample.tree.matches(PieceLayer(root: root, hashes: hashes + [padding])))
    }

    /// A file of 29 blocks in pieces of four: height 5, piece layer 2.
    private let sample = SampleFile(leafCount: 29, blocksPerPiece: 4)

    private func flaw(base: Int, index: Int, length: Int, proof: Int) -> HashRangeFlaw? {
        sample.tree.flaw(of: sample.range(base: base, index: index, length: length, proof: proof))
    }

    @Test("requests within the tree have no flaw")
    func soundRequests() {
        #expect(flaw(base: 2, index: 4, length: 4, proof: 2) == nil)
        #expect(flaw(base: 0, index: 0, length: 32, proof: 4) == nil)
        #expect(flaw(base: 0, index: 30, length: 2, proof: 0) == nil)
        #expect(flaw(base: 4, index: 1, length: 1, proof: 0) == nil)
    }

    @Test("each flaw of a request is found")
    func flaws() {
        var other = sample.range(base: 0, index: 0, length: 2, proof: 0)
        other.root = .zero
        #expect(sample.tree.flaw(of: other) == .root)
        #expect(flaw(base: 5, index: 0, length: 1, proof: 0) == .baseLayer)
        #expect(flaw(base: Int(UInt32.max), index: 0, length: 2, proof: 0) == .baseLayer)
        #expect(flaw(base: 0, index: 0, length: 0, proof: 0) == .length)
        #expect(flaw(base: 0, index: 0, length: 3, proof: 0) == .length)
        #expect(flaw(base: 0, index: 0, length: 16384, proof: 0) == .length)
        #expect(flaw(base: 0, index: 2, length: 4, proof: 0) == .index)
        #expect(flaw(base: 0, index: 32, length: 2, proof: 0) == .index)
        #expect(flaw(base: 0, index: 0, length: 64, proof: 0) == .index)
        #expect(flaw(base: 0, index: Int(UInt32.max) - 1, length: 2, proof: 0) == .index)
        #expect(flaw(base: 0, index: 0, length: 2, proof: 5) == .proofLayers)
        #expect(flaw(base: 2, index: 0, length: 2, proof: 3) == .proofLayers)
        #expect(flaw(base: 0, index: 0, length: 2, proof: Int(UInt32.max)) == .proofLayers)
    }

    @Test("a file of one leaf has nothing to ask for")
    func singleLeaf() {
        let single = SampleFile(leafCount: 1, blocksPerPiece: 4)
        #expect(single.ranges.isEmpty)
        #expect(single.tree.flaw(of: single.range(base: 0, index: 0, length: 1, proof: 0)) != nil)
        #expect(single.tree.leafRequest(forPiece: 0) == nil)
        #expect(single.tree.layerRequests().isEmpty)
    }

    @Test("a request that would make us read a large part of the file is refused")
    func readLimit() {
        let tree = FileTree(root: sample.tree.root, length: 1 << 40, pieceLength: 1 << 24)
        func range(base: UInt32, length: UInt32) -> HashRange {
            HashRange(root: tree.root, baseLayer: base, index: 0, length: length, proofLayers: 0)
        }
        #expect(tree.flaw(of: range(base: 0, length: 8192)) == nil)
        #expect(tree.flaw(of: range(base: 1, length: 8192)) == nil)
        #expect(tree.flaw(of: range(base: 2, length: 8192)) == .leafCount)
        #expect(tree.flaw(of: range(base: 9, length: 64)) == .leafCount)
        #expect(tree.flaw(of: range(base: 10, length: 8192)) == nil)
    }

    @Test("the number of hashes of an answer, and none for a flawed request")
    func hashCounts() {
        for leafCount in 1...17 {
            let sample = SampleFile(leafCount: leafCount, blocksPerPiece: 2)
            for range in sample.ranges {
                #expect(sample.tree.expectedHashCount(range) == sample.answerNodes(range).count)
            }
        }
        let flawed = sample.range(base: 0, index: 1, length: 2, proof: 0)
        #expect(sample.tree.expectedHashCount(flawed) == nil)
    }
}
