import SwarmModel
import SwarmSimulator

/// The lines about a simulated rollout.
extension SimulationReport {
    static func rows(
        of rollout: RolloutFigures,
        _ report: ScenarioReport,
        _ details: Outcome.Details
    ) -> [[String]] {
        func budget(_ budget: RolloutFigures.Budget) -> String {
            "\(budget.most) out of service at once, of \(budget.limit) allowed"
        }
        func seconds(_ value: Double) -> String { "\((value * 1000).rounded() / 1000) s" }
        var rows = [
            ["seed", "\(details.seed), event hash \(details.eventHash)"],
            ["hosts", "\(report.hosts), \(details.crashes) crashes"],
            ["rollout", "\(rollout.state) after \(seconds(rollout.seconds))"],
            ["hosts served", "\(rollout.served), \(rollout.failed) failed at the end"],
            ["tracker", "killed \(rollout.trackerKills) times"],
            [
                "commands",
                "\(rollout.commandsToHosts) to hosts, \(rollout.commandsOfOperators) of operators",
            ],
            ["worst rack", budget(rollout.rack)],
            ["worst region", budget(rollout.region)],
            ["worst cloud", budget(rollout.cloud)],
        ]
        if let abort = rollout.abort {
            let times = abort.reachedSeconds
            rows.append([
                "abort",
                "reached \(abort.reached) live hosts: p50 \(seconds(times.p50)), "
                    + "p99 \(seconds(times.p99)), max \(seconds(times.max))"
                    + (abort.isDisturbed ? "; the tracker was killed about then" : ""),
            ])
        }
        return rows
    }
}
