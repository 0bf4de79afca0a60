import OrderedCollections
import SwarmCore
import SwarmModel
import SwarmSimulator

/// A tracker with its store. Two of them may believe that they own the fleet.
struct Controller {
    var store: FleetStore
    var fleet: Fleet
    var gates: [GateRun] = []

    init(store: FleetStore, takesEpoch: Bool = true, at now: Instant) {
        var store = store
        var settings = FleetSettings()
        settings.deadAfter = .seconds(60)
        fleet = store.open(takesEpoch: takesEpoch, settings: settings, at: now)
        self.store = store
    }

    /// Runs an event through the machine, writes down what it says, and returns the actions.
    mutating func turn<R>(
        _ body: (inout Fleet, inout [FleetAction]) throws -> R
    ) rethrows -> (result: R, actions: [FleetAction]) {
        var actions: [FleetAction] = []
        let result = try body(&fleet, &actions)
        for action in actions {
            store.save(action)
            if case .runGate(let run, _) = action { gates.append(run) }
        }
        return (result, actions)
    }
}

/// Hosts, one or two trackers, and what goes wrong between them, in virtual time and from one seed.
struct FleetWorld {
    static let model: ModelName = {
        guard let name = try? ModelName("acme/llama") else { preconditionFailure("a bad name") }
        return name
    }()
    static let channel = "prod"

    /// A mistake that the checks must find.
    enum Bug: CaseIterable {
        case keepsEpoch, ignoresFences, losesCommands, losesReturns, losesPrevious, neverTicks
    }

    var random: SeededRandom
    let bug: Bug?
    var now = Instant(nanoseconds: 1_000_000_000_000)
    var hosts: [ObedientHost] = []
    var owner: Controller
    /// A tracker of an older epoch that has not noticed that it was replaced.
    var former: Controller?
    var inFlight: [HostReport] = []
    var late: [(host: Int, desired: [DesiredState.Model])] = []
    var nextVersion = 2
    var nextRollout = 1
    /// Targets of rollouts that were aborted or rolled back; no version is rolled out twice here.
    var returned: [DesiredState.Version] = []
    /// Which command a fence was given to: one, for all time.
    var fences: [Fence: HostCommand] = [:]
    var badVersions: [String] = []
    var violations: [String] = []
    var sights: [String: Int] = [:]
    /// Hosts that died between a command and its answer: out of the count of the unavailable.
    var lostInSwitch: [HostName] = []

    static func version(_ number: Int) -> DesiredState.Version {
        DesiredState.Version(
            version: "v\(number)",
            infoHash: InfoHash(Digest(Array(repeating: UInt8(number & 255), count: 32)) ?? .zero)
        )
    }

    init(seed: UInt64, bug: Bug? = nil) {
        random = SeededRandom(seed: seed)
        self.bug = bug
        owner = Controller(store: FleetStore(), at: now)
        let racks = Int.random(in: 1...4, using: &random)
        let size = Int.random(in: 1...6, using: &random)
        for rack in 0..<racks {
            for number in 0..<size {
                var host = ObedientHost(
                    "h\(rack)-\(number)",
                    at: "c\(rack % 2)/r\(rack % 3)/k\(rack)"
                )
                // What was there before Shoal: version 1 serves.
                host.held = [(Self.version(1), ObedientHost.pieceCount)]
                host.active = Self.version(1)
                if bug == .ignoresFences { host.flaw = .ignoresFences }
                if bug == .losesPrevious { host.flaw = .losesPrevious }
                hosts.append(host)
            }
        }
        owner.store.losesCommands = bug == .losesCommands
        owner.store.losesReturns = bug == .losesReturns
        for index in hosts.indices { sync(index) }
        _ = try? owner.turn { [now] fleet, actions in
            try fleet.putChannel(
                Self.channel,
                ChannelRequest(model: Self.model, selector: .all, keep: 1),
                by: "test",
                at: now,
                into: &actions
            )
            // Version 1, which all serve already: nobody is told to switch.
            _ = try fleet.createRollout(
                1,
                RolloutRequest(channel: Self.channel, version: "v1", plan: nil, key: nil),
                target: Self.version(1),
                by: "test",
                at: now,
                into: &actions
            )
            fleet.seedingChanged(
                rollout: 1,
                channel: Self.channel,
                holders: 2,
                hasOrigin: false,
                at: now,
                into: &actions
            )
        }
        if rollout?.phase != .complete || !(owner.store.commands.isEmpty) {
            violations.append("adoption: \(rollout?.stateText ?? "no rollout")")
        }
        nextRollout = 2
    }

    mutating func see(_ what: String) { sights[what, default: 0] += 1 }

    var rollout: Rollout? {
        owner.store.channels[Self.channel]?.rollout.flatMap { owner.store.rollouts[$0] }
    }

    // MARK: Messages

    /// A host reports and obeys the answer.
    mutating func sync(_ index: Int) {
        guard hosts[index].isUp else { return }
        if hosts[index].lastSync + .seconds(60) <= now { lostInSwitch.append(hosts[index].name) }
        hosts[index].lastSync = now
        deliver(hosts[index].report)
        hosts[index].apply(owner.fleet.desired(of: hosts[index].name))
    }

    mutating func deliver(_ report: HostReport) {
        let turn = try? owner.turn { [now] fleet, actions in
            try fleet.reported(report, at: now, into: &actions)
        }
        check(turn?.actions ?? [])
    }

    // MARK: Time

    mutating func pass(_ duration: Duration) {
        now = now + duration
        guard bug != .neverTicks else { return }
        let actions = owner.turn { [now] fleet, actions in fleet.tick(at: now, into: &actions) }
            .actions
        check(actions)
        if var former {
            let turn = former.turn { [now] fleet, actions in
                fleet.tick(at: now, into: &actions)
            }
            self.former = former
            checkFences(turn.actions)
        }
    }

    // MARK: Faults

    /// The process ends, before or after what it wrote is seen, and another begins.
    mutating func restart() {
        see("restart")
        owner = Controller(store: owner.store, takesEpoch: bug != .keepsEpoch, at: now)
    }

    /// A second tracker with a copy of the database takes the fleet over; the first lives on.
    mutating func replace() {
        see("two controllers")
        former = owner
        owner = Controller(store: owner.store, takesEpoch: bug != .keepsEpoch, at: now)
    }
}
