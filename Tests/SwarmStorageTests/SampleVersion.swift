import SwarmHash
import SwarmModel
import SwarmStorage
import SystemPackage
import Testing

/// A version made up for tests, with its bytes.
struct SampleVersion: Sendable {
    let info: VersionInfo
    let layers: [PieceLayer]
    /// The bytes of each file.
    let contents: [[UInt8]]

    init(
        _ files: [(path: String, bytes: [UInt8])],
        pieceLength: Int = 32768,
        executable: Set<String> = [],
        seed: UInt8 = 1
    ) throws {
        var entries: [FileEntry] = []
        var layers: [PieceLayer] = []
        for (path, bytes) in files {
            let hashes = Self.pieceHashes(bytes, pieceLength)
            var root = hashes.first
            if hashes.count > 1 {
                let layer = MerkleTree.root(ofPieceLayer: hashes, pieceLength: pieceLength)
                root = layer
                if !layers.contains(where: { $0.root == layer }) {
                    layers.append(PieceLayer(root: layer, hashes: hashes))
                }
            }
            entries.append(
                FileEntry(
                    path: path.split(separator: "/").map(String.init),
                    length: bytes.count,
                    piecesRoot: root,
                    isExecutable: executable.contains(path)
                )
            )
        }
        let name = try #require(Digest([UInt8](repeating: seed, count: 32)))
        info = VersionInfo(
            infoHash: InfoHash(name),
            infoBytes: [],
            name: "sample-\(seed)",
            files: entries,
            geometry: try PieceGeometry(
                pieceLength: pieceLength,
                fileLengths: files.map(\.bytes.count)
            ),
            isPrivate: false
        )
        self.layers = layers
        contents = files.map(\.bytes)
    }

    /// Every kind of file there is: of several pieces, nested, twice the same, empty, executable.
    static func varied(seed: UInt8 = 1) throws -> SampleVersion {
        let twin = noise(20_000, seed: 7)
        return try SampleVersion(
            [
                ("big.bin", noise(70_000, seed: 1)),
                ("deep/er/twin-a", twin),
                ("empty", []),
                ("run.sh", noise(300, seed: 3)),
                ("twin-b", twin),
            ],
            executable: ["run.sh"],
            seed: seed
        )
    }

    static func noise(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    private static func pieceHashes(_ bytes: [UInt8], _ pieceLength: Int) -> [Digest] {
        stride(from: 0, to: bytes.count, by: pieceLength).map { start in
            let part = Array(bytes[start..<min(start + pieceLength, bytes.count)])
            return MerkleTree.pieceHash(
                leaves: part.withUnsafeBytes { LeafHasher.leaves(of: $0) },
                pieceLength: pieceLength,
                fileLength: bytes.count
            )
        }
    }

    func bytes(of range: BlockRange) -> [UInt8] {
        let start = info.geometry.offsetInFile(of: range.piece) + range.offset
        let file = info.geometry.file(of: range.piece)
        return Array(contents[file.number][start..<start + range.length])
    }

    func bytes(of piece: PieceIndex) -> [UInt8] { bytes(of: info.geometry.wholeRange(of: piece)) }

    func piece(_ number: Int) throws -> PieceIndex { try #require(info.geometry.piece(number)) }

    func pieces(_ numbers: [Int]) throws -> [PieceIndex] { try numbers.map { try piece($0) } }

    /// Whether a digest is the content of one of the files, with these bytes.
    func holds(_ root: Digest, bytes: [UInt8]) -> Bool {
        zip(info.files, contents).contains { $0.piecesRoot == root && $1 == bytes }
    }
}

extension Holding {
    /// Writes a piece block by block.
    func write(_ piece: PieceIndex, _ bytes: [UInt8]) throws(StorageError) {
        for number in 0..<geometry.blockCount(of: piece) {
            guard let range = geometry.range(of: number..<number + 1, in: piece) else { continue }
            let part = Array(bytes[range.offset..<range.offset + range.length])
            try part.withUnsafeBufferPointer { part throws(StorageError) in
                let part = UnsafeRawBufferPointer(part)
                try write(part, to: range, sums: sums(of: part))
            }
        }
    }

    func bytes(of piece: PieceIndex) throws(StorageError) -> [UInt8] {
        let range = geometry.wholeRange(of: piece)
        var bytes = [UInt8](repeating: 0, count: range.length)
        try bytes.withUnsafeMutableBufferPointer { buffer throws(StorageError) in
            try read(range, into: UnsafeMutableRawBufferPointer(buffer))
        }
        return bytes
    }
}

let sampleName = "acme/sample"

func reference(_ version: String) throws -> ModelReference {
    try ModelReference("\(sampleName)@\(version)")
}
