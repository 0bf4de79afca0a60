/// A SHA-256 digest: 32 bytes kept inline, so that a piece layer is one flat array.
package struct Digest: Hashable, Sendable, Comparable {
    /// The digest's bytes, first byte in the lowest position of the first lane in memory order.
    package var lanes: SIMD4<UInt64>

    package static let byteCount = 32
    /// Thirty-two zero bytes: what BEP 52 puts in place of leaves past the end of a file. A file
    /// whose root is this digest is malformed.
    package static let zero = Digest(lanes: .zero)

    package init(lanes: SIMD4<UInt64>) { self.lanes = lanes }

    /// Reads 32 bytes; nil when `bytes` is not exactly that long.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        var lanes = SIMD4<UInt64>.zero
        withUnsafeMutableBytes(of: &lanes) { $0.copyBytes(from: bytes) }
        self.lanes = lanes
    }

    /// Reads 32 bytes at the start of `span`. The caller has checked the length.
    package init(readingFirst32Of span: RawSpan) {
        precondition(span.byteCount >= Self.byteCount, "a digest needs 32 bytes")
        lanes = span.unsafeLoadUnaligned(as: SIMD4<UInt64>.self)
    }

    package var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    package func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try Swift.withUnsafeBytes(of: lanes, body)
    }

    /// Byte order, as BEP 52 sorts roots in `piece layers`.
    package static func < (a: Digest, b: Digest) -> Bool {
        for lane in 0..<4 where a.lanes[lane] != b.lanes[lane] {
            return UInt64(bigEndian: a.lanes[lane]) < UInt64(bigEndian: b.lanes[lane])
        }
        return false
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
