import SwarmModel
import SwarmSimulator

/// One seed of a plan under each policy of the scheduler: what the choice of peers alone does.
///
/// Only the policy of the plan itself is held to what the plan expects; whatever must never happen
/// must not happen under any.
struct PolicyComparison: Sendable {
    typealias Policy = Plan.Settings.Policy

    struct Row: Sendable {
        var policy: Policy
        var result: SeedRunner.Result
    }

    /// Of one policy after the other.
    let rows: [Row]

    /// Runs at most `jobs` of them at once: each needs the memory of a whole run.
    static func run(_ runner: SeedRunner, seed: UInt64) async throws -> PolicyComparison {
        let rows = try await withThrowingTaskGroup(of: Row.self) { group in
            var waiting = Policy.allCases[...]
            func addNext() {
                guard let policy = waiting.popFirst() else { return }
                let runner = runner.under(policy)
                group.addTask {
                    Row(policy: policy, result: try await runner.run(first: seed, count: 1))
                }
            }
            for _ in 0..<min(runner.jobs, Policy.allCases.count) { addNext() }
            var rows: [Row] = []
            while let row = try await group.next() {
                rows.append(row)
                runner.noteCompared(row.policy.rawValue, rows.count, Policy.allCases.count)
                addNext()
            }
            return rows
        }
        let inOrder = Policy.allCases.compactMap { policy in rows.first { $0.policy == policy } }
        return PolicyComparison(rows: inOrder)
    }

    var failures: [SeedRunner.Failure] { rows.flatMap(\.result.failures) }
}

extension PolicyComparison: Encodable {
    private enum Key: String, CodingKey { case scenario, seed, policies }

    private struct Entry: Encodable {
        var policy: String
        var amplification: Outcome.Details.Levels
        var bytes: Outcome.Details.Levels
        var originBytes: Int
        var completionSeconds: ScenarioReport.Spread
        var ratiosToBound: ScenarioReport.Spread
        var costUSD: Double
        var violations: [String]
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        let entries = rows.map { row in
            let (report, details) = (row.result.shown.report, row.result.shown.details)
            return Entry(
                policy: row.policy.rawValue,
                amplification: details.amplification,
                bytes: details.bytes,
                originBytes: report.originBytes,
                completionSeconds: report.completionSeconds,
                ratiosToBound: details.ratiosToBound,
                costUSD: report.costUSD,
                violations: row.result.failures.map(\.violation.description)
            )
        }
        try container.encodeIfPresent(rows.first?.result.shown.report.scenario, forKey: .scenario)
        try container.encodeIfPresent(rows.first?.result.shown.seed, forKey: .seed)
        try container.encode(entries, forKey: .policies)
    }

    var text: String {
        var table = [
            ["policy", "cloud", "region", "rack", "p50", "p99", "max", "between clouds", "cost"]
        ]
        for row in rows {
            let (report, details) = (row.result.shown.report, row.result.shown.details)
            let (copies, times) = (details.amplification, details.ratiosToBound)
            table.append([
                row.policy.rawValue, short(copies.cloud), short(copies.region),
                short(copies.rack), short(times.p50), short(times.p99), short(times.max),
                ByteCount(Int(details.bytes.betweenClouds)).description,
                "$\(short(report.costUSD))",
            ])
        }
        let about = "Copies into a cloud, region and rack; times over the bound."
        let failed = failures.map { "\($0.violation)\nrepeat with: \($0.command)" }
        let text = TextTable(rows: table, rightAligned: [1, 2, 3, 4, 5, 6, 7, 8]).text
        return ([about, text] + failed).joined(separator: "\n\n")
    }

    private func short(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
}
