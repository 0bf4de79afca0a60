import SwarmModel
import SwarmWire

/// What was asked of a connection and not yet taken up by its event loop. Guarded by a lock,
/// because any thread may ask.
///
/// Invariant: `isWakeScheduled` while anything waits, so that many calls cost one wake-up of the
/// loop.
struct Outbox: Sendable {
    enum Item: Sendable {
        case messages([PeerMessage], cost: Int)
        case block(ServedRange, cost: Int)
        case extensions(ExtendedHandshake)
    }

    /// What the loop takes up in one go.
    struct Batch: Sendable {
        var items: [Item] = []
        /// Events that the driver has processed.
        var acknowledged = 0
        var closeReason: CloseReason?
    }

    private let unsentBytesMax: Int
    private var waiting = Batch()
    private var isWakeScheduled = false
    private var isClosed = false
    private var isFinished = false
    /// Bytes accepted, here and on the loop, that the kernel does not have yet.
    private(set) var unsentBytes = 0

    init(unsentBytesMax: Int) { self.unsentBytesMax = unsentBytesMax }

    /// True when the caller has to wake the loop.
    mutating func append(_ item: Item, cost: Int) -> Bool {
        guard !isClosed else { return false }
        guard unsentBytes + cost <= unsentBytesMax else { return close(.tooManyUnsent) }
        unsentBytes += cost
        waiting.items.append(item)
        return needsWake()
    }

    mutating func acknowledge(_ eventCount: Int) -> Bool {
        guard !isClosed else { return false }
        waiting.acknowledged += eventCount
        return needsWake()
    }

    /// The first reason stands; nothing is accepted after it.
    mutating func close(_ reason: CloseReason) -> Bool {
        guard !isClosed else { return false }
        isClosed = true
        waiting.closeReason = reason
        waiting.items = []
        return needsWake()
    }

    mutating func takeUp() -> Batch {
        isWakeScheduled = false
        defer { waiting = Batch() }
        return waiting
    }

    /// Returns by how much fewer bytes are unsent: none once the account is closed.
    mutating func sent(_ cost: Int) -> Int {
        guard !isFinished else { return 0 }
        unsentBytes -= cost
        return cost
    }

    /// The connection is gone. Returns what was never sent.
    mutating func finish() -> Int {
        isClosed = true
        isFinished = true
        waiting = Batch()
        defer { unsentBytes = 0 }
        return unsentBytes
    }

    private mutating func needsWake() -> Bool {
        defer { isWakeScheduled = true }
        return !isWakeScheduled
    }
}

extension PeerMessage {
    /// Roughly the bytes of the message on the wire, never much less: what it costs while unsent.
    var sendingCost: Int {
        switch self {
        case .bitfield(let bytes): 16 + bytes.count
        case .hashes(_, let digests): 64 + digests.count * Digest.byteCount
        case .metadata(.data(_, _, let bytes)): 128 + bytes.count
        case .extendedHandshake: 1024
        case .hashRequest, .hashReject, .metadata: 64
        default: 17
        }
    }
}

extension ServedRange {
    /// The bytes of its `piece` message: length prefix, id, index, begin, payload.
    var sendingCost: Int { Self.frameHeaderLength + payloadLength }
    var payloadLength: Int { length + padding }
    /// Length prefix, id, piece, begin.
    static let frameHeaderLength = 4 + PeerFrameCodec.pieceHeadLength
}
