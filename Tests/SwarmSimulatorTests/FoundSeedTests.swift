import SwarmModel
import SwarmSimulator
import Testing

/// Each of these failed once; `Docs/Simulation.md` says what it found.
@Suite("Seeds that found a bug stay right")
struct FoundSeedTests {
    @Test("a piece that is lost before its have was sent is not announced", arguments: [15, 22])
    func lostBeforeTold(seed: UInt64) throws {
        let outcome = try Runs.run("mixed", seed: seed)
        #expect(outcome.violations.isEmpty, "\(outcome.violations)")
    }
}
