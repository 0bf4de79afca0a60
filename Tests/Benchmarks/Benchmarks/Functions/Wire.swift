import Benchmark
import SwarmHash
import SwarmModel
import SwarmWire

/// What comes from outside, read: a metainfo of 100,000 pieces, and frames of the peer protocol.
func wire() {
    let metainfo = largeMetainfo()
    Benchmark("Bencode of a metainfo of 100,000 pieces") { benchmark in
        let limits = BencodeLimits(byteCountMax: 64 << 20, tokenCountMax: 1 << 20)
        for _ in benchmark.scaledIterations {
            blackHole(try BencodeValue(metainfo, limits: limits))
        }
    }
    Benchmark("Metainfo of 100,000 pieces") { benchmark in
        for _ in benchmark.scaledIterations {
            blackHole(try MetainfoCodec.decode(metainfo, hasher: SystemHasher()))
        }
    }
    let frames: [(String, [UInt8])] = [
        ("have", [4, 0, 0, 1, 0]),
        ("request", [6] + [UInt8](repeating: 1, count: 12)),
        ("bitfield of 100,000 pieces", [5] + [UInt8](repeating: 0xff, count: 12_500)),
    ]
    for (name, frame) in frames {
        Benchmark("Frame: \(name)", configuration: .init(scalingFactor: .kilo)) { benchmark in
            for _ in benchmark.scaledIterations {
                blackHole(try PeerFrameCodec.decode(frame: frame))
            }
        }
    }
}

private func largeMetainfo() -> [UInt8] {
    let layer = randomDigests(100_000)
    let root = MerkleTree.root(ofPieceLayer: layer, pieceLength: 1 << 20)
    do {
        let info = try MetainfoCodec.makeInfo(
            name: "model",
            pieceLength: 1 << 20,
            files: [
                FileEntry(path: ["weights"], length: 100_000 << 20, piecesRoot: root)
            ],
            isPrivate: false,
            hasher: SystemHasher()
        )
        return MetainfoCodec.encode(
            Metainfo(info: info, pieceLayers: [PieceLayer(root: root, hashes: layer)])
        )
    } catch { preconditionFailure("a metainfo made here is refused: \(error)") }
}
