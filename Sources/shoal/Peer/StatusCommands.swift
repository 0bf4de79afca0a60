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
        commandName: "status",
        abstract: "Shows what the local peer is doing, or what a swarm has moved and at what cost.",
        discussion: """
            Without --tracker: the local peer's versions, progress, rates, peers, problems, and \
            its own traffic.

            With --tracker and a version: what all peers of the swarm moved between which places, \
            how many copies entered each, and what that cost.

              shoal status --tracker http://tracker:8080 acme/llama@1.0
            """
    )

    @Argument(
        help: ArgumentHelp(
            "The version to ask the tracker for.",
            valueName: "org/model@v|info-hash"
        )
    )
    var version: String?

    @Option(
        help: ArgumentHelp("Show a swarm as this tracker knows it.", valueName: "url"),
        transform: { text in
            guard let address = TrackerAddress(text) else {
                throw ValidationError("write a tracker as http://HOST:PORT")
            }
            return address
        }
    )
    var tracker: TrackerAddress?

    @Option(
        help: ArgumentHelp(
            "Sum traffic up to domains of this many labels: 1 clouds, 2 regions, 3 racks.",
            valueName: "1-6"
        )
    )
    var level = 2

    @OptionGroup var prices: PricesOptions
    @OptionGroup var api: APIOptions
    @OptionGroup var show: OutputOptions

    func validate() throws {
        guard (1...Locality.levelCountMax).contains(level) else {
            throw ValidationError("--level is a number from 1 to \(Locality.levelCountMax)")
        }
        guard (version == nil) == (tracker == nil) else {
            throw ValidationError(
                "--tracker and a version go together: shoal status --tracker URL ORG/MODEL@V"
            )
        }
    }

    func run() async throws {
        let prices = try prices.load()
        if let tracker, let version {
            let view = try await SwarmAtTracker.view(version, at: tracker)
            try show.finish(view) { TrafficText.text(of: view, level: level, prices: prices) }
            return
        }
        var status = try await PeerClient.with(api) { try await $0.status() }
        for index in status.versions.indices { status.versions[index].addCosts(prices) }
        try show.finish(status) {
            Self.text(status) + Self.traffic(status, level: level, prices: prices)
        }
    }

    /// What this peer received and sent, by domain.
    private static func traffic(
        _ status: PeerNodeStatus,
        level: Int,
        prices: EgressPrices
    ) -> String {
        var text = ""
        for version in status.versions {
            let ledger = TrafficLedger(version.received + version.sent)
            if ledger.entries.isEmpty { continue }
            text += "\n\ntraffic of \(version.name)@\(version.version)\n"
            text += TrafficText.matrix(of: ledger, level: level, prices: prices)
            text += "\nreceived for \(TrafficText.dollars(version.costUSD ?? 0)), "
            text += "sent for \(TrafficText.dollars(version.sentCostUSD ?? 0))"
        }
        return text
    }

    static func text(_ status: PeerNodeStatus) -> String {
        let place = status.locality.isEmpty ? "unknown locality" : status.locality
        var lines = ["peer \(status.peer) on \(status.listen), \(place)"]
        var rows = [["VERSION", "STATE", "STAGE", "DONE", "SIZE", "IN/S", "PEERS", "SENT"]]
        for version in status.versions {
            let done = version.bytes == 0 ? 100 : version.verifiedBytes * 100 / version.bytes
            rows.append([
                "\(version.name)@\(version.version)", version.state.rawValue,
                StageText.of(version.name, version.version, status.host), "\(done)%",
                "\(ByteCount(version.bytes))", "\(ByteCount(version.receivedBytesPerSecond))",
                "\(version.peers)", "\(ByteCount(version.uploadedBytes))",
            ])
        }
        lines.append(TextTable(rows: rows, rightAligned: [3, 4, 5, 6, 7]).text)
        lines += StageText.notes(status.host)
        for version in status.versions {
            let name = "\(version.name)@\(version.version)"
            if let problem = version.problem { lines.append("\(name): \(problem)") }
            if let unavailable = version.unavailableText, version.state == .downloading {
                lines.append("\(name): \(unavailable)")
            }
            for banned in version.bannedPeers { lines.append("\(name): banned \(banned)") }
        }
        return lines.joined(separator: "\n")
    }
}

extension SwarmStatus {
    /// What the traffic cost by a price file.
    mutating func addCosts(_ prices: EgressPrices) {
        costUSD = TrafficLedger(received).cost(prices)
        sentCostUSD = TrafficLedger(sent).cost(prices)
    }
}

/// `shoal list`: the versions of this host.
struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
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
        /// In the words of the fleet: `active` is the one that serves. Nil without a peer to ask.
        var stage: VersionStage?
        var isPinned: Bool?
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
                    StageText.of($0.stage, isPinned: $0.isPinned ?? false),
                    "\(ByteCount($0.bytes))", $0.path ?? "",
                ]
            }
            return TextTable(
                rows: [["VERSION", "STATE", "STAGE", "BYTES", "PATH"]] + rows,
                rightAligned: [3]
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
        let status = try await PeerClient.with(api) { try await $0.status() }
        return status.versions.map { version in
            let reference = try? ModelReference("\(version.name)@\(version.version)")
            return Item(
                name: version.name,
                version: version.version,
                infoHash: version.infoHash,
                state: version.state == .seeding ? "complete" : "partial",
                bytes: version.verifiedBytes,
                path: version.path,
                stage: reference.flatMap { status.host.stage(of: $0) },
                isPinned: reference.map { status.host.isPinned($0) }
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
        commandName: "remove",
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
        commandName: "verify",
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
