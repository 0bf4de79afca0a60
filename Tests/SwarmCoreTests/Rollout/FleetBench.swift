import OrderedCollections
import SwarmModel
import SwarmSimulator

@testable import SwarmCore

/// A fleet of obedient hosts that all hear and answer at once, one step at a time.
struct FleetBench {
    var controller: Controller
    var hosts: [ObedientHost] = []
    var now = Instant(nanoseconds: 1_000_000_000_000)
    /// Versions that no probe accepts, and on which hosts.
    var bad: [(version: String, host: String)] = []

    static let channel = "prod"

    /// `racks` of `size` hosts that serve version 1, which the channel knows as stable.
    init(racks: Int, size: Int, keep: Int = 1) throws {
        controller = Controller(store: FleetStore(), at: now)
        for rack in 0..<racks {
            for number in 0..<size {
                var host = ObedientHost("h\(rack)-\(number)", at: "c\(rack % 2)/r/k\(rack)")
                host.held = [(FleetWorld.version(1), ObedientHost.pieceCount)]
                host.active = FleetWorld.version(1)
                hosts.append(host)
            }
        }
        for index in hosts.indices { sync(index) }
        let request = ChannelRequest(model: FleetWorld.model, selector: .all, keep: keep)
        try act { fleet, now, actions in
            try fleet.putChannel(Self.channel, request, by: "t", at: now, into: &actions)
        }
        try create(1)
        seed(2)
        precondition(rollout.phase == .complete, "\(rollout.stateText)")
    }

    var rollout: Rollout { controller.fleet.channels[Self.channel]!.rollout! }
    var view: RolloutView { controller.fleet.rolloutView(rollout.id)! }

    @discardableResult
    mutating func act<R>(
        _ body: (inout Fleet, Instant, inout [FleetAction]) throws -> R
    ) rethrows -> [FleetAction] {
        let now = now
        return try controller.turn { fleet, actions in try body(&fleet, now, &actions) }.actions
    }

    @discardableResult
    mutating func create(
        _ version: Int,
        key: String? = nil,
        _ change: (inout RolloutPlan) -> Void = { _ in }
    ) throws -> [FleetAction] {
        var plan = RolloutPlan(waves: [
            RolloutPlan.Wave(hosts: .count(1)), RolloutPlan.Wave(hosts: .percent(50)),
            RolloutPlan.Wave(hosts: .percent(100)),
        ])
        change(&plan)
        let target = FleetWorld.version(version)
        let request = RolloutRequest(
            channel: Self.channel,
            version: target.version,
            plan: plan,
            key: key
        )
        return try act { fleet, now, actions in
            _ = try fleet.createRollout(
                version,
                request,
                target: target,
                by: "t",
                at: now,
                into: &actions
            )
        }
    }

    mutating func seed(_ holders: Int, hasOrigin: Bool = false) {
        let rollout = rollout
        _ = act { fleet, now, actions in
            fleet.seedingChanged(
                rollout: rollout.id,
                channel: Self.channel,
                holders: holders,
                hasOrigin: hasOrigin,
                at: now,
                into: &actions
            )
        }
    }

    @discardableResult
    mutating func command(_ verb: RolloutVerb, _ body: RolloutCommand = .init()) throws
        -> [FleetAction]
    {
        let id = rollout.id
        return try act { fleet, now, actions in
            _ = try fleet.command(verb, body, rollout: id, by: "t", at: now, into: &actions)
        }
    }

    mutating func sync(_ index: Int) {
        guard hosts[index].isUp else { return }
        let report = hosts[index].report
        _ = try? act { fleet, now, actions in
            try fleet.reported(report, at: now, into: &actions)
        }
        hosts[index].apply(controller.fleet.desired(of: hosts[index].name))
    }

    /// Every host works a little and reports.
    mutating func round(_ count: Int = 1) {
        for _ in 0..<count {
            pass(.seconds(1))
            for index in hosts.indices where hosts[index].isUp {
                let name = hosts[index].name.description
                let isBad = bad.contains {
                    $0.version == hosts[index].active?.version && $0.host == name
                }
                hosts[index].work(succeeds: !isBad)
                sync(index)
            }
        }
    }

    mutating func pass(_ duration: Duration) {
        now = now + duration
        _ = act { fleet, now, actions in fleet.tick(at: now, into: &actions) }
    }

    /// Until it is so, or for ever so long.
    mutating func round(until isSo: (FleetBench) -> Bool) {
        for _ in 0..<1000 where !isSo(self) { round() }
    }

    mutating func restart() {
        controller = Controller(store: controller.store, at: now)
    }

    func serving(_ version: Int) -> Int {
        hosts.count { $0.active == FleetWorld.version(version) && !$0.isActivating }
    }
}
