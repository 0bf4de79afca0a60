import SwarmModel

/// SHA-256 (FIPS 180-4) in its plainest form: an oracle that shares nothing with `SwarmHash`.
struct TestHasher: MerkleHashing {
    func sha256(_ bytes: UnsafeRawBufferPointer) -> Digest { Self.sha256(Array(bytes)) }

    func root(ofPieceLayer layer: [Digest], pieceLength: Int) -> Digest {
        var pad = Digest.zero
        var leaves = pieceLength / PieceGeometry.blockLength
        while leaves > 1 {
            pad = Self.pair(pad, pad)
            leaves /= 2
        }
        return Self.root(layer, pad: pad)
    }

    /// The Merkle root and, of a file longer than a piece, the piece layer (BEP 52).
    static func hash(file: [UInt8], pieceLength: Int) -> (root: Digest, layer: [Digest])? {
        guard !file.isEmpty else { return nil }
        let leaves = stride(from: 0, to: file.count, by: PieceGeometry.blockLength).map {
            sha256(Array(file[$0..<min($0 + PieceGeometry.blockLength, file.count)]))
        }
        guard file.count > pieceLength else { return (root(leaves, pad: .zero), []) }
        let width = pieceLength / PieceGeometry.blockLength
        let layer = stride(from: 0, to: leaves.count, by: width).map { start in
            let some = Array(leaves[start..<min(start + width, leaves.count)])
            return root(
                some + [Digest](repeating: .zero, count: width - some.count),
                pad: .zero
            )
        }
        return (TestHasher().root(ofPieceLayer: layer, pieceLength: pieceLength), layer)
    }

    private static func root(_ hashes: [Digest], pad: Digest) -> Digest {
        var (layer, pad) = (hashes, pad)
        while layer.count > 1 {
            if layer.count % 2 == 1 { layer.append(pad) }
            layer = stride(from: 0, to: layer.count, by: 2).map { pair(layer[$0], layer[$0 + 1]) }
            pad = pair(pad, pad)
        }
        return layer[0]
    }

    private static func pair(_ a: Digest, _ b: Digest) -> Digest { sha256(a.bytes + b.bytes) }

    static func sha256(_ message: [UInt8]) -> Digest {
        var state: [UInt32] = [
            0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A,
            0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19,
        ]
        var padded = message + [0x80]
        while padded.count % 64 != 56 { padded.append(0) }
        withUnsafeBytes(of: UInt64(message.count * 8).bigEndian) { padded.append(contentsOf: $0) }
        for start in stride(from: 0, to: padded.count, by: 64) {
            compress(padded[start..<start + 64], into: &state)
        }
        return Digest(state.flatMap { word in withUnsafeBytes(of: word.bigEndian, Array.init) })!
    }

    private static func compress(_ block: ArraySlice<UInt8>, into state: inout [UInt32]) {
        func rotate(_ x: UInt32, _ n: UInt32) -> UInt32 { x >> n | x << (32 - n) }
        var w = [UInt32](repeating: 0, count: 64)
        for (offset, byte) in block.enumerated() {
            w[offset / 4] = w[offset / 4] << 8 | UInt32(byte)
        }
        for i in 16..<64 {
            let a = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3
            let b = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10
            w[i] = w[i - 16] &+ a &+ w[i - 7] &+ b
        }
        var s = state
        for i in 0..<64 {
            let e = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)
            let first = s[7] &+ e &+ (s[4] & s[5] ^ ~s[4] & s[6]) &+ constants[i] &+ w[i]
            let a = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)
            let second = a &+ (s[0] & s[1] ^ s[0] & s[2] ^ s[1] & s[2])
            s = [first &+ second, s[0], s[1], s[2], s[3] &+ first, s[4], s[5], s[6]]
        }
        for i in 0..<8 { state[i] &+= s[i] }
    }

    /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static let constants: [UInt32] = {
        let primes = (2..<312).filter { n in (2..<n).allSatisfy { n % $0 != 0 } }
        return primes.map { prime in
            // floor(cbrt(prime) * 2^32) by bisection in 128 bits: cube(x) <= prime * 2^96.
            var (low, high) = (UInt64(1) << 32, UInt64(7) << 32)
            while high - low > 1 {
                let middle = (low + high) / 2
                if isCube(of: middle, below: UInt64(prime)) { low = middle } else { high = middle }
            }
            return UInt32(truncatingIfNeeded: low)
        }
    }()

    /// Whether `x`³ < `prime` · 2⁹⁶.
    private static func isCube(of x: UInt64, below prime: UInt64) -> Bool {
        let square = UInt128(x) * UInt128(x)
        let cubeHigh = (square >> 32) * UInt128(x) + ((square & 0xFFFF_FFFF) * UInt128(x)) >> 32
        return cubeHigh >> 64 < UInt128(prime)
    }
}
