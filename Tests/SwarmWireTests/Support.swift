import SwarmModel
import SwarmWire

/// Bytes from text in which each character is one byte, so that `\u{FF}` is 0xFF.
func raw(_ text: String) -> [UInt8] {
    text.unicodeScalars.map { UInt8($0.value) }
}

/// Bytes from hexadecimal text; spaces are for the reader.
func hex(_ text: String) -> [UInt8] { Hex.decode(text.filter { $0 != " " })! }

/// Content that is the same in every run: byte i is i·7 + seed + i/256.
func pattern(_ count: Int, _ seed: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 + seed + $0 >> 8) }
}

/// A version made of contents, with the layers that belong to it.
func makeMetainfo(
    name: String,
    pieceLength: Int = 16384,
    contents: [(path: String, bytes: [UInt8])],
    executable: String? = nil,
    isPrivate: Bool = false
) throws -> Metainfo {
    var layers: [PieceLayer] = []
    let files = contents.map { path, bytes in
        let hash = TestHasher.hash(file: bytes, pieceLength: pieceLength)
        if let hash, bytes.count > pieceLength, !layers.contains(where: { $0.root == hash.root }) {
            layers.append(PieceLayer(root: hash.root, hashes: hash.layer))
        }
        return FileEntry(
            path: path.split(separator: "/").map { String($0) },
            length: bytes.count,
            piecesRoot: hash?.root,
            isExecutable: path == executable
        )
    }
    let info = try MetainfoCodec.makeInfo(
        name: name,
        pieceLength: pieceLength,
        files: files,
        isPrivate: isPrivate,
        hasher: TestHasher()
    )
    return Metainfo(info: info, pieceLayers: layers.sorted { $0.root < $1.root })
}

/// A peer id and a swarm for messages.
let samplePeer = PeerID(raw("-SH0001-abcdefghijkl"))!
let sampleSwarm = SwarmID(raw("ABCDEFGHIJKLMNOPQRST"))!

extension SeededRandom {
    /// `bytes` with one to four changes: a byte replaced, removed, inserted or a run repeated.
    mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &self) {
            guard !bytes.isEmpty else { break }
            let at = Int.random(in: 0..<bytes.count, using: &self)
            switch Int.random(in: 0..<5, using: &self) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &self)
            case 1: bytes.remove(at: at)
            case 2:
                bytes.insert(Array("0123456789deil:-".utf8).randomElement(using: &self)!, at: at)
            case 3: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &self)
            default:
                let end = min(bytes.count, at + Int.random(in: 1...16, using: &self))
                bytes.insert(contentsOf: bytes[at..<end], at: at)
            }
        }
        return bytes
    }
}
