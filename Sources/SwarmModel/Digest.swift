/// A SHA-256 digest: 32 bytes kept inline, so that a piece layer is one flat array.
package struct Digest: Hashable, Sendable, Comparable {
    /// The digest's bytes in memory order. Four words, and not one vector: a vector of 32 bytes
    /// wants an alignment of 32, and frames of `async` functions are only aligned to 16. With such
    /// a value in a frame the release build wrote past its end (Swift 6.3.1; see
    /// `Docs/Decisions/no-wide-vectors-in-values.md`).
    private var words: (UInt64, UInt64, UInt64, UInt64)

    /// The same as one vector, for arithmetic on the stack.
    package var lanes: SIMD4<UInt64> {
        get { SIMD4(words.0, words.1, words.2, words.3) }
        set { words = (newValue[0], newValue[1], newValue[2], newValue[3]) }
    }

    package static let byteCount = 32
    /// Thirty-two zero bytes: what BEP 52 puts in place of leaves past the end of a file. A file
    /// whose root is this digest is malformed.
    package static let zero = Digest(lanes: .zero)

    package init(lanes: SIMD4<UInt64>) { words = (lanes[0], lanes[1], lanes[2], lanes[3]) }

    /// Reads 32 bytes; nil when `bytes` is not exactly that long.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        words = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
    }

    /// Reads 32 bytes at the start of `span`. The caller has checked the length.
    package init(readingFirst32Of span: RawSpan) {
        precondition(span.byteCount >= Self.byteCount, "a digest needs 32 bytes")
        self.init(lanes: span.unsafeLoadUnaligned(as: SIMD4<UInt64>.self))
    }

    package var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    package func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try Swift.withUnsafeBytes(of: words, body)
    }

    package static func == (a: Digest, b: Digest) -> Bool { a.words == b.words }

    package func hash(into hasher: inout Hasher) {
        // A digest is as even as any hash of it: half of it is plenty.
        hasher.combine(words.0)
        hasher.combine(words.1)
    }

    /// Byte order, as BEP 52 sorts roots in `piece layers`.
    package static func < (a: Digest, b: Digest) -> Bool {
        let (left, right) = (a.words, b.words)
        return (left.0.bigEndian, left.1.bigEndian, left.2.bigEndian, left.3.bigEndian)
            < (right.0.bigEndian, right.1.bigEndian, right.2.bigEndian, right.3.bigEndian)
    }
}

extension Digest: CustomStringConvertible {
    package var description: String { hex }
    /// 64 lower-case hexadecimal digits.
    package var hex: String { withUnsafeBytes { Hex.encode($0) } }

    package init?(hex: some StringProtocol) {
        guard let bytes = Hex.decode(hex), let digest = Digest(bytes) else { return nil }
        self = digest
    }
}

extension Digest: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let digest = Digest(hex: text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "'\(text)' is not 64 hexadecimal digits"
            )
        }
        self = digest
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(hex)
    }
}

/// Hexadecimal text, lower case.
package enum Hex {
    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil when a character is not a hexadecimal digit or their number is odd.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in text.utf8 {
            guard let value = value(of: character) else { return nil }
            if let h = high {
                bytes.append(h << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return high == nil ? bytes : nil
    }

    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
