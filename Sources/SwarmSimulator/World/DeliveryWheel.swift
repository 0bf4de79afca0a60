import SwarmModel

/// What arrives soon, in buckets of one step each: haves come by the million, and a bucket costs
/// one entry of the agenda however many are in it. Arrival is rounded up to the step. Without a
/// step nothing goes in, and everything has its own time.
struct DeliveryWheel {
    private static let bucketCount: Int64 = 2048
    private let step: Int64
    private var buckets: [[Delivery]] = []
    private var spare: [Delivery] = []

    init(step: Duration?) {
        self.step = step?.nanoseconds ?? 0
        if step != nil { buckets = Array(repeating: [], count: Int(Self.bucketCount)) }
    }

    enum Placement {
        /// Too far ahead, or there is no wheel: for the agenda itself.
        case refused
        case added
        /// The first of its bucket, which is due then.
        case opened(bucket: Int, at: Instant)
    }

    /// When something that is due then is taken in: at the end of a step, and of a later one than
    /// this.
    func step(of time: Instant, now: Instant) -> Instant {
        step > 0 ? Instant(nanoseconds: number(time, now) * step) : time
    }

    private func number(_ time: Instant, _ now: Instant) -> Int64 {
        max(now.nanoseconds / step + 1, (time.nanoseconds + step - 1) / step)
    }

    mutating func add(_ delivery: Delivery, at: Instant, now: Instant) -> Placement {
        guard step > 0 else { return .refused }
        let number = number(at, now)
        guard number - now.nanoseconds / step < Self.bucketCount else { return .refused }
        let bucket = Int(number % Self.bucketCount)
        buckets[bucket].append(delivery)
        guard buckets[bucket].count == 1 else { return .added }
        return .opened(bucket: bucket, at: Instant(nanoseconds: number * step))
    }

    /// Takes a bucket's packets; give the array back with ``recycle(_:)``.
    mutating func take(_ bucket: Int) -> [Delivery] {
        var taken: [Delivery] = []
        swap(&taken, &spare)
        swap(&taken, &buckets[bucket])
        return taken
    }

    mutating func recycle(_ taken: consuming [Delivery]) {
        taken.removeAll(keepingCapacity: true)
        spare = taken
    }
}
