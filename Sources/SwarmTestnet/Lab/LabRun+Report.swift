import Foundation
import SwarmModel

/// What a run has shown.
extension LabRun {
    /// What is wrong with the copies, by host.
    func differences() async throws -> [Int: String] {
        var copies: [Int: String] = [:]
        for (host, record) in records where record.completedAt != nil && !record.isSpoilt {
            copies[host] =
                scenario.channel != nil
                ? servedPath(host) : record.current?.path ?? record.earlier.last?.path ?? ""
        }
        let version = scenario.assertions.serving ?? Scenario.firstVersion
        return try await Comparison.differences(of: copies, from: original(version))
    }

    mutating func report(_ measured: Measurement, _ differences: [Int: String]) -> TestnetReport {
        let ledger = ledger
        let boundaries = boundaries(measured, ledger)
        let bound = bound
        // A run that ends early because of something else leaves steps undone.
        if violations.isEmpty { checkSteps() }
        checkHosts(differences)
        checkBoundaries(boundaries)
        let shared = shared(ledger, bound)
        checkNumbers(shared)
        return TestnetReport(
            scenario: self.shared(ledger, bound),
            boundaries: boundaries,
            boundLimit: bound.tightest.map { "\($0)" } ?? "",
            processorIdle: measured.idleShare,
            isolation: network == nil ? "loopback" : "namespaces",
            delay: "absent",
            hostReports: scenario.receivers.map { hostReport($0) },
            rollouts: rollouts.map(\.report)
        )
    }

    private func shared(_ ledger: TrafficLedger, _ bound: CompletionBound) -> ScenarioReport {
        ScenarioReport(
            scenario: scenario.name,
            modelBytes: modelBytes,
            members: scenario.receivers.map { topology.locality(ofHost: $0) },
            completions: scenario.receivers.compactMap { seconds($0) },
            traffic: ledger,
            duplicateBytes: records.values.reduce(0) { $0 + $1.duplicateBytes },
            boundSeconds: bound.seconds,
            originLocality: scenario.sources.first.map { topology.locality(ofHost: $0) }
                ?? .unknown,
            violations: violations
        )
    }

    // MARK: Figures

    /// The version's bytes, small files included, as the peers count them.
    var modelBytes: Int {
        records.values.compactMap { $0.lives.last?.bytes }.max() ?? scenario.model.byteCount
    }

    private func seconds(_ host: Int) -> Double? {
        guard let record = records[host], let end = record.completedAt else { return nil }
        return (end - (record.joinedAt ?? .zero)).inSeconds
    }

    private var ledger: TrafficLedger {
        var ledger = TrafficLedger()
        for host in scenario.receivers {
            records[host]?.book(to: topology.locality(ofHost: host), in: &ledger)
        }
        return ledger
    }

    /// Payload bytes per second of a link: of each frame of 1,514 bytes, 66 are headers.
    private static func payloadRate(_ mbps: Double?) -> Double? {
        mbps.map { $0 * 1e6 / 8 * Double(1514 - BoundaryCounter.headerByteCount) / 1514 }
    }

    private var bound: CompletionBound {
        func rate(_ mbps: Double?) -> Double { Self.payloadRate(mbps) ?? .infinity }
        return CompletionBound(
            bytes: modelBytes,
            hosts: scenario.receivers.map { host in
                CompletionBound.Host(
                    locality: topology.locality(ofHost: host),
                    uploadRate: rate(topology.hosts[host].rate.out),
                    downloadRate: rate(topology.hosts[host].rate.into)
                )
            },
            sources: scenario.sources.map { host in
                CompletionBound.Source(
                    locality: topology.locality(ofHost: host),
                    uploadRate: rate(topology.hosts[host].rate.out)
                )
            },
            domains: topology.domains.map { domain in
                CompletionBound.Domain(
                    name: domain.path,
                    ingressRate: Self.payloadRate(domain.rate.into),
                    egressRate: Self.payloadRate(domain.rate.out)
                )
            }
        )
    }

    private func boundaries(
        _ measured: Measurement,
        _ ledger: TrafficLedger
    ) -> [TestnetReport.Boundary] {
        guard !measured.counters.isEmpty else { return [] }
        let lines = ledger.domains(
            of: scenario.receivers.map { topology.locality(ofHost: $0) },
            modelBytes: modelBytes
        )
        return topology.domains.indices.map { index in
            let counter = measured.counters[index]
            let domain = topology.domains[index].path.description
            let line = lines.first { $0.domain == domain }
            let inside = topology.hosts(inside: index).reduce(0) { $0 + measured.resent[$1] }
            return TestnetReport.Boundary(
                domain: domain,
                level: topology.level(of: index),
                hasSource: scenario.sources.contains {
                    topology.isInside(topology.hosts[$0].domain, index)
                },
                counterIn: counter.payloadIn,
                counterOut: counter.payloadOut,
                ledgerIn: line?.bytesIn ?? 0,
                ledgerOut: line?.bytesOut ?? 0,
                resentInside: inside,
                resentOutside: measured.resent.reduce(0, +) - inside,
                framesIn: counter.framesIn,
                framesOut: counter.framesOut
            )
        }
    }

    private func hostReport(_ host: Int) -> TestnetReport.Host {
        let record = records[host] ?? HostRecord()
        return TestnetReport.Host(
            host: name(host),
            locality: topology.locality(ofHost: host).description,
            seconds: seconds(host),
            servingSeconds: record.servedAt.map { ($0 - (record.joinedAt ?? .zero)).inSeconds },
            receivedBytes: record.receivedBytes,
            duplicateBytes: record.duplicateBytes,
            uploadedBytes: record.lives.reduce(0) { $0 + $1.uploadedBytes }
        )
    }

