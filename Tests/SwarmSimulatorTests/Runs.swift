import Foundation
import SwarmModel
import SwarmSimulator
import Testing

/// Short ways to run ready-made plans.
enum Runs {
    /// Where the ready-made plans are, from here.
    private static let folder = URL(filePath: #filePath).resolvingSymlinksInPath()
        .appending(path: "../../../Sources/shoal/Simulate/Plans").standardized

    static let readyMade: [String] = {
        let files = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        return (files ?? []).filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }
            .sorted()
    }()

    static func plan(_ name: String) throws -> Plan {
        let data = try Data(contentsOf: folder.appending(path: "\(name).json"))
        return try Plan(name: name, Array(data))
    }

    static func run(_ name: String, seed: UInt64, mutation: Mutation? = nil) throws -> Outcome {
        try run(try plan(name), seed: seed, mutation: mutation)
    }

    static func run(_ plan: Plan, seed: UInt64, mutation: Mutation? = nil) throws -> Outcome {
        let scenario = try Scenario(plan: plan, seed: seed)
        var simulation = Simulation(scenario, options: .init(mutation: mutation))
        return simulation.run()
    }

    static func plan(text: String) throws -> Plan { try Plan(name: "test", Array(text.utf8)) }
}
