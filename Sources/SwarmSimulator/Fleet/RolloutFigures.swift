import OrderedCollections
import SwarmCore
package import SwarmModel

/// What the report of a simulated rollout says beyond that of every run.
package struct RolloutFigures: Sendable, Codable, Hashable {
    /// `complete`, `rolled back`, …
    package var state: String
    /// From its creation until it was over, or the run was.
    package var seconds: Double
    package var served: Int
    package var failed: Int
    package var trackerKills: Int
    package var commandsToHosts: Int
    package var commandsOfOperators: Int
    package var rack: Budget
    package var region: Budget
    package var cloud: Budget
    package var abort: Abort?

    /// The domain of a level that came nearest to its `maxUnavailable`: the most hosts that were
    /// out of service at one instant, and how many may be. Not bounded when all return at once.
    package struct Budget: Sendable, Codable, Hashable {
        package var most: Int
        package var limit: Int
    }

    package struct Abort: Sendable, Codable, Hashable {
        /// From the abort until live hosts heard of it.
        package var reachedSeconds: ScenarioReport.Spread
        package var reached: Int
        /// Live hosts that had not heard when the run was over.
        package var missing: Int
        /// The tracker was killed about then.
        package var isDisturbed: Bool
    }
}

extension RolloutSimulation {
    func outcome() -> Outcome {
        let violations = checks.violations
        let report = ScenarioReport(
            scenario: scenario.plan.name,
            modelBytes: scenario.modelBytes,
            members: hosts.map(\.locality),
            completions: Array(checks.servedAfter.values),
            traffic: TrafficLedger([]),
            duplicateBytes: 0,
            boundSeconds: 0,
            originLocality: .unknown,
            violations: violations.map(\.description)
        )
        return Outcome(
            seed: scenario.seed,
            violations: violations,
            report: report,
            details: details
        )
    }

    private var details: Outcome.Details {
        let none = Outcome.Details.Levels(rack: 0, region: 0, cloud: 0, betweenClouds: 0)
        return Outcome.Details(
            seed: scenario.seed,
            eventHash: fingerprint.text,
            events: eventCount,
            virtualSeconds: (now - .origin).inSeconds,
            ratiosToBound: .init(of: []),
            boundBy: "",
            amplification: none,
            bytes: none,
            aggregateBytesPerSecond: 0,
            connectionsPeak: 0,
            announces: 0,
            crashes: checks.sights.first { $0.name == "host crash" }?.count ?? 0,
            timeline: [],
            sights: checks.sights.map { .init(what: $0.name, count: $0.count) },
            rollout: figures
        )
    }

    private var figures: RolloutFigures {
        func budget(_ level: Int) -> RolloutFigures.Budget {
            let (most, limit) = checks.domains.worst(level: level)
            return .init(most: most, limit: limit)
        }
        let failed = hosts.count { host in
            guard let activation = host.machine.activation(of: Self.model) else { return false }
            return activation.failure?.fence == activation.fence
        }
        return RolloutFigures(
            state: tracker.rollout?.stateText ?? "",
            seconds: ((checks.endedAt ?? now) - checks.createdAt).inSeconds,
            served: checks.servedAfter.count,
            failed: failed,
            trackerKills: tracker.kills.count,
            commandsToHosts: checks.fences.count,
            commandsOfOperators: checks.commandCount,
            rack: budget(0),
            region: budget(1),
            cloud: budget(2),
            abort: checks.abort.beganAt.map { _ in
                .init(
                    reachedSeconds: .init(of: checks.abort.seconds),
                    reached: checks.abort.seconds.count,
                    missing: checks.abort.missing,
                    isDisturbed: checks.abort.isDisturbed
                )
            }
        )
    }
}
