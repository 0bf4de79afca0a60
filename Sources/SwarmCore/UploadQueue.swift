import DequeModule
package import SwarmModel

/// What one peer has asked of us: a bounded queue, of which as many bytes are with the transport as
/// the credit allows, so that a cancel still finds the rest here and a slow reader costs bounded
/// memory.
package struct UploadQueue: Hashable, Sendable {
    private var waiting: Deque<ServedRange> = []
    private var inTransport: Deque<ServedRange> = []
    private var inTransportBytes = 0
    package private(set) var sentBytes = 0
    /// When the transport last wrote a block out, or got the first one.
    package private(set) var progressAt: Instant?

    package init() {}

    package var isEmpty: Bool { waiting.isEmpty && inTransport.isEmpty }
    package var isInTransport: Bool { !inTransport.isEmpty }
    package var isWaiting: Bool { !waiting.isEmpty }
    /// Since when something waits and nothing is with the transport.
    package private(set) var waitsSince: Instant?
    package var count: Int { waiting.count + inTransport.count }
    /// The piece that it waits for.
    package var next: PieceIndex? { waiting.first?.piece }

    /// False when the queue is full.
    package mutating func append(_ range: ServedRange, lengthMax: Int, at now: Instant) -> Bool {
        guard count < lengthMax else { return false }
        if isEmpty { waitsSince = now }
        waiting.append(range)
        return true
    }

    /// The next range for the transport, when there is credit.
    package mutating func next(credit: Int, at now: Instant) -> ServedRange? {
        guard let range = waiting.first,
            inTransport.isEmpty || inTransportBytes + range.length <= credit
        else { return nil }
        waiting.removeFirst()
        if inTransport.isEmpty { progressAt = now }
        waitsSince = nil
        inTransport.append(range)
        inTransportBytes += range.length
        return range
    }

    /// The transport wrote it out, or could not read it.
    package mutating func finished(_ raw: RawBlock, wasSent: Bool, at now: Instant) {
        guard let index = inTransport.firstIndex(where: { $0.raw == raw }) else { return }
        let range = inTransport.remove(at: index)
        inTransportBytes -= range.length
        if wasSent { sentBytes += range.length }
        progressAt = inTransport.isEmpty ? nil : now
        if inTransport.isEmpty, !waiting.isEmpty { waitsSince = now }
    }

    /// True when it was still waiting: it must be rejected then (BEP 6).
    package mutating func cancel(_ raw: RawBlock) -> Bool {
        guard let index = waiting.firstIndex(where: { $0.raw == raw }) else { return false }
        waiting.remove(at: index)
        return true
    }

    /// Requests for pieces that are no longer here; the caller rejects them.
    package mutating func dropWaiting(for pieces: [PieceIndex]) -> [ServedRange] {
        defer { waiting.removeAll { pieces.contains($0.piece) } }
        return waiting.filter { pieces.contains($0.piece) }
    }

    /// On a choke all waiting requests are dropped; the caller rejects them (BEP 6).
    package mutating func dropWaiting() -> [ServedRange] {
        defer { waiting.removeAll() }
        return Array(waiting)
    }
}
