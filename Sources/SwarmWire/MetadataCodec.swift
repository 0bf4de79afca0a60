package import SwarmModel

/// ut_metadata (BEP 9): a bencoded header and, in `data`, raw bytes after it.
package enum MetadataCodec {
    /// Bytes of a piece of the `info` dictionary; the last may be shorter.
    package static let pieceLength = 16_384
    /// Longest `info` dictionary that we fetch from peers.
    package static let totalSizeMax = 32 << 20

    private static let limits = BencodeLimits(
        byteCountMax: PeerFrameCodec.extendedFrameLengthMax,
        tokenCountMax: 64,
        depthMax: 8
    )

    package static func encode(_ message: MetadataMessage) -> [UInt8] {
        switch message {
        case .request(let piece): header(type: 0, piece: piece, totalSize: nil)
        case .data(let piece, let totalSize, let bytes):
            header(type: 1, piece: piece, totalSize: totalSize) + bytes
        case .reject(let piece): header(type: 2, piece: piece, totalSize: nil)
        }
    }

    private static func header(type: Int, piece: UInt32, totalSize: UInt32?) -> [UInt8] {
        BencodeTree.dictionary([
            ("msg_type", .integer(type)),
            ("piece", .integer(Int(piece))),
            ("total_size", totalSize.map { .integer(Int($0)) }),
        ]).encoding
    }

    /// Nil for a type of message that BEP 9 does not know and asks to ignore.
    package static func decode(_ bytes: [UInt8]) throws(PeerWireError) -> MetadataMessage? {
        let header: BencodeValue
        do throws(BencodeError) {
            header = try BencodeValue.prefix(of: bytes, limits: limits)
        } catch {
            throw .metadataHeader(error)
        }
        guard let keys = header.dictionary, let type = keys["msg_type"]?.integer else {
            throw .metadataKey("msg_type")
        }
        guard (0...2).contains(type) else { return nil }
        guard let piece = keys["piece"]?.integer.flatMap({ UInt32(exactly: $0) }) else {
            throw .metadataKey("piece")
        }
        let rest = bytes[header.range.upperBound...]
        if type == 1 { return try data(piece: piece, keys: keys, bytes: rest) }
        guard rest.isEmpty else { throw .metadataTrailingBytes(rest.count) }
        return type == 0 ? .request(piece: piece) : .reject(piece: piece)
    }

    package static func decode(_ bytes: RawSpan) throws(PeerWireError) -> MetadataMessage? {
        guard bytes.byteCount <= limits.byteCountMax else {
            let (length, limit) = (bytes.byteCount, limits.byteCountMax)
            throw .metadataHeader(BencodeError(.tooLong(bytes: length, limit: limit), at: 0))
        }
        return try decode(bytes.array())
    }

    private static func data(
        piece: UInt32,
        keys: BencodeValue.Entries,
        bytes: ArraySlice<UInt8>
    ) throws(PeerWireError) -> MetadataMessage {
        guard let size = keys["total_size"]?.integer, (1...totalSizeMax).contains(size) else {
            throw .metadataKey("total_size")
        }
        guard bytes.count <= pieceLength else { throw .metadataPieceTooLong(bytes.count) }
        return .data(piece: piece, totalSize: UInt32(size), bytes: Array(bytes))
    }
}
