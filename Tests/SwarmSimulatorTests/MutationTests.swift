import Foundation
import SwarmModel
import SwarmSimulator
import Testing

/// Planted bugs that few seeds find at once; `Tests/Simulation/run` has the others.
@Suite("A checker that finds nothing is worth nothing")
struct MutationTests {
    @Test(
        "a planted bug is found by the checker that is there for it",
        arguments: [
            (Mutation.announceEarly, "have-soundness"), (.trustUnsynced, "have-soundness"),
            (.blameNeighbour, "blame"), (.askTwice, "conversation"), (.publishEarly, "exposure"),
            (.hideDamage, "have-soundness"),
        ]
    )
    func found(mutation: Mutation, invariant: String) throws {
        for seed in 1...40 as ClosedRange<UInt64> {
            let outcome = try Runs.run("mixed", seed: seed, mutation: mutation)
            guard let violation = outcome.violations.first else { continue }
            #expect(violation.kind == .safety)
            #expect(violation.invariant == invariant, "\(violation)")
            return
        }
        Issue.record("\(mutation.rawValue) was not found within 40 seeds")
    }

    @Test("a failing run is made shorter, fails in the same way, and shows its end")
    func shorter() throws {
        let plan = try Runs.plan("mixed")
        for seed in 1...40 as ClosedRange<UInt64> {
            let scenario = try Scenario(plan: plan, seed: seed)
            var simulation = Simulation(scenario, options: .init(mutation: .hideDamage))
            guard let violation = simulation.run().violations.first else { continue }
            let short = Shrinker.shortest(
                scenario,
                mutation: .hideDamage,
                failing: violation.invariant
            )
            #expect(short.leftOut.count < scenario.faults.count)
            #expect(short.outcome.violations.first?.invariant == violation.invariant)
            #expect(!short.outcome.transcript.isEmpty)
            return
        }
        Issue.record("no seed failed")
    }

    @Test("the drawing is well-formed and has both panels")
    func plot() throws {
        let outcome = try Runs.run("small", seed: 1)
        let svg = TimelinePlot(outcome.report, outcome.details).svg
        #expect(svg.hasPrefix("<svg") && svg.contains("</svg>"))
        #expect(svg.contains("hosts complete") && svg.contains("between clouds"))
        #expect(svg.components(separatedBy: "<polyline").count == 7)
    }
}
