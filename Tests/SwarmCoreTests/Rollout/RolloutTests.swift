import OrderedCollections
import SwarmModel
import SwarmSimulator
import Testing

@testable import SwarmCore

@Suite("Rollouts")
struct RolloutTests {
    @Test("a version goes over the fleet in waves, and the channel remembers the one before")
    func wholeWay() throws {
        var bench = try FleetBench(racks: 2, size: 4)
        try bench.create(2)
        #expect(bench.rollout.phase == .seeding)
        // One publisher and no origin: the first wave fetches, and nothing else.
        bench.seed(1)
        bench.round(6)
        #expect(bench.rollout.phase == .seeding)
        #expect(bench.hosts.count { $0.holds(FleetWorld.version(2)) } == 1)
        bench.seed(2)
        bench.round(until: { $0.rollout.wave == 1 })
        #expect(bench.serving(2) == 1)
        #expect(bench.serving(1) == 7)
        bench.round(until: { $0.rollout.wave == 2 })
        #expect(bench.serving(2) == 4)
        bench.round(until: { $0.rollout.phase.isFinal })
        #expect(bench.rollout.phase == .complete)
        #expect(bench.serving(2) == 8)
        let channel = bench.controller.store.channels["prod"]
        #expect(channel?.stable == FleetWorld.version(2))
        #expect(channel?.history == [FleetWorld.version(1)])
        #expect(bench.view.waitsFor == nil)
    }

    @Test("one holder and an origin are enough to leave seeding")
    func origin() throws {
        var bench = try FleetBench(racks: 1, size: 2)
        try bench.create(2)
        bench.seed(0, hasOrigin: true)
        #expect(bench.rollout.phase == .seeding)
        bench.seed(1, hasOrigin: true)
        #expect(bench.rollout.phase == .staging)
    }

    @Test("the first failure aborts, and everybody is back without fetching")
    func failure() throws {
        var bench = try FleetBench(racks: 2, size: 4)
        bench.bad = bench.hosts.map { (version: "v2", host: $0.name.description) }
        try bench.create(2)
        bench.seed(2)
        bench.round(until: { $0.rollout.phase.isFinal })
        #expect(bench.rollout.phase == .rolledBack)
        #expect(bench.serving(1) == 8)
        #expect(bench.rollout.returnReason?.contains("the probe said no") == true)
        #expect(bench.controller.store.channels["prod"]?.stable == FleetWorld.version(1))
    }

    @Test("failures within the budget are left behind, and the rest goes on")
    func budget() throws {
        var bench = try FleetBench(racks: 4, size: 2)
        bench.bad = [(version: "v2", host: "h1-0")]
        try bench.create(2) {
            $0.failureBudget = 1
            $0.maxUnavailable = .count(2)
        }
        bench.seed(2)
        bench.round(until: { $0.rollout.phase.isFinal })
        #expect(bench.rollout.phase == .complete)
        #expect(bench.serving(2) == 7)
        #expect(bench.view.hosts.failed == 1)
    }

    @Test("a host that failed takes part in the next rollout like any other")
    func nextAfterFailure() throws {
        var bench = try FleetBench(racks: 4, size: 2)
        bench.bad = [(version: "v2", host: "h1-0")]
        try bench.create(2) {
            $0.failureBudget = 1
            $0.maxUnavailable = .count(2)
        }
        bench.seed(2)
        bench.round(until: { $0.rollout.phase.isFinal })
        try bench.create(3)
        bench.seed(2)
        bench.round(until: { $0.rollout.phase.isFinal })
        #expect(bench.rollout.phase == .complete)
        #expect(bench.serving(3) == 8)
    }

    @Test("no rack has more hosts out of service than it may, whatever its size")
    func maxUnavailable() throws {
        var bench = try FleetBench(racks: 3, size: 10)
        try bench.create(2) {
            $0.waves = [RolloutPlan.Wave(hosts: .percent(100))]
            $0.maxUnavailable = .percent(25)
        }
        bench.seed(2)
        var most = 0
        while !bench.rollout.phase.isFinal {
            bench.round()
            for domain in bench.view.domains {
                #expect(domain.unavailableMax == 2)
                #expect(domain.hosts.unavailable <= 2)
                most = max(most, domain.hosts.unavailable)
            }
        }
        #expect(most == 2)
        #expect(bench.serving(2) == 30)
    }

