import ArgumentParser
import SwarmSimulator
import Testing

@testable import shoal

@Suite("Policies beside each other")
struct PolicyComparisonTests {
    private func runner(_ plan: Plan) -> SeedRunner {
        SeedRunner(plan: plan, planName: "test", mutation: nil, jobs: 2, isQuiet: true)
    }

    /// Two clouds, a target that only the first policy meets.
    private func plan() throws -> Plan {
        let text = """
            {
              "model": {"bytes": "64MiB", "pieceLength": "1MiB"},
              "topology": {"regions": [
                {"at": "a/r", "racks": 2, "hostsPerRack": 2},
                {"at": "b/r", "racks": 2, "hostsPerRack": 2}
              ]},
              "links": {"host": {"up": "1Gbit", "down": "1Gbit"}, "betweenClouds": "500Mbit"},
              "sources": [{"at": "a/r", "up": "1Gbit"}],
              "expect": {"amplification": {"cloud": 1.1}}
            }
            """
        return try Plan(name: "test", Array(text.utf8))
    }

    @Test("each policy runs the same seed, and only the plan's own is held to the plan's targets")
    func compared() async throws {
        let comparison = try await PolicyComparison.run(runner(plan()), seed: 3)
        #expect(comparison.rows.map(\.policy) == Plan.Settings.Policy.allCases)
        #expect(comparison.failures.isEmpty)
        let copies = comparison.rows.map(\.result.shown.details.amplification.cloud)
        #expect(copies[0] <= 1.1)
        #expect(copies[1] > 1.1 && copies[2] > 1.1, "\(copies)")
        let alone = try await runner(plan()).under(.randomRarest).run(first: 3, count: 1)
        #expect(alone.shown.details == comparison.rows[2].result.shown.details)
        #expect(comparison.text.contains("randomRarest"))
    }

    @Test("a target of the plan that its own policy misses fails the comparison")
    func missed() async throws {
        var plan = try plan()
        plan.settings.policy = .randomRarest
        let comparison = try await PolicyComparison.run(runner(plan), seed: 3)
        let failure = try #require(comparison.failures.first)
        #expect(failure.command == "shoal simulate test --seed 3 --policy randomRarest")
        #expect(failure.commandFailure.status == .targetMissed)
    }

    @Test(
        "what does not go together is said",
        arguments: [
            ["--compare-policies", "--seeds", "2"], ["--compare-policies", "--plot", "a.svg"],
            ["--compare-policies", "--policy", "randomRarest"], ["--policy", "best"],
        ]
    )
    func usage(extra: [String]) {
        #expect(throws: (any Error).self) { try Shoal.parseAsRoot(["simulate", "small"] + extra) }
    }
}
