import ArgumentParser
import Foundation
import SwarmModel
import SwarmTestnet

/// `shoal testnet up`: leaves a network to play with.
struct TestnetUp: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Makes the network of a topology and leaves it, with nothing running in it."
    )

    @Argument(
        help: ArgumentHelp("A ready-made topology, or the path of a file.", valueName: "topology")
    )
    var topology: String

    @OptionGroup var options: TestnetOptions
    @OptionGroup var show: OutputOptions

    struct Answer: Encodable {
        struct Host: Encodable {
            var host: String
            var locality: String
            var address: String
            var namespace: String
        }
        var id: String
        var topology: String
        var fabric: String
        var work: String
        var hosts: [Host]
    }

    func run() async throws {
        do {
            let settings = try options.settings(isQuiet: show.quiet)
            let topology = try settings.topology(topology)
            guard try await Isolation.choose(loopback: false) == .namespaces else {
                throw TestnetError("a network needs root", remedy: Isolation.remedy)
            }
            let id = Network.newID()
            let work = try settings.makeWorkDirectory(id: id, byteCount: 0)
            var network = Network(topology, workDirectory: work, id: id)
            try await network.create(owned: false)
            let answer = answer(network, work)
            try show.finish(answer) { Self.text(answer) }
        } catch {
            throw CommandFailure(testnet: error)
        }
    }

    private func answer(_ network: Network, _ work: String) -> Answer {
        let topology = network.plan.topology
        let hosts = topology.hosts.indices.map { host in
            Answer.Host(
                host: topology.hosts[host].name,
                locality: topology.locality(ofHost: host).description,
                address: topology.address(ofHost: host),
                namespace: network.plan.namespace(ofHost: host)
            )
        }
        return Answer(
            id: network.state.id,
            topology: topology.name,
            fabric: network.plan.fabric,
            work: work,
            hosts: hosts
        )
    }

    private static func text(_ answer: Answer) -> String {
        let rows = answer.hosts.map { [$0.host, $0.locality, $0.address, $0.namespace] }
        let table = TextTable(rows: [["HOST", "IN", "ADDRESS", "NAMESPACE"]] + rows).text
        let first = answer.hosts[0]
        return """
            \(table)

            enter a host    ip netns exec \(first.namespace) bash
            run a peer      ip netns exec \(first.namespace) shoal peer --listen \
            \(first.address):7071 --locality \(first.locality) --data \(answer.work)/h0 …
            see the links   ip -n \(answer.fabric) -s link
            put data in     \(answer.work)
            remove it all   shoal testnet down
            """
    }
}

/// `shoal testnet down`: removes networks, also those whose laboratory crashed.
struct TestnetDown: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down",
        abstract: "Removes every network that was left: by 'up', by --keep, or by a crash.",
        discussion: "Scenarios that are still running keep theirs, unless --all is given."
    )

    @Flag(help: "Also remove the networks of scenarios that are running.")
    var all = false

    @OptionGroup var show: OutputOptions

    func run() async throws {
        do {
            let states = try NetworkState.all().filter { all || !$0.hasOwner }
            for state in states { Network.remove(state) }
            try show.finish(["removed": states.map(\.id)]) {
                states.isEmpty
                    ? "nothing to remove"
                    : states.map { "removed \($0.id) (\($0.topology))" }.joined(separator: "\n")
            }
        } catch {
            throw CommandFailure(testnet: error)
        }
    }
}
