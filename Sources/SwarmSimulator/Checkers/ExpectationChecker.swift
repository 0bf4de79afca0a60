import SwarmModel

/// The figures that the plan asks for, held against the report.
extension Simulation {
    mutating func checkExpectations() {
        let report = self.report(violations: [])
        checkAmplification(report)
        let expect = scenario.plan.expect
        let levels = [
            (1, "cloud", expect.cloudAmplification), (2, "region", expect.regionAmplification),
            (3, "rack", expect.rackAmplification),
        ]
        for (level, name, limit) in levels {
            guard let limit else { continue }
            let value = amplification(report, level: level)
            if value > limit { missed("\(name) amplification", value, limit) }
        }
        if let limit = expect.p99, report.ratioToBound > limit {
            missed("p99 over the bound", report.ratioToBound, limit)
        }
        let slowest =
            report.boundSeconds > 0
            ? report.completionSeconds.max / report.boundSeconds : 0
        if let limit = expect.max, slowest > limit { missed("max over the bound", slowest, limit) }
        if let limit = expect.healthyOverCalm, let calm = calmSeconds, calm > 0 {
            let times = completionTimes { !$0.host.isSlow }
            let ratio = ScenarioReport.Spread(of: times).p99 / calm
            if ratio > limit { missed("p99 of healthy hosts over a calm run", ratio, limit) }
        }
        if let calm = expect.originCopies {
            let limit = calm + expect.copiesForEachFault * Double(flawCount)
            let copies = Double(report.originBytes) / Double(report.modelBytes)
            if copies > limit { missed("copies from the origin", copies, limit) }
        }
        if let limit = expect.connections {
            let peak = nodes.map(\.connectionsPeak).max() ?? 0
            if peak > limit { missed("connections of one host", Double(peak), Double(limit)) }
        }
        if let least = expect.aggregateRate, aggregateRate < least {
            checks.fail(
                .expectation,
                "aggregate rate",
                nil,
                "\(Self.rounded(aggregateRate / 1e9)) GB/s, less than \(least / 1e9)"
            )
        }
    }

    /// p99 of the same fleet when none of its hosts is slow.
    private var calmSeconds: Double? {
        var plan = scenario.plan
        plan.hosts.slowShare = Draw(0)
        plan.expect = Plan.Expectations()
        guard let calm = try? Scenario(plan: plan, seed: scenario.seed) else { return nil }
        var simulation = Simulation(calm)
        return simulation.run().report.completionSeconds.p99
    }

    /// Bytes that crossed the boundaries of a level over what one copy for each domain that began
    /// without the model would have been.
    func amplification(_ report: ScenarioReport, level: Int) -> Double {
        let domains = emptyDomains(report).filter { $0.level == level }
        guard !domains.isEmpty else { return 0 }
        return domains.reduce(0) { $0 + $1.amplification } / Double(domains.count)
    }

    /// Those that began without the model.
    func emptyDomains(_ report: ScenarioReport) -> [ScenarioReport.Domain] {
        let sources = scenario.hosts.filter { $0.start == .seed }
            .map { scenario.places[$0.place].locality }
        return report.domains.filter { domain in
            domain.hosts > 0
                && !sources.contains {
                    $0.ancestor(level: domain.level).description == domain.domain
                }
        }
    }

    private mutating func missed(_ what: String, _ value: Double, _ limit: Double) {
        checks.fail(
            .expectation,
            what,
            nil,
            "\(Self.rounded(value)), more than \(Self.rounded(limit))"
        )
    }

    static func rounded(_ value: Double) -> String {
        let thousandths = Int((value * 1000).rounded())
        let rest = String(thousandths % 1000)
        let zeros = String(repeating: "0", count: 3 - rest.count)
        return "\(thousandths / 1000).\(zeros)\(rest)"
    }
}
