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

    @Test("a new tracker leases no piece that is being read under a lease", arguments: [97, 2472])
    func leasedTwice(seed: UInt64) throws {
        let outcome = try Runs.run("leases", seed: seed)
        #expect(outcome.violations.isEmpty, "\(outcome.violations)")
    }

    @Test("what a slow host has half of is not imported again", arguments: [535])
    func halfImported(seed: UInt64) throws {
        let outcome = try Runs.run("calm", seed: seed)
        #expect(outcome.violations.isEmpty, "\(outcome.violations)")
    }

    @Test("a fleet without its tracker does not read the origin host by host", arguments: [294])
    func storm(seed: UInt64) throws {
        let outcome = try Runs.run("leases", seed: seed)
        #expect(outcome.violations.isEmpty, "\(outcome.violations)")
    }

    @Test("the simulator keeps the order of a connection, whatever holds it up", arguments: [1505])
    func order(seed: UInt64) throws {
        let outcome = try Runs.run("mixed", seed: seed)
        #expect(outcome.violations.isEmpty, "\(outcome.violations)")
    }

    @Test("a peer that withholds and comes back turns no clock back", arguments: [8162, 12609])
    func withheldAgain(seed: UInt64) throws {
        let outcome = try Runs.run("mixed", seed: seed)
        #expect(outcome.violations.isEmpty, "\(outcome.violations)")
    }
}
