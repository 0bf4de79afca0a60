import ArgumentParser
import SwarmModel
import SwarmRuntime

/// `shoal channel`: which hosts serve one version together.
struct ChannelCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "channel",
        abstract: "Names sets of hosts that serve the same version of a model.",
        discussion: """
            Hosts belong to a channel by their labels; 'host', 'cloud', 'region' and 'rack' count \
            as labels too. A host is in one channel of a model.

              shoal channel set canary --model acme/llama --selector pool=canary
              shoal channel set prod --model acme/llama --selector 'pool notin (canary)' --keep 2
            """,
        subcommands: [Set.self, ListAll.self, Remove.self]
    )

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set",
            abstract: "Makes a channel, or changes its selector and what it keeps."
        )
        @Argument(help: "The name of the channel.") var name: String
        @Option(
            help: ArgumentHelp("The model, ORG/MODEL.", valueName: "org/model"),
            transform: { text in
                do { return try ModelName(text) } catch { throw ValidationError("\(error)") }
            }
        )
        var model: ModelName
        @Option(
            help: ArgumentHelp(
                "Labels of its hosts, such as gpu=h100,!spot; all hosts when it is left out.",
                valueName: "selector"
            ),
            transform: { text in
                do { return try LabelSelector(text) } catch { throw ValidationError("\(error)") }
            }
        )
        var selector: LabelSelector?
        @Option(
            help: ArgumentHelp(
                "Earlier versions that hosts hold for a way back (default: 1).",
                valueName: "count"
            )
        )
        var keep: Int?
        @OptionGroup var fleet: OperatorOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let request = ChannelRequest(model: model, selector: selector, keep: keep)
            let view = try await fleet.withClient { [name] in
                try await $0.putChannel(name, request)
            }
            try output.finish(view) { ChannelCommands.text([view]) }
        }
    }

    struct ListAll: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Lists the channels with what they serve."
        )
        @OptionGroup var fleet: OperatorOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let views = try await fleet.withClient { try await $0.channels() }
            try output.finish(["channels": views]) { ChannelCommands.text(views) }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove",
            abstract: "Removes a channel. Its hosts go on with what they serve."
        )
        @Argument(help: "The name of the channel.") var name: String
        @OptionGroup var fleet: OperatorOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await fleet.withClient { [name] in try await $0.removeChannel(name) }
            try output.finish(["removed": name]) { "removed \(name)" }
        }
    }

    static func text(_ views: [ChannelView]) -> String {
        let rows = views.map { view in
            let selector = view.channel.selector.description
            return [
                view.channel.name, "\(view.channel.model)",
                view.channel.stable?.version ?? "nothing yet",
                "\(view.serving) of \(view.hosts.hosts)", "\(view.channel.keep)",
                selector.isEmpty ? "all hosts" : selector,
            ]
        }
        return TextTable(
            rows: [["channel", "model", "serves", "hosts", "keep", "selector"]] + rows,
            rightAligned: [3, 4]
        ).text
    }
}
