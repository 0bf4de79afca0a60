// Compiled into every fuzz target.

package import SwarmModel

/// The fuzzer's input as an array.
package func fuzzInput(_ data: UnsafePointer<UInt8>, _ count: Int) -> [UInt8] {
    Array(UnsafeBufferPointer(start: data, count: count))
}

/// Stands in for SHA-256, which a fuzzer cannot invert: a layer's root is its first hash, so that
/// inputs with good layers can be found.
package struct StubHasher: MerkleHashing {
    package init() {}

    package func sha256(_ bytes: UnsafeRawBufferPointer) -> Digest {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Digest(lanes: SIMD4(hash, 1, 2, 3))
    }

    package func root(ofPieceLayer layer: [Digest], pieceLength: Int) -> Digest { layer[0] }
}
