import SwarmModel
import Testing

@testable import SwarmCore

@Suite("Versions that single hosts hold")
struct FleetHoldTests {
    private static func hold(_ version: Int, _ model: ModelName = FleetWorld.model) -> HostHold {
        let named = FleetWorld.version(version)
        return HostHold(model: model, version: named.version, infoHash: named.infoHash)
    }

    private static func reference(_ hold: HostHold) throws -> ModelReference {
        try ModelReference(name: hold.model, version: hold.version)
    }

    /// A fleet of one host that has reported, in no channel.
    private static func lone(_ settings: FleetSettings = .init()) throws -> (Fleet, HostName) {
        let now = Instant(nanoseconds: 0)
        var fleet = Fleet(settings: settings, epoch: 1, at: now)
        var actions: [FleetAction] = []
        let host = ObedientHost("seed-1", at: "c")
        try fleet.reported(host.report, at: now, into: &actions)
        return (fleet, host.name)
    }

    private static let now = Instant(nanoseconds: 0)

    @Test("a host without a channel is told to hold it and not to serve it, until it is released")
    func lone() throws {
        var (fleet, host) = try Self.lone()
        let hold = Self.hold(2)
        var actions: [FleetAction] = []
        #expect(try fleet.hold(hold, on: host, by: "t", at: Self.now, into: &actions))
        let audit = FleetAudit(actor: "t", verb: "hold", subject: "seed-1", detail: "acme/llama@v2")
        #expect(actions == [.saveHold(host, hold), .audit(audit), .desire(host)])
        let wanted = DesiredState.Model(
            name: hold.model,
            hold: [FleetWorld.version(2)],
            active: nil,
            fence: .zero
        )
        #expect(fleet.desired(of: host) == [wanted])
        #expect(fleet.hostView(host, at: Self.now)?.holds == [hold])
        actions = []
        #expect(try !fleet.hold(hold, on: host, by: "t", at: Self.now, into: &actions))
        #expect(actions.isEmpty, "twice is once")
        let reference = try Self.reference(hold)
        #expect(try fleet.release(reference, on: host, by: "t", at: Self.now, into: &actions))
        #expect(actions.first == .removeHold(host, hold))
        #expect(actions.last == .desire(host))
        #expect(fleet.desired(of: host).isEmpty)
        actions = []
        #expect(try !fleet.release(reference, on: host, by: "t", at: Self.now, into: &actions))
        #expect(actions.isEmpty)
    }

    @Test("beside a channel it comes last, and what serves stays")
    func besideAChannel() throws {
        var bench = try FleetBench(racks: 1, size: 2)
        let host = bench.hosts[0].name
        let before = bench.controller.fleet.desired(of: host)
        _ = try bench.act { fleet, now, actions in
            try fleet.hold(Self.hold(1), on: host, by: "t", at: now, into: &actions)
        }
        #expect(bench.controller.fleet.desired(of: host) == before, "the channel wants it already")
        _ = try bench.act { fleet, now, actions in
            try fleet.hold(Self.hold(5), on: host, by: "t", at: now, into: &actions)
        }
        var wanted = before
        wanted[0].hold.append(FleetWorld.version(5))
        #expect(bench.controller.fleet.desired(of: host) == wanted)
        bench.round(10)
        #expect(bench.hosts[0].holds(FleetWorld.version(5)))
        #expect(bench.hosts[0].active == FleetWorld.version(1))
        #expect(!bench.hosts[1].holds(FleetWorld.version(5)))
        // A rollout of what it holds goes as any other.
        try bench.create(5)
        bench.seed(2)
        bench.round(until: { $0.rollout.phase.isFinal })
        #expect(bench.serving(5) == 2)
        #expect(bench.controller.fleet.desired(of: host)[0].hold.count == 2)
    }

    @Test("a tracker that starts again wants what was held, and not what was released")
    func restart() throws {
        var bench = try FleetBench(racks: 1, size: 1)
        let host = bench.hosts[0].name
        for version in [5, 6] {
            _ = try bench.act { fleet, now, actions in
                try fleet.hold(Self.hold(version), on: host, by: "t", at: now, into: &actions)
            }
        }
        _ = try bench.act { fleet, now, actions in
            let reference = try Self.reference(Self.hold(5))
            _ = try fleet.release(reference, on: host, by: "t", at: now, into: &actions)
        }
        let before = bench.controller.fleet.desired(of: host)
        bench.restart()
        #expect(bench.controller.fleet.desired(of: host) == before)
        #expect(before[0].hold.last == FleetWorld.version(6))
        // A host that is removed holds nothing when it comes back.
        _ = try bench.act { fleet, now, actions in
            try fleet.removeHost(host, by: "t", at: now, into: &actions)
        }
        bench.restart()
        bench.sync(0)
        #expect(bench.controller.fleet.hostView(host, at: bench.now)?.holds.isEmpty == true)
    }

    @Test("an unknown host is refused, and the known ones are named")
    func unknown() throws {
        var (fleet, _) = try Self.lone()
        var actions: [FleetAction] = []
        let stranger = try HostName("sead-1")
        let refusal = #expect(throws: FleetRefusal.self) {
            try fleet.hold(Self.hold(2), on: stranger, by: "t", at: Self.now, into: &actions)
        }
        #expect(refusal?.code == .unknownHost)
        #expect(refusal?.message.contains("'sead-1'") == true)
        #expect(refusal?.message.contains("it knows seed-1,") == true)
        #expect(throws: FleetRefusal.self) {
            let reference = try Self.reference(Self.hold(2))
            return try fleet.release(reference, on: stranger, by: "t", at: Self.now, into: &actions)
        }
        #expect(actions.isEmpty)
    }

    @Test("a host holds so many versions, and a released one makes room")
    func limit() throws {
        var settings = FleetSettings()
        settings.holdsPerHostMax = 2
        var (fleet, host) = try Self.lone(settings)
        var actions: [FleetAction] = []
        for version in [2, 3] {
            _ = try fleet.hold(Self.hold(version), on: host, by: "t", at: Self.now, into: &actions)
        }
        let before = actions
        let refusal = #expect(throws: FleetRefusal.self) {
            try fleet.hold(Self.hold(4), on: host, by: "t", at: Self.now, into: &actions)
        }
        #expect(refusal?.code == .full)
        #expect(refusal?.message.contains("acme/llama@v2, acme/llama@v3") == true)
        #expect(actions == before)
        // Another content of a name takes the place of the one before.
        var other = Self.hold(3)
        other.infoHash = FleetWorld.version(9).infoHash
        #expect(try fleet.hold(other, on: host, by: "t", at: Self.now, into: &actions))
        #expect(fleet.hostView(host, at: Self.now)?.holds == [Self.hold(2), other])
        let reference = try Self.reference(other)
        _ = try fleet.release(reference, on: host, by: "t", at: Self.now, into: &actions)
        #expect(try fleet.hold(Self.hold(4), on: host, by: "t", at: Self.now, into: &actions))
    }

    @Test("what a channel keeps and what a host holds fit into one answer")
    func fits() {
        // Target, goal, the version before, what it was told, and what is kept.
        let ofChannel = 4 + FleetChannel.keepMax
        #expect(ofChannel + FleetSettings().holdsPerHostMax <= HostReport.versionCountMax)
    }
}
