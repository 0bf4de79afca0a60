import SwarmModel
import SwarmSimulator
import Testing

@Suite("Simulated rollouts")
struct RolloutSimulationTests {
    /// 80 hosts with all that goes wrong, as `rollout-4000` has it.
    private static func plan(
        waves: String = fourWaves,
        abortShare: Double = 0.5,
        abortsAtOnce: Bool = true,
        hostFailures: String = "5%",
        trackerKills: String = "[1, 3]"
    ) throws -> Plan {
        try Runs.plan(
            text: """
                {"topology": {"clouds": 2, "regionsPerCloud": 2, "racksPerRegion": 2,
                  "hostsPerRack": 10},
                 "faults": {"during": "12min", "staysDead": "10%"},
                 "expect": {"completeWithin": "10min"},
                 "rollout": {"waves": [\(waves)],
                  "maxUnavailable": "15%", "maxUnavailablePerRegion": "10%",
                  "maxUnavailablePerCloud": "8%", "failureBudget": 20,
                  "loss": "0.5%", "activationFailures": "0.5%", "hostFailures": "\(hostFailures)",
                  "trackerKills": \(trackerKills),
                  "abortShare": \(abortShare), "abortsAtOnce": \(abortsAtOnce),
                  "abortReachP99": "15s"}}
                """
        )
    }

    private static let fourWaves = """
        {"hosts": "8", "soak": "20s"}, {"hosts": "25%", "approval": true},
        {"hosts": "60%", "approval": true}, {"hosts": "100%"}
        """

    /// So many that an approval said again comes while another wave waits for its own.
    private static let sixteenWaves = (1...16).map {
        #"{"hosts": "\#($0 * 100 / 16)%", "approval": \#($0 < 16)}"#
    }.joined(separator: ", ")

    private static let budgets = ["rack-budget", "region-budget", "cloud-budget"]

    private static func run(_ plan: Plan, seed: UInt64, _ mutation: Mutation? = nil) throws
        -> Outcome
    {
        var simulation = try #require(
            RolloutSimulation(try Scenario(plan: plan, seed: seed), mutation: mutation)
        )
        return simulation.run()
    }

    @Test("every host ends where the rollout does, and nothing is violated on the way")
    func holds() throws {
        var states: [String] = []
        for seed in 1...3 as ClosedRange<UInt64> {
            let outcome = try Self.run(try Self.plan(), seed: seed)
            #expect(outcome.violations.isEmpty, "seed \(seed): \(outcome.violations)")
            let rollout = try #require(outcome.details.rollout)
            states.append(rollout.state)
            #expect(rollout.cloud.most <= rollout.cloud.limit)
            if rollout.state == "complete" { #expect(rollout.served > 70) }
            if let abort = rollout.abort { #expect(abort.missing == 0) }
        }
        // A plan that meets only one of them tests little.
        #expect(states.contains("complete") && states.contains("rolled back"), "\(states)")
    }

    @Test("a seed is one run")
    func deterministic() throws {
        let plan = try Self.plan()
        let first = try Self.run(plan, seed: 5)
        #expect(try Self.run(plan, seed: 5).details == first.details)
        #expect(try Self.run(plan, seed: 6).details.eventHash != first.details.eventHash)
    }

    @Test(
        "a planted bug is found by the checker that is there for it",
        arguments: [
            (Mutation.keepEpoch, ["epoch"]), (.loseCommands, budgets),
            (.loseReturns, ["abort", "waves", "convergence"]),
            (.trustUnwritten, ["fencing"] + budgets), (.forgetRecord, ["fencing"]),
            (.doubleBudget, budgets), (.racksOnly, ["region-budget", "cloud-budget"]),
            (.approveWhatever, ["waves"]), (.deafDesks, ["abort-reach"]),
            (.deafTracker, ["convergence"]),
        ]
    )
    func found(mutation: Mutation, invariants: [String]) throws {
        let plan =
            switch mutation {
            case .loseCommands: try Self.plan(trackerKills: "8")
            // What shows after an abort: always one.
            case .loseReturns:
                try Self.plan(abortShare: 1, abortsAtOnce: false, trackerKills: "8")
            case .approveWhatever:
                try Self.plan(waves: Self.sixteenWaves, abortShare: 0, hostFailures: "0%")
            case .deafDesks: try Self.plan(abortShare: 1, trackerKills: "0")
            default: try Self.plan()
            }
        for seed in 1...12 as ClosedRange<UInt64> {
            let outcome = try Self.run(plan, seed: seed, mutation)
            guard let violation = outcome.violations.first else { continue }
            #expect(invariants.contains(violation.invariant), "\(violation)")
            return
        }
        Issue.record("\(mutation.rawValue) was not found within 12 seeds")
    }
}
