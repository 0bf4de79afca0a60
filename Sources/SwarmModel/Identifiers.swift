/// The identity of a version: SHA-256 over the exact bytes of its `info` dictionary (BEP 52).
package struct InfoHash: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    package let digest: Digest

    package init(_ digest: Digest) { self.digest = digest }
    package init?(hex: some StringProtocol) {
        guard let digest = Digest(hex: hex) else { return nil }
        self.digest = digest
    }

    /// The first 20 bytes: what handshakes, announces and scrapes carry (BEP 52).
    package var swarmID: SwarmID { SwarmID(digest.bytes.prefix(20))! }

    package static func < (a: Self, b: Self) -> Bool { a.digest < b.digest }
    package var description: String { digest.hex }
    package init(from decoder: any Decoder) throws { digest = try Digest(from: decoder) }
    package func encode(to encoder: any Encoder) throws { try digest.encode(to: encoder) }
}

/// Twenty bytes kept inline. The two identifiers below give them a meaning.
package struct Bytes20: Hashable, Sendable, Comparable {
    private let head: SIMD2<UInt64>
    private let tail: UInt32

    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == 20 else { return nil }
        var words = (UInt64(0), UInt64(0), UInt32(0))
        for (offset, byte) in bytes.enumerated() {
            switch offset {
            case 0..<8: words.0 = words.0 << 8 | UInt64(byte)
            case 8..<16: words.1 = words.1 << 8 | UInt64(byte)
            default: words.2 = words.2 << 8 | UInt32(byte)
            }
        }
        head = SIMD2(words.0, words.1)
        tail = words.2
    }

    /// The same in network order, as numbers: eight bytes, eight, and four.
    package var words: (UInt64, UInt64, UInt32) { (head[0], head[1], tail) }

    package var bytes: [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(20)
        for lane in 0..<2 {
            for shift in stride(from: 56, through: 0, by: -8) {
                result.append(UInt8(truncatingIfNeeded: head[lane] >> UInt64(shift)))
            }
        }
        for shift in stride(from: 24, through: 0, by: -8) {
            result.append(UInt8(truncatingIfNeeded: tail >> UInt32(shift)))
        }
        return result
    }

    package static func < (a: Self, b: Self) -> Bool {
        (a.head[0], a.head[1], a.tail) < (b.head[0], b.head[1], b.tail)
    }
}

/// A swarm as handshakes and trackers name it: the truncated info-hash (BEP 52).
package struct SwarmID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let raw: Bytes20
    package init?(_ bytes: some Collection<UInt8>) {
        guard let raw = Bytes20(bytes) else { return nil }
        self.raw = raw
    }
    package var bytes: [UInt8] { raw.bytes }
    package var description: String { Hex.encode(bytes) }
    package static func < (a: Self, b: Self) -> Bool { a.raw < b.raw }
}

/// A peer's 20-byte id (BEP 3, BEP 20). Ours are `-SH0001-` and 12 random bytes, new for each
/// process, so that two lives of one host are never confused.
package struct PeerID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let raw: Bytes20
    package init?(_ bytes: some Collection<UInt8>) {
        guard let raw = Bytes20(bytes) else { return nil }
        self.raw = raw
    }

    package static let clientPrefix = "-SH0001-"

    package init(random: inout some RandomNumberGenerator) {
        let alphabet = Array("0123456789abcdefghijklmnopqrstuvwxyz".utf8)
        var bytes = Array(Self.clientPrefix.utf8)
        while bytes.count < 20 {
            bytes.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)])
        }
        raw = Bytes20(bytes)!
    }

    package var bytes: [UInt8] { raw.bytes }
    /// The id's bytes with those that do not print as `.`.
    package var description: String {
        String(decoding: bytes.map { (33...126).contains($0) ? $0 : 46 }, as: UTF8.self)
    }
    package static func < (a: Self, b: Self) -> Bool { a.raw < b.raw }
}

/// One connection of this process, numbered in the order of opening and never used again.
package struct ConnectionID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let number: UInt64
    @inlinable
    package init(_ number: UInt64) { self.number = number }
    @inlinable
    package static func == (a: Self, b: Self) -> Bool { a.number == b.number }
    @inlinable
    package static func < (a: Self, b: Self) -> Bool { a.number < b.number }
    package var description: String { "connection \(number)" }
}
