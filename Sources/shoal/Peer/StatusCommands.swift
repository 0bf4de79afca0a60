import ArgumentParser
import Foundation
import SwarmModel
import SwarmPeer
import SwarmRuntime
import SwarmStorage
import SystemPackage

/// `shoal status`: what the local peer is doing.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what the local peer is doing: versions, progress, rates, peers, problems."
    )

    @OptionGroup var api: APIOptions
    @OptionGroup var show: OutputOptions

    func run() async throws {
        let status = try await PeerClient.with(api) { try await $0.status() }
        try show.finish(status) { Self.text(status) }
    }

    static func text(_ status: PeerNodeStatus) -> String {
        let place = status.locality.isEmpty ? "unknown locality" : status.locality
        var lines = ["peer \(status.peer) on \(status.listen), \(place)"]
        var rows = [["VERSION", "STATE", "DONE", "SIZE", "IN/S", "PEERS", "SENT"]]
        for version in status.versions {
            let done = version.bytes == 0 ? 100 : version.verifiedBytes * 100 / version.bytes
            rows.append([
                "\(version.name)@\(version.version)", version.state.rawValue, "\(done)%",
                "\(ByteCount(version.bytes))", "\(ByteCount(version.receivedBytesPerSecond))",
                "\(version.peers)", "\(ByteCount(version.uploadedBytes))",
            ])
        }
        lines.append(TextTable(rows: rows, rightAligned: [2, 3, 4, 5, 6]).text)
        for version in status.versions {
            let name = "\(version.name)@\(version.version)"
            if let problem = version.problem { lines.append("\(name): \(problem)") }
            if version.unavailablePieces > 0, version.state == .downloading {
                lines.append(
                    "\(name): \(version.unavailablePieces) pieces are held by no peer in reach"
                )
            }
            for banned in version.bannedPeers { lines.append("\(name): banned \(banned)") }
        }
        return lines.joined(separator: "\n")
    }
}

/// `shoal list`: the versions of this host.
struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Lists the versions on this host, complete and partial.",
        discussion: "With --data it reads a data directory that no peer is running on."
    )

    struct Item: Codable {
        var name: String
        var version: String
        var infoHash: String
        var state: String
        var bytes: Int
        var path: String?
    }

    @OptionGroup var api: APIOptions
    @OptionGroup var offline: OfflineOptions
    @OptionGroup var show: OutputOptions

    func run() async throws {
        let items = try await items()
        try show.finish(["versions": items]) {
            if items.isEmpty { return "no versions" }
            let rows = items.map {
                [
                    $0.name.isEmpty ? $0.infoHash : "\($0.name)@\($0.version)", $0.state,
                    "\(ByteCount($0.bytes))", $0.path ?? "",
                ]
            }
            return TextTable(
                rows: [["VERSION", "STATE", "BYTES", "PATH"]] + rows,
                rightAligned: [2]
            )
            .text
        }
    }

    private func items() async throws -> [Item] {
        if let store = try offline.store() {
            return try store.versions().map {
                Item(
                    name: $0.reference?.name.description ?? "",
                    version: $0.reference?.version ?? "",
                    infoHash: $0.infoHash.description,
                    state: $0.state.rawValue,
                    bytes: $0.bytes,
                    path: $0.path?.string
                )
            }
        }
        return try await PeerClient.with(api) { try await $0.status() }.versions.map {
            Item(
                name: $0.name,
                version: $0.version,
                infoHash: $0.infoHash,
                state: $0.state == .seeding ? "complete" : "partial",
                bytes: $0.verifiedBytes,
                path: $0.path
            )
        }
    }
}

/// A data directory worked on without a daemon.
struct OfflineOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Work on this data directory, on which no peer is running, instead of asking a peer.",
            valueName: "dir"
        )
    )
    var data: String?

    func store() throws(CommandFailure) -> Store? {
        guard let data else { return nil }
        do {
            return try Store.open(directory: FilePath(data))
        } catch {
            throw CommandFailure(.failure, error.message)
        }
    }
}

/// A version on the command line.
struct ReferenceArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The version.", valueName: "org/model@v"),
        transform: { text in
            do {
                return try ModelReference(text)
            } catch {
                throw ValidationError("\(error)")
            }
        }
    )
    var reference: ModelReference
}

/// `shoal remove`: takes a version off this host.
struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stops a version and deletes it from this host.",
        discussion: "Files that other versions share stay. Programs that have a file open keep it."
    )

    @OptionGroup var version: ReferenceArgument
    @OptionGroup var api: APIOptions
    @OptionGroup var offline: OfflineOptions
    @OptionGroup var show: OutputOptions

    func run() async throws {
        let reference = version.reference
        if let store = try offline.store() {
            do {
                try store.remove(reference)
            } catch {
                throw CommandFailure(
                    error.code == .unknownVersion ? .notFound : .failure,
                    error.message
                )
            }
        } else {
            try await PeerClient.with(api) { try await $0.remove(reference) }
        }
        try show.finish(["removed": reference.description]) { "removed \(reference)" }
    }
}

/// `shoal verify`: hashes a version's files anew.
struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Reads every byte of a version from the disk and compares it with its hashes.",
        discussion: "Ends with status 3 when something does not match."
    )

    @OptionGroup var version: ReferenceArgument
    @OptionGroup var api: APIOptions
    @OptionGroup var offline: OfflineOptions
    @OptionGroup var show: OutputOptions

    func run() async throws {
        let reference = version.reference
        let latest = Locked(Verification.Step())
        let report = try await Interrupt.cancelling {
            try await Progress.showing(
                "verifying",
                total: nil,
                isQuiet: show.quiet,
                sample: {
                    let step = latest.withLock { $0 }
                    return ProgressMeter.Sample(bytesDone: step.bytesDone, total: step.bytes)
                },
                during: {
                    try await steps(of: reference) { step in latest.withLock { $0 = step } }
                    return latest.withLock { $0.report }
                }
            )
        }
        guard let report else {
            throw CommandFailure(.failure, "the verification of \(reference) ended early")
        }
        try show.finish(report) {
            if report.isSound {
                return "\(reference): \(ByteCount(report.bytes)), every byte matches"
            }
            return report.damaged.map { "\($0.path): \($0.pieces) pieces do not match" }
                .joined(separator: "\n")
        }
        guard report.isSound else {
            throw CommandFailure(
                .verificationFailed,
                "\(reference) is damaged on disk",
                remedy: "'shoal remove \(reference)' and pull it again"
            )
        }
    }

    private func steps(
        of reference: ModelReference,
        onStep: @Sendable (Verification.Step) -> Void
    ) async throws {
        guard let store = try offline.store() else {
            try await PeerClient.with(api) { try await $0.verify(reference, onStep: onStep) }
            return
        }
        do {
            let verification = try Verification(reference, store: store)
            let cores = ProcessInfo.processInfo.activeProcessorCount
            for try await step in verification.lines(threads: cores) { onStep(step) }
        } catch {
            throw CommandFailure(peer: error)
        }
    }
}
