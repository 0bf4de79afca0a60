import ArgumentParser
import Foundation
import SwarmModel
import SwarmPeer

/// What a host is in its fleet, and how a version is put into service on it.
struct FleetOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "By what name trackers know this host; by default what the system calls it.",
            valueName: "name"
        )
    )
    var hostName: String?

    @Option(
        name: .customLong("label"),
        help: ArgumentHelp(
            "What else is to be known of this host, such as gpu=h100; repeat it for more.",
            valueName: "key=value"
        )
    )
    var labels: [String] = []

    @Flag(
        help: ArgumentHelp(
            "Tell no tracker of this host, and take no orders from one.",
            discussion: "Versions are then only those asked for through the local API."
        )
    )
    var noFleet = false

    @Option(
        help: ArgumentHelp(
            "Run before 'current' is switched: a command without a shell, or a URL to post to.",
            discussion: "Told SHOAL_MODEL, SHOAL_VERSION, SHOAL_PREVIOUS and SHOAL_PATH.",
            valueName: "command|url"
        )
    )
    var activationBefore: String?

    @Option(
        help: ArgumentHelp(
            "Run after 'current' was switched, such as the reload of a server.",
            valueName: "command|url"
        )
    )
    var activationAfter: String?

    @Option(
        help: ArgumentHelp(
            "Says whether a version serves: a URL that answers 200 to 299, or a command.",
            valueName: "command|url"
        )
    )
    var activationProbe: String?

    @Option(
        help: ArgumentHelp(
            "Versions of each model, served earlier, that stay for a rollback; 1 when not given.",
            valueName: "count"
        )
    )
    var keep: Int?

    @Option(
        help: ArgumentHelp(
            "Bytes that versions may take of the disk, such as 2TB; by default what there is.",
            discussion: """
                A version that does not fit is refused before its first byte, unless others may \
                go: those that nothing keeps on this host, the least recently used first.
                """,
            valueName: "bytes"
        )
    )
    var diskBudget: ByteCount?
}

/// The settings of a host by name, wherever they are given.
enum HostSetting {
    static let name = Setting<HostName>.one(
        "host-name",
        expected: "1 to 253 letters, digits and . _ -, beginning with a letter or a digit"
    ) { try? HostName($0) }
    static let labels = Setting<[String]>.list("label", expected: "KEY=VALUE") { text in
        (try? Labels(parsing: [text])).map { _ in text }
    }
    static let fleet = Setting<Bool>.flag("fleet")
    static let before = hook("activation-before")
    static let after = hook("activation-after")
    static let probe = hook("activation-probe")
    static let hookTimeout = Setting<Int>.number("activation-timeout", in: 1...86_400)
    static let probeTimeout = Setting<Int>.number("activation-probe-timeout", in: 1...3600)
    static let probeDeadline = Setting<Int>.number("activation-probe-deadline", in: 1...86_400)
    static let probePeriod = Setting<Int>.number("activation-probe-period", in: 1...86_400)
    static let diskBudget = Setting<ByteCount>.bytes("disk-budget")
    static let scrubRate = Setting<ByteCount>.bytes("scrub-rate")
    static let keep = Setting<Int>.number("keep", in: 0...8)

    /// In a file also as the list of a command's words; in the environment a comma separates them.
    private static func hook(_ name: String) -> Setting<HookTarget> {
        Setting(
            name: name,
            isList: true,
            parse: { texts throws(SettingFlaw) in
                guard let target = HookTarget(texts) else {
                    throw SettingFlaw(
                        text: texts.joined(separator: " "),
                        expected: "a command and its arguments, or http://HOST:PORT/PATH"
                    )
                }
                return target
            },
            show: { $0.description }
        )
    }
}

extension FleetOptions {
    /// The host's part of a peer's settings.
    func apply(
        _ resolver: inout SettingsResolver,
        to settings: inout PeerSettings
    ) throws(CommandFailure) {
        let isInFleet = try resolver.value(
            of: HostSetting.fleet,
            flag: noFleet ? false : nil,
            default: !settings.trackers.isEmpty
        )
        let name = try resolver.value(of: HostSetting.name, flag: parsed(hostName))
        if isInFleet, !settings.trackers.isEmpty {
            settings.host.name = name == nil ? try systemName() : name
        }
        let labels = try resolver.values(of: HostSetting.labels, flags: labels)
        do {
            settings.host.labels = try Labels(parsing: labels)
        } catch {
            throw CommandFailure(.usage, "\(error)", remedy: "--label KEY=VALUE")
        }
        try applyHooks(&resolver, to: &settings.host)
        settings.host.scrubBytesPerSecond = try resolver.value(
            of: HostSetting.scrubRate,
            flag: nil,
            default: ByteCount(settings.host.scrubBytesPerSecond)
        ).bytes
        settings.host.diskBudget = try resolver.value(
            of: HostSetting.diskBudget,
            flag: diskBudget
        )?.bytes
        settings.host.keepCount = try resolver.value(
            of: HostSetting.keep,
            flag: checkedKeep(),
            default: settings.host.keepCount
        )
    }

    private func applyHooks(
        _ resolver: inout SettingsResolver,
        to host: inout HostSettings
    ) throws(CommandFailure) {
        host.hooks.before = try resolver.value(
            of: HostSetting.before,
            flag: activationBefore.flatMap { HookTarget([$0]) }
        )
        host.hooks.after = try resolver.value(
            of: HostSetting.after,
            flag: activationAfter.flatMap { HookTarget([$0]) }
        )
        host.hooks.probe = try resolver.value(
            of: HostSetting.probe,
            flag: activationProbe.flatMap { HookTarget([$0]) }
        )
        host.hookTimeout = try seconds(
            HostSetting.hookTimeout,
            &resolver,
            host.hookTimeout
        )
        host.hooks.probeTimeout = try seconds(
            HostSetting.probeTimeout,
            &resolver,
            host.hooks.probeTimeout
        )
        host.probeDeadline = try seconds(
            HostSetting.probeDeadline,
            &resolver,
            host.probeDeadline
        )
        host.probePeriod = try seconds(
            HostSetting.probePeriod,
            &resolver,
            host.probePeriod
        )
    }

    private func seconds(
        _ setting: Setting<Int>,
        _ resolver: inout SettingsResolver,
        _ preset: Duration
    ) throws(CommandFailure) -> Duration {
        let whole = Int(preset.components.seconds)
        return .seconds(try resolver.value(of: setting, flag: nil, default: whole))
    }

    private func parsed(_ text: String?) throws(CommandFailure) -> HostName? {
        guard let text else { return nil }
        do {
            return try HostName(text)
        } catch {
            throw CommandFailure(.usage, "--host-name: \(error)")
        }
    }

    private func checkedKeep() throws(CommandFailure) -> Int? {
        guard let keep else { return nil }
        guard (0...8).contains(keep) else {
            throw CommandFailure(.usage, "--keep is \(keep)", remedy: "--keep with 0 to 8")
        }
        return keep
    }

    private func systemName() throws(CommandFailure) -> HostName {
        let text = ProcessInfo.processInfo.hostName
        do {
            return try HostName(text)
        } catch {
            throw CommandFailure(
                .failure,
                "this host's own name cannot be used: \(error)",
                remedy: "--host-name NAME"
            )
        }
    }
}
