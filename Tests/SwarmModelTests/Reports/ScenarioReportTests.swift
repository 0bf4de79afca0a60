import Foundation
import SwarmModel
import Testing

@Suite("The report of a scenario")
struct ScenarioReportTests {
    private static let a1 = place("aws/east/1")
    private static let a2 = place("aws/east/2")
    private static let a3 = place("aws/west/1")
    private static let g1 = place("gcp/eu/1")
    private static let origin = place("aws/east")

    private static func place(_ text: String) -> Locality {
        guard let place = try? Locality(text) else { preconditionFailure(text) }
        return place
    }

    /// Origin to a1, a1 to a2 and twice to a3 and g1, of a model of 1 GB.
    private static var ledger: TrafficLedger {
        var ledger = TrafficLedger()
        ledger.book(600_000_000, from: origin, to: a1, kind: .origin)
        ledger.book(400_000_000, from: origin, to: a1, kind: .origin)
        ledger.book(1_000_000_000, from: a1, to: a2, kind: .peer)
        ledger.book(1_000_000_000, from: a1, to: a3, kind: .peer)
        ledger.book(1_500_000_000, from: a2, to: g1, kind: .peer)
        return ledger
    }

    private static func report(violations: [String] = []) -> ScenarioReport {
        ScenarioReport(
            scenario: "small",
            modelBytes: 1_000_000_000,
            members: [a1, a2, a3, g1],
            completions: [1, 2, 4, 3],
            traffic: ledger,
            duplicateBytes: 500_000_000,
            boundSeconds: 2,
            originLocality: origin,
            violations: violations
        )
    }

    @Test("a ledger keeps one entry for each pair and kind, whatever the order of booking")
    func ledger() {
        #expect(Self.ledger.entries.count == 4)
        #expect(Self.ledger.originBytes == 1_000_000_000)
        #expect(Self.ledger.totalBytes == 4_500_000_000)
        #expect(TrafficLedger(Self.ledger.entries.reversed()) == Self.ledger)
        let twice = TrafficLedger(Self.ledger.entries + Self.ledger.entries)
        #expect(twice.totalBytes == 9_000_000_000)
        #expect(twice.entries.count == 4)
        #expect(Self.ledger.bytes(atLevel: 0) == 1_500_000_000)
        #expect(Self.ledger.bytes(atLevel: 1) == 1_000_000_000)
        #expect(Self.ledger.bytes(atLevel: 2) == 2_000_000_000)
    }

    @Test("each boundary counts what crossed it, and nothing that stayed inside")
    func domains() throws {
        let domains = Self.report().domains
        func line(_ name: String) throws -> ScenarioReport.Domain {
            try #require(domains.first { $0.domain == name })
        }
        let aws = try line("aws")
        #expect((aws.bytesIn, aws.bytesOut, aws.hosts) == (0, 1_500_000_000, 3))
        let gcp = try line("gcp")
        #expect((gcp.amplification, gcp.level, gcp.hosts) == (1.5, 1, 1))
        let east = try line("aws/east")
        #expect((east.bytesIn, east.bytesOut, east.hosts) == (0, 2_500_000_000, 2))
        let west = try line("aws/west")
        #expect((west.amplification, west.hosts) == (1, 1))
        let rack = try line("aws/east/1")
        #expect((rack.amplification, rack.bytesOut) == (1, 2_000_000_000))
        #expect(domains.map(\.level) == domains.map(\.level).sorted())
        #expect(Self.report().amplificationMax(level: 1) == 1.5)
        #expect(Self.report().amplificationMean(level: 1) == 0.75)
    }

    @Test("the sender's cloud sets the price")
    func cost() {
        let report = Self.report()
        // Free from the origin to its region; across zones, across regions, and out of the cloud.
        #expect(abs(report.costUSD - (0.02 + 0.02 + 1.5 * 0.09)) < 1e-9)
        #expect(abs(report.costOriginOnlyUSD - (0.02 + 0.09)) < 1e-9)
    }

    @Test("percentiles are by nearest rank")
    func spread() {
        let spread = ScenarioReport.Spread(of: (1...200).map { Double($0) }.reversed())
        #expect((spread.p50, spread.p99, spread.max) == (100, 198, 200))
        let one = ScenarioReport.Spread(of: [7])
        #expect((one.p50, one.p99, one.max) == (7, 7, 7))
        #expect(ScenarioReport.Spread(of: []).max == 0)
    }

    @Test("a violation makes the report not ok")
    func violations() {
        #expect(Self.report().ok)
        #expect(!Self.report(violations: ["gcp imported 1.5 copies"]).ok)
        #expect(Self.report().ratioToBound == 2)
    }

    @Test("the JSON has the field names of the design")
    func names() throws {
        let data = try JSONEncoder().encode(Self.report())
        let object = try #require(
            try JSONSerialization.jsonObject(with: data) as? [String: Any]
        )
        let fixed = [
            "scenario", "ok", "hosts", "modelBytes", "domains", "originBytes", "duplicateBytes",
            "completionSeconds", "boundSeconds", "ratioToBound", "violations", "costUSD",
            "costOriginOnlyUSD",
        ]
        for name in fixed { #expect(object[name] != nil, "\(name)") }
        let domain = try #require((object["domains"] as? [[String: Any]])?.first)
        for name in ["domain", "amplification", "bytesIn", "bytesOut"] {
            #expect(domain[name] != nil, "\(name)")
        }
        let times = try #require(object["completionSeconds"] as? [String: Any])
        for name in ["p50", "p99", "max"] { #expect(times[name] != nil, "\(name)") }
        #expect(try JSONDecoder().decode(ScenarioReport.self, from: data) == Self.report())
    }
}