    // MARK: Assertions

    private mutating func checkHosts(_ differences: [Int: String]) {
        for host in scenario.receivers where !scenario.assertions.exempt.contains(host) {
            let record = records[host] ?? HostRecord()
            if record.completedAt == nil {
                violations.append(
                    "\(name(host)) is not complete after \(scenario.limit): "
                        + "\(Int(record.progress * 100)) %"
                        + (record.current?.problem.map { ", \($0)" } ?? "")
                )
            } else if let version = scenario.assertions.serving, serving(host) != version {
                violations.append(
                    "\(name(host)) serves \(serving(host) ?? "nothing"), not \(version)"
                )
            } else if let difference = differences[host] {
                violations.append("\(name(host)): \(difference)")
            }
        }
        for banned in scenario.assertions.banned {
            let identities = records[banned]?.identities ?? []
            if !records.values.contains(where: { !$0.banned.isDisjoint(with: identities) }) {
                violations.append("nobody has banned \(name(banned))")
            }
        }
        for text in scenario.assertions.said where !hasSaid(text) {
            violations.append("no host has said '\(text)'")
        }
        guard let limit = scenario.assertions.requestsPerLie else { return }
        for (lie, count) in requestsToLiars().sorted(by: { $0.key < $1.key })
        where !(1...limit).contains(count) {
            violations.append("'liar-\(lie)' was asked \(count) times, not 1 to \(limit)")
        }
    }

    private func hasSaid(_ text: String) -> Bool {
        scenario.receivers.contains { host in
            let said = (try? String(contentsOfFile: log(host), encoding: .utf8)) ?? ""
            return said.contains(text)
        }
    }

    /// What of a small boundary's traffic is told from noise: control messages do not shrink with
    /// the payload.
    private static let counterFloorShare = 0.05
    /// Requests, haves, announces and status of a short run, which the ledgers do not count.
    private static let controlBytesMax = 256.0 * 1024

    /// What is on its way to a process that is killed, or not read by it yet, is in no ledger:
    /// about what the queue of a boundary holds at least.
    private static let underwayBytesPerKill = 1 << 20

    /// A queue drops a frame after the boundaries before it have counted it, and they count it once
    /// more when it is sent again. Which queue it was nobody says, so what the senders have sent
    /// again is the most by which an interface may be above the ledgers; never below.
    private mutating func checkBoundaries(_ boundaries: [TestnetReport.Boundary]) {
        let tolerance = scenario.assertions.counterTolerance
        let floor = Double(modelBytes) * Self.counterFloorShare
        let killed = records.values.reduce(0) { $0 + $1.earlier.count }
        let unbooked = Self.controlBytesMax + Double(killed * Self.underwayBytesPerKill)
        for boundary in boundaries {
            for (way, counter, ledger, resent) in [
                ("into", boundary.counterIn, boundary.ledgerIn, boundary.resentOutside),
                ("out of", boundary.counterOut, boundary.ledgerOut, boundary.resentInside),
            ] {
                let counted = max(min(counter, ledger), counter - resent)
                let allowed = max(Double(ledger), floor) * tolerance + unbooked
                guard Double(abs(counted - ledger)) > allowed else { continue }
                violations.append(
                    "\(way) \(boundary.domain) the interface counted \(counter) bytes of payload, "
                        + "of which at most \(resent) were sent again, and the ledgers \(ledger): "
                        + "more than \(Int(tolerance * 100)) % apart"
                )
            }
        }
        for boundary in boundaries where !boundary.hasSource {
            guard let limit = scenario.assertions.amplification[boundary.level] else { continue }
            let copies = Double(boundary.ledgerIn) / Double(max(1, modelBytes))
            if copies > limit {
                violations.append(
                    "\(twoDigits(copies)) copies entered \(boundary.domain), at most \(limit) are "
                        + "allowed into a \(boundary.level)"
                )
            }
        }
    }

    private mutating func checkNumbers(_ report: ScenarioReport) {
        let asked = scenario.assertions
        let received = records.values.reduce(0) { $0 + $1.receivedBytes }
        check("duplicates over received bytes", asked.duplicates) {
            Double(report.duplicateBytes) / Double(max(1, received))
        }
        check("copies read from origins", asked.originCopies) {
            Double(report.originBytes) / Double(max(1, report.modelBytes))
        }
        let back = rollout?.report
        check("seconds until all hosts were back", asked.returnSeconds) {
            back?.returnSeconds ?? .infinity
        }
        check("bytes fetched on the way back", asked.returnBytes.map { Double($0) }) {
            back?.returnBytes.map { Double($0) } ?? .infinity
        }
        check("seconds to the last host", asked.seconds) { report.completionSeconds.max }
        check("the last host's time over the bound", asked.ratioToBound) {
            report.boundSeconds > 0 ? report.completionSeconds.max / report.boundSeconds : 0
        }
    }

    private mutating func check(_ what: String, _ limit: Double?, _ value: () -> Double) {
        guard let limit else { return }
        let value = value()
        if value > limit { violations.append("\(what): \(value.rounded3), at most \(limit)") }
    }

    private func twoDigits(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
}

extension Double {
    var rounded3: Double { (self * 1000).rounded() / 1000 }
}
