import ArgumentParser
import Foundation
import SwarmModel
import SwarmRuntime

/// `shoal rollout`: brings a version to the hosts of a channel, and back.
struct RolloutCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollout",
        abstract: "Brings a version to the hosts of a channel in waves, and back if it must.",
        discussion: """
            A channel is a set of hosts that serve the same version of a model. A rollout has \
            them fetch, verify and seal another version, and switches them to it wave by wave. \
            When more activations fail than are tolerated, or a gate fails, all return to the \
            version before, which is still on their disks.

              shoal channel set prod --model acme/llama --selector pool=inference
              shoal rollout create prod 2.0 --wave 1/soak=60 --wave 25%/approval --wave all
              shoal rollout watch 7
              shoal rollout approve 7 --wave 2
              shoal rollout rollback 7

            All of them need --tracker (or SHOAL_TRACKER), and those that change something the \
            tracker's token in SHOAL_TOKEN.
            """,
        subcommands: [
            Create.self, StatusOf.self, Watch.self, Pause.self, Resume.self, Approve.self,
            Abort.self, Rollback.self, ListAll.self,
        ]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Begins a rollout of a published version.",
            discussion: """
                  shoal rollout create prod 2.0 --wave pool=canary/soak=600 --wave 10% --wave all

                Fails when another rollout is on the channel, or the waves leave hosts out.
                """
        )
        @Argument(help: "The channel.") var channel: String
        @Argument(help: "The version of the channel's model.") var version: String
        @Option(help: "A word of your own: repeated with the same one, it is created once.")
        var key: String?
        @Flag(help: "Go on as `shoal rollout watch` does.") var watch = false
        @OptionGroup var plan: PlanOptions
        @OptionGroup var fleet: OperatorOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let request = RolloutRequest(
                channel: channel,
                version: version,
                plan: try plan.value(),
                key: key
            )
            let view = try await fleet.withClient { try await $0.create(request) }
            if watch {
                try await RolloutWatch(id: view.rollout.id, fleet: fleet, output: output).run()
            } else {
                try output.finish(view) { RolloutText.text(view) }
            }
        }
    }

    struct StatusOf: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status",
            abstract: "Shows where a rollout stands: its waves, its racks, and what it waits for."
        )
        @Argument(help: "The number of the rollout.") var id: Int
        @OptionGroup var fleet: OperatorOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let view = try await fleet.withClient { [id] in try await $0.rollout(id) }
            try output.finish(view) { RolloutText.text(view) }
        }
    }

    struct Watch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "watch",
            abstract: "Follows a rollout to its end.",
            discussion: """
                Redraws on a terminal; elsewhere it prints a line for each change, with --json an \
                object. Ends with 0 when the rollout is complete, 20 when it was rolled back, 21 \
                when it is paused and a person has to look.
                """
        )
        @Argument(help: "The number of the rollout.") var id: Int
        @Flag(help: "Go on watching while it is paused.") var throughPauses = false
        @OptionGroup var fleet: OperatorOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await RolloutWatch(
                id: id,
                fleet: fleet,
                output: output,
                endsAtPause: !throughPauses
            ).run()
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "pause",
            abstract: "Holds a rollout where it is: no further host is switched."
        )
        @OptionGroup var target: RolloutTarget
        @Option(help: "Why, for the others and the audit log.") var reason: String?
        @OptionGroup var fleet: OperatorOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let body = RolloutCommand(
                ifRevision: target.ifRevision,
                key: target.key,
                reason: reason
            )
            try await RolloutCommands.send(.pause, target.id, body, fleet, output)
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "resume",
            abstract: "Lets a paused rollout go on; hosts whose activation failed try once more."
        )
        @OptionGroup var target: RolloutTarget
        @OptionGroup var fleet: OperatorOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let body = RolloutCommand(ifRevision: target.ifRevision, key: target.key)
            try await RolloutCommands.send(.resume, target.id, body, fleet, output)
        }
    }

    struct Approve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "approve",
            abstract: "Passes the gate 'approval' of a wave.",
            discussion: "Approving a wave that has passed already does nothing."
        )
        @OptionGroup var target: RolloutTarget
        @Option(help: ArgumentHelp("Which wave, from 1.", valueName: "number")) var wave: Int
        @OptionGroup var fleet: OperatorOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let body = RolloutCommand(
                ifRevision: target.ifRevision,
                key: target.key,
                wave: wave
            )
            try await RolloutCommands.send(.approve, target.id, body, fleet, output)
        }
    }

    struct Abort: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "abort",
            abstract: "Ends a rollout that runs: all hosts return to the version before.",
            discussion: "Nothing undoes it: to try the version again, create another rollout."
        )
        @OptionGroup var way: ReturnOptions

        func run() async throws { try await way.send(.abort) }
    }

    struct Rollback: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rollback",
            abstract: "Returns all hosts to the version before, also after it was complete.",
            discussion: "Only the newest rollout of a channel can be rolled back. No bytes move."
        )
        @OptionGroup var way: ReturnOptions

        func run() async throws { try await way.send(.rollback) }
    }

    /// What `abort` and `rollback` can be told.
    struct ReturnOptions: ParsableArguments {
        @OptionGroup var target: RolloutTarget
        @Option(help: "Why, for the others and the audit log.") var reason: String?
        @Flag(help: "Switch all hosts at once, whatever the plan allows.") var atOnce = false
        @OptionGroup var fleet: OperatorOptions
        @OptionGroup var output: OutputOptions

        func send(_ verb: RolloutVerb) async throws {
            let body = RolloutCommand(
                ifRevision: target.ifRevision,
                key: target.key,
                atOnce: atOnce ? true : nil,
                reason: reason
            )
            try await RolloutCommands.send(verb, target.id, body, fleet, output)
        }
    }

    struct ListAll: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Lists the newest rollouts of the tracker."
        )
        @OptionGroup var fleet: OperatorOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let lines = try await fleet.withClient { try await $0.rollouts() }
            try output.finish(["rollouts": lines]) {
                let rows = lines.map {
                    ["\($0.id)", $0.channel, "\($0.model)@\($0.version)", $0.state]
                }
                return TextTable(
                    rows: [["id", "channel", "version", "state"]] + rows,
                    rightAligned: [0]
                ).text
            }
        }
    }

    private static func send(
        _ verb: RolloutVerb,
        _ id: Int,
        _ body: RolloutCommand,
        _ fleet: OperatorOptions,
        _ output: OutputOptions
    ) async throws {
        let view = try await fleet.withClient { try await $0.command(verb, id, body) }
        try output.finish(view) { RolloutText.text(view) }
    }
}
