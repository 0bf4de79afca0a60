/// A point on the monotonic clock: nanoseconds since an origin that only its process knows. It
/// comes into the core as an argument; the core has no clock.
@usableFromInline package struct Instant: Hashable, Sendable, Comparable {
    @usableFromInline package var nanoseconds: Int64

    @inlinable
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    package static let origin = Instant(nanoseconds: 0)

    // All of them, and inlinable: those that follow from `<` are generic, and deadlines are
    // compared at every event.

    @inlinable
    package static func == (a: Self, b: Self) -> Bool { a.nanoseconds == b.nanoseconds }
    @inlinable
    package static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }
    @inlinable
    package static func <= (a: Self, b: Self) -> Bool { a.nanoseconds <= b.nanoseconds }
    @inlinable
    package static func > (a: Self, b: Self) -> Bool { a.nanoseconds > b.nanoseconds }
    @inlinable
    package static func >= (a: Self, b: Self) -> Bool { a.nanoseconds >= b.nanoseconds }

    package static func + (instant: Instant, duration: Duration) -> Instant {
        Instant(nanoseconds: instant.nanoseconds &+ duration.nanoseconds)
    }

    package static func - (later: Instant, earlier: Instant) -> Duration {
        .nanoseconds(later.nanoseconds - earlier.nanoseconds)
    }
}

extension Duration {
    /// Whole nanoseconds, clamped to ±292 years.
    package var nanoseconds: Int64 {
        let whole = attoseconds
        // Below 18 s, which is nearly always, without a division of 128 bits.
        if whole >> 64 == 0 {
            return Int64(UInt64(truncatingIfNeeded: whole) / 1_000_000_000)
        }
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, overflowed) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflowed ? (seconds < 0 ? .min : .max) : sum
    }

    /// Seconds as a floating-point number, for rates and reports.
    package var inSeconds: Double { Double(nanoseconds) / 1e9 }
}

/// The earlier of two deadlines, where nil means never.
@inlinable
package func earlier(_ a: Instant?, _ b: Instant?) -> Instant? {
    guard let a else { return b }
    guard let b else { return a }
    return min(a, b)
}
