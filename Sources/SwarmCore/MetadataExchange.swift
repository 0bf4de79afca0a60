package import SwarmModel

/// Fetches the `info` dictionary from peers (BEP 9), whole from one peer at a time, so that wrong
/// bytes have one sender.
///
/// States: *searching* (no source) → *fetching* (some parts asked of the source) → *checking* (all
/// parts here) → *searching* again when the hash does not match, else done and dropped by the
/// owner.
package struct MetadataExchange: Sendable {
    /// Bytes of one part (BEP 9).
    package static let partLength = 16384
    /// How often one connection may ask for the whole: a short request brings a long answer.
    package static let servesMax = 4

    package private(set) var source: ConnectionID?
    package private(set) var size = 0
    private var arrived: Bitfield = Bitfield(count: 0)
    private var requested: Bitfield = Bitfield(count: 0)
    private var answerDue: Instant?
    private var isChecking = false
    /// Peers that rejected or timed out, and until when they are left alone.
    private var refusing: [(peer: ConnectionID, until: Instant)] = []
    private let settings: SwarmSettings

    package init(settings: SwarmSettings) { self.settings = settings }

    package var deadline: Instant? { answerDue }

    /// Takes a peer as the source when there is none. True when it was taken.
    package mutating func adopt(_ peer: ConnectionID, size: Int?, at now: Instant) -> Bool {
        guard source == nil, !isChecking, let size, (1...settings.metadataLengthMax).contains(size),
            !refusing.contains(where: { $0.peer == peer && $0.until > now })
        else { return false }
        source = peer
        self.size = size
        let parts = (size + Self.partLength - 1) / Self.partLength
        arrived = Bitfield(count: parts)
        requested = Bitfield(count: parts)
        answerDue = now + settings.metadataTimeout
        return true
    }

    /// Parts to ask the source for now.
    package mutating func nextRequests() -> [UInt32] {
        guard source != nil else { return [] }
        var parts: [UInt32] = []
        for part in 0..<requested.count
        where requested.population - arrived.population < settings.metadataRequestsMax {
            if requested.insert(bit: part) { parts.append(UInt32(part)) }
        }
        return parts
    }

    package enum Arrival: Hashable, Sendable { case ignored, partial, complete }

    package mutating func arrived(
        part: UInt32,
        totalSize: UInt32,
        from peer: ConnectionID,
        at now: Instant
    ) -> Arrival {
        guard peer == source, totalSize == size, part < arrived.count,
            requested[bit: Int(part)], arrived.insert(bit: Int(part))
        else { return .ignored }
        answerDue = now + settings.metadataTimeout
        guard arrived.isFull else { return .partial }
        isChecking = true
        answerDue = nil
        return .complete
    }

    /// The hash did not match. Returns the peer that sent the bytes.
    package mutating func refuted(at now: Instant) -> ConnectionID? {
        defer { drop(at: now) }
        return source
    }

    /// A reject. When all parts are here it comes too late to matter.
    package mutating func rejected(by peer: ConnectionID, at now: Instant) {
        if peer == source, !isChecking { drop(at: now) }
    }

    package mutating func peerLeft(_ peer: ConnectionID, at now: Instant) {
        if peer == source, !isChecking { drop(at: now) }
        refusing.removeAll { $0.peer == peer }
    }

    /// True when the source had answered nothing for too long and was dropped.
    package mutating func expire(at now: Instant) -> Bool {
        refusing.removeAll { $0.until <= now }
        guard let answerDue, answerDue <= now else { return false }
        drop(at: now)
        return true
    }

    private mutating func drop(at now: Instant) {
        if let source { refusing.append((source, now + settings.metadataTimeout * 3)) }
        source = nil
        isChecking = false
        answerDue = nil
    }
}
