import ArgumentParser
import Foundation
import SwarmModel
import SwarmTestnet

/// `shoal testnet run`: plays a scenario and checks what it asserts.
struct TestnetRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Plays a scenario and ends with a report; status 1 when an assertion fails.",
        discussion: """
            Starts a tracker, seeds and peers, each in a network namespace of its own behind the \
            links of the topology, lets happen what the scenario says, compares every file of \
            every host with the original, and holds the peers' ledgers against the interfaces.
            """
    )

    @Argument(
        help: ArgumentHelp(
            "A ready-made scenario, or the path of a file.",
            valueName: "scenario"
        )
    )
    var scenario: String

    @Flag(help: "Without namespaces: loopback addresses, nothing shaped and nothing counted.")
    var loopback = false

    @Option(
        help: ArgumentHelp("Distribute these files instead of generated ones.", valueName: "dir")
    )
    var model: String?

    @OptionGroup var options: TestnetOptions
    @OptionGroup var show: OutputOptions

    func run() async throws {
        do {
            let settings = try options.settings(isQuiet: show.quiet)
            let scenario = try settings.scenario(scenario)
            if !loopback {
                await UserNamespace.enterIfNeeded(
                    program: settings.shoal,
                    arguments: Array(CommandLine.arguments.dropFirst())
                )
            }
            let isolation = try await Isolation.choose(loopback: loopback)
            if let note = isolation.note { Terminal.note(note) }
            let laboratory = Laboratory(settings: settings, onLoopback: isolation == .loopback)
            let report = try await Interrupt.cancelling { [model] in
                try await laboratory.run(scenario, model: model)
            }
            try show.finish(report) { TestnetTables(report: report).text }
            guard report.scenario.ok else {
                throw CommandFailure(.failure, "\(scenario.name): an assertion failed")
            }
        } catch {
            throw CommandFailure(testnet: error)
        }
    }
}
