import SwarmCore
import SwarmModel

/// The tracker: its machine, and whether anybody answers.
struct TrackerNode {
    var registry: TrackerRegistry
    var leases: OriginLeases
    /// Counts processes.
    private var life: UInt64 = 1
    var random: SeededRandom
    var isDown = false
    var expiryPlannedAt: Instant?
    private let settings: TrackerRegistrySettings

    init(_ scenario: Scenario, random: inout SeededRandom) {
        var settings = TrackerRegistrySettings()
        settings.interval = scenario.trackerInterval
        settings.intervalMin = min(settings.intervalMin, scenario.trackerInterval)
        self.settings = settings
        self.random = random.fork()
        registry = TrackerRegistry(settings: settings, random: &self.random)
        leases = Self.leases(life: 1, at: .origin)
    }

    /// Numbers of leases rise from one process to the next, as the wall clock makes them.
    private static func leases(
        life: UInt64,
        hasPredecessor: Bool = false,
        at now: Instant
    ) -> OriginLeases {
        OriginLeases(
            settings: OriginLeaseSettings(),
            firstNumber: life << 32,
            hasPredecessor: hasPredecessor,
            at: now
        )
    }

    /// The planted bug.
    mutating func forgetLeases() {
        life += 1
        leases = Self.leases(life: life, at: .origin)
    }

    /// A new process with nothing in its memory.
    mutating func restart(at now: Instant) {
        life += 1
        registry = TrackerRegistry(settings: settings, random: &random)
        leases = Self.leases(life: life, hasPredecessor: true, at: now)
        expiryPlannedAt = nil
    }
}

/// Announces, as the driver and the tracker's routes make and answer them.
extension Simulation {
    static let swarm: SwarmID = {
        guard let id = SwarmID(Array(repeating: 7, count: 20)) else {
            preconditionFailure("twenty bytes are a swarm's id")
        }
        return id
    }()

    mutating func pollAnnouncer(_ node: Int) {
        guard nodes[node].isAlive, !nodes[node].host.isStore else { return }
        nodes[node].lookForPeers()
        guard let order = nodes[node].announcer.poll(at: now) else { return }
        let request = announceRequest(order, node)
        let delay = scenario.trackerLatency + .microseconds(500)
        agenda.add(
            .announce(node: Int32(node), life: nodes[node].life, request),
            at: now + delay
        )
    }

    private func announceRequest(_ order: AnnounceOrder, _ node: Int) -> AnnounceRequest {
        let swarm = nodes[node].swarm
        let left = (swarm.picker?.isComplete ?? false) ? 0 : scenario.geometry.totalLength
        return AnnounceRequest(
            swarm: Self.swarm,
            peer: nodes[node].peer,
            port: Self.port,
            uploaded: UInt64(swarm.uploadedBytes),
            downloaded: UInt64(swarm.ledger.received.totalBytes),
            left: UInt64(left),
            event: order.event,
            peersWanted: order.event == .stopped ? 0 : 200,
            key: UInt32(node + 1),
            locality: nodes[node].host.settings.locality,
            generation: UInt64(nodes[node].life),
            uplinkBytesPerSecond: swarm.uplinkBytesPerSecond.map {
                UInt64(max(0, $0)) * UInt64(scenario.scale)
            },
            rosterEpoch: nodes[node].rosterEpoch
        )
    }

    mutating func announced(_ node: Int, _ life: Int32, _ request: AnnounceRequest) {
        guard nodes[node].isAlive, nodes[node].life == life else { return }
        tally.announceCount += 1
        guard !tracker.isDown else {
            mail(.announceFailed, node, after: scenario.trackerLatency + .microseconds(500))
            return
        }
        let response = tracker.registry.announce(
            request,
            from: endpoint(node),
            at: now,
            random: &tracker.random
        )
        checkTracker()
        mail(
            .announceAnswered(response),
            node,
            after: scenario.trackerLatency + .microseconds(500)
        )
        planExpiry()
    }

    private mutating func planExpiry() {
        guard let due = tracker.registry.deadline else { return }
        if let planned = tracker.expiryPlannedAt, planned <= due { return }
        tracker.expiryPlannedAt = due
        agenda.add(.trackerExpires, at: max(now, due))
    }

    mutating func expireTracker() {
        tracker.expiryPlannedAt = nil
        guard options.mutation != .rememberTheDead else { return }
        if let due = tracker.registry.deadline, due <= now { tracker.registry.expire(at: now) }
        planExpiry()
    }

    mutating func announceAnswered(_ response: AnnounceResponse, _ node: Int) {
        for fact in nodes[node].facts(response, isAfterFaults: isAfterFaults) {
            handle(fact, node)
        }
        afterAnnounce(response, node)
    }

    /// Its machine knows what the tracker has said.
    mutating func afterAnnounce(_ response: AnnounceResponse, _ node: Int) {
        nodes[node].announcer.answered(response, at: now)
        pollAnnouncer(node)
        plantTick(node)
    }

    mutating func announceFailed(_ node: Int) {
        nodes[node].announcer.failed(at: now)
        pollAnnouncer(node)
        plantTick(node)
    }
}
