import ArgumentParser
import Foundation
import Logging
import SwarmHash
import SwarmRuntime
import SwarmTracker

/// `shoal tracker`: introduces peers to each other and keeps the published versions.
struct Track: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tracker",
        abstract: "Runs a tracker: who is in which swarm, and the catalog of published versions.",
        discussion: """
            Swarms are kept in memory: after a restart peers announce themselves again and nothing \
            is fetched anew. Published .torrent files are kept in the data directory.

              shoal tracker --listen 0.0.0.0:8080 --data /var/lib/shoal-tracker

            With SHOAL_TOKEN set, only those who show the token may publish.
            """
    )

    @Option(help: ArgumentHelp("Where to listen.", valueName: "host:port"))
    var listen: String?

    @Option(help: ArgumentHelp("Holds the published .torrent files.", valueName: "dir"))
    var data: String?

    @Option(help: ArgumentHelp("Seconds between two announces of a peer.", valueName: "seconds"))
    var interval: Int?

    @OptionGroup var prices: PricesOptions
    @OptionGroup var token: TokenOptions
    @OptionGroup var settingsOptions: SettingsOptions
    @OptionGroup var log: LogOptions

    @Flag(help: "Print events as JSON lines on standard output.")
    var json = false

    func run() async throws {
        var resolver = try SettingsResolver(file: settingsOptions.config)
        let settings = try settings(&resolver)
        try resolver.finish()
        if settingsOptions.printConfig {
            print(resolver.text)
            return
        }
        let logger = log.logger("shoal.tracker", preset: .info)
        let isJSON = json
        let signals = Interrupt.watch()
        do {
            let daemon = try TrackerDaemon(
                settings: settings,
                hasher: SystemHasher(),
                logger: logger,
                onListening: { endpoint in Self.say("http://\(endpoint)", isJSON: isJSON) }
            )
            try await signals.serve(daemon, logger: logger)
        } catch let error as TrackerError {
            throw CommandFailure(.failure, error.message)
        }
    }

    private func settings(
        _ resolver: inout SettingsResolver
    ) throws(CommandFailure) -> TrackerSettings {
        var flagged: ListenAddress?
        if let listen {
            guard let address = ListenAddress(listen) else {
                throw CommandFailure(
                    .usage,
                    "--listen is '\(listen)'",
                    remedy: "--listen HOST:PORT"
                )
            }
            flagged = address
        }
        let data = try resolver.value(
            of: PeerSetting.data,
            flag: data,
            default: PeerOptions.defaultDataDirectory + "-tracker"
        )
        var settings = TrackerSettings(dataDirectory: data)
        settings.listen = try resolver.value(
            of: PeerSetting.listen,
            flag: flagged,
            default: settings.listen
        )
        let seconds = try resolver.value(
            of: Setting<Int>.number("interval", in: 1...3600),
            flag: interval,
            default: Int(settings.announceInterval.components.seconds)
        )
        settings.announceInterval = .seconds(seconds)
        let path = try resolver.value(of: Setting<String>.text("prices"), flag: prices.prices)
        if let path { settings.prices = try PricesOptions.read(path) }
        settings.publishToken = try token.demanded()
        return settings
    }

    private static func say(_ url: String, isJSON: Bool) {
        if isJSON {
            Terminal.announce(
                (try? OutputOptions.encode(["event": "listening", "url": url])) ?? ""
            )
        } else {
            Terminal.announce("listening on \(url)")
        }
    }
}
