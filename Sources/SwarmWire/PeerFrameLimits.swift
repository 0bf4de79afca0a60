package import SwarmModel

/// The ids of messages on the wire (BEP 3, 6, 10, 52).
package enum PeerMessageID {
    package static let choke: UInt8 = 0
    package static let unchoke: UInt8 = 1
    package static let interested: UInt8 = 2
    package static let notInterested: UInt8 = 3
    package static let have: UInt8 = 4
    package static let bitfield: UInt8 = 5
    package static let request: UInt8 = 6
    package static let piece: UInt8 = 7
    package static let cancel: UInt8 = 8
    package static let suggest: UInt8 = 13
    package static let haveAll: UInt8 = 14
    package static let haveNone: UInt8 = 15
    package static let reject: UInt8 = 16
    package static let allowedFast: UInt8 = 17
    package static let extended: UInt8 = 20
    package static let hashRequest: UInt8 = 21
    package static let hashes: UInt8 = 22
    package static let hashReject: UInt8 = 23
}

/// The ids under which the other end takes extension messages; nil for one that it does not take.
package struct RemoteExtensions: Hashable, Sendable {
    package var metadata: UInt8?
    package var doesNotHave: UInt8?
    package var uploadOnly: UInt8?
    package var intent: UInt8?
    package var uplink: UInt8?

    package static let none = RemoteExtensions()

    package init(
        metadata: UInt8? = nil,
        doesNotHave: UInt8? = nil,
        uploadOnly: UInt8? = nil,
        intent: UInt8? = nil,
        uplink: UInt8? = nil
    ) {
        self.metadata = metadata
        self.doesNotHave = doesNotHave
        self.uploadOnly = uploadOnly
        self.intent = intent
        self.uplink = uplink
    }

    package init(_ handshake: ExtendedHandshake) {
        self.init()
        update(with: handshake)
    }

    /// BEP 10: a later handshake changes the ids that it names; 0 withdraws one.
    package mutating func update(with handshake: ExtendedHandshake) {
        func updated(_ old: UInt8?, _ new: UInt8?) -> UInt8? {
            guard let new else { return old }
            return new == 0 ? nil : new
        }
        metadata = updated(metadata, handshake.metadataID)
        doesNotHave = updated(doesNotHave, handshake.doesNotHaveID)
        uploadOnly = updated(uploadOnly, handshake.uploadOnlyID)
        intent = updated(intent, handshake.intentID)
        uplink = updated(uplink, handshake.uplinkID)
    }
}

extension PeerFrameCodec {
    /// Bytes of a handshake (BEP 3).
    package static let handshakeLength = 68
    /// Bytes of a `piece` frame before its payload: id, piece, begin.
    package static let pieceHeadLength = 9
    /// Most payload of one `piece` frame: the largest request that we make (`shoal_maxreq`).
    package static let payloadLengthMax = 1 << 20
    /// Most hashes in one `hashes` frame: libtorrent asks for at most 8192; the rest is room for
    /// proofs.
    package static let hashCountMax = 8192 + 64
    /// Bytes of a hash request, and of a `hashes` frame before its hashes (BEP 52).
    package static let hashRangeLength = 49
    package static let hashesFrameLengthMax = hashRangeLength + hashCountMax * Digest.byteCount
    package static let bitfieldFrameLengthMax = 1 + PieceGeometry.pieceCountMax / 8
    /// Longest extended frame, id bytes included. Ours need little more than a metadata piece of 16
    /// KiB.
    package static let extendedFrameLengthMax = 64 << 10
    /// Longest frame with an id that we do not know. It is read and dropped.
    package static let unknownFrameLengthMax = 64 << 10
    /// Longest frame other than `piece`: what a receive buffer must hold.
    package static let controlFrameLengthMax = max(
        bitfieldFrameLengthMax,
        hashesFrameLengthMax,
        extendedFrameLengthMax
    )

    /// Longest frame with this id, the id included and the length prefix not.
    package static func frameLengthMax(id: UInt8) -> Int {
        if let length = fixedLength(id: id) { return length }
        return switch id {
        case PeerMessageID.piece: pieceHeadLength + payloadLengthMax
        case PeerMessageID.bitfield: bitfieldFrameLengthMax
        case PeerMessageID.hashes: hashesFrameLengthMax
        case PeerMessageID.extended: extendedFrameLengthMax
        default: unknownFrameLengthMax
        }
    }

    /// The length of a frame whose id gives it.
    static func fixedLength(id: UInt8) -> Int? {
        switch id {
        case PeerMessageID.choke, PeerMessageID.unchoke, PeerMessageID.interested,
            PeerMessageID.notInterested, PeerMessageID.haveAll, PeerMessageID.haveNone:
            1
        case PeerMessageID.have, PeerMessageID.suggest, PeerMessageID.allowedFast: 5
        case PeerMessageID.request, PeerMessageID.cancel, PeerMessageID.reject: 13
        case PeerMessageID.hashRequest, PeerMessageID.hashReject: hashRangeLength
        default: nil
        }
    }

    /// Checks a frame by its length prefix and id, before anything else of it is read or room is
    /// made.
    package static func check(id: UInt8, frameLength length: Int) throws(PeerWireError) {
        if let expected = fixedLength(id: id) {
            guard length == expected else {
                throw .frameLength(id: id, length: length, expected: expected)
            }
            return
        }
        let limit = frameLengthMax(id: id)
        guard length <= limit else { throw .frameTooLong(id: id, length: length, limit: limit) }
    }
}
