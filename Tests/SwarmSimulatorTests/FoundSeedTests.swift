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

    @Test("a piece that nobody serves any more keeps no other from being begun", arguments: [1101])
    func stranded(seed: UInt64) throws {
        let outcome = try Runs.run("mixed", seed: seed)
        #expect(outcome.violations.isEmpty, "\(outcome.violations)")
    }

    @Test("the simulator keeps the order of a connection, whatever holds it up", arguments: [1505])
    func order(seed: UInt64) throws {
        let outcome = try Runs.run("mixed", seed: seed)
        #expect(outcome.violations.isEmpty, "\(outcome.violations)")
    }
}
