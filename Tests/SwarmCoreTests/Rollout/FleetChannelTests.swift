import OrderedCollections
import SwarmModel
import SwarmSimulator
import Testing

@testable import SwarmCore

@Suite("Fleets and channels")
struct FleetChannelTests {
    private static func assign(
        _ waves: [RolloutPlan.Scope],
        racks: Int = 4,
        size: Int = 5
    ) throws -> [(host: HostName, wave: Int)] {
        var hosts: [WaveOrder.Host] = []
        for rack in 0..<racks {
            for number in 0..<size {
                hosts.append(
                    WaveOrder.Host(
                        name: try HostName("h\(rack)-\(number)"),
                        locality: try Locality("c\(rack % 2)/r/k\(rack)"),
                        labels: number == 0 ? try Labels(parsing: ["pool=canary"]) : .none
                    )
                )
            }
        }
        return try WaveOrder.assign(hosts, to: waves.map { RolloutPlan.Wave(hosts: $0) })
    }

    private static func counts(_ waves: [(host: HostName, wave: Int)]) -> [Int] {
        (0...(waves.map(\.wave).max() ?? 0)).map { wave in waves.count { $0.wave == wave } }
    }

    @Test("waves count the hosts of those before, shares are rounded up")
    func waves() throws {
        #expect(
            Self.counts(try Self.assign([.count(1), .percent(25), .percent(100)])) == [1, 4, 15]
        )
        #expect(Self.counts(try Self.assign([.count(3), .count(20)])) == [3, 17])
        let canary = RolloutPlan.Scope.selector(try LabelSelector("pool=canary"))
        let chosen = try Self.assign([canary, .percent(50), .percent(100)])
        #expect(Self.counts(chosen) == [4, 6, 10])
        // In a small fleet a share may add nobody: such a wave is passed over.
        let small = try Self.assign([.count(1), .percent(25), .percent(100)], racks: 1, size: 2)
        #expect(small.map(\.wave) == [0, 2])
    }

    @Test("a wave is spread over clouds and racks")
    func spread() throws {
        let first = try Self.assign([.count(4), .percent(100)]).filter { $0.wave == 0 }
        #expect(Set(first.map { $0.host.description.prefix(2) }).count == 4)
        let two = try Self.assign([.count(2), .percent(100)]).filter { $0.wave == 0 }
        #expect(two.map { $0.host.description } == ["h0-0", "h1-0"])
    }

    @Test("waves that leave hosts out, add nobody or select nobody are errors that say so")
    func badWaves() throws {
        func message(_ waves: [RolloutPlan.Scope]) -> String? {
            do {
                _ = try Self.assign(waves)
                return nil
            } catch {
                return "\(error)"
            }
        }
        #expect(message([.percent(95)])?.contains("leave out 1 of the channel's 20 hosts") == true)
        #expect(message([.count(19)])?.contains("100%") == true)
        #expect(message([.count(5), .count(5), .percent(100)])?.contains("wave 2") == true)
        #expect(message([.count(0), .percent(100)])?.contains("wave 1") == true)
        let nobody = RolloutPlan.Scope.selector(try LabelSelector("pool=nobody"))
        #expect(message([nobody, .percent(100)])?.contains("pool=nobody") == true)
    }

    // MARK: Channels

    @Test("a host is in one channel of a model")
    func overlap() throws {
        var bench = try FleetBench(racks: 1, size: 2)
        let request = ChannelRequest(
            model: FleetWorld.model,
            selector: try LabelSelector("host=h0-1"),
            keep: 1
        )
        let refusal = #expect(throws: FleetRefusal.self) {
            try bench.act { fleet, now, actions in
                try fleet.putChannel("canary", request, by: "t", at: now, into: &actions)
            }
        }
        #expect(refusal?.code == .conflict)
        #expect(refusal?.message.contains("h0-1") == true)
    }

    @Test("a channel cannot change its model, nor its hosts while a rollout runs")
    func changes() throws {
        var bench = try FleetBench(racks: 1, size: 2)
        func put(_ request: ChannelRequest) throws {
            _ = try bench.act { fleet, now, actions in
                try fleet.putChannel("prod", request, by: "t", at: now, into: &actions)
            }
        }
        let other = ChannelRequest(model: try ModelName("acme/other"), selector: nil, keep: nil)
        #expect(throws: FleetRefusal.self) { try put(other) }
        let narrow = ChannelRequest(
            model: FleetWorld.model,
            selector: try LabelSelector("host=h0-0"),
            keep: 9
        )
        #expect(throws: FleetRefusal.self) { try put(narrow) }
        try bench.create(2)
        var allowed = narrow
        allowed.keep = 2
        #expect(throws: FleetRefusal.self) { try put(allowed) }
        #expect(throws: FleetRefusal.self) { try bench.create(3) }
        try bench.command(.abort)
        try put(allowed)
        #expect(bench.controller.fleet.channelView("prod")?.hosts.hosts == 1)
    }

    @Test("a rollout needs hosts, a channel, and another version than the one that serves")
    func refusals() throws {
        var bench = try FleetBench(racks: 1, size: 2)
        #expect(throws: FleetRefusal.self) { try bench.create(1) }
        let empty = ChannelRequest(
            model: try ModelName("acme/empty"),
            selector: try LabelSelector("pool=none"),
            keep: nil
        )
        _ = try bench.act { fleet, now, actions in
            try fleet.putChannel("empty", empty, by: "t", at: now, into: &actions)
        }
        for (channel, code) in [("empty", FleetRefusal.Code.invalid), ("x", .unknownChannel)] {
            let refusal = #expect(throws: FleetRefusal.self) {
                try bench.act { fleet, now, actions in
                    _ = try fleet.createRollout(
                        7,
                        RolloutRequest(channel: channel, version: "v2", plan: nil, key: nil),
                        target: FleetWorld.version(2),
                        by: "t",
                        at: now,
                        into: &actions
                    )
                }
            }
            #expect(refusal?.code == code)
        }
    }

    @Test("creating with one key twice creates once")
    func createOnce() throws {
        var bench = try FleetBench(racks: 1, size: 2)
        try bench.create(2, key: "once")
        let id = bench.rollout.id
        #expect(try bench.create(2, key: "once").isEmpty)
        #expect(bench.rollout.id == id)
    }

    @Test("a host that changes its labels leaves and joins channels, and its fences go on")
    func moving() throws {
        var bench = try FleetBench(racks: 1, size: 3)
        let narrow = ChannelRequest(
            model: FleetWorld.model,
            selector: try LabelSelector("!spare"),
            keep: 1
        )
        _ = try bench.act { fleet, now, actions in
            try fleet.putChannel("prod", narrow, by: "t", at: now, into: &actions)
        }
        try bench.create(2)
        bench.seed(2)
        bench.round(until: { $0.rollout.phase.isFinal })
        let fence = bench.hosts[0].fence
        bench.hosts[0].labels = try Labels(parsing: ["spare=1"])
        bench.round()
        #expect(bench.controller.fleet.desired(of: bench.hosts[0].name).isEmpty)
        try bench.create(3)
        bench.seed(2)
        bench.round(until: { $0.rollout.phase.isFinal })
        #expect(bench.hosts[0].active == FleetWorld.version(2))
        bench.hosts[0].labels = .none
        bench.round(20)
        #expect(bench.hosts[0].active == FleetWorld.version(3))
        #expect(bench.hosts[0].fence > fence)
    }

    @Test("hosts beyond the limit are refused, and a removed one makes room")
    func hostLimit() throws {
        var settings = FleetSettings()
        settings.hostsMax = 1
        let now = Instant(nanoseconds: 0)
        var fleet = Fleet(settings: settings, epoch: 1, at: now)
        var actions: [FleetAction] = []
        let (one, two) = (ObedientHost("a", at: "c"), ObedientHost("b", at: "c"))
        try fleet.reported(one.report, at: now, into: &actions)
        try fleet.reported(one.report, at: now, into: &actions)
        let refusal = #expect(throws: FleetRefusal.self) {
            try fleet.reported(two.report, at: now, into: &actions)
        }
        #expect(refusal?.code == .full)
        try fleet.removeHost(one.name, by: "t", at: now, into: &actions)
        #expect(actions.contains(.removeHost(one.name)))
        try fleet.reported(two.report, at: now, into: &actions)
        #expect(throws: FleetRefusal.self) {
            try fleet.removeHost(one.name, by: "t", at: now, into: &actions)
        }
    }

    @Test("the list of actions is the caller's: what was in it stays")
    func actionsAreAppended() throws {
        var bench = try FleetBench(racks: 1, size: 1)
        var actions: [FleetAction] = [.removeChannel("there before")]
        try bench.controller.fleet.reported(
            bench.hosts[0].report,
            at: bench.now,
            into: &actions
        )
        #expect(actions.first == .removeChannel("there before"))
    }
}
