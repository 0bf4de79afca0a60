import ArgumentParser
import Foundation
import SwarmModel
import SwarmPeer
import SwarmRuntime

/// `shoal activate`: lets a version serve on this host.
struct Activate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "activate",
        abstract: "Lets a version that is on this host serve, and waits until it does.",
        discussion: """
            Runs the hook before, points models/ORG/MODEL/current to the version, runs the hook \
            after, and waits for the probe, as the peer's settings say. When any of these fails, \
            the version that served before serves again, and this command ends with status 1.

              shoal prefetch acme/llama@2.0 && shoal activate acme/llama@2.0

            A tracker's next rollout of the model changes it again.
            """
    )

    @OptionGroup var version: ReferenceArgument
    @OptionGroup var api: APIOptions
    @OptionGroup var show: OutputOptions

    func run() async throws {
        try await Activation.run(version.reference, api, show)
    }
}

/// `shoal rollback`: lets the version serve that served before.
struct Rollback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Lets the version of a model serve again that served before on this host.",
        discussion: """
            Moves no bytes. For this host alone: 'shoal rollout rollback' is for a fleet.

              shoal rollback acme/llama
            """
    )

    @Argument(
        help: ArgumentHelp("The model.", valueName: "org/model"),
        transform: { text in
            do {
                return try ModelName(text)
            } catch {
                throw ValidationError("\(error)")
            }
        }
    )
    var model: ModelName

    @OptionGroup var api: APIOptions
    @OptionGroup var show: OutputOptions

    func run() async throws {
        let status = try await PeerClient.with(api) { try await $0.host() }
        let found = status.models.first { $0.report.name == model }
        guard let previous = found?.previous else {
            throw CommandFailure(
                .notFound,
                "no version of \(model) that served before is on this host",
                remedy: "'shoal list' shows what is; 'shoal activate' takes any of it"
            )
        }
        try await Activation.run(ModelReference(name: model, version: previous), api, show)
    }
}

/// What both commands do.
private enum Activation {
    /// What is printed.
    struct Report: Encodable {
        var name: String
        /// The version that serves at the end.
        var active: String?
        /// The version that would serve after another rollback.
        var previous: String?
        /// What the probe said; nil when none is set.
        var isHealthy: Bool?
        var path: String?
    }

    static func run(
        _ reference: ModelReference,
        _ api: APIOptions,
        _ show: OutputOptions
    ) async throws {
        let (status, directory) = try await Interrupt.cancelling {
            try await PeerClient.with(api) { client in
                var status = try await client.activate(reference)
                while status.isActivating {
                    try await ContinuousClock().sleep(for: .milliseconds(200))
                    let host = try await client.host()
                    let next = host.models.first { $0.report.name == reference.name }
                    status = next ?? status
                }
                return (status, try await client.status().dataDirectory)
            }
        }
        let report = status.report
        guard report.active == reference.version else {
            let reason = report.failure.map { ": \($0.reason)" } ?? ""
            throw CommandFailure(
                .failure,
                "\(reference) does not serve, \(report.active ?? "nothing") does\(reason)"
            )
        }
        let path = "\(directory)/models/\(reference.name)/\(reference.version)"
        let shown = Report(
            name: reference.name.description,
            active: report.active,
            previous: status.previous,
            isHealthy: report.isHealthy,
            path: path
        )
        try show.finish(shown) { "\(reference) serves from \(path)" }
    }
}

/// `shoal prefetch`: brings a version to this host, without letting it serve.
struct Prefetch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prefetch",
        abstract: "Lets the local peer fetch, verify and seal a version, and waits for it.",
        discussion: """
            The version then is under models/ORG/MODEL/VERSION, but 'current' stays as it is.

              shoal prefetch acme/llama@2.0
            """
    )

    @OptionGroup var version: ReferenceArgument
    @OptionGroup var api: APIOptions
    @OptionGroup var show: OutputOptions

    func run() async throws {
        let (reference, show) = (version.reference, show)
        let status = try await Interrupt.cancelling {
            try await PeerClient.with(api) { client in
                let status = try await client.join(reference, torrent: [])
                return try await client.complete(reference, status, isQuiet: show.quiet)
            }
        }
        try show.finish(status) {
            "\(reference): \(ByteCount(status.bytes)), all verified, at \(status.path ?? "?")"
        }
    }
}

extension PeerClient {
    /// Waits until a version that was joined is complete, and shows how far it is.
    func complete(
        _ reference: ModelReference,
        _ begun: SwarmStatus,
        isQuiet: Bool
    ) async throws -> SwarmStatus {
        let latest = Locked(begun)
        return try await Progress.showing(
            "fetching",
            total: begun.bytes,
            isQuiet: isQuiet,
            sample: {
                let status = latest.withLock { $0 }
                return ProgressMeter.Sample(
                    bytesDone: status.verifiedBytes,
                    peers: status.peers,
                    total: status.bytes
                )
            },
            during: {
                var status = begun
                while status.state != .seeding {
                    if status.state == .failed || status.state == .paused {
                        throw CommandFailure(.failure, status.problem ?? "the peer cannot go on")
                    }
                    try await ContinuousClock().sleep(for: .milliseconds(200))
                    status = try await self.status(of: reference)
                    latest.withLock { [status] in $0 = status }
                }
                return status
            }
        )
    }
}

/// `shoal pin`: keeps a version on this host.
struct Pin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pin",
        abstract: "Keeps a version on this host, however little room there is.",
        discussion: "Versions that nothing keeps go when the disk budget is used up."
    )

    @OptionGroup var version: ReferenceArgument
    @OptionGroup var api: APIOptions
    @OptionGroup var show: OutputOptions

    func run() async throws {
        let reference = version.reference
        let status = try await PeerClient.with(api) { try await $0.pin(reference, isPinned: true) }
        try show.finish(["pinned": status.pinned]) { "\(reference) is pinned" }
    }
}

/// `shoal unpin`: lets a version go when room is needed.
struct Unpin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unpin",
        abstract: "Lets a version that was pinned go when room is needed."
    )

    @OptionGroup var version: ReferenceArgument
    @OptionGroup var api: APIOptions
    @OptionGroup var show: OutputOptions

    func run() async throws {
        let reference = version.reference
        let status = try await PeerClient.with(api) { try await $0.pin(reference, isPinned: false) }
        try show.finish(["pinned": status.pinned]) { "\(reference) is not pinned" }
    }
}
