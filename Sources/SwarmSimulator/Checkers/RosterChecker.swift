import SwarmCore
import SwarmModel

/// When processes died that the tracker may still show.
struct RosterState {
    private(set) var deaths: [Instant] = []
    mutating func died(at now: Instant) { deaths.append(now) }
    mutating func forget(before: Instant) { deaths.removeAll { $0 < before } }
}

/// The tracker shows those that live and, for its grace of two and a half intervals, those that
/// died: no more.
extension Simulation {
    mutating func checkTracker() {
        checks.now = now
        let lifetime = tracker.registry.settings.lifetime
        // A sweep comes at most a second late, an announce may have been on its way.
        let grace = lifetime + .seconds(2) + scenario.trackerLatency
        checks.roster.forget(before: now + .zero - grace)
        let alive = nodes.count { $0.isAlive }
        let limit = alive + checks.roster.deaths.count
        if tracker.registry.peerCount > limit {
            checks.fail(
                .safety,
                "roster",
                nil,
                "the tracker shows \(tracker.registry.peerCount) peers, and only \(limit) live "
                    + "or have died within \(grace)"
            )
        }
    }
}

extension Instant {
    static func - (instant: Instant, duration: Duration) -> Instant {
        Instant(nanoseconds: instant.nanoseconds &- duration.nanoseconds)
    }
}