    @Test(
        "no region and no cloud has more hosts out of service than it may; every rack has turns",
        arguments: [false, true]
    )
    func maxUnavailableAbove(isByCloud: Bool) throws {
        // Eight racks of five, half of them in each of two clouds of one region.
        var bench = try FleetBench(racks: 8, size: 5)
        try bench.create(2) {
            $0.waves = [RolloutPlan.Wave(hosts: .percent(100))]
            $0.maxUnavailable = .percent(20)
            $0.maxUnavailablePerRegion = isByCloud ? nil : .percent(10)
            $0.maxUnavailablePerCloud = isByCloud ? .count(3) : .percent(100)
        }
        bench.seed(2)
        let allowed = isByCloud ? 3 : 2
        var most = 0
        while !bench.rollout.phase.isFinal {
            bench.round()
            for cloud in ["c0", "c1"] {
                let inside = bench.view.domains.filter { $0.domain.labels.first == cloud }
                #expect(inside.allSatisfy { $0.hosts.unavailable <= 1 })
                let unavailable = inside.reduce(0) { $0 + $1.hosts.unavailable }
                #expect(unavailable <= allowed)
                most = max(most, unavailable)
            }
        }
        #expect(most == allowed)
        #expect(bench.serving(2) == 40)
    }

    @Test(
        "a share bounds racks and clouds alike, rounded down and at least one; a count racks only",
        arguments: [
            (RolloutPlan.Amount.percent(20), 4), (.percent(10), 2), (.percent(9), 1),
            (.percent(4), 1), (.count(1), 4), (.count(2), 8), (.count(5), 20),
        ]
    )
    func maxUnavailableOfAll(amount: RolloutPlan.Amount, inCloud: Int) throws {
        // Four racks of five in each of two clouds.
        var bench = try FleetBench(racks: 8, size: 5)
        try bench.create(2) {
            $0.waves = [RolloutPlan.Wave(hosts: .percent(100))]
            $0.maxUnavailable = amount
        }
        bench.seed(2)
        var most = 0
        while !bench.rollout.phase.isFinal {
            bench.round()
            for cloud in ["c0", "c1"] {
                let inside = bench.view.domains.filter { $0.domain.labels.first == cloud }
                most = max(most, inside.reduce(0) { $0 + $1.hosts.unavailable })
            }
        }
        #expect(most == inCloud)
        #expect(bench.serving(2) == 40)
    }

    @Test("a host that stays out of service takes a turn of its cloud from other racks")
    func failedInCloud() throws {
        var bench = try FleetBench(racks: 4, size: 2)
        bench.bad = [(version: "v2", host: "h0-0")]
        try bench.create(2) {
            $0.waves = [RolloutPlan.Wave(hosts: .percent(100))]
            $0.failureBudget = 1
            $0.maxUnavailable = .count(2)
            $0.maxUnavailablePerCloud = .count(1)
        }
        bench.seed(2)
        bench.round(100)
        // The cloud of the failed host has used its turn up; the other one is through.
        #expect(bench.hosts.count { $0.active == FleetWorld.version(2) } == 4)
        #expect(bench.rollout.phase == .activating)
        try bench.command(.abort)
        bench.round(until: { $0.rollout.phase.isFinal })
        #expect(bench.serving(1) == 8)
    }

    @Test("a host is in a rack, and in a region and a cloud where its locality names them")
    func domains() throws {
        func names(_ text: String) throws -> [String] {
            Domain.around(try Locality(text)).map { "\($0.level) \($0.place)" }
        }
        #expect(try names("") == ["rack "])
        #expect(try names("c") == ["rack c", "cloud c"])
        #expect(try names("c/r") == ["rack c/r", "region c/r", "cloud c"])
        #expect(try names("c/r/z/k") == ["rack c/r/z/k", "region c/r", "cloud c"])
    }

