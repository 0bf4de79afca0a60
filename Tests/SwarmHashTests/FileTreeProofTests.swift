internal import SwarmHash
internal import SwarmModel
internal import Testing

@Suite("Hash proofs")
struct FileTreeProofTests {
    @Test("every request to every small file is answered and verified", arguments: [1, 2, 4, 8])
    func answers(blocksPerPiece: Int) {
        for leafCount in 1...17 {
            let sample = SampleFile(leafCount: leafCount, blocksPerPiece: blocksPerPiece)
            for range in sample.ranges {
                let answer = sample.answer(range)
                let top = sample.top(range)
                let tree = sample.tree
                guard let answer, answer == sample.rightAnswer(range),
                    tree.verify(range, hashes: answer, anchor: .root) == (top.layer == tree.height),
                    tree.verify(range, hashes: answer, anchor: .known(top.hash))
                else {
                    Issue.record("\(leafCount) leaves: \(range)")
                    continue
                }
            }
        }
    }

    @Test("only leaves that the answer rests on are read, at once, and none for pieces")
    func economy() {
        for leafCount in 1...17 {
            let sample = SampleFile(leafCount: leafCount, blocksPerPiece: 4)
            for range in sample.ranges {
                var calls: [Range<Int>] = []
                _ = sample.tree.answer(range, pieceLayer: sample.pieceLayer) {
                    calls.append($0)
                    return Array(sample.leaves[$0])
                }
                let covered = sample.answerNodes(range).flatMap {
                    $0.index << $0.layer..<($0.index + 1) << $0.layer
                }
                let isEconomical = calls.joined().allSatisfy(covered.contains)
                let touchesPiecesOnly = Int(range.baseLayer) >= sample.tree.pieceLayerHeight
                #expect(calls.count <= (touchesPiecesOnly ? 0 : 1) && isEconomical, "\(range)")
            }
        }
    }

    @Test("a prepared piece layer gives the same answers")
    func preparedLayer() {
        let sample = SampleFile(leafCount: 27, blocksPerPiece: 2)
        let upper = PieceLayerTree(tree: sample.tree, pieceLayer: sample.pieceLayer)
        for range in sample.ranges {
            let answer = sample.tree.answer(range, from: upper) { Array(sample.leaves[$0]) }
            #expect(answer == sample.rightAnswer(range))
        }
    }

    @Test("a flawed request is not answered and its answer not believed")
    func flawed() {
        let sample = SampleFile(leafCount: 8, blocksPerPiece: 2)
        var range = sample.range(base: 0, index: 0, length: 2, proof: 2)
        let hashes = sample.rightAnswer(range)
        #expect(sample.tree.verify(range, hashes: hashes, anchor: .root))
        range.index = 1
        #expect(sample.answer(range) == nil)
        #expect(!sample.tree.verify(range, hashes: hashes, anchor: .root))
    }

