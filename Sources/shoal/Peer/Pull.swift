import ArgumentParser
import AsyncHTTPClient
import Foundation
import Logging
import SwarmHash
import SwarmModel
import SwarmPeer
import SwarmRuntime
import SwarmStorage
import SwarmWire
import SystemPackage

/// `shoal pull`: fetches one version, verified, and ends.
struct Pull: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Fetches a version from its swarm, verifies every byte, and ends.",
        discussion: """
            The version is a name, which the tracker resolves, a .torrent file, or a magnet link. \
            While it downloads it also serves. A pull that was interrupted goes on where it was: \
            run the same command again.

              shoal pull acme/llama@1.0 --tracker http://tracker:8080 --to ./llama
            """
    )

    @Argument(help: ArgumentHelp("What to fetch.", valueName: "org/model@v|file.torrent|magnet"))
    var version: String

    @Option(
        help: ArgumentHelp(
            "Put the files there too, by hard link where possible, otherwise by copy.",
            discussion: "A directory that does not exist yet or is empty.",
            valueName: "dir"
        )
    )
    var to: String?

    @Option(
        help: ArgumentHelp(
            "A peer to connect to, besides those of the tracker.",
            valueName: "host:port"
        ),
        transform: { text in
            guard let endpoint = Endpoint(parsing: text) else {
                throw ValidationError("write a peer as ADDRESS:PORT, an IPv6 address in brackets")
            }
            return endpoint
        }
    )
    var peer: [Endpoint] = []

    @Option(help: ArgumentHelp("Give up after this many seconds.", valueName: "seconds"))
    var timeout: Int?

    @Option(
        help: ArgumentHelp(
            "Let the peer whose API this is fetch and keep the version, and wait for it.",
            valueName: "host:port|unix:path"
        )
    )
    var api: String?

    @OptionGroup var prices: PricesOptions
    @OptionGroup var options: PeerOptions
    @OptionGroup var show: OutputOptions

    func run() async throws {
        // Before the download: a price file that cannot be read should not end a day's work.
        let prices = try prices.load()
        let report: PullReport
        if let address = try APIOptions.parse(api) {
            report = try await Interrupt.cancelling {
                try await pull(through: address, prices)
            }
        } else {
            report = try await pullHere(prices)
        }
        try show.finish(report) { Self.text(report) }
    }

    private func pullHere(_ prices: EgressPrices) async throws -> PullReport {
        var resolver = try SettingsResolver(file: nil)
        let settings = try options.settings(
            &resolver,
            listen: "0.0.0.0:0",
            data: PeerOptions.defaultDataDirectory
        )
        let logger = options.log.logger("shoal.pull", preset: .warning)
        return try await PeerProcess.run(settings, logger: logger) { node, http in
            try await Interrupt.cancelling {
                let driver = try await join(node, http, settings)
                var report = try await follow(driver)
                report.costUSD = await TrafficLedger(driver.status.received).cost(prices)
                guard let to else { return report }
                return try await export(report, of: driver, to: to)
            }
        }
    }

    // MARK: What to fetch

    private func join(
        _ node: PeerNode,
        _ http: HTTPClient,
        _ settings: PeerSettings
    ) async throws -> SwarmDriver {
        do {
            if version.hasPrefix("magnet:") {
                let magnet = try PullSource.magnet(version)
                return try await node.join(
                    magnet.infoHash,
                    trackers: magnet.trackers.isEmpty ? [] : [magnet.trackers],
                    as: magnet.name.flatMap { try? ModelReference($0) },
                    peers: peer
                )
            }
            let (metainfo, reference) = try await PullSource.metainfo(
                version,
                trackers: settings.trackers,
                http: http
            )
            return try await node.join(metainfo, as: reference, peers: peer)
        } catch {
            throw CommandFailure(peer: error)
        }
    }

    // MARK: How it goes

    private func follow(_ driver: SwarmDriver) async throws -> PullReport {
        let outcome = try await Progress.showing(
            "pulling",
            total: nil,
            isQuiet: show.quiet,
            sample: {
                let status = await driver.status
                return ProgressMeter.Sample(
                    bytesDone: status.verifiedBytes,
                    peers: status.peers,
                    total: status.bytes
                )
            },
            during: { try await Self.result(of: driver, within: timeout) }
        )
        switch outcome {
        case .complete(let path):
            guard let report = await driver.report(path: path ?? "") else {
                throw CommandFailure(.failure, "the version is complete but has no metainfo")
            }
            return report
        case .failed(let reason): throw CommandFailure(.failure, reason)
        case .running: throw await Self.timedOut(driver, timeout)
        }
    }

    /// `.running` when the time is over before the version is complete, or the disk refuses it.
    private static func result(
        of driver: SwarmDriver,
        within seconds: Int?
    ) async throws -> SwarmDriver.Outcome {
        try await withThrowingTaskGroup(of: SwarmDriver.Outcome.self) { group in
            group.addTask { await driver.result() }
            group.addTask {
                let clock = ContinuousClock()
                let end = seconds.map { clock.now + .seconds($0) }
                while true {
                    try await clock.sleep(for: .milliseconds(250))
                    let status = await driver.status
                    if status.state == .paused {
                        return .failed(status.problem ?? "the disk refuses writes")
                    }
                    if let end, clock.now >= end { return .running }
                }
            }
            defer { group.cancelAll() }
            return try await group.next() ?? .running
        }
    }

    private static func timedOut(_ driver: SwarmDriver, _ seconds: Int?) async -> CommandFailure {
        let status = await driver.status
        var message =
            "not complete after \(seconds ?? 0) seconds: \(status.verifiedPieces) of "
            + "\(status.pieces) pieces, \(status.peers) peers"
        if let unavailable = status.unavailableText { message += "; \(unavailable)" }
        if let problem = status.problem { message += "; \(problem)" }
        return CommandFailure(.unreachable, message, remedy: "the same command again; it goes on")
    }

    private func export(
        _ report: PullReport,
        of driver: SwarmDriver,
        to target: String
    ) async throws -> PullReport {
        do {
            try await driver.export(to: FilePath(target))
        } catch let error as StorageError {
            throw CommandFailure(.failure, error.message)
        }
        var report = report
        report.path = target
        return report
    }

    static func text(_ report: PullReport) -> String {
        let fetched = report.from.reduce(0) { $0 + $1.bytes }
        var rows = [
            ["pulled", "\(report.name)@\(report.version)"],
            ["info-hash", report.infoHash.description],
            ["files", report.path],
            ["size", "\(ByteCount(report.bytes)), all verified"],
            ["time", "\(report.seconds.threeDigits) s"],
        ]
        if report.resumedBytes > 0 { rows.append(["had", "\(ByteCount(report.resumedBytes))"]) }
        var cost = ""
        if let usd = report.costUSD { cost = ", which cost \(TrafficText.dollars(usd)) of egress" }
        rows.append(["fetched", "\(ByteCount(fetched))\(cost)"])
        for source in report.from {
            let domain = source.domain.isEmpty ? "somewhere" : source.domain
            rows.append(["  from", "\(domain): \(ByteCount(source.bytes))"])
        }
        return TextTable(rows: rows).text
    }

    // MARK: Through a daemon

    private func pull(
        through address: PeerAPI.Address,
        _ prices: EgressPrices
    ) async throws -> PullReport {
        try await TrackerRequests.withClient { http in
            let client = PeerClient(http: http, address: address)
            let (reference, torrent) = try PullSource.request(version)
            var status = try await client.join(reference, torrent: torrent)
            let latest = Locked(status)
            let path: String = try await Progress.showing(
                "pulling",
                total: status.bytes,
                isQuiet: show.quiet,
                sample: {
                    let status = latest.withLock { $0 }
                    return ProgressMeter.Sample(
                        bytesDone: status.verifiedBytes,
                        peers: status.peers,
                        total: status.bytes
                    )
                },
                during: {
                    while status.state != .seeding {
                        if status.state == .failed || status.state == .paused {
                            throw CommandFailure(
                                .failure,
                                status.problem ?? "the peer cannot go on"
                            )
                        }
                        try await ContinuousClock().sleep(for: .milliseconds(200))
                        status = try await client.status(of: reference)
                        latest.withLock { [status] in $0 = status }
                    }
                    return status.path ?? ""
                }
            )
            status.addCosts(prices)
            return try PullSource.report(status, path: path)
        }
    }
}
