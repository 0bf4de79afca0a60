import ArgumentParser
import SwarmModel
import SwarmRuntime

/// `shoal host`: the hosts that a tracker knows, and what single ones hold.
struct HostCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "host",
        abstract: "Lists hosts, and tells single ones to hold a version.",
        discussion: """
            A host that holds a version fetches, verifies and seals it beside what its channels \
            want, and activates nothing. It holds it until it is released, also over restarts of \
            host and tracker.

              shoal host list
              shoal host hold acme/llama@2.0 --host seed-1 --host seed-2
              shoal host release acme/llama@2.0 --host seed-1
            """,
        subcommands: [ListAll.self, Hold.self, Release.self]
    )

    @Sendable
    static func name(_ text: String) throws -> HostName {
        do { return try HostName(text) } catch { throw ValidationError("\(error)") }
    }

    struct ListAll: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Lists the hosts that have reported to the tracker."
        )
        @OptionGroup var fleet: OperatorOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let hosts = try await fleet.withClient { try await $0.hosts() }
            try output.finish(["hosts": hosts]) { HostCommands.text(hosts) }
        }
    }

    /// Which version, and on which hosts.
    struct Subject: ParsableArguments {
        @Argument(
            help: ArgumentHelp("The version.", valueName: "org/model@v"),
            transform: { text in
                do { return try ModelReference(text) } catch { throw ValidationError("\(error)") }
            }
        )
        var version: ModelReference

        @Option(
            help: ArgumentHelp("A host; repeat it for more.", valueName: "host"),
            transform: HostCommands.name
        )
        var host: [HostName]
    }

    struct Hold: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "hold",
            abstract: "Tells hosts to hold a version until it is released."
        )
        @OptionGroup var subject: Subject
        @OptionGroup var fleet: OperatorOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let (version, hosts) = (subject.version, subject.host)
            let answers = try await fleet.withClient { client in
                // All of them or none: a name that is wrong is found before anything is changed.
                for host in hosts { _ = try await client.host(host) }
                var answers: [HostHoldAnswer] = []
                for host in hosts { answers.append(try await client.hold(version, on: host)) }
                return answers
            }
            try output.finish(["hosts": answers]) {
                HostCommands.text(answers, "holds \(version)", "held it already")
            }
        }
    }

    struct Release: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "release",
            abstract: "Lets hosts evict a version that they were told to hold.",
            discussion: """
                What a host has stays until it needs the room; `shoal remove` on the host removes \
                it at once.
                """
        )
        @OptionGroup var subject: Subject
        @OptionGroup var fleet: OperatorOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let (version, hosts) = (subject.version, subject.host)
            let answers = try await fleet.withClient { client in
                var answers: [HostHoldAnswer] = []
                for host in hosts { answers.append(try await client.release(version, on: host)) }
                return answers
            }
            try output.finish(["hosts": answers]) {
                HostCommands.text(answers, "is released from \(version)", "was not told to hold it")
            }
        }
    }

    private static func text(_ answers: [HostHoldAnswer], _ new: String, _ old: String) -> String {
        answers.map { "\($0.host.host) \($0.changed ? new : old)" }.joined(separator: "\n")
    }

    private static func text(_ hosts: [HostView]) -> String {
        let rows = hosts.map { view in
            [
                "\(view.host)", view.isDead ? "dead" : "live", "\(view.locality)",
                view.labels.description, view.channels.joined(separator: ","),
                view.holds.map { "\($0.model)@\($0.version)" }.joined(separator: ","),
            ]
        }
        let head = ["host", "state", "locality", "labels", "channels", "holds"]
        return TextTable(rows: [head] + rows).text
    }
}
