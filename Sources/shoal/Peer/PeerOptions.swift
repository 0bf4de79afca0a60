public import ArgumentParser
import Foundation
public import Logging
import SwarmModel
import SwarmPeer
import SwarmRuntime
import SwarmStorage
import SwarmTracker
import SystemPackage

/// What every command that runs a peer can be told; also settings of a file and the environment.
struct PeerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where other peers reach this one; port 0 takes a free one.",
            valueName: "host:port"
        )
    )
    var listen: String?

    @Option(
        help: ArgumentHelp(
            "The data directory; one process at a time.",
            discussion: "By default $XDG_DATA_HOME/shoal or ~/.local/share/shoal.",
            valueName: "dir"
        )
    )
    var data: String?

    @Option(
        help: ArgumentHelp(
            "Where this host is, from wide to narrow, such as aws/us-east-1/rack17.",
            valueName: "cloud/region/rack"
        )
    )
    var locality: String?

    @Flag(
        help: ArgumentHelp(
            "Write past the page cache (O_DIRECT), where the file system can.",
            discussion: "Leaves memory to others; what is served is then read from the disk."
        )
    )
    var directIO = false

    @Option(
        help: ArgumentHelp(
            "A JSON file with the origins that may be read from when no peer has the bytes.",
            discussion: "Addresses, credentials and localities; see Docs/Operations.md.",
            valueName: "file"
        )
    )
    var originConfig: String?

    @OptionGroup var tls: TLSOptions
    @OptionGroup var trackers: TrackerOptions
    @OptionGroup var log: LogOptions
}

/// How much is logged, to standard error.
struct LogOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "trace, debug, info, notice, warning, error or critical; also from SHOAL_LOG_LEVEL.",
            valueName: "level"
        )
    )
    var logLevel: Logger.Level?

    /// The process's logger; `preset` is its level when nobody says.
    func logger(_ label: String, preset: Logger.Level) -> Logger {
        let text = ProcessInfo.processInfo.environment["SHOAL_LOG_LEVEL"] ?? ""
        var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = logLevel ?? Logger.Level(rawValue: text) ?? preset
        return logger
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}

/// The settings of a peer by name, wherever they are given.
enum PeerSetting {
    static let listen = Setting<ListenAddress>.one("listen", expected: "HOST:PORT") {
        ListenAddress($0)
    }
    static let data = Setting<String>.text("data")
    static let locality = Setting<Locality>.one(
        "locality",
        expected: "cloud/region/rack, at most 6 labels without spaces"
    ) { try? Locality($0) }
    static let trackers = Setting<[TrackerAddress]>.list("tracker", expected: "http://HOST:PORT") {
        TrackerAddress($0)
    }
    static let eventLoops = Setting<Int>.number("event-loops", in: 1...1024)
    static let directIO = Setting<Bool>.flag("direct-io")
    static let commitBytes = Setting<ByteCount>.bytes("commit-bytes")
    static let connections = Setting<Int>.number("connections", in: 1...10_000)
    static let originConfig = Setting<String>.text("origin-config")
    static let api = Setting<PeerAPI.Address>.one("api", expected: "HOST:PORT or unix:PATH") {
        PeerAPI.Address($0)
    }
}

extension PeerOptions {
    /// Where versions are kept when nobody says.
    static var defaultDataDirectory: String {
        let environment = ProcessInfo.processInfo.environment
        let base =
            environment["XDG_DATA_HOME"] ?? (environment["HOME"] ?? "/var/lib") + "/.local/share"
        return base + "/shoal"
    }

    private func parsed<Value>(
        _ text: String?,
        _ setting: Setting<Value>
    ) throws(CommandFailure) -> Value? {
        guard let text else { return nil }
        do {
            return try setting.parse([text])
        } catch {
            throw CommandFailure(
                .usage,
                "--\(setting.name) is '\(error.text)'",
                remedy: "--\(setting.name) with \(error.expected)"
            )
        }
    }

    /// The settings of a peer from all their sources. `listen` and `data` are the command's
    /// defaults.
    func settings(
        _ resolver: inout SettingsResolver,
        listen presetListen: String,
        data presetData: String
    ) throws(CommandFailure) -> PeerSettings {
        let address = try resolver.value(
            of: PeerSetting.listen,
            flag: parsed(listen, PeerSetting.listen),
            default: ListenAddress(presetListen) ?? ListenAddress(host: "0.0.0.0", port: 0)
        )
        let data = try resolver.value(of: PeerSetting.data, flag: self.data, default: presetData)
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let loops = try resolver.value(of: PeerSetting.eventLoops, flag: nil, default: cores)
        var settings = PeerSettings(dataDirectory: FilePath(data), eventLoopCount: loops)
        settings.listenHost = address.host
        settings.listenPort = address.port
        settings.locality = try resolver.value(
            of: PeerSetting.locality,
            flag: parsed(locality, PeerSetting.locality),
            default: .unknown
        )
        settings.trackers = try resolver.values(
            of: PeerSetting.trackers,
            flags: trackers.tracker
        ).map(\.description)
        settings.connectionsMax = try resolver.value(
            of: PeerSetting.connections,
            flag: nil,
            default: settings.connectionsMax
        )
        settings.commitBytes = try resolver.value(
            of: PeerSetting.commitBytes,
            flag: nil,
            default: ByteCount(settings.commitBytes)
        ).bytes
        settings.store.directIO = try resolver.value(
            of: PeerSetting.directIO,
            flag: directIO ? true : nil,
            default: false
        )
        try tls.apply(&resolver, to: &settings)
        let origins = try resolver.value(of: PeerSetting.originConfig, flag: originConfig)
        if let origins { settings.origins = try OriginOptions.catalog(origins) }
        return settings
    }
}

extension CommandFailure {
    /// What the parts of a peer say, with the exit status it deserves.
    init(peer error: any Error) {
        switch error {
        case let error as CommandFailure: self = error
        case let error as TrackerClientError: self.init(error)
        case let error as PeerError:
            self.init(error.code == .unknownVersion ? .notFound : .failure, error.message)
        default: self.init(.failure, "\(error)")
        }
    }
}
