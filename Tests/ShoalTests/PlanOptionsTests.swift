import ArgumentParser
import SwarmModel
import Testing

@testable import shoal

@Suite("Plans of rollouts on the command line")
struct PlanOptionsTests {
    private static func plan(_ arguments: [String]) throws -> RolloutPlan {
        try PlanOptions.parse(arguments).value()
    }

    @Test("waves with gates")
    func waves() throws {
        let plan = try Self.plan([
            "--wave", "1/soak=60/approval", "--wave", "pool in (a,b)/command=smoke",
            "--wave", "25%/approval/http=http://host:80/a/b", "--wave", "all",
        ])
        #expect(
            plan.waves == [
                RolloutPlan.Wave(hosts: .count(1), gates: [.soak(seconds: 60), .approval]),
                RolloutPlan.Wave(
                    hosts: .selector(try LabelSelector("pool in (a,b)")),
                    gates: [.command(name: "smoke", timeoutSeconds: 30)]
                ),
                RolloutPlan.Wave(
                    hosts: .percent(25),
                    gates: [.approval, .http(url: "http://host:80/a/b", timeoutSeconds: 30)]
                ),
                RolloutPlan.Wave(hosts: .percent(100)),
            ]
        )
    }

    @Test("what is not given is as in the standard plan")
    func defaults() throws {
        #expect(try Self.plan([]) == .standard)
        let plan = try Self.plan(["--max-unavailable", "2", "--failure-budget", "3"])
        #expect(plan.maxUnavailable == .count(2))
        #expect(plan.failureBudget == 3)
        #expect(plan.maxUnavailablePerRegion == nil)
        let wide = try Self.plan([
            "--max-unavailable-per-region", "5%", "--max-unavailable-per-cloud", "7",
        ])
        #expect(wide.maxUnavailablePerRegion == .percent(5))
        #expect(wide.maxUnavailablePerCloud == .count(7))
        #expect(plan.waves == RolloutPlan.standard.waves)
    }

    @Test(
        "slips are usage errors",
        arguments: [
            ["--wave", "1/"], ["--wave", "1/soak"], ["--wave", "1/soak=x"], ["--wave", "1/pray"],
            ["--wave", "a=,"], ["--wave", "1/command=../x"], ["--max-unavailable", "x"],
            ["--max-unavailable-per-region", "-1"], ["--max-unavailable-per-cloud", "101%"],
            ["--dead-hosts", "101%"], ["--deadline", "1"], ["--failure-budget", "-1"],
            ["--wave", ""],
        ]
    )
    func slips(arguments: [String]) {
        do {
            _ = try Self.plan(arguments)
            Issue.record("parsed \(arguments)")
        } catch let failure as CommandFailure {
            #expect(failure.status == .usage)
        } catch {
            #expect(PlanOptions.exitCode(for: error).rawValue == ExitStatus.usage.rawValue)
        }
    }

    @Test("a watch ends with a status of its own for each end")
    func statuses() throws {
        var rollout = Rollout(
            id: 1,
            channel: "c",
            model: try ModelName("a/b"),
            target: DesiredState.Version(version: "2", infoHash: InfoHash(.zero)),
            previous: nil,
            plan: .standard
        )
        #expect(RolloutText.status(rollout) == nil)
        rollout.pause = Rollout.Pause(isByOperator: true, reason: "x")
        #expect(RolloutText.status(rollout) == .paused)
        rollout.phase = .complete
        #expect(RolloutText.status(rollout) == .success)
        rollout.phase = .rollbackDegraded
        #expect(RolloutText.status(rollout) == .rolledBack)
    }
}
