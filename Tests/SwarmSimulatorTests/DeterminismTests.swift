import SwarmModel
import SwarmSimulator
import Testing

@Suite("One seed is one run")
struct DeterminismTests {
    @Test("the same seed gives the same events, and another seed other ones", arguments: 1...6)
    func repeats(seed: UInt64) throws {
        let first = try Runs.run("mixed", seed: seed)
        let second = try Runs.run("mixed", seed: seed)
        #expect(first.details.eventHash == second.details.eventHash)
        #expect(first.details.events == second.details.events)
        #expect(first.report == second.report)
        let other = try Runs.run("mixed", seed: seed + 100)
        #expect(first.details.eventHash != other.details.eventHash)
    }

    /// Few places for connections, so that many are refused and close.
    private static let fleet = """
        {"fidelity": "flow", "model": {"bytes": "2GB", "pieceLength": "16MiB"},
         "topology": {"regions": [
           {"at": "a/1", "racks": 4, "hostsPerRack": 5},
           {"at": "b/1", "racks": 4, "hostsPerRack": 5}]},
         "links": {"host": {"up": "10Gbit", "down": "10Gbit"},
                   "latency": {"rack": "50us", "region": "500us", "cloud": "5ms", "fleet": "30ms"}},
         "sources": [{"at": "a/1", "kind": "seed"}],
         "settings": {"connectionsMax": 12, "connectionsWanted": 8}}
        """

    @Test("taken in together, by halves in any order, or one by one: the same events")
    func together() throws {
        let plan = try Runs.plan(text: Self.fleet)
        let run = { (cores: any Cores, isRecording: Bool) throws -> Outcome in
            var options = Simulation.Options()
            options.cores = cores
            options.isRecording = isRecording
            var simulation = Simulation(try Scenario(plan: plan, seed: 1), options: options)
            return simulation.run()
        }
        let first = try run(OneCore(), false)
        #expect(first.violations.isEmpty && first.details.events > 10_000)
        #expect(try run(OddFirst(), false).details.eventHash == first.details.eventHash)
        #expect(try run(OneCore(), true).details.eventHash == first.details.eventHash)
    }

    private struct OddFirst: Cores {
        func run(_ halves: inout [FleetHalf], _ work: @Sendable (inout FleetHalf) -> Void) {
            for index in halves.indices.reversed() { work(&halves[index]) }
        }
    }

    @Test("recording a run does not change it")
    func recording() throws {
        let plan = try Runs.plan("mixed")
        var options = Simulation.Options()
        options.isRecording = true
        var simulation = Simulation(try Scenario(plan: plan, seed: 3), options: options)
        let recorded = simulation.run()
        #expect(recorded.details.eventHash == (try Runs.run("mixed", seed: 3)).details.eventHash)
        #expect(!recorded.transcript.isEmpty)
    }
}
