import ArgumentParser
import Foundation

/// The one executable: a subcommand for each job, a file for each subcommand.
///
/// Each gives its `commandName`: to derive one from the type costs every start a search through all
/// conformances of the process, 9 ms for all of them.
@main
struct Shoal: AsyncParsableCommand {
    static let versionText = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "shoal",
        abstract: "Distributes large model files to many hosts, each byte once per boundary.",
        discussion: """
            A model has versions; a version is a set of files named by one hash. 'shoal publish' \
            hashes a directory into a version, a tracker introduces hosts that want the same \
            version to each other, and 'shoal pull' fetches it from the nearest host that has it. \
            Every 16 KiB are checked against the version's hash, wherever they came from.

              shoal publish ./weights --name acme/llama --version 1.0 \\
                    --tracker http://tracker:8080
              shoal pull acme/llama@1.0 --tracker http://tracker:8080

            'shoal --version' prints the version of this program.

            \(ExitStatus.documentation)
            """,
        subcommands: [
            Publish.self, Track.self, Peer.self, Pull.self, Prefetch.self, Adopt.self,
            Activate.self, Rollback.self, Pin.self, Unpin.self, Status.self, List.self,
            Remove.self, Verify.self, RolloutCommands.self, ChannelCommands.self, HostCommands.self,
            Inspect.self, Prices.self, Simulate.self, Testnet.self,
        ]
    )

    static func main() async {
        // Not declared as the command's version: the parser would then take the `--version V` of
        // `shoal publish` for this flag whenever another argument is wrong.
        if CommandLine.arguments.dropFirst() == ["--version"] {
            print("shoal \(versionText)")
            return
        }
        forgetLocalTime()
        do {
            let command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                var command = command
                try command.run()
            }
        } catch {
            end(with: error)
        }
    }

    /// Nothing here shows local times, and the HTTP server's clock would look for the local zone in
    /// ICU's tables: two of the forty megabytes that an idle daemon may have. Foundation keeps what
    /// it finds first; what the environment says is for hooks.
    private static func forgetLocalTime() {
        let zone = getenv("TZ").map { String(cString: $0) }
        setenv("TZ", "GMT", 1)
        _ = TimeZone.current
        if let zone { setenv("TZ", zone, 1) } else { unsetenv("TZ") }
    }

    /// Ends the process with the message and status of an error.
    private static func end(with error: any Error) -> Never {
        switch error {
        case let failure as CommandFailure: end(failure)
        case is CancellationError: end(.interrupted)
        default:
            // Help, usage errors and explicit exits belong to the parser; it says so by a status
            // other than that of an error it knows nothing about.
            guard exitCode(for: error) == .failure else { exit(withError: error) }
            end(CommandFailure(.failure, String(describing: error)))
        }
    }

    private static func end(_ failure: CommandFailure) -> Never {
        Terminal.writeError("\(failure)\n")
        Foundation.exit(failure.status.rawValue)
    }
}
