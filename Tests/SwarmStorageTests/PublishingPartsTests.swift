import SwarmHash
import SwarmModel
import Testing

@testable import SwarmStorage

@Suite("Publishing in parts")
struct PublishingPartsTests {
    private static let lengths = [
        0, 1, 16384, 16385, 40_000, 65536, 65537, 131_072, 200_000, 300_000, 1 << 20,
        (1 << 20) + 1, (2 << 20) + 70_000, 5 << 20,
    ]

    private static func metainfo(
        _ files: [ScannedFile],
        pieceLength: Int,
        part: PartLabel? = nil
    ) throws -> Metainfo {
        let hashed = try ContentHasher(pieceLength: pieceLength, threadCount: 2).hash(files)
        let info = VersionInfo(
            infoHash: InfoHash(.zero),
            infoBytes: [],
            name: "llama",
            files: Publication.entries(of: files, hashed: hashed),
            geometry: try PieceGeometry(
                pieceLength: pieceLength,
                fileLengths: files.map(\.length)
            ),
            isPrivate: false
        )
        let publication = Publication(info: info, files: files, hashed: hashed)
        return Metainfo(info: info, pieceLayers: publication.pieceLayers, part: part)
    }

    @Test(
        "parts hashed in any finer pieces make the version that one directory makes",
        arguments: [
            ([16 << 10, 16 << 10], nil), ([16 << 10, 256 << 10], nil), ([1 << 20, 64 << 10], nil),
            ([64 << 10, 16 << 10], 64 << 10), ([16 << 10, 16 << 10], 2 << 20),
        ] as [([Int], Int?)]
    )
    func sameAsWhole(pieceLengths: [Int], asked: Int?) throws {
        let tree = PublishingTree()
        for (index, length) in Self.lengths.enumerated() {
            var random = SeededRandom(seed: UInt64(index))
            tree.file(
                "f\(index)",
                (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            )
        }
        let files = try tree.scan().files
        let pieceLength = try PieceLengthPolicy.choose(
            fileLengths: files.map(\.length),
            asked: asked
        ).pieceLength
        let whole = try Self.metainfo(files, pieceLength: pieceLength)
        var assembly = PartAssembly()
        for (index, pieceLength) in pieceLengths.enumerated() {
            let number = try #require(PartNumber(index + 1, of: pieceLengths.count))
            let mine = files.enumerated().filter { $0.offset % 2 == index }.map(\.element)
            assembly = try assembly.adding(
                Self.metainfo(
                    mine,
                    pieceLength: pieceLength,
                    part: PartLabel(number: number, pieceLengthAsked: asked)
                )
            )
        }
        #expect(assembly.isWhole)
        #expect(try assembly.pieceLength() == pieceLength)
        #expect(assembly.files == whole.info.files)
        let layers = assembly.layers(pieceLength: pieceLength, hasher: SystemHasher())
        #expect(layers == whole.pieceLayers)
        for layer in layers {
            let root = MerkleTree.root(ofPieceLayer: layer.hashes, pieceLength: pieceLength)
            #expect(root == layer.root)
        }
    }
}
