import ArgumentParser
import Foundation
import SwarmTestnet

/// `shoal testnet`: real peers in network namespaces on this machine.
struct Testnet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "testnet",
        abstract: "A laboratory: real peers in clouds, regions and racks on this machine.",
        discussion: """
            'run' plays a scenario, from a cold start to hosts that die, and checks what it \
            asserts. 'up' leaves a network to play with, 'down' removes all that is left. \
            Docs/Testnet.md describes topologies and scenarios, and how to write your own.

              shoal testnet run cold-start
              shoal testnet up two-clouds
              shoal testnet down

            Works as root and, where the system allows it, in user namespaces. Nothing leaves the \
            machine.
            """,
        subcommands: [TestnetRun.self, TestnetUp.self, TestnetDown.self]
    )
}

/// What the subcommands share.
struct TestnetOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where data goes; by default memory when there is enough, otherwise $TMPDIR.",
            valueName: "dir"
        )
    )
    var work: String?

    @Flag(help: "Leave data and logs, and the network until 'shoal testnet down'.")
    var keep = false

    func settings(isQuiet: Bool) throws -> LabSettings {
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return LabSettings(
            shoal: program,
            testnetDirectory: try LabSettings.findTestnetDirectory(program: program),
            workDirectory: work,
            keeps: keep,
            onProgress: { line in if !isQuiet { Terminal.writeError(line + "\n") } }
        )
    }
}

extension CommandFailure {
    /// What the laboratory says. A file that is wrong is a wrong command line.
    init(testnet error: any Error) {
        switch error {
        case let flaw as FileFlaw: self.init(.usage, "\(flaw)")
        case let error as TestnetError: self.init(.failure, error.message, remedy: error.remedy)
        case let failure as CommandFailure: self = failure
        default: self.init(.failure, "\(error)")
        }
    }
}
