import SwarmModel
import SwarmSimulator
import Testing

@Suite("Fleets in virtual time")
struct SeedTests {
    @Test("seeds of the mixed plan hold every invariant and complete", arguments: 1...24)
    func mixed(seed: UInt64) throws {
        let outcome = try Runs.run("mixed", seed: seed)
        #expect(outcome.violations.isEmpty, "\(outcome.violations)")
    }

    @Test("a small fleet without faults completes near the bound and never beats it")
    func small() throws {
        let outcome = try Runs.run("small", seed: 1)
        #expect(outcome.violations.isEmpty, "\(outcome.violations)")
        #expect(outcome.report.hosts == 8)
        #expect(outcome.details.ratiosToBound.max < 3)
        #expect(outcome.details.ratiosToBound.max >= 0.99)
        #expect(outcome.report.domains.contains { $0.domain == "gcp" && $0.amplification >= 1 })
    }

    @Test("one host and one seed take the time of the narrower link")
    func pair() throws {
        let plan = try Runs.plan(
            text: """
                {"model": {"bytes": "100MB"}, "topology": {"hostsPerRack": 1},
                 "links": {"host": {"up": "1Gbit", "down": "100Mbit"}},
                 "sources": [{"up": "1Gbit"}]}
                """
        )
        let outcome = try Runs.run(plan, seed: 1)
        #expect(outcome.violations.isEmpty, "\(outcome.violations)")
        #expect((8.0...8.4).contains(outcome.report.completionSeconds.max))
        #expect(outcome.report.boundSeconds == 8)
        #expect(outcome.report.duplicateBytes == 0)
    }

    @Test("both fidelities agree on time and traffic")
    func fidelities() throws {
        func text(_ fidelity: String) -> String {
            """
            {"fidelity": "\(fidelity)", "model": {"bytes": "512MiB", "pieceLength": "1MiB"},
             "topology": {"hostsPerRack": 8}, "links": {"host": {"up": "1Gbit", "down": "1Gbit"}},
             "sources": [{"up": "1Gbit"}]}
            """
        }
        let block = try Runs.run(try Runs.plan(text: text("block")), seed: 1)
        let flow = try Runs.run(try Runs.plan(text: text("flow")), seed: 1)
        let ratio = flow.report.completionSeconds.p50 / block.report.completionSeconds.p50
        #expect((0.8...1.25).contains(ratio), "\(ratio)")
        #expect(flow.report.modelBytes == block.report.modelBytes)
    }
}
