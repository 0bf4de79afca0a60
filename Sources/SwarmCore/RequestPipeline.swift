import DequeModule
package import SwarmModel

/// What one peer was asked for and has not sent: keeps enough bytes on the way to fill the path,
/// and no more. Depth follows twice the bandwidth-delay product, and at least
/// ``SwarmSettings/pipelineWindow`` of transfer, because a source serves several peers in turn.
package struct RequestPipeline: Sendable {
    package struct Request: Hashable, Sendable {
        package var range: BlockRange
        package var sentAt: Instant
    }

    private(set) var requests: Deque<Request> = []
    package private(set) var outstandingBytes = 0
    /// Ranges given up that the peer may still send (fast extension: it answers each with a block
    /// or a reject). Bounded: the oldest are forgotten.
    private var givenUp: Deque<BlockRange> = []
    private static let givenUpMax = 1024

    private var rate: TransferRate
    private var roundTrip: Duration?
    /// When a block last arrived, or the first request was sent to an idle peer.
    package private(set) var progressAt: Instant
    package private(set) var isSnubbed = false
    /// When the peer last said that the requests wait for their turn.
    private var queuedAt: Instant?
    /// How often it was snubbed, and when last.
    private var snubCount = 0
    private var snubbedAt: Instant?
    /// Snubbed so often, with less than the time between, it counts as snubbed until it is not for
    /// that time: a peer that sends a block a minute must not be waited for.
    private static let snubsMax = 3
    private static let snubMemory = Duration.seconds(120)

    package init(at now: Instant) {
        rate = TransferRate(at: now)
        progressAt = now
    }

    package var isEmpty: Bool { requests.isEmpty }
    func isAsked(for piece: PieceIndex) -> Bool {
        outstandingBytes > 0 && requests.contains { $0.range.piece == piece }
    }
    /// A block may be on its way: one that is waited for, or one that was given up.
    package var mayStillSend: Bool { !requests.isEmpty || !givenUp.isEmpty }
    package func bytesPerSecond(at now: Instant) -> Double { rate.bytesPerSecond(at: now) }

    /// How many bytes should be outstanding.
    package func depth(_ limits: RequestLimits, unit: Int, rate: Double) -> Int {
        if isSnubbed { return unit }
        let roundTrip = roundTrip ?? .zero
        let window = max(limits.pipelineWindow, roundTrip + roundTrip)
        if rate == 0 { return min(limits.outstandingBytesMin, limits.outstandingBytesMax) }
        let wanted = Int(rate * window.inSeconds)
        return min(max(wanted, limits.outstandingBytesMin), limits.outstandingBytesMax)
    }

    package mutating func sent(_ range: BlockRange, at now: Instant) {
        if requests.isEmpty { progressAt = now }
        requests.append(Request(range: range, sentAt: now))
        outstandingBytes += range.length
    }

    package enum Arrival: Hashable, Sendable {
        case expected
        /// Given up before; too late, but not wrong.
        case late
        case unsolicited
    }

    package mutating func arrived(_ range: BlockRange, at now: Instant) -> Arrival {
        rate.add(range.length, at: now)
        progressAt = now
        isSnubbed = false
        if let last = snubbedAt, now - last >= Self.snubMemory { snubCount = 0 }
        if let request = remove(range) {
            let elapsed = now - request.sentAt
            roundTrip = min(roundTrip ?? elapsed, elapsed)
            return .expected
        }
        guard let index = givenUp.firstIndex(of: range) else { return .unsolicited }
        givenUp.remove(at: index)
        return .late
    }

    /// The peer refuses; true when it was asked. After a cancel and a second request of the same
    /// range the first reject answers the cancel (BEP 6: each request has one answer, in order).
    package mutating func rejected(_ range: BlockRange) -> Bool {
        if let index = givenUp.firstIndex(of: range) {
            givenUp.remove(at: index)
            return false
        }
        return remove(range) != nil
    }

    /// Stops waiting for a range; true when it was outstanding.
    package mutating func giveUp(_ range: BlockRange) -> Bool {
        guard remove(range) != nil else { return false }
        remember(range)
        return true
    }

    /// Stops waiting for all; they may still come.
    package mutating func giveUpAll() -> [BlockRange] {
        let ranges = requests.map(\.range)
        requests.removeAll()
        outstandingBytes = 0
        for range in ranges { remember(range) }
        return ranges
    }

    /// It is silent, or is so again and again.
    package var isUnreliable: Bool { isSnubbed || snubCount >= Self.snubsMax }

    /// The peer says that what was asked of it waits for its turn. False when that is no news: it
    /// said so a moment ago, or is not believed.
    package mutating func queued(at now: Instant) -> Bool {
        if let last = queuedAt, now - last < Self.queuedSpacing { return false }
        guard snubCount < Self.snubsMax else { return false }
        queuedAt = now
        isSnubbed = false
        return true
    }

    /// Notices nearer to each other than this cost time and say nothing: ours are half a second
    /// apart (``SchedulerSettings/queuedNotice``).
    private static let queuedSpacing = Duration.milliseconds(100)

    /// Nothing of what is outstanding has been sent, as the peer said since it last sent something.
    package var isQueued: Bool { queuedAt ?? progressAt > progressAt }

    /// Since when nothing was heard of what is outstanding. Who promises and never delivers is
    /// believed for `queuedMax`.
    package func silentSince(_ queuedMax: Duration) -> Instant {
        guard let queuedAt else { return progressAt }
        return max(progressAt, min(queuedAt, progressAt + queuedMax))
    }

    package mutating func snub(at now: Instant) -> [BlockRange] {
        isSnubbed = true
        snubCount += 1
        snubbedAt = now
        return giveUpAll()
    }

    private mutating func remember(_ range: BlockRange) {
        if givenUp.count >= Self.givenUpMax { givenUp.removeFirst() }
        givenUp.append(range)
    }

    private mutating func remove(_ range: BlockRange) -> Request? {
        // Answers come in the order of the requests, so this looks at the first one nearly always.
        guard let index = requests.firstIndex(where: { $0.range == range }) else { return nil }
        outstandingBytes -= range.length
        return requests.remove(at: index)
    }
}

