internal import SwarmHash
internal import SwarmModel
internal import Testing

@Suite("Requests for hashes")
struct FileTreeRequestsTests {
    @Test(
        "a piece layer is fetched in buckets that cover it, none of length 1",
        arguments: [2, 3, 4, 5, 8, 9, 511, 512, 513, 514, 1023, 1024, 1025, 1537]
    )
    func buckets(pieces: Int) {
        let sample = SampleFile(leafCount: pieces, blocksPerPiece: 1)
        let requests = sample.tree.layerRequests()
        #expect(requests.count == (pieces + 511) / 512)
        for request in requests {
            #expect(sample.tree.flaw(of: request) == nil)
            #expect((2...512).contains(request.length))
        }
        #expect(requests.allSatisfy { sample.top($0).layer == sample.tree.height })
    }

    @Test(
        "the buckets put together are the layer, whatever their order",
        arguments: [2, 5, 513, 1025]
    )
    func assembly(pieces: Int) throws {
        let sample = SampleFile(leafCount: 2 * pieces - 1, blocksPerPiece: 2)
        var assembly = PieceLayerAssembly(tree: sample.tree)
        for range in sample.tree.layerRequests().reversed() {
            #expect(assembly.layer == nil)
            #expect(assembly.missing.last == range)
            let answer = try #require(sample.answer(range))
            #expect(assembly.accept(range, hashes: answer) == .accepted)
            #expect(assembly.accept(range, hashes: answer) == .duplicate)
        }
        #expect(assembly.missing.isEmpty)
        #expect(assembly.layer == PieceLayer(root: sample.tree.root, hashes: sample.pieceLayer))
        #expect(assembly.layer.map(sample.tree.matches) == true)
    }

    @Test("wrong and unasked hashes leave the assembly as it was")
    func refusals() throws {
        let sample = SampleFile(leafCount: 21, blocksPerPiece: 4)
        var assembly = PieceLayerAssembly(tree: sample.tree)
        let range = try #require(assembly.missing.first)
        var answer = try #require(sample.answer(range))
        answer.swapAt(0, 1)
        #expect(assembly.accept(range, hashes: answer) == .wrong)
        #expect(assembly.accept(range, hashes: []) == .wrong)
        let other = sample.range(base: 2, index: 0, length: 2, proof: 2)
        #expect(assembly.accept(other, hashes: sample.rightAnswer(other)) == .notAsked)
        #expect(assembly.missing == [range])
        #expect(assembly.layer == nil)
    }

    @Test("the leaves of each piece are asked for and verified against its hash", arguments: 1...17)
    func leafRequests(leafCount: Int) {
        for blocksPerPiece in [1, 2, 4, 8] {
            let sample = SampleFile(leafCount: leafCount, blocksPerPiece: blocksPerPiece)
            let hashes = sample.tree.hasPieceLayer ? sample.pieceLayer : [sample.tree.root]
            for (index, hash) in hashes.enumerated() {
                guard let range = sample.tree.leafRequest(forPiece: index) else {
                    #expect(blocksPerPiece == 1 || leafCount == 1)
                    continue
                }
                let answer = sample.answer(range) ?? []
                #expect(answer.count == Int(range.length))
                #expect(sample.tree.verify(range, hashes: answer, anchor: .known(hash)))
                let first = index * blocksPerPiece
                let count = min(blocksPerPiece, leafCount - first)
                #expect(Array(answer.prefix(count)) == Array(sample.leaves[first..<first + count]))
            }
        }
    }

    @Test("leaves of pieces of up to 128 MiB fit one request, longer ones do not")
    func longPieces() {
        let root = SampleFile(leafCount: 2, blocksPerPiece: 1).tree.root
        let long = FileTree(root: root, length: 1 << 30, pieceLength: 128 << 20)
        #expect(long.leafRequest(forPiece: 7)?.length == 8192)
        #expect(long.leafRequest(forPiece: 7).flatMap { long.flaw(of: $0) } == nil)
        let longer = FileTree(root: root, length: 1 << 30, pieceLength: 256 << 20)
        #expect(longer.leafRequest(forPiece: 0) == nil)
    }
}
