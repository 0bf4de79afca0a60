import SwarmModel
import Testing

@testable import SwarmCore

@Suite("Overview of a fleet")
struct FleetOverviewTests {
    private static func letters(_ bench: FleetBench, of channel: String? = "prod") -> [String] {
        bench.controller.fleet.overview(of: channel)?.racks.map(\.hosts) ?? []
    }

    @Test("hosts are letters, racks are sums, and the rollout says what can be done about it")
    func rollout() throws {
        var bench = try FleetBench(racks: 2, size: 2)
        #expect(Self.letters(bench) == ["aa", "aa"])
        #expect(Self.letters(bench, of: nil) == ["aa", "aa"])
        let rest = try #require(bench.controller.fleet.overview(of: "prod"))
        #expect(rest.racks.map(\.place.description) == ["c0/r/k0", "c1/r/k1"])
        #expect(rest.racks[0].versions.map(\.hosts) == [2])
        #expect(rest.racks[0].piecesHeld == rest.racks[0].pieces && rest.racks[0].pieces > 0)
        #expect(rest.rollouts.first?.verbs == [])

        try bench.create(2) { $0.waves = [.init(hosts: .percent(100), gates: [.approval])] }
        bench.seed(2)
        // One to hear of it, and one to begin.
        bench.round(2)
        #expect(Self.letters(bench).joined().allSatisfy { "0123456789".contains($0) })
        bench.round { $0.rollout.phase == .activating }
        #expect(Self.letters(bench).joined().contains("w"))
        bench.round { $0.rollout.isAtApproval }
        let done = try #require(bench.controller.fleet.overview(of: nil))
        #expect(done.racks.map(\.hosts) == ["aa", "aa"])
        #expect(done.rollouts.first?.verbs == [.approve, .pause, .abort])
        #expect(done.rollouts.first?.waves.map(\.gates) == [["approval"]])
        try bench.command(.pause)
        #expect(bench.rollout.verbs == [.resume, .abort])
        try bench.command(.resume)
        try bench.command(.approve, RolloutCommand(wave: 1))
        #expect(bench.rollout.verbs == [.rollback])
    }

    @Test("failed and silent hosts stand out, with the reason")
    func trouble() throws {
        var bench = try FleetBench(racks: 1, size: 3)
        try bench.create(2) {
            $0.waves = [.init(hosts: .percent(100))]
            $0.maxUnavailable = .percent(100)
            $0.failureBudget = 1
        }
        bench.bad = [("v2", "h0-1")]
        bench.hosts[2].isUp = false
        bench.seed(2)
        bench.round(120)
        #expect(Self.letters(bench) == ["aex"])
        let lines = bench.controller.fleet.hostLines(
            at: try Locality("c0/r/k0"),
            levels: 6,
            channel: nil,
            countMax: 2
        )
        #expect(lines.map(\.host.description) == ["h0-0", "h0-1"])
        #expect(lines[0].versions == ["\(FleetWorld.model)@v2"])
        #expect(lines[1].state == "e" && lines[1].problem == "the probe said no")
    }

    @Test("hosts in more racks than are shown are grouped by what is around them")
    func groups() throws {
        var fleet = Fleet(settings: FleetSettings(), epoch: 1, at: Instant(nanoseconds: 0))
        var actions: [FleetAction] = []
        func report(_ name: String, _ place: String) throws {
            let report = HostReport(
                host: try HostName(name),
                locality: try Locality(place),
                labels: .none,
                generation: 0,
                models: [],
                disk: nil
            )
            try fleet.reported(report, at: Instant(nanoseconds: 0), into: &actions)
        }
        for number in 0..<FleetOverview.racksMax {
            try report("h\(number)", "c/r\(number % 3)/k\(number)")
        }
        #expect(fleet.overview(of: nil)?.racks.count == FleetOverview.racksMax)
        try report("more", "c/r0/more")
        let regions = try #require(fleet.overview(of: nil))
        #expect(regions.levels == 2)
        #expect(regions.racks.map(\.place.description) == ["c/r0", "c/r1", "c/r2"])
        #expect(regions.racks.map(\.hosts.count).reduce(0, +) == FleetOverview.racksMax + 1)
        #expect(regions.racks.allSatisfy { $0.hosts.allSatisfy { $0 == "i" } })
        for number in 0..<FleetOverview.racksMax { try report("x\(number)", "z\(number)/a/b") }
        let all = try #require(fleet.overview(of: nil))
        #expect(all.levels == 0 && all.racks.count == 1)
        #expect(fleet.overview(of: "none") == nil)
    }
}