    @Test("an error of the leaf store comes through")
    func storeError() {
        struct Unreadable: Error {}
        let sample = SampleFile(leafCount: 8, blocksPerPiece: 2)
        let range = sample.range(base: 0, index: 0, length: 2, proof: 2)
        #expect(throws: Unreadable.self) {
            try sample.tree.answer(range, pieceLayer: sample.pieceLayer) { _ throws in
                throw Unreadable()
            }
        }
    }

    @Test("no hash of an answer can change a bit, vanish, double or be zero", arguments: 2...9)
    func changedHashes(leafCount: Int) {
        var random = SeededRandom(seed: UInt64(leafCount))
        let sample = SampleFile(leafCount: leafCount, blocksPerPiece: 2)
        for range in sample.ranges {
            let top = sample.top(range)
            let anchor: FileTree.Anchor =
                top.layer == sample.tree.height ? .root : .known(top.hash)
            let hashes = sample.rightAnswer(range)
            func isBelieved(_ change: (inout [Digest]) -> Void) -> Bool {
                var changed = hashes
                change(&changed)
                return sample.tree.verify(range, hashes: changed, anchor: anchor)
            }
            for position in hashes.indices {
                let bit = Int.random(in: 0..<256, using: &random)
                #expect(!isBelieved { $0[position].lanes[bit / 64] ^= 1 << UInt64(bit % 64) })
                #expect(!isBelieved { $0.remove(at: position) })
                #expect(!isBelieved { $0.insert($0[position], at: position) })
                if hashes[position] != .zero { #expect(!isBelieved { $0[position] = .zero }) }
            }
        }
    }

    @Test("every bit of every hash counts")
    func everyBit() {
        let sample = SampleFile(leafCount: 13, blocksPerPiece: 4)
        let range = sample.range(base: 0, index: 8, length: 4, proof: 3)
        let hashes = sample.rightAnswer(range)
        #expect(sample.tree.verify(range, hashes: hashes, anchor: .root))
        for bit in 0..<256 * hashes.count {
            var changed = hashes
            changed[bit / 256].lanes[bit % 256 / 64] ^= 1 << UInt64(bit % 64)
            #expect(!sample.tree.verify(range, hashes: changed, anchor: .root))
        }
    }

    @Test("an answer is believed for another range only where that says something true")
    func changedRanges() {
        for leafCount in 2...9 {
            let sample = SampleFile(leafCount: leafCount, blocksPerPiece: 2)
            let height = sample.tree.height
            for range in sample.ranges where sample.top(range).layer == height {
                let hashes = sample.rightAnswer(range)
                for changed in singleBitChanges(of: range) {
                    let isTrue =
                        sample.tree.flaw(of: changed) == nil
                        && sample.top(changed).layer == height
                        && sample.rightAnswer(changed) == hashes
                    let isBelieved = sample.tree.verify(changed, hashes: hashes, anchor: .root)
                    #expect(isBelieved == isTrue, "\(range) as \(changed)")
                }
            }
        }
    }

    private func singleBitChanges(of range: HashRange) -> [HashRange] {
        let fields: [WritableKeyPath<HashRange, UInt32>] = [
            \.baseLayer, \.index, \.length, \.proofLayers,
        ]
        var result: [HashRange] = []
        for field in fields {
            for bit in 0..<UInt32(32) {
                var changed = range
                changed[keyPath: field] ^= 1 << bit
                result.append(changed)
            }
        }
        for bit in 0..<UInt64(64) {
            var changed = range
            changed.root.lanes[Int(bit) % 4] ^= 1 << bit
            result.append(changed)
        }
        return result
    }

    @Test("a zero hash in place of a real one is refused even when the root agrees")
    func zeroHole() {
        // A root made over a hole: the first of three leaves is zero.
        let leaves = [Digest.zero] + sampleLeaves(2)
        let written = WrittenOutTree(leaves: leaves, width: 4)
        let tree = FileTree(root: written.root, length: 3 * 16384, pieceLength: 65536)
        func isBelieved(index: UInt32) -> Bool {
            let range = HashRange(
                root: tree.root,
                baseLayer: 0,
                index: index,
                length: 2,
                proofLayers: 1
            )
            let hashes = Array(written.layers[0][Int(index)..<Int(index) + 2])
            let uncle = written.layers[1][1 - Int(index) / 2]
            return tree.verify(range, hashes: hashes + [uncle], anchor: .root)
        }
        #expect(!isBelieved(index: 0))
        #expect(isBelieved(index: 2))
    }

    @Test("a zero uncle in place of a real one is refused even when the root agrees")
    func zeroUncle() {
        let leaves = sampleLeaves(1) + [.zero] + sampleLeaves(1)
        let written = WrittenOutTree(leaves: leaves, width: 4)
        let range = HashRange(
            root: written.root,
            baseLayer: 0,
            index: 0,
            length: 1,
            proofLayers: 1
        )
        let hashes = [leaves[0], leaves[1], written.layers[1][1]]
        let longer = FileTree(root: written.root, length: 3 * 16384, pieceLength: 65536)
        #expect(!longer.verify(range, hashes: hashes, anchor: .root))
    }

    @Test("padding that is not zero is refused even when the root agrees")
    func falsePadding() {
        let written = WrittenOutTree(leaves: sampleLeaves(4), width: 4)
        let tree = FileTree(root: written.root, length: 3 * 16384, pieceLength: 65536)
        let range = HashRange(
            root: tree.root,
            baseLayer: 0,
            index: 0,
            length: 4,
            proofLayers: 0
        )
        #expect(!tree.verify(range, hashes: written.layers[0], anchor: .root))
    }

    struct Vector: Sendable {
        let base: Int
        let index: Int
        let length: Int
        let proof: Int
        /// Layer and index of each hash.
        let nodes: [[Int]]
    }

    /// Observed in the answers of libtorrent 2.1.1 for a file of 29 blocks in 64 KiB pieces.
    static let libtorrentVectors = [
        Vector(
            base: 2,
            index: 4,
            length: 4,
            proof: 2,
            nodes: [[2, 4], [2, 5], [2, 6], [2, 7], [4, 0]]
        ),
        Vector(
            base: 0,
            index: 4,
            length: 4,
            proof: 4,
            nodes: [[0, 4], [0, 5], [0, 6], [0, 7], [2, 0], [3, 1], [4, 1]]
        ),
        Vector(
            base: 0,
            index: 0,
            length: 2,
            proof: 4,
            nodes: [[0, 0], [0, 1], [1, 1], [2, 1], [3, 1], [4, 1]]
        ),
    ]

    @Test("answers hold the nodes that libtorrent sends", arguments: libtorrentVectors)
    func libtorrent(vector: Vector) {
        let sample = SampleFile(leafCount: 29, blocksPerPiece: 4)
        let range = sample.range(
            base: vector.base,
            index: vector.index,
            length: vector.length,
            proof: vector.proof
        )
        let expected = vector.nodes.map { sample.written.layers[$0[0]][$0[1]] }
        #expect(sample.answer(range) == expected)
        #expect(sample.tree.verify(range, hashes: expected, anchor: .root))
    }

    @Test("length 1 is answered with the sibling first, as libtorrent expects of 512n + 1 pieces")
    func lengthOne() throws {
        let sample = SampleFile(leafCount: 513, blocksPerPiece: 1)
        let range = sample.range(base: 0, index: 512, length: 1, proof: 9)
        let answer = try #require(sample.answer(range))
        #expect(answer.count == 1 + 10)
        #expect(answer[0] == sample.leaves[512])
        #expect(answer[1] == .zero)
        #expect(sample.tree.verify(range, hashes: answer, anchor: .root))
    }
}
