internal import SwarmHash
internal import SwarmModel
internal import Testing

@Suite("Merkle trees")
struct MerkleTreeTests {
    @Test("roots of zero leaves", arguments: 0...12)
    func zeroRoots(height: Int) {
        let written = WrittenOutTree(leaves: [], width: 1 << height)
        #expect(MerkleTree.zeroRoot(height: height) == written.root)
    }

    @Test("leaves are padded with zero leaves to any power of two that holds them")
    func paddedRoots() {
        for count in 0...17 {
            let leaves = sampleLeaves(count)
            var width = WrittenOutTree.powerOfTwo(atLeast: count)
            while width <= 64 {
                let root = MerkleTree.root(ofLeaves: leaves, paddedTo: width)
                #expect(root == WrittenOutTree(leaves: leaves, width: width).root)
                width *= 2
            }
        }
    }

    @Test(
        "the piece hashes and the root of every file of up to 40 blocks",
        arguments: 1...40,
        [1, 2, 4, 8]
    )
    func files(blocks: Int, blocksPerPiece: Int) {
        let leaves = sampleLeaves(blocks)
        let written = WrittenOutTree(fileLeaves: leaves, blocksPerPiece: blocksPerPiece)
        let pieceLength = blocksPerPiece * 16384
        for length in [(blocks - 1) * 16384 + 1, blocks * 16384] {
            let pieces = stride(from: 0, to: blocks, by: blocksPerPiece).map { first in
                MerkleTree.pieceHash(
                    leaves: Array(leaves[first..<min(first + blocksPerPiece, blocks)]),
                    pieceLength: pieceLength,
                    fileLength: length
                )
            }
            if pieces.count == 1 {
                #expect(pieces[0] == written.root)
            } else {
                #expect(
                    MerkleTree.root(ofPieceLayer: pieces, pieceLength: pieceLength) == written.root
                )
                let layer = blocksPerPiece.trailingZeroBitCount
                #expect(pieces == Array(written.layers[layer].prefix(pieces.count)))
            }
        }
    }

    struct Vector: Sendable {
        let length: Int
        let pieceLength: Int
        let root: String
        let layerCount: Int
        let layerDigest: String
    }

    /// Made once with the Python binding of libtorrent 2.1.1: for each length and piece length
    /// `create_torrent(..., v2_only)` and `set_piece_hashes` over one file of the bytes of
    /// `patternedBytes`, then `pieces root`, the number of hashes in `piece layers` and SHA-256
    /// over them (empty when there is no entry).
    static let libtorrentVectors: [Vector] = [
        Vector(
            length: 1,
            pieceLength: 16384,
            root: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            layerCount: 0,
            layerDigest: ""
        ),
        Vector(
            length: 16384,
            pieceLength: 16384,
            root: "5ed50de188f53b0342fef76094894727ba124322610b6b9f7a43e09ec785aeb2",
            layerCount: 0,
            layerDigest: ""
        ),
        Vector(
            length: 16385,
            pieceLength: 16384,
            root: "0d617a1ac4e5211381c2dc8218f5617f1e46a8a44588ecdc5ad3bf7e34cf95df",
            layerCount: 2,
            layerDigest: "0d617a1ac4e5211381c2dc8218f5617f1e46a8a44588ecdc5ad3bf7e34cf95df"
        ),
        Vector(
            length: 81927,
            pieceLength: 65536,
            root: "dac81dc09a439c286142f93de4d51c47dbce69b38e0483a6cb0f9ee01f4fdc78",
            layerCount: 2,
            layerDigest: "dac81dc09a439c286142f93de4d51c47dbce69b38e0483a6cb0f9ee01f4fdc78"
        ),
        Vector(
            length: 65536,
            pieceLength: 65536,
            root: "0136823d99ade08806221e443823de6c1dfdff23b3d8adee1a4fe1081c54a0df",
            layerCount: 0,
            layerDigest: ""
        ),
        Vector(
            length: 65537,
            pieceLength: 65536,
            root: "ccf9f26ef72383dc56089486b77535755562c2306daf8b61a9411b05f61c06ab",
            layerCount: 2,
            layerDigest: "ccf9f26ef72383dc56089486b77535755562c2306daf8b61a9411b05f61c06ab"
        ),
        Vector(
            length: 475136,
            pieceLength: 65536,
            root: "f63ce9a2e904bef5a610c1e083c24b2d0a4d0720e4cbf4172f4775a65f76868d",
            layerCount: 8,
            layerDigest: "6a4dc63fa9f9aad5c7e5e87d33d08b0588c8714a773c00bad838683f52be07d7"
        ),
        Vector(
            length: 393217,
            pieceLength: 131072,
            root: "bd24990ac1d3cdf3c6db4ee3fe6ab504ceb20705364db9bad34822f206db28ec",
            layerCount: 4,
            layerDigest: "2c0520de4f4b8f89817ef2259464248324f8320d66c6852f15e61e6ddd6de1d4"
        ),
        Vector(
            length: 327683,
            pieceLength: 1 << 20,
            root: "e36747bd2f9059d1b4b70d3165b477940205c15d38258d9c97ecf7d7d80c592b",
            layerCount: 0,
            layerDigest: ""
        ),
        Vector(
            length: 8_404_992,
            pieceLength: 16384,
            root: "c5694033189628358585c0cd3f46873c9f99f93f2f143c669fa60c4b25408783",
            layerCount: 513,
            layerDigest: "a96bac98c8631697ea5301708e312f6f1312578d2c8ba8a275e851b4e0b548ef"
        ),
    ]

    @Test("roots and piece layers are those of libtorrent", arguments: libtorrentVectors)
    func libtorrent(vector: Vector) throws {
        let bytes = patternedBytes(vector.length)
        let leaves = bytes.withUnsafeBytes { LeafHasher.leaves(of: $0) }
        let blocksPerPiece = vector.pieceLength / 16384
        let pieces = stride(from: 0, to: leaves.count, by: blocksPerPiece).map { first in
            MerkleTree.pieceHash(
                leaves: Array(leaves[first..<min(first + blocksPerPiece, leaves.count)]),
                pieceLength: vector.pieceLength,
                fileLength: vector.length
            )
        }
        let root = try #require(Digest(hex: vector.root))
        if vector.layerCount == 0 {
            #expect(pieces == [root])
            return
        }
        #expect(pieces.count == vector.layerCount)
        #expect(sha256(pieces.flatMap(\.bytes)).hex == vector.layerDigest)
        let tree = FileTree(root: root, length: vector.length, pieceLength: vector.pieceLength)
        #expect(tree.matches(PieceLayer(root: root, hashes: pieces)))
    }
}
