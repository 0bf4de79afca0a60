import SwarmModel
import SwarmSimulator

/// What `shoal simulate` ends with: the report of a run with the fixed names, what only the
/// simulator knows, and how many seeds failed.
struct SimulationReport: Encodable {
    private let result: SeedRunner.Result

    init(_ result: SeedRunner.Result) { self.result = result }

    private enum Key: String, CodingKey { case seeds, failedSeeds, failures, wallSeconds }

    private struct Failure: Encodable {
        var seed: UInt64
        var invariant: String
        var kind: String
        var what: String
        var reproduce: String
        var transcript: [String]
    }

    func encode(to encoder: any Encoder) throws {
        try result.shown.report.encode(to: encoder)
        try result.shown.details.encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(result.seeds, forKey: .seeds)
        try container.encode(result.failures.count, forKey: .failedSeeds)
        try container.encode(result.seconds, forKey: .wallSeconds)
        let failures = result.failures.map {
            Failure(
                seed: $0.seed,
                invariant: $0.violation.invariant,
                kind: $0.violation.kind.rawValue,
                what: $0.violation.description,
                reproduce: $0.command,
                transcript: $0.transcript
            )
        }
        try container.encode(failures, forKey: .failures)
    }

    // MARK: Text

    var text: String {
        var parts = [summary]
        if result.seeds == 1, result.shown.details.rollout == nil { parts.append(domains) }
        parts += result.failures.prefix(5).map { Self.text(of: $0) }
        return parts.joined(separator: "\n\n")
    }

    private var summary: String {
        let (report, details) = (result.shown.report, result.shown.details)
        let rate = Double(result.events) / max(result.seconds, 0.001)
        var rows = [
            ["plan", report.scenario],
            ["seeds", "\(result.seeds), \(result.failures.count) failed"],
            ["events", "\(result.events), \(Int(rate)) a second"],
        ]
        guard result.seeds == 1 else { return TextTable(rows: rows).text }
        if let rollout = details.rollout {
            return TextTable(rows: rows + Self.rows(of: rollout, report, details)).text
        }
        let times = report.completionSeconds
        let ratios = details.ratiosToBound
        rows += [
            ["seed", "\(details.seed), event hash \(details.eventHash)"],
            ["hosts", "\(report.hosts), at most \(details.connectionsPeak) connections each"],
            ["model", Self.bytes(Double(report.modelBytes))],
            [
                "complete",
                "p50 \(seconds(times.p50)), p99 \(seconds(times.p99)), max \(seconds(times.max))",
            ],
            ["bound", "\(seconds(report.boundSeconds)): \(details.boundBy)"],
            [
                "over bound",
                "p50 \(short(ratios.p50)), p99 \(short(ratios.p99)), "
                    + "max \(short(ratios.max))",
            ],
            ["aggregate", "\(Self.bytes(details.aggregateBytesPerSecond))/s"],
            [
                "amplification",
                "cloud \(short(details.amplification.cloud)), region "
                    + "\(short(details.amplification.region)), rack "
                    + short(details.amplification.rack),
            ],
            ["from origins", Self.bytes(Double(report.originBytes))],
            ["twice", Self.bytes(Double(report.duplicateBytes))],
            [
                "cost",
                "$\(short(report.costUSD)); every host from the origin: "
                    + "$\(short(report.costOriginOnlyUSD))",
            ],
        ]
        return TextTable(rows: rows).text
    }

    private var domains: String {
        var rows = [["domain", "hosts", "in", "out", "copies"]]
        for domain in result.shown.report.domains where domain.level <= 2 {
            rows.append([
                domain.domain, "\(domain.hosts)", Self.bytes(Double(domain.bytesIn)),
                Self.bytes(Double(domain.bytesOut)), short(domain.amplification),
            ])
        }
        return TextTable(rows: rows, rightAligned: [1, 2, 3, 4]).text
    }

    private static func text(of failure: SeedRunner.Failure) -> String {
        var lines = ["seed \(failure.seed) failed: \(failure.violation)"]
        if failure.faultCount > 0 {
            let needed = failure.faultCount - failure.faultsLeftOut
            lines.append("fails with \(needed) of its \(failure.faultCount) faults")
        }
        lines += failure.transcript.map { "  \($0)" }
        lines.append("repeat with: \(failure.command)")
        return lines.joined(separator: "\n")
    }

    private func seconds(_ value: Double) -> String { "\(short(value)) s" }
    private func short(_ value: Double) -> String { "\((value * 1000).rounded() / 1000)" }
    private static func bytes(_ value: Double) -> String { ByteCount(Int(value)).description }
}
