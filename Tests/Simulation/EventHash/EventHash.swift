import Foundation
import SwarmSimulator

/// Prints the event hash of each seed of a plan. A program of its own because it needs nothing but
/// the pure targets: built without optimization it must print what the optimized `shoal` says.
///
///     EventHash PLAN.json SEED...
@main
enum EventHash {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        let seeds = arguments.dropFirst().compactMap { UInt64($0) }
        guard let path = arguments.first, !seeds.isEmpty, seeds.count == arguments.count - 1 else {
            FileHandle.standardError.write(Data("usage: EventHash PLAN.json SEED...\n".utf8))
            exit(2)
        }
        let file = URL(fileURLWithPath: path)
        let name = file.deletingPathExtension().lastPathComponent
        let plan = try Plan(name: name, Array(Data(contentsOf: file)))
        for seed in seeds {
            var simulation = Simulation(try Scenario(plan: plan, seed: seed))
            print(simulation.run().details.eventHash)
        }
    }
}
