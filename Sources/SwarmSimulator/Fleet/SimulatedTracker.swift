import OrderedCollections
import SwarmCore
import SwarmModel

/// The tracker: the real fleet, its database, and the desks where hosts wait, as in `FleetDriver`
/// and `SyncDesks`.
struct SimulatedTracker {
    var store = FleetStore()
    /// Nil while it is away.
    var fleet: Fleet?
    var life = 0
    var counter = 0
    var desks: OrderedDictionary<Int, Desk> = [:]
    /// It is killed between the next transaction and the telling.
    var diesAtCommit = false
    var kills: [Instant] = []
    var lastToken = 0
    /// When it heard of each host last.
    var heardAt: OrderedDictionary<Int, Instant> = [:]

    struct Desk {
        var state: DesiredState
        var waiting: Waiting?
    }

    struct Waiting {
        var token: Int
        var exchange: Int
        var life: Int
    }

    static let tick = Duration.milliseconds(500)

    var rollout: Rollout? {
        store.channels[RolloutSimulation.channel]?.rollout.flatMap { store.rollouts[$0] }
    }
}

extension RolloutSimulation {
    // MARK: Life

    mutating func startTracker() {
        guard tracker.fleet == nil else { return }
        tracker.life += 1
        tracker.counter = 0
        tracker.desks = [:]
        tracker.diesAtCommit = false
        let epoch = tracker.store.epoch
        tracker.fleet = tracker.store.open(
            takesEpoch: mutation != .keepEpoch,
            settings: FleetSettings(),
            at: now
        )
        checks.epochTaken(tracker.fleet!.epoch, after: epoch)
        agenda.add(.trackerTick(life: tracker.life), at: now + SimulatedTracker.tick)
    }

    /// At once, or as soon as it has written something down and told nobody.
    mutating func killTracker() {
        guard tracker.fleet != nil, !isAfterFaults else { return }
        if chance(percent: 50) {
            tracker.diesAtCommit = true
        } else {
            tracker.die(at: now)
            dieTracker()
        }
    }

    private mutating func dieTracker() {
        checks.see("tracker killed")
        // Connections break: who waits hears of it.
        for (host, desk) in tracker.desks {
            guard let waiting = desk.waiting else { continue }
            answer(nil, waiting.exchange, host, waiting.life)
        }
        tracker.desks = [:]
        agenda.add(.trackerStart, at: after(trial.trackerAway))
    }

    mutating func trackerTick() {
        agenda.add(.trackerTick(life: tracker.life), at: now + SimulatedTracker.tick)
        if mutation == .deafTracker { return }
        turn { [now] fleet, actions in fleet.tick(at: now, into: &actions) }
        guard let fleet = tracker.fleet else { return }
        for rollout in fleet.seeding {
            // The publisher, and whoever holds it whole.
            let complete = hosts.count { host in
                host.held.values.contains {
                    $0.infoHash == rollout.target.infoHash && $0.pieces == SimulatedHost.pieceCount
                }
            }
            turn { [now] fleet, actions in
                fleet.seedingChanged(
                    rollout: rollout.id,
                    channel: rollout.channel,
                    holders: complete + 1,
                    hasOrigin: false,
                    at: now,
                    into: &actions
                )
            }
        }
    }

    // MARK: Turns

    /// Runs an event through the fleet, writes down what it says, and then tells.
    mutating func turn(
        _ body: (inout Fleet, inout [FleetAction]) throws(FleetRefusal) -> Void
    ) throws(FleetRefusal) {
        guard tracker.fleet != nil else { return }
        var actions: [FleetAction] = []
        try body(&tracker.fleet!, &actions)
        fingerprint.fold(UInt64(actions.count) << 8 | 1)
        var isDurable = false
        for action in actions {
            tracker.store.save(action)
            switch action {
            case .saveCommand, .saveRollout: isDurable = true
            default: break
            }
        }
        check(actions)
        if tracker.diesAtCommit, isDurable {
            tracker.die(at: now)
            dieTracker()
            return
        }
        for case .desire(let name) in actions { publish(name) }
    }

    /// One that is never refused.
    private mutating func turn(_ body: (inout Fleet, inout [FleetAction]) -> Void) {
        do throws(FleetRefusal) {
            try turn { (fleet, actions) throws(FleetRefusal) in body(&fleet, &actions) }
        } catch {
            checks.fail(.safety, "refusal", nil, error.message)
        }
    }

    private mutating func publish(_ name: HostName) {
        guard let host = indexes[name], let fleet = tracker.fleet else { return }
        let models = fleet.desired(of: name)
        if tracker.desks[host]?.state.models == models { return }
        tracker.counter += 1
        let state = DesiredState(
            generation: fleet.epoch << 32 | tracker.counter,
            models: models
        )
        tracker.desks[host, default: .init(state: state)].state = state
        if mutation == .deafDesks { return }
        sendHome(host)
    }

    private mutating func sendHome(_ host: Int) {
        guard let desk = tracker.desks[host], let waiting = desk.waiting else { return }
        tracker.desks[host]!.waiting = nil
        answer(desk.state, waiting.exchange, host, waiting.life)
    }

    // MARK: Requests

    mutating func requestArrived(
        _ report: HostReport,
        _ exchange: Int,
        _ host: Int,
        _ life: Int
    ) {
        guard tracker.fleet != nil else { return answer(nil, exchange, host, life) }
        hear(host)
        let trackerLife = tracker.life
        do throws(FleetRefusal) {
            try turn { [now] (fleet, actions) throws(FleetRefusal) in
                try fleet.reported(report, at: now, into: &actions)
                actions.append(.desire(report.host))
            }
        } catch {
            checks.fail(.safety, "refusal", host, error.message)
        }
        guard tracker.fleet != nil, tracker.life == trackerLife else {
            return answer(nil, exchange, host, life)
        }
        let state = tracker.desks[host]?.state ?? .nothing
        sendHome(host)
        guard state.generation == report.generation else {
            return answer(state, exchange, host, life)
        }
        tracker.lastToken += 1
        tracker.desks[host, default: .init(state: state)].waiting = .init(
            token: tracker.lastToken,
            exchange: exchange,
            life: life
        )
        agenda.add(
            .deskTimeout(token: tracker.lastToken, host: host, life: tracker.life),
            at: now + SimulatedHost.wait
        )
    }

    mutating func deskTimeout(_ token: Int, _ host: Int) {
        guard tracker.desks[host]?.waiting?.token == token else { return }
        sendHome(host)
    }

    private mutating func hear(_ host: Int) {
        if let last = tracker.heardAt[host], last + FleetSettings().deadAfter <= now {
            checks.returned(host)
        }
        tracker.heardAt[host] = now
    }
}

extension SimulatedTracker {
    fileprivate mutating func die(at now: Instant) {
        fleet = nil
        life += 1
        kills.append(now)
        diesAtCommit = false
    }
}
