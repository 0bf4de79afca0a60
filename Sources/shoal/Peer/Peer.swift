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
        abstract: "Runs this host's peer: holds versions, serves them, and answers the local API.",
        discussion: """
            What an earlier run held is opened again: complete versions are served, partial ones \
            go on where the journal ends. Versions are added with 'shoal pull --api'.

              shoal peer --tracker http://tracker:8080 --locality aws/us-east-1/rack17

            SIGTERM stops it within two seconds; nothing verified is lost, by SIGKILL neither.
            """
    )

    @OptionGroup var peer: PeerOptions
    @OptionGroup var settingsOptions: SettingsOptions

    @Option(help: ArgumentHelp("Where the local API listens.", valueName: "host:port|unix:path"))
    var api: String?

    @Flag(help: "Print events as JSON lines on standard output.")
    var json = false

    static let defaultAPI = "127.0.0.1:7072"

    func run() async throws {
        var resolver = try SettingsResolver(file: settingsOptions.config)
        let settings = try peer.settings(
            &resolver,
            listen: "0.0.0.0:7071",
            data: PeerOptions.defaultDataDirectory
        )
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
            let catalogs = settings.trackers.compactMap { TrackerAddress($0) }
                .map { CatalogClient(client: http, tracker: $0) }
            let service = PeerAPI(
                node: node,
                catalogs: catalogs,
                address: address,
                logger: logger,
                onListening: { api in Self.say(node, api: api, isJSON: isJSON) }
            )
            try await signals.serve(service, grace: .seconds(1), logger: logger)
            return true
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
