internal import SwarmModel

extension TrackerRegistry {
    /// How many members have come to a swarm lately: in the current window and the one before.
    struct Growth: Hashable, Sendable {
        static let window = Duration.seconds(2)

        private var began: Instant?
        private var current = 0
        private var last = 0

        mutating func joined(at now: Instant) {
            roll(to: now)
            current += 1
        }

        /// Within one to two windows.
        mutating func recentJoins(at now: Instant) -> Int {
            roll(to: now)
            return current + last
        }

        private mutating func roll(to now: Instant) {
            let age = began.map { now - $0 } ?? Self.window * 2
            guard age >= Self.window else { return }
            last = age < Self.window * 2 ? current : 0
            current = 0
            began = now
        }
    }
}
