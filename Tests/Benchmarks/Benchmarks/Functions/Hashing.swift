import Benchmark
import SwarmHash
import SwarmModel

/// Hashing as the data path does it: blocks of 1 MiB that were just received, and the trees above.
func hashing() {
    let block = randomBytes(1 << 20)
    for kernel in HashKernel.available {
        Benchmark("Leaves of 1 MiB, \(kernel)") { benchmark in
            for _ in benchmark.scaledIterations {
                block.withUnsafeBytes { blackHole(LeafHasher.leaves(of: $0, using: kernel)) }
            }
        }
    }
    let nodes = randomDigests(2048)
    for kernel in HashKernel.available {
        Benchmark("Parents of 2048 nodes, \(kernel)") { benchmark in
            for _ in benchmark.scaledIterations {
                blackHole(MerkleTree.parents(of: nodes, using: kernel))
            }
        }
    }
    Benchmark("Piece hash from 1024 leaves") { benchmark in
        let leaves = Array(nodes.prefix(1024))
        for _ in benchmark.scaledIterations {
            blackHole(
                MerkleTree.pieceHash(leaves: leaves, pieceLength: 16 << 20, fileLength: 1 << 30)
            )
        }
    }
    let layer = randomDigests(100_000)
    Benchmark("Root of a layer of 100,000 pieces") { benchmark in
        for _ in benchmark.scaledIterations {
            blackHole(MerkleTree.root(ofPieceLayer: layer, pieceLength: 1 << 20))
        }
    }
    Benchmark("XXH3 of 1 MiB in blocks of 16 KiB") { benchmark in
        for _ in benchmark.scaledIterations {
            block.withUnsafeBytes { bytes in
                for start in stride(from: 0, to: bytes.count, by: 16384) {
                    let part = UnsafeRawBufferPointer(rebasing: bytes[start..<start + 16384])
                    blackHole(xxh3_64(part))
                }
            }
        }
    }
}
