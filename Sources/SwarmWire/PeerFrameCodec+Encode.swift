package import SwarmModel

extension PeerFrameCodec {
    /// Appends a message with its length prefix. Of `piece` only the head is written; its payload
    /// follows as `length` bytes. False, and nothing is written, when the receiver does not take
    /// the message: an extension without an id in `extensions`, or `unknown`.
    @discardableResult
    package static func encode(
        _ message: PeerMessage,
        extensions: RemoteExtensions,
        into bytes: inout [UInt8]
    ) -> Bool {
        switch message {
        case .keepAlive: bytes.append(bigEndian: 0)
        case .choke: start(PeerMessageID.choke, payload: 0, &bytes)
        case .unchoke: start(PeerMessageID.unchoke, payload: 0, &bytes)
        case .interested: start(PeerMessageID.interested, payload: 0, &bytes)
        case .notInterested: start(PeerMessageID.notInterested, payload: 0, &bytes)
        case .have(let index): append(PeerMessageID.have, index, &bytes)
        case .bitfield(let bits):
            start(PeerMessageID.bitfield, payload: bits.count, &bytes)
            bytes.append(contentsOf: bits)
        case .request(let block): append(PeerMessageID.request, block, &bytes)
        case .piece(let block):
            start(PeerMessageID.piece, payload: 8 + Int(block.length), &bytes)
            bytes.append(bigEndian: block.piece)
            bytes.append(bigEndian: block.begin)
        case .cancel(let block): append(PeerMessageID.cancel, block, &bytes)
        case .suggest(let index): append(PeerMessageID.suggest, index, &bytes)
        case .haveAll: start(PeerMessageID.haveAll, payload: 0, &bytes)
        case .haveNone: start(PeerMessageID.haveNone, payload: 0, &bytes)
        case .reject(let block): append(PeerMessageID.reject, block, &bytes)
        case .allowedFast(let index): append(PeerMessageID.allowedFast, index, &bytes)
        case .hashRequest(let range): append(PeerMessageID.hashRequest, range, [], &bytes)
        case .hashes(let range, let hashes): append(PeerMessageID.hashes, range, hashes, &bytes)
        case .hashReject(let range): append(PeerMessageID.hashReject, range, [], &bytes)
        case .extendedHandshake, .metadata, .doesNotHave, .uploadOnly, .intent, .uplink:
            return encodeExtended(message, extensions: extensions, into: &bytes)
        case .unknown: return false
        }
        return true
    }

    /// BEP 10: the id is the receiver's.
    private static func encodeExtended(
        _ message: PeerMessage,
        extensions: RemoteExtensions,
        into bytes: inout [UInt8]
    ) -> Bool {
        let id: UInt8?
        let payload: [UInt8]
        switch message {
        case .extendedHandshake(let handshake):
            (id, payload) = (0, ExtendedHandshakeCodec.encode(handshake))
        case .metadata(let part):
            (id, payload) = (extensions.metadata, MetadataCodec.encode(part))
        case .doesNotHave(let index):
            var number: [UInt8] = []
            number.append(bigEndian: index)
            (id, payload) = (extensions.doesNotHave, number)
        case .uploadOnly(let flag):
            (id, payload) = (extensions.uploadOnly, [flag ? 1 : 0])
        case .intent(let intent):
            (id, payload) = (extensions.intent, ImportIntentCodec.encode(intent))
        case .uplink(let report):
            (id, payload) = (extensions.uplink, UplinkReportCodec.encode(report))
        default: return false
        }
        guard let id else { return false }
        start(PeerMessageID.extended, payload: 1 + payload.count, &bytes)
        bytes.append(id)
        bytes.append(contentsOf: payload)
        return true
    }

    private static func start(_ id: UInt8, payload: Int, _ bytes: inout [UInt8]) {
        bytes.append(bigEndian: UInt32(1 + payload))
        bytes.append(id)
    }

    private static func append(_ id: UInt8, _ index: UInt32, _ bytes: inout [UInt8]) {
        start(id, payload: 4, &bytes)
        bytes.append(bigEndian: index)
    }

    private static func append(_ id: UInt8, _ block: RawBlock, _ bytes: inout [UInt8]) {
        start(id, payload: 12, &bytes)
        bytes.append(bigEndian: block.piece)
        bytes.append(bigEndian: block.begin)
        bytes.append(bigEndian: block.length)
    }

    private static func append(
        _ id: UInt8,
        _ range: HashRange,
        _ hashes: [Digest],
        _ bytes: inout [UInt8]
    ) {
        start(id, payload: hashRangeLength - 1 + hashes.count * Digest.byteCount, &bytes)
        bytes.append(range.root)
        bytes.append(bigEndian: range.baseLayer)
        bytes.append(bigEndian: range.index)
        bytes.append(bigEndian: range.length)
        bytes.append(bigEndian: range.proofLayers)
        for hash in hashes { bytes.append(hash) }
    }
}
