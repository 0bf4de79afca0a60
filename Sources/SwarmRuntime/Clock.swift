package import NIOCore
package import SwarmModel

/// The process's monotonic clock, the same one by which event loops schedule. The core has no
/// clock: a driver reads this one and hands the ``Instant`` in.
package struct MonotonicClock: Sendable {
    package init() {}

    package var now: Instant { Instant(NIODeadline.now()) }
}

extension Instant {
    package init(_ deadline: NIODeadline) {
        self.init(nanoseconds: Int64(clamping: deadline.uptimeNanoseconds))
    }
}

extension NIODeadline {
    /// When an event loop has to wake for something that is due at `instant`.
    package init(_ instant: Instant) {
        self = .uptimeNanoseconds(UInt64(clamping: instant.nanoseconds))
    }
}