/// A smoothed transfer rate: bytes counted in slots of a quarter second, averaged over the last two
/// seconds in which anything could have come.
package struct TransferRate: Sendable {
    private static let slotNanoseconds: Int64 = 250_000_000
    private static let slotCount = 8

    private var bytes = InlineArray<8, Int64>(repeating: 0)
    private var start: Instant
    private var current: Int64 = 0

    package init(at now: Instant) { start = now }

    private func slotNumber(at now: Instant) -> Int64 {
        max(0, (now.nanoseconds - start.nanoseconds) / Self.slotNanoseconds)
    }

    package mutating func add(_ count: Int, at now: Instant) {
        let number = slotNumber(at: now)
        if number > current {
            let stale = min(number - current, Int64(Self.slotCount))
            for offset in 1...stale { bytes[Int((current + offset) % Int64(Self.slotCount))] = 0 }
            current = number
        }
        bytes[Int(current % Int64(Self.slotCount))] += Int64(count)
    }

    package func bytesPerSecond(at now: Instant) -> Double {
        let number = slotNumber(at: now)
        let age = number - current
        guard age < Int64(Self.slotCount) else { return 0 }
        var sum: Int64 = 0
        for offset in 0..<(Int64(Self.slotCount) - age) where current - offset >= 0 {
            sum += bytes[Int((current - offset) % Int64(Self.slotCount))]
        }
        let slots = min(number + 1, Int64(Self.slotCount))
        let elapsed = min(now.nanoseconds - start.nanoseconds, slots * Self.slotNanoseconds)
        return Double(sum) / (Double(max(elapsed, Self.slotNanoseconds)) * 1e-9)
    }
}
