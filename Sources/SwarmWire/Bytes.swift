package import SwarmModel

extension RawSpan {
    package func byte(at offset: Int) -> UInt8 {
        unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// A number in network order. The caller has checked the length.
    package func bigEndian32(at offset: Int) -> UInt32 {
        UInt32(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// The digests from `offset` to the end, without what is left over.
    package func digests(from offset: Int) -> [Digest] {
        stride(from: offset, through: byteCount - Digest.byteCount, by: Digest.byteCount).map {
            Digest(readingFirst32Of: extracting($0...))
        }
    }

    /// A copy of the bytes from `offset` to the end.
    package func array(from offset: Int = 0) -> [UInt8] {
        withUnsafeBytes { Array($0[offset...]) }
    }
}

extension [UInt8] {
    package mutating func append(bigEndian number: UInt32) {
        Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
    }

    package mutating func append(_ digest: Digest) {
        digest.withUnsafeBytes { append(contentsOf: $0) }
    }
}

/// Text that came from outside, made fit for an error message or a log line.
package enum Excerpt {
    /// The first `limit` bytes with those that do not print as `.`.
    package static func printable(_ bytes: some Sequence<UInt8>, limit: Int = 60) -> String {
        String(
            decoding: bytes.prefix(limit).map { (32...126).contains($0) ? $0 : 46 },
            as: UTF8.self
        )
    }

    package static func printable(_ text: String, limit: Int = 60) -> String {
        printable(text.utf8, limit: limit)
    }
}
