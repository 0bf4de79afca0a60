import ArgumentParser
import Foundation
import Logging
import ServiceLifecycle
import SwarmModel
import SwarmPeer
import SwarmRuntime
import UnixSignals

/// `shoal peer`: the daemon of a host.
struct Peer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peer",
        abstract: "Runs this host's peer: holds versions, serves them, and answers the local API.",
        discussion: """
            What an earlier run held is opened again: complete versions are served, partial ones \
            go on where the journal ends. Versions are added with 'shoal prefetch', or by the \
            tracker, which this host tells what it has (Docs/Activation.md).

              shoal peer --tracker http://tracker:8080 --locality aws/us-east-1/rack17 \
                    --label pool=inference --activation-after "systemctl restart vllm" \
                    --activation-probe http://127.0.0.1:8000/health

            SIGTERM stops it within two seconds; nothing verified is lost, by SIGKILL neither.
            """
    )

    @OptionGroup var peer: PeerOptions
    @OptionGroup var settingsOptions: SettingsOptions

    @OptionGroup(title: "Fleet and activation") var fleet: FleetOptions

    @Option(help: ArgumentHelp("Where the local API listens.", valueName: "host:port|unix:path"))
    var api: String?

    @Flag(help: "Print events as JSON lines on standard output.")
    var json = false

    static let defaultAPI = "127.0.0.1:7072"

    func run() async throws {
        var resolver = try SettingsResolver(file: settingsOptions.config)
        var settings = try peer.settings(
            &resolver,
            listen: "0.0.0.0:7071",
            data: PeerOptions.defaultDataDirectory
        )
        try fleet.apply(&resolver, to: &settings)
        let address = try resolver.value(
            of: PeerSetting.api,
            flag: APIOptions.parse(api),
            default: PeerAPI.Address(Self.defaultAPI) ?? .tcp(host: "127.0.0.1", port: 0)
        )
        try resolver.finish()
        if settingsOptions.printConfig {
            print(resolver.text)
            return
        }
        let logger = peer.log.logger("shoal.peer", preset: .info)
        let isJSON = json
        let signals = Interrupt.watch()
        _ = try await PeerProcess.run(settings, logger: logger) { node, http in
            try await node.resume()
            let catalogs = node.settings.trackers.compactMap { TrackerAddress($0) }
                .map { CatalogClient(client: http, tracker: $0) }
            let host = try HostDriver(node: node, catalogs: catalogs, http: http, logger: logger)
            let service = PeerAPI(
                node: node,
                host: host,
                catalogs: catalogs,
                address: address,
                logger: logger,
                onListening: { api in Self.say(node, api: api, isJSON: isJSON) }
            )
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await host.run() }
                group.addTask {
                    do {
                        try await signals.serve(service, grace: .seconds(1), logger: logger)
                    } catch {
                        await host.stop()
                        throw error
                    }
                    await host.stop()
                }
                try await group.waitForAll()
                return true
            }
        }
    }

    private static func say(_ node: PeerNode, api: String, isJSON: Bool) {
        struct Ready: Encodable {
            var event = "ready"
            var listen: String
            var api: String
        }
        if isJSON {
            let ready = Ready(listen: node.endpoint.description, api: api)
            Terminal.announce((try? OutputOptions.encode(ready)) ?? "")
        } else {
            Terminal.announce("peer on \(node.endpoint), API on \(api)")
        }
    }
}
