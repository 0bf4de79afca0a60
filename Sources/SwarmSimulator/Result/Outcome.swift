import SwarmCore
package import SwarmModel

/// How a run ended.
package struct Outcome: Sendable {
    package var seed: UInt64
    package var violations: [Violation]
    package var report: ScenarioReport
    package var details: Details
    /// The last lines about the host of the first violation, when the run was recorded.
    package var transcript: [String] = []

    /// What the simulator knows beyond a ``ScenarioReport``.
    package struct Details: Sendable, Codable, Hashable {
        package var seed: UInt64
        /// Hash of all events, sixteen hexadecimal digits.
        package var eventHash: String
        package var events: Int
        package var virtualSeconds: Double
        package var ratiosToBound: ScenarioReport.Spread
        /// What limits the bound.
        package var boundBy: String
        /// Mean amplification of the domains of each level that began without the model.
        package var amplification: Levels
        /// Payload bytes by the nearest domain that sender and receiver share.
        package var bytes: Levels
        /// Bytes a second over all hosts until ninety-nine in a hundred were complete.
        package var aggregateBytesPerSecond: Double
        package var connectionsPeak: Int
        package var announces: Int
        package var crashes: Int
        package var timeline: [Moment]
        /// How often rare things happened.
        package var sights: [Sight]
        /// Of a plan with a rollout.
        package var rollout: RolloutFigures?

        package struct Levels: Sendable, Codable, Hashable {
            package var rack: Double
            package var region: Double
            package var cloud: Double
            package var betweenClouds: Double
        }

        package struct Moment: Sendable, Codable, Hashable {
            package var seconds: Double
            package var completed: Int
            /// Sums since the start.
            package var bytes: Levels
            package var originBytes: Double
        }

        package struct Sight: Sendable, Codable, Hashable {
            package var what: String
            package var count: Int
        }
    }
}

extension Simulation {
    func outcome() -> Outcome {
        let violations = checks.violations
        let report = self.report(violations: violations.map(\.description))
        return Outcome(
            seed: scenario.seed,
            violations: violations,
            report: report,
            details: details(report),
            transcript: options.isRecording
                ? transcript.tail(60, host: violations.first?.host) : []
        )
    }

    /// From each host's wish to its last verified byte.
    func completionTimes(of isCounted: (Node) -> Bool) -> [Double] {
        nodes.compactMap { node in
            guard node.host.isWanter, isCounted(node), let start = node.wantedSince,
                let end = node.completedAt
            else { return nil }
            return (end - start).inSeconds
        }
    }

    func report(violations: [String]) -> ScenarioReport {
        let wanters = scenario.hosts.filter { $0.start != .seed }
        let source =
            scenario.hosts.first { $0.isOrigin } ?? scenario.hosts.first { $0.start == .seed }
        return ScenarioReport(
            scenario: scenario.plan.name,
            modelBytes: scenario.modelBytes,
            members: wanters.map { scenario.places[$0.place].locality },
            completions: completionTimes { _ in true },
            traffic: tally.ledger(scenario),
            duplicateBytes: nodes.reduce(0) { $0 + $1.swarm.ledger.duplicateBytes }
                * scenario.scale,
            boundSeconds: bound.seconds,
            originLocality: source.map { scenario.places[$0.place].locality } ?? .unknown,
            violations: violations
        )
    }

    /// The bound of the topology as it was drawn; slow hosts count with what they have.
    var bound: CompletionBound {
        let scale = Double(scenario.scale)
        var hosts: [CompletionBound.Host] = []
        var sources: [CompletionBound.Source] = []
        for host in scenario.hosts {
            let place = scenario.places[host.place].locality
            if host.start == .seed {
                sources.append(.init(locality: place, uploadRate: host.upRate * scale))
            } else {
                hosts.append(
                    .init(
                        locality: place,
                        uploadRate: host.upRate * scale,
                        downloadRate: host.downRate * scale
                    )
                )
            }
        }
        return CompletionBound(
            bytes: scenario.modelBytes,
            hosts: hosts,
            sources: sources,
            domains: limitedDomains
        )
    }

    private var limitedDomains: [CompletionBound.Domain] {
        func rate(_ link: Int32) -> Double? {
            link < 0 ? nil : scenario.links.capacity[Int(link)] * Double(scenario.scale)
        }
        var domains: [CompletionBound.Domain] = []
        for place in scenario.places {
            for level in 1...3 {
                let name = place.locality.ancestor(level: level)
                guard !domains.contains(where: { $0.name == name }) else { continue }
                domains.append(
                    .init(
                        name: name,
                        ingressRate: rate(place.ingress[level - 1]),
                        egressRate: rate(place.egress[level - 1])
                    )
                )
            }
        }
        return domains.filter { $0.ingressRate != nil || $0.egressRate != nil }
    }

    /// Bytes that all hosts together had when ninety-nine in a hundred were complete, over the time
    /// until then.
    var aggregateRate: Double {
        let wanters = nodes.filter { $0.host.isWanter }
        let start = wanters.compactMap(\.wantedSince).min() ?? .origin
        let times = wanters.compactMap(\.completedAt).map { ($0 - start).inSeconds }
        let time = ScenarioReport.Spread(of: times).p99
        guard time > 0 else { return 0 }
        return Double(times.count) * Double(scenario.modelBytes) * 0.99 / time
    }

    private func details(_ report: ScenarioReport) -> Outcome.Details {
        let over = { (seconds: Double) in
            report.boundSeconds > 0 ? seconds / report.boundSeconds : 0
        }
        return Outcome.Details(
            seed: scenario.seed,
            eventHash: fingerprint.text,
            events: eventCount,
            virtualSeconds: (now - .origin).inSeconds,
            ratiosToBound: .init(
                p50: over(report.completionSeconds.p50),
                p99: over(report.completionSeconds.p99),
                max: over(report.completionSeconds.max)
            ),
            boundBy: bound.tightest?.description ?? "",
            amplification: .init(
                rack: amplification(report, level: 3),
                region: amplification(report, level: 2),
                cloud: amplification(report, level: 1),
                betweenClouds: 0
            ),
            bytes: levels(tally.bytesByLevel),
            aggregateBytesPerSecond: aggregateRate,
            connectionsPeak: nodes.map(\.connectionsPeak).max() ?? 0,
            announces: tally.announceCount,
            crashes: tally.crashCount,
            timeline: tally.samples.map { sample in
                .init(
                    seconds: (sample.at - .origin).inSeconds,
                    completed: sample.completed,
                    bytes: levels(sample.bytes),
                    originBytes: Double(sample.originBytes * scenario.scale)
                )
            },
            sights: checks.sights.map { .init(what: $0.name, count: $0.count) }
        )
    }

    private func levels(_ bytes: [Int]) -> Outcome.Details.Levels {
        let scale = Double(scenario.scale)
        return .init(
            rack: Double(bytes[3]) * scale,
            region: Double(bytes[2]) * scale,
            cloud: Double(bytes[1]) * scale,
            betweenClouds: Double(bytes[0]) * scale
        )
    }
}
