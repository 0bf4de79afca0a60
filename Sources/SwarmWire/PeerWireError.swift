/// Why bytes from a peer are not the peer wire protocol. Each closes the connection: after it
/// nothing is known about where the next frame starts.
package enum PeerWireError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The first byte is not 0x13: an encrypted handshake (MSE), TLS or something else. Such a peer
    /// dials again in plain text once the connection is closed.
    case notBitTorrent(firstByte: UInt8)
    case protocolName
    case handshakeLength(Int)
    case frameTooLong(id: UInt8, length: Int, limit: Int)
    /// A message whose length follows from its id has another.
    case frameLength(id: UInt8, length: Int, expected: Int)
    /// `hashes` with a part of a hash at its end.
    case hashesLength(Int)
    case extensionHandshake(BencodeError)
    case extensionHandshakeNotDictionary
    case metadataHeader(BencodeError)
    /// A key of a ut_metadata header is missing, of the wrong type or out of range.
    case metadataKey(String)
    case metadataPieceTooLong(Int)
    /// Bytes after the header of a ut_metadata message that has none.
    case metadataTrailingBytes(Int)
    case intentLength(Int)
    case intentLevel(UInt8)

    package var description: String {
        switch self {
        case .notBitTorrent(let byte):
            "the first byte is 0x\(String(byte, radix: 16)) and not 0x13: not plain BitTorrent"
        case .protocolName: "the handshake does not say 'BitTorrent protocol'"
        case .handshakeLength(let length):
            "a handshake of \(length) bytes instead of \(PeerFrameCodec.handshakeLength)"
        case .frameTooLong(let id, let length, let limit):
            "message \(id) of \(length) bytes; at most \(limit) are allowed"
        case .frameLength(let id, let length, let expected):
            "message \(id) of \(length) bytes instead of \(expected)"
        case .hashesLength(let length): "a hashes message of \(length) bytes: not whole hashes"
        case .extensionHandshake(let error): "the extended handshake has \(error)"
        case .extensionHandshakeNotDictionary: "the extended handshake is not a dictionary"
        case .metadataHeader(let error): "a ut_metadata message has \(error)"
        case .metadataKey(let key): "a ut_metadata message without a valid '\(key)'"
        case .metadataPieceTooLong(let length):
            "a ut_metadata piece of \(length) bytes, more than \(MetadataCodec.pieceLength)"
        case .metadataTrailingBytes(let count):
            "\(count) bytes after a ut_metadata message that carries none"
        case .intentLength(let length):
            "a shoal_intent of \(length) bytes; "
                + "8 to \(ImportIntentCodec.payloadLengthMax) in steps of 4 are allowed"
        case .intentLevel(let level):
            "a shoal_intent of level \(level); 0 to "
                + "\(ImportIntentCodec.levels.upperBound) are allowed"
        }
    }
}
