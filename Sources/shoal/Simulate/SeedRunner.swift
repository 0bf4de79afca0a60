import Foundation
import SwarmModel
import SwarmSimulator

/// Runs seeds of a plan on several cores and gathers what came of them.
struct SeedRunner: Sendable {
    var plan: Plan
    /// As on the command line, for the line that repeats a run.
    let planName: String
    let mutation: Mutation?
    let jobs: Int
    let isQuiet: Bool
    /// Chosen on the command line in place of the plan's.
    var policy: Plan.Settings.Policy?

    struct Failure: Sendable {
        var seed: UInt64
        var violation: Violation
        /// How many faults of the run can be left out without it passing.
        var faultsLeftOut: Int
        var faultCount: Int
        var transcript: [String]
        var command: String
    }

    struct Result: Sendable {
        var shown: Outcome
        var seeds: Int
        var failures: [Failure]
        var seconds: Double
        var events: Int
    }

    /// Failures that are looked at closely; more are only counted.
    private static let failuresExplained = 3

    func run(first: UInt64, count: Int) async throws -> Result {
        let began = Date()
        var failures: [Failure] = []
        var shown: Outcome?
        var events = 0
        var done = 0
        try await withThrowingTaskGroup(of: Outcome.self) { group in
            var next = first
            let end = first + UInt64(count)
            func addNext() {
                guard next < end else { return }
                let seed = next
                next += 1
                group.addTask { try simulate(seed, isAlone: count == 1 && jobs > 1) }
            }
            for _ in 0..<jobs { addNext() }
            while let outcome = try await group.next() {
                done += 1
                events += outcome.details.events
                if let violation = outcome.violations.first {
                    failures.append(explain(outcome, violation, failures.count))
                }
                // The one with the lowest seed is shown, whichever ends first.
                let isWorse = !outcome.violations.isEmpty && shown?.violations.isEmpty != false
                let isEarlier = shown.map { outcome.seed < $0.seed } ?? true
                let isAlike = shown?.violations.isEmpty == outcome.violations.isEmpty
                if isWorse || (isEarlier && (isAlike || shown == nil)) { shown = outcome }
                progress(done, count, failures.count)
                if failures.count < 20 { addNext() }
            }
        }
        guard let shown else { throw CancellationError() }
        return Result(
            shown: shown,
            seeds: done,
            failures: failures.sorted { $0.seed < $1.seed },
            seconds: Date().timeIntervalSince(began),
            events: events
        )
    }

    /// The same under another policy of the scheduler, which is held to what the plan expects only
    /// when it is the plan's own.
    func under(_ policy: Plan.Settings.Policy) -> SeedRunner {
        var runner = self
        if policy != (plan.settings.policy ?? .nearestScope) {
            runner.plan.settings.policy = policy
            runner.plan.expect = .none
        }
        runner.policy = policy
        return runner
    }

    /// One of several runs of a seed has ended.
    func noteCompared(_ name: String, _ done: Int, _ count: Int) {
        guard !isQuiet else { return }
        Terminal.writeError("\(done) of \(count) policies: \(name)\n")
    }

    private func simulate(_ seed: UInt64, isAlone: Bool) throws -> Outcome {
        try Task.checkCancellation()
        CrashNotice.note(seed)
        let scenario = try Scenario(plan: plan, seed: seed)
        if var rollout = RolloutSimulation(scenario, mutation: mutation) { return rollout.run() }
        var options = Simulation.Options(mutation: mutation)
        if isAlone { options.cores = TwoCores() }
        var simulation = Simulation(scenario, options: options)
        return simulation.run()
    }

    private func explain(_ outcome: Outcome, _ violation: Violation, _ before: Int) -> Failure {
        var failure = Failure(
            seed: outcome.seed,
            violation: violation,
            faultsLeftOut: 0,
            faultCount: 0,
            transcript: [],
            command: command(outcome.seed)
        )
        guard before < Self.failuresExplained, outcome.details.events < 5_000_000,
            violation.kind != .expectation, plan.rollout == nil,
            let scenario = try? Scenario(plan: plan, seed: outcome.seed)
        else { return failure }
        let short = Shrinker.shortest(
            scenario,
            mutation: mutation,
            failing: violation.invariant
        )
        failure.faultCount = scenario.faults.count
        failure.faultsLeftOut = short.leftOut.count
        failure.transcript = short.outcome.transcript
        return failure
    }

    private func command(_ seed: UInt64) -> String {
        let bug = mutation.map { " --mutation \($0.rawValue)" } ?? ""
        let policy = policy.map { " --policy \($0.rawValue)" } ?? ""
        return "shoal simulate \(planName) --seed \(seed)\(policy)\(bug)"
    }

    private func progress(_ done: Int, _ count: Int, _ failed: Int) {
        guard !isQuiet, count > 1, done % 100 == 0 || done == count else { return }
        Terminal.writeError("\(done) of \(count) seeds, \(failed) failed\n")
    }
}

extension SeedRunner.Failure {
    var commandFailure: CommandFailure {
        let status: ExitStatus =
            switch violation.kind {
            case .safety: .invariantViolated
            case .stall: .stalled
            case .expectation: .targetMissed
            }
        return CommandFailure(status, "seed \(seed): \(violation)", remedy: command)
    }
}
