package import SwarmModel

extension PeerFrameCodec {
    /// The first byte of every handshake: the length of the protocol's name.
    package static let handshakeFirstByte: UInt8 = 0x13

    private static let protocolName = Array("BitTorrent protocol".utf8)
    /// BEP 10: bit 0x10 of reserved[5].
    private static let extensionsBit = (byte: 25, mask: UInt8(0x10))
    /// BEP 6: bit 0x04 of reserved[7].
    private static let fastBit = (byte: 27, mask: UInt8(0x04))

    package static func encode(_ handshake: Handshake) -> [UInt8] {
        var bytes = [handshakeFirstByte] + protocolName + [UInt8](repeating: 0, count: 8)
        if handshake.supportsExtensions { bytes[extensionsBit.byte] |= extensionsBit.mask }
        if handshake.supportsFast { bytes[fastBit.byte] |= fastBit.mask }
        return bytes + handshake.swarm.bytes + handshake.peer.bytes
    }

    /// Reads ``handshakeLength`` bytes. A wrong first byte is found whatever the length.
    package static func decodeHandshake(_ bytes: RawSpan) throws(PeerWireError) -> Handshake {
        if bytes.byteCount > 0, bytes.byte(at: 0) != handshakeFirstByte {
            throw .notBitTorrent(firstByte: bytes.byte(at: 0))
        }
        let all = bytes.array()
        guard protocolName.starts(with: all.dropFirst().prefix(protocolName.count)) else {
            throw .protocolName
        }
        guard all.count == handshakeLength, let swarm = SwarmID(all[28..<48]),
            let peer = PeerID(all[48...])
        else { throw .handshakeLength(all.count) }
        return Handshake(
            swarm: swarm,
            peer: peer,
            supportsExtensions: all[extensionsBit.byte] & extensionsBit.mask != 0,
            supportsFast: all[fastBit.byte] & fastBit.mask != 0
        )
    }

    package static func decodeHandshake(_ bytes: [UInt8]) throws(PeerWireError) -> Handshake {
        try decodeHandshake(bytes.span.bytes)
    }
}
