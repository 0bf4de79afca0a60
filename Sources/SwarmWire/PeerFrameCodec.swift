package import SwarmModel

/// The peer wire protocol (BEP 3, 6, 10, 52): frames to messages. A frame is what follows the
/// length prefix of four bytes; the payload of `piece` goes past this codec.
package enum PeerFrameCodec {
    /// Reads a whole frame. No bytes are a keep-alive.
    package static func decode(frame: RawSpan) throws(PeerWireError) -> PeerMessage {
        guard frame.byteCount > 0 else { return .keepAlive }
        let id = frame.byte(at: 0)
        try check(id: id, frameLength: frame.byteCount)
        switch id {
        case PeerMessageID.choke: return .choke
        case PeerMessageID.unchoke: return .unchoke
        case PeerMessageID.interested: return .interested
        case PeerMessageID.notInterested: return .notInterested
        case PeerMessageID.have: return .have(frame.bigEndian32(at: 1))
        case PeerMessageID.bitfield: return .bitfield(frame.array(from: 1))
        case PeerMessageID.request: return .request(block(frame))
        case PeerMessageID.piece:
            return .piece(try pieceHead(frame, frameLength: frame.byteCount))
        case PeerMessageID.cancel: return .cancel(block(frame))
        case PeerMessageID.suggest: return .suggest(frame.bigEndian32(at: 1))
        case PeerMessageID.haveAll: return .haveAll
        case PeerMessageID.haveNone: return .haveNone
        case PeerMessageID.reject: return .reject(block(frame))
        case PeerMessageID.allowedFast: return .allowedFast(frame.bigEndian32(at: 1))
        case PeerMessageID.extended: return try extended(frame)
        case PeerMessageID.hashRequest: return .hashRequest(hashRange(frame))
        case PeerMessageID.hashes: return try hashes(frame)
        case PeerMessageID.hashReject: return .hashReject(hashRange(frame))
        default: return .unknown(id: id)
        }
    }

    package static func decode(frame: [UInt8]) throws(PeerWireError) -> PeerMessage {
        try decode(frame: frame.span.bytes)
    }

    /// Reads the head of a `piece` frame, id included: the first ``pieceHeadLength`` bytes of
    /// `frame`. The rest of the frame's `frameLength` bytes is payload.
    package static func pieceHead(
        _ frame: RawSpan,
        frameLength: Int
    ) throws(PeerWireError) -> RawBlock {
        let id = PeerMessageID.piece
        let available = min(frame.byteCount, frameLength)
        guard available >= pieceHeadLength else {
            throw .frameLength(id: id, length: available, expected: pieceHeadLength)
        }
        try check(id: id, frameLength: frameLength)
        return RawBlock(
            piece: frame.bigEndian32(at: 1),
            begin: frame.bigEndian32(at: 5),
            length: UInt32(frameLength - pieceHeadLength)
        )
    }

    // MARK: Parts of messages, whose length is checked

    private static func block(_ frame: RawSpan) -> RawBlock {
        RawBlock(
            piece: frame.bigEndian32(at: 1),
            begin: frame.bigEndian32(at: 5),
            length: frame.bigEndian32(at: 9)
        )
    }

    private static func hashRange(_ frame: RawSpan) -> HashRange {
        HashRange(
            root: Digest(readingFirst32Of: frame.extracting(1...)),
            baseLayer: frame.bigEndian32(at: 33),
            index: frame.bigEndian32(at: 37),
            length: frame.bigEndian32(at: 41),
            proofLayers: frame.bigEndian32(at: 45)
        )
    }

    private static func hashes(_ frame: RawSpan) throws(PeerWireError) -> PeerMessage {
        let length = frame.byteCount
        guard length >= hashRangeLength, (length - hashRangeLength) % Digest.byteCount == 0 else {
            throw .hashesLength(length)
        }
        return .hashes(hashRange(frame), frame.digests(from: hashRangeLength))
    }

    /// BEP 10: id 0 is the extended handshake, others are those that we gave out.
    private static func extended(_ frame: RawSpan) throws(PeerWireError) -> PeerMessage {
        let id = PeerMessageID.extended
        func check(length expected: Int) throws(PeerWireError) {
            guard frame.byteCount == expected else {
                throw .frameLength(id: id, length: frame.byteCount, expected: expected)
            }
        }
        guard frame.byteCount >= 2 else {
            throw .frameLength(id: id, length: frame.byteCount, expected: 2)
        }
        switch frame.byte(at: 1) {
        case 0:
            return .extendedHandshake(try ExtendedHandshakeCodec.decode(frame.array(from: 2)))
        case LocalExtensionID.metadata:
            guard let message = try MetadataCodec.decode(frame.array(from: 2)) else {
                return .unknown(id: id)
            }
            return .metadata(message)
        case LocalExtensionID.doesNotHave:
            try check(length: 6)
            return .doesNotHave(frame.bigEndian32(at: 2))
        case LocalExtensionID.uploadOnly:
            try check(length: 3)
            return .uploadOnly(frame.byte(at: 2) != 0)
        case LocalExtensionID.intent:
            guard let intent = try ImportIntentCodec.decode(frame.extracting(2...)) else {
                return .unknown(id: id)
            }
            return .intent(intent)
        case LocalExtensionID.uplink:
            try check(length: 2 + UplinkReportCodec.payloadLength)
            return .uplink(UplinkReportCodec.decode(frame.extracting(2...)))
        default:
            return .unknown(id: id)
        }
    }
}
