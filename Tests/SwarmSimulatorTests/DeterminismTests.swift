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
