/// What the two ends say first (BEP 3): 68 bytes.
package struct Handshake: Hashable, Sendable {
    package var swarm: SwarmID
    package var peer: PeerID
    /// BEP 10, reserved[5] & 0x10.
    package var supportsExtensions: Bool
    /// BEP 6, reserved[7] & 0x04.
    package var supportsFast: Bool

    package init(
        swarm: SwarmID,
        peer: PeerID,
        supportsExtensions: Bool = true,
        supportsFast: Bool = true
    ) {
        self.swarm = swarm
        self.peer = peer
        self.supportsExtensions = supportsExtensions
        self.supportsFast = supportsFast
    }
}

/// A message of the peer wire protocol as a value. Numbers are as they came: nothing about them has
/// been checked against the version. The payload of `piece` is not part of the value.
package enum PeerMessage: Hashable, Sendable {
    case keepAlive
    case choke
    case unchoke
    case interested
    case notInterested
    case have(UInt32)
    /// The payload as it came; its length is checked when the number of pieces is known.
    case bitfield([UInt8])
    case request(RawBlock)
    /// The header of a block whose bytes follow.
    case piece(RawBlock)
    case cancel(RawBlock)
    // BEP 6
    case suggest(UInt32)
    case haveAll
    case haveNone
    case reject(RawBlock)
    case allowedFast(UInt32)
    // BEP 10
    case extendedHandshake(ExtendedHandshake)
    /// ut_metadata (BEP 9).
    case metadata(MetadataMessage)
    /// lt_donthave (BEP 54).
    case doesNotHave(UInt32)
    /// upload_only as a message (BEP 21).
    case uploadOnly(Bool)
    /// shoal_intent.
    case intent(ImportIntent)
    /// shoal_uplink.
    case uplink(UplinkReport)
    // BEP 52
    case hashRequest(HashRange)
    case hashes(HashRange, [Digest])
    case hashReject(HashRange)
    /// A message id or extension that we do not know: skipped.
    case unknown(id: UInt8)
}

/// A peer says that it is about to import pieces over the boundary of a domain, or is not any more
/// (shoal_intent): others in that domain wait for it.
package struct ImportIntent: Hashable, Sendable {
    package var isWithdrawal: Bool
    /// The level of the domain that the pieces enter: 0 is the fleet, from an origin; 1 the cloud,
    /// 2 the region, and so on.
    package var level: UInt8
    /// How long to wait for it, in whole tenths of a second.
    package var lifetime: Duration
    package var pieces: [UInt32]

    /// Most pieces of one message: 4 KiB.
    package static let pieceCountMax = 1024

    package init(isWithdrawal: Bool, level: UInt8, lifetime: Duration, pieces: [UInt32]) {
        self.isWithdrawal = isWithdrawal
        self.level = level
        self.lifetime = lifetime
        self.pieces = pieces
    }
}

/// What a peer says of its own uplink (shoal_uplink): its neighbours compare theirs with it, and
/// rank it last while it is slow.
package struct UplinkReport: Hashable, Sendable {
    /// Measured while more was asked of the peer than it could send.
    package var bytesPerSecond: UInt64
    /// Much less than its neighbours send: others are to import.
    package var isSlow: Bool

    package init(bytesPerSecond: UInt64, isSlow: Bool) {
        self.bytesPerSecond = bytesPerSecond
        self.isSlow = isSlow
    }
}

/// A run of hashes of one layer of one file's Merkle tree (BEP 52, messages 21 to 23). Layer 0 is
/// the leaves.
package struct HashRange: Hashable, Sendable {
    package var root: Digest
    package var baseLayer: UInt32
    package var index: UInt32
    package var length: UInt32
    package var proofLayers: UInt32

    package init(
        root: Digest,
        baseLayer: UInt32,
        index: UInt32,
        length: UInt32,
        proofLayers: UInt32
    ) {
        self.root = root
        self.baseLayer = baseLayer
        self.index = index
        self.length = length
        self.proofLayers = proofLayers
    }
}

/// A ut_metadata message (BEP 9).
package enum MetadataMessage: Hashable, Sendable {
    case request(piece: UInt32)
    /// `totalSize` is the length of the whole `info` dictionary in bytes.
    case data(piece: UInt32, totalSize: UInt32, bytes: [UInt8])
    case reject(piece: UInt32)
}

/// The extended handshake (BEP 10) with the keys that we know. Unknown keys are dropped.
package struct ExtendedHandshake: Hashable, Sendable {
    /// The sender's id for each extension message; nil or 0 when it does not take it.
    package var metadataID: UInt8?
    package var doesNotHaveID: UInt8?
    package var uploadOnlyID: UInt8?
    package var intentID: UInt8?
    package var uplinkID: UInt8?
    /// `v`: the client's name.
    package var client: String?
    /// `p`: the port on which the sender listens.
    package var listenPort: UInt16?
    /// `reqq`: how many requests the sender queues.
    package var requestQueueLength: Int?
    package var metadataSize: Int?
    package var uploadOnly: Bool
    /// `shoal_loc`.
    package var locality: Locality?
    /// `shoal_gen`: the sender's process generation.
    package var generation: UInt64?
    /// `shoal_maxreq`: the longest request that the sender serves and makes, in bytes.
    package var requestLengthMax: Int?

    package init(
        metadataID: UInt8? = nil,
        doesNotHaveID: UInt8? = nil,
        uploadOnlyID: UInt8? = nil,
        intentID: UInt8? = nil,
        uplinkID: UInt8? = nil,
        client: String? = nil,
        listenPort: UInt16? = nil,
        requestQueueLength: Int? = nil,
        metadataSize: Int? = nil,
        uploadOnly: Bool = false,
        locality: Locality? = nil,
        generation: UInt64? = nil,
        requestLengthMax: Int? = nil
    ) {
        self.metadataID = metadataID
        self.doesNotHaveID = doesNotHaveID
        self.uploadOnlyID = uploadOnlyID
        self.intentID = intentID
        self.uplinkID = uplinkID
        self.client = client
        self.listenPort = listenPort
        self.requestQueueLength = requestQueueLength
        self.metadataSize = metadataSize
        self.uploadOnly = uploadOnly
        self.locality = locality
        self.generation = generation
        self.requestLengthMax = requestLengthMax
    }
}

/// The ids under which we take extension messages: what our extended handshake says in `m` (BEP
/// 10).
package enum LocalExtensionID {
    /// ut_metadata (BEP 9).
    package static let metadata: UInt8 = 1
    /// lt_donthave (BEP 54).
    package static let doesNotHave: UInt8 = 2
    /// upload_only (BEP 21).
    package static let uploadOnly: UInt8 = 3
    /// shoal_intent.
    package static let intent: UInt8 = 4
    /// shoal_uplink.
    package static let uplink: UInt8 = 5
}
