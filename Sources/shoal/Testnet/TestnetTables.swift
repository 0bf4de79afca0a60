import SwarmModel
import SwarmTestnet

/// A report of the laboratory for people.
struct TestnetTables {
    let report: TestnetReport

    var text: String {
        [hosts, boundaries, rollouts, summary, violations].filter { !$0.isEmpty }
            .joined(separator: "\n\n")
    }

    private var hosts: String {
        let isFleet = !report.rollouts.isEmpty
        let rows = report.hostReports.map { host in
            [
                host.host, host.locality, host.seconds.map { $0.twoDigits } ?? "never",
                isFleet ? host.servingSeconds.map { $0.twoDigits } ?? "never" : "",
                "\(ByteCount(host.receivedBytes))", "\(ByteCount(host.duplicateBytes))",
                "\(ByteCount(host.uploadedBytes))",
            ]
        }
        return TextTable(
            rows: [
                [
                    "HOST", "IN", "SECONDS", isFleet ? "SERVES AFTER" : "", "RECEIVED", "TWICE",
                    "SENT",
                ]
            ] + rows,
            rightAligned: [2, 3, 4, 5, 6]
        ).text
    }

    private var boundaries: String {
        guard !report.boundaries.isEmpty else { return "" }
        let size = Double(max(1, report.scenario.modelBytes))
        let rows = report.boundaries.map { boundary in
            [
                boundary.domain, boundary.level,
                (Double(boundary.ledgerIn) / size).twoDigits + (boundary.hasSource ? " *" : "  "),
                (Double(boundary.ledgerOut) / size).twoDigits,
                "\(ByteCount(boundary.ledgerIn))", "\(ByteCount(boundary.counterIn))",
                "\(ByteCount(boundary.ledgerOut))", "\(ByteCount(boundary.counterOut))",
            ]
        }
        let head = [
            "BOUNDARY", "", "COPIES IN", "OUT", "IN, LEDGER", "IN, LINK", "OUT, LEDGER",
            "OUT, LINK",
        ]
        return TextTable(rows: [head] + rows, rightAligned: [2, 3, 4, 5, 6, 7]).text
            + "\n* has the model inside"
    }

    private var rollouts: String {
        report.rollouts.map { rollout in
            let rows = rollout.waves.enumerated().map { index, wave in
                [
                    "\(index + 1): \(wave.scope)", "\(wave.hostsActive) of \(wave.hosts)",
                    wave.beganSeconds.map { $0.twoDigits } ?? "never",
                    wave.activeSeconds.map { $0.twoDigits } ?? "never",
                ]
            }
            let head = ["WAVE", "ACTIVE", "BEGAN, S", "ALL ACTIVE, S"]
            let table = TextTable(rows: [head] + rows, rightAligned: [1, 2, 3]).text
            return "version \(rollout.version): \(rollout.state), "
                + "\(rollout.hostsActive) of \(rollout.hosts) hosts active"
                + (rollout.completeSeconds.map { ", complete after \($0.twoDigits) s" } ?? "")
                + "\n\(table)" + Self.wayBack(rollout)
        }.joined(separator: "\n\n")
    }

    private static func wayBack(_ rollout: TestnetReport.Rollout) -> String {
        guard let reason = rollout.returnReason else { return "" }
        let time = rollout.returnSeconds.map { "\($0.twoDigits) s" } ?? "never"
        let bytes = rollout.returnBytes.map { "\(ByteCount($0))" } ?? "unknown"
        return "\nreturn: \(time) for at most \(rollout.hostsActiveMax) active hosts, "
            + "\(bytes) fetched; because \(Terminal.safe(reason))"
    }

    private var summary: String {
        let shared = report.scenario
        let times = shared.completionSeconds
        let ratio = shared.boundSeconds > 0 ? times.max / shared.boundSeconds : 0
        let rows: [[String]] = [
            ["scenario", "\(shared.scenario): \(shared.ok ? "ok" : "FAILED")"],
            ["model", "\(ByteCount(shared.modelBytes)) to \(shared.hosts) hosts"],
            ["complete", "p50 \(times.p50.twoDigits) s, last \(times.max.twoDigits) s"],
            ["bound", "\(shared.boundSeconds.twoDigits) s: \(report.boundLimit)"],
            ["last ÷ bound", ratio.twoDigits],
            ["twice", "\(ByteCount(shared.duplicateBytes))"],
            ["from origins", "\(ByteCount(shared.originBytes))"],
            [
                "egress cost",
                "$\(shared.costUSD.fourDigits); from the origin alone "
                    + "$\(shared.costOriginOnlyUSD.fourDigits)",
            ],
            ["processors idle", "\(Int(report.processorIdle * 100)) %"],
            ["network", "\(report.isolation); delay \(report.delay)"],
        ]
        return TextTable(rows: rows).text
    }

    private var violations: String {
        report.scenario.violations.map { "violated: \($0)" }.joined(separator: "\n")
    }
}

extension Double {
    fileprivate var twoDigits: String { Self.fixed(self, digits: 2) }
    fileprivate var fourDigits: String { Self.fixed(self, digits: 4) }

    private static func fixed(_ value: Double, digits: Int) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
        let scale = (0..<digits).reduce(1) { scale, _ in scale * 10 }
        let whole = Int((value * Double(scale)).rounded())
        let fraction = String(abs(whole) % scale)
        let zeros = String(repeating: "0", count: digits - fraction.count)
        return "\(whole < 0 ? "-" : "")\(abs(whole) / scale).\(zeros)\(fraction)"
    }
}
