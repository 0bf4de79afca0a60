internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime
internal import Synchronization

/// What metrics say of the fleet, as it was after the last change.
final class FleetGauges: Sendable {
    struct Numbers: Sendable {
        var hosts = 0
        var dead = 0
        var channels = 0
        var epoch = 0
        /// Rollouts that are the newest of their channel, by phase; paused ones apart.
        var phases: [String: Int] = [:]
        /// By channel: of its hosts, and the wave that its newest rollout is at, from 1.
        var channelHosts: [(channel: String, hosts: HostCounts)] = []
        var waves: [(channel: String, wave: Int)] = []
        /// Why the database could not be written last; nil when it can.
        var failure: String?
    }

    let numbers = Locked(Numbers())
    let reports = Atomic<Int>(0)
    let refusedReports = Atomic<Int>(0)
    let commits = Atomic<Int>(0)

    func update(_ fleet: Fleet) {
        var next = Numbers()
        next.hosts = fleet.hostCount
        next.dead = fleet.deadCount
        next.channels = fleet.channelCount
        next.epoch = fleet.epoch
        next.channelHosts = fleet.channelViews.map { ($0.channel.name, $0.hosts) }
        for rollout in fleet.newestRollouts {
            next.waves.append((rollout.channel, rollout.wave + 1))
            let isHeld = rollout.pause != nil && !rollout.isReturn
            next.phases[isHeld ? "paused" : rollout.phase.rawValue, default: 0] += 1
        }
        numbers.withLock { [next] in $0 = next }
    }

    func noteCommit() { commits.add(1) }
    func noteFailure(_ message: String?) { numbers.withLock { $0.failure = message } }

    var failure: String? { numbers.withLock { $0.failure } }
}