    @Test("an abort is a latch: nothing leads to the target any more, whatever is said")
    func abort() throws {
        var bench = try FleetBench(racks: 2, size: 4)
        try bench.create(2)
        bench.seed(2)
        bench.round(until: { $0.rollout.wave == 1 && $0.rollout.phase == .activating })
        let actions = try bench.command(.abort, RolloutCommand(reason: "a test"))
        #expect(actions.contains { if case .saveRollout = $0 { true } else { false } })
        #expect(bench.rollout.phase == .returning)
        #expect(throws: FleetRefusal.self) { try bench.command(.resume) }
        #expect(throws: FleetRefusal.self) { try bench.command(.pause) }
        // The second says the same, and changes nothing.
        let revision = bench.rollout.revision
        #expect(try bench.command(.abort).isEmpty)
        #expect(bench.rollout.revision == revision)
        bench.restart()
        bench.round(until: { $0.rollout.phase.isFinal })
        #expect(bench.rollout.phase == .rolledBack)
        #expect(bench.serving(1) == 8)
    }

    @Test("after it is complete, a rollback returns all hosts with no byte fetched")
    func rollback() throws {
        var bench = try FleetBench(racks: 2, size: 3)
        try bench.create(2)
        bench.seed(2)
        bench.round(until: { $0.rollout.phase.isFinal })
        let held = bench.hosts.map { $0.held.map(\.pieces) }
        try bench.command(.rollback)
        bench.round(until: { $0.rollout.phase.isFinal })
        #expect(bench.rollout.phase == .rolledBack)
        #expect(bench.serving(1) == 6)
        #expect(bench.hosts.map { $0.held.map(\.pieces) } == held)
        #expect(bench.controller.store.channels["prod"]?.stable == FleetWorld.version(1))
        #expect(throws: FleetRefusal.self) {
            try bench.command(.abort, RolloutCommand(atOnce: true))
        }
        let channel = try #require(bench.controller.fleet.channelView(FleetBench.channel))
        #expect(channel.channel.stable == FleetWorld.version(1))
        #expect(channel.serving == bench.hosts.count)
    }

    @Test("the very first version of a channel has nothing to go back to, and says so")
    func firstAbort() throws {
        var bench = try FleetBench(racks: 1, size: 2)
        // As if no rollout had been before.
        bench.controller.fleet.channels["prod"]!.channel.stable = nil
        try bench.create(2) { $0.waves = [RolloutPlan.Wave(hosts: .percent(100))] }
        bench.seed(2)
        bench.round(until: { $0.serving(2) == 1 })
        try bench.command(.abort)
        bench.round(until: { $0.rollout.phase.isFinal })
        #expect(bench.rollout.phase == .rollbackDegraded)
        #expect(bench.rollout.changes.last?.text.contains("no earlier version") == true)
    }

    @Test("a soak takes its time, and begins anew when a host is unhealthy")
    func soak() throws {
        var bench = try FleetBench(racks: 1, size: 2)
        try bench.create(2) { $0.waves[0].gates = [.soak(seconds: 100)] }
        bench.seed(2)
        bench.round(until: { $0.rollout.phase == .baking })
        let canary = bench.hosts.firstIndex { $0.active == FleetWorld.version(2) }!
        bench.round(90)
        #expect(bench.rollout.wave == 0)
        bench.hosts[canary].isHealthy = false
        bench.round()
        bench.hosts[canary].isHealthy = true
        bench.round(90)
        #expect(bench.rollout.wave == 0)
        bench.round(12)
        #expect(bench.rollout.wave > 0)
    }

    @Test("an approval is of one wave, and two operators give it once")
    func approval() throws {
        var bench = try FleetBench(racks: 1, size: 4)
        try bench.create(2) {
            $0.waves[0].gates = [.approval]
            $0.waves[1].gates = [.approval]
        }
        bench.seed(2)
        bench.round(until: { $0.rollout.phase == .baking })
        #expect(bench.view.waitsFor?.contains("approval") == true)
        for _ in 0..<100 {
            bench.pass(.seconds(50))
            for index in bench.hosts.indices { bench.sync(index) }
        }
        #expect(bench.rollout.pause == nil, "nobody is late while a person is waited for")
        #expect(throws: FleetRefusal.self) { try bench.command(.approve) }
        #expect(throws: FleetRefusal.self) {
            try bench.command(.approve, RolloutCommand(wave: 2))
        }
        let seen = bench.rollout.revision
        try bench.command(.approve, RolloutCommand(ifRevision: seen, wave: 1))
        #expect(bench.rollout.wave == 1)
        // The other operator saw the same revision: done already.
        #expect(try bench.command(.approve, RolloutCommand(ifRevision: seen, wave: 1)).isEmpty)
        bench.round(until: { $0.rollout.phase == .baking })
        #expect(bench.rollout.wave == 1)
    }

    @Test("a command about an older revision is told what has changed since")
    func stale() throws {
        var bench = try FleetBench(racks: 1, size: 2)
        try bench.create(2)
        let seen = bench.rollout.revision
        bench.seed(2)
        let refusal = #expect(throws: FleetRefusal.self) {
            try bench.command(.pause, RolloutCommand(ifRevision: seen))
        }
        #expect(refusal?.code == .stale)
        #expect(refusal?.message.contains("staging wave 1") == true)
        // With a key it is done once.
        let body = RolloutCommand(key: "k1")
        #expect(try !bench.command(.pause, body).isEmpty)
        try bench.command(.resume)
        #expect(try bench.command(.pause, body).isEmpty)
        #expect(bench.rollout.pause == nil)
    }

    @Test("a paused rollout tells nobody to switch")
    func pause() throws {
        var bench = try FleetBench(racks: 2, size: 4)
        try bench.create(2) { $0.waves = [RolloutPlan.Wave(hosts: .percent(100))] }
        bench.seed(2)
        bench.round(until: { $0.rollout.phase == .activating })
        try bench.command(.pause)
        bench.round(10)
        let serving = bench.serving(2)
        bench.round(30)
        #expect(bench.serving(2) == serving)
        #expect(serving < 8)
        try bench.command(.resume)
        bench.round(until: { $0.rollout.phase.isFinal })
        #expect(bench.serving(2) == 8)
    }

    @Test("without progress it pauses and names the hosts, or aborts where it is told to")
    func deadline() throws {
        for aborts in [false, true] {
            var bench = try FleetBench(racks: 1, size: 3)
            try bench.create(2) {
                $0.abortsAtDeadline = aborts
                $0.progressDeadlineSeconds = 100
            }
            bench.seed(2)
            for _ in 0..<12 {
                bench.pass(.seconds(10))
                for index in bench.hosts.indices { bench.sync(index) }
            }
            if aborts {
                #expect(bench.rollout.isReturn)
                #expect(bench.rollout.returnReason?.contains("h0-0") == true)
            } else {
                #expect(bench.rollout.pause?.isByOperator == false)
                #expect(bench.rollout.pause?.reason.contains("h0-0") == true)
            }
        }
    }

    @Test("dead hosts hold up nobody within their budget, and converge when they return")
    func deadHosts() throws {
        var bench = try FleetBench(racks: 4, size: 5)
        let victim = bench.hosts.firstIndex { $0.name.description == "h2-3" }!
        bench.hosts[victim].isUp = false
        bench.round(70)
        try bench.create(2)
        bench.seed(2)
        bench.round(until: { $0.rollout.phase.isFinal })
        #expect(bench.rollout.phase == .complete)
        #expect(bench.serving(2) == 19)
        bench.hosts[victim].isUp = true
        bench.round(15)
        #expect(bench.serving(2) == 20)
    }

    @Test("more dead hosts than the budget hold the wave, and are named")
    func tooManyDead() throws {
        var bench = try FleetBench(racks: 1, size: 10)
        for index in 4..<8 { bench.hosts[index].isUp = false }
        bench.round(70)
        try bench.create(2) { $0.progressDeadlineSeconds = 50 }
        bench.seed(2)
        bench.round(200)
        #expect(bench.rollout.pause?.reason.contains("h0-5") == true)
        #expect(bench.rollout.phase != .complete)
    }

    @Test("a wave of one host that is dead is not passed: nobody has tried the version")
    func deadCanary() throws {
        var bench = try FleetBench(racks: 1, size: 4)
        bench.hosts[0].isUp = false
        bench.round(70)
        try bench.create(2)
        bench.seed(2)
        bench.round(50)
        #expect(bench.rollout.wave == 0)
        #expect(bench.serving(2) == 0)
    }

    @Test("a host that joins late gets the version of its wave")
    func lateHost() throws {
        var bench = try FleetBench(racks: 1, size: 4)
        try bench.create(2) { $0.waves[1].gates = [.approval] }
        bench.seed(2)
        bench.round(until: { $0.rollout.phase == .baking && $0.rollout.wave == 1 })
        bench.hosts.append(ObedientHost("late", at: "c0/r/k0"))
        bench.round(20)
        // Of the last wave, which has not begun: the stable version.
        #expect(bench.hosts.last?.active == FleetWorld.version(1))
        try bench.command(.approve, RolloutCommand(wave: 2))
        bench.round(until: { $0.rollout.phase.isFinal })
        bench.round(20)
        #expect(bench.hosts.last?.active == FleetWorld.version(2))
    }

    @Test("a tracker that is killed at any moment goes on with the next epoch")
    func restarts() throws {
        var bench = try FleetBench(racks: 2, size: 4)
        try bench.create(2)
        bench.seed(2)
        var rounds = 0
        while !bench.rollout.phase.isFinal, rounds < 1000 {
            bench.round()
            bench.restart()
            if bench.rollout.phase == .seeding { bench.seed(2) }
            rounds += 1
        }
        #expect(bench.rollout.phase == .complete)
        #expect(bench.serving(2) == 8)
        #expect(bench.controller.fleet.epoch > 10)
        for host in bench.hosts { #expect(host.fence.epoch > 1) }
    }

    @Test("a host that obeys another controller stops the rollout, and the next epoch is above")
    func ahead() throws {
        var bench = try FleetBench(racks: 1, size: 4)
        try bench.create(2)
        bench.seed(2)
        bench.hosts[2].fence = Fence(epoch: 9, step: 4)
        bench.round(2)
        #expect(bench.rollout.pause?.reason.contains("another controller") == true)
        bench.restart()
        #expect(bench.controller.fleet.epoch == 10)
        try bench.command(.resume)
        bench.round(until: { $0.rollout.phase.isFinal })
        #expect(bench.serving(2) == 4)
    }

    @Test("probes and commands run outside, and only the answer to the last question counts")
    func gates() throws {
        var bench = try FleetBench(racks: 1, size: 2)
        try bench.create(2) {
            $0.waves[0].gates = [.command(name: "smoke", timeoutSeconds: 5)]
        }
        bench.seed(2)
        bench.round(until: { !$0.controller.gates.isEmpty })
        let first = bench.controller.gates[0]
        bench.restart()
        bench.controller.gates = []
        bench.round(until: { !$0.controller.gates.isEmpty })
        let second = bench.controller.gates[0]
        var late = first
        late.attempt += 7
        _ = bench.act { fleet, now, actions in
            fleet.gateFinished(late, .failed("late"), at: now, into: &actions)
        }
        #expect(!bench.rollout.isReturn)
        _ = bench.act { fleet, now, actions in
            fleet.gateFinished(second, .inconclusive("no answer"), at: now, into: &actions)
        }
        #expect(bench.rollout.pause?.reason.contains("no answer") == true)
        try bench.command(.resume)
        let third = bench.controller.gates.last!
        #expect(third != second)
        _ = bench.act { fleet, now, actions in
            fleet.gateFinished(third, .failed("status 1"), at: now, into: &actions)
        }
        #expect(bench.rollout.isReturn)
    }
}
