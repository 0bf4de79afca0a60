import ArgumentParser
import AsyncHTTPClient
import Foundation
import Logging
import SwarmModel
import SwarmPeer
import SwarmRuntime
import SwarmStorage
import SystemPackage

/// Serving a version, or a part of it, from the directory that it was published from: for
/// `shoal publish --seed` and `--until-copies`.
struct PublishSeeding {
    let options: PeerOptions
    let show: OutputOptions
    let published: Published

    /// Serves until a signal comes.
    func run(_ directory: String) async throws {
        try await serve(directory) { _, _ in await Interrupt.signalled() }
    }

    /// Serves until there are so many copies elsewhere.
    func run(
        _ directory: String,
        until count: Int,
        on seedHosts: SeedHosts,
        at trackers: [TrackerAddress]
    ) async throws {
        let (show, published) = (show, published)
        try await serve(directory) { driver, http in
            let signals = Interrupt.watch()
            let copies = CopiesWatch(
                driver: driver,
                geometry: published.metainfo.info.geometry,
                goal: count,
                trackers: trackers,
                seedHosts: seedHosts,
                deadline: published.deadline
            )
            let tally = try await withThrowingTaskGroup(of: CopyTally.self) { group in
                group.addTask {
                    await signals.first()
                    throw CommandFailure.interrupted
                }
                group.addTask { try await copies.run(http, isQuiet: show.quiet) }
                defer { group.cancelAll() }
                return try await group.next()
            }
            Self.say(copies: tally?.least ?? 0, isJSON: show.json)
        }
    }

    /// Runs a peer that serves while `body` runs. Without --data the little that a seed keeps goes
    /// to a directory that is removed at the end.
    private func serve(
        _ directory: String,
        during body: @escaping @Sendable (SwarmDriver, HTTPClient) async throws -> Void
    ) async throws {
        let scratch = FileManager.default.temporaryDirectory
            .appending(path: "shoal-seed-\(ProcessInfo.processInfo.processIdentifier)").path
        defer { if options.data == nil { try? FileManager.default.removeItem(atPath: scratch) } }
        var resolver = try SettingsResolver(file: nil)
        let settings = try options.settings(&resolver, listen: "0.0.0.0:0", data: scratch)
        let logger = options.log.logger("shoal.seed", preset: .warning)
        let (isJSON, published) = (show.json, published)
        _ = try await PeerProcess.run(settings, logger: logger) { node, http in
            let driver: SwarmDriver
            do {
                driver = try await node.serve(
                    published.metainfo,
                    as: published.metainfo.reference,
                    from: FilePath(directory),
                    part: published.part,
                    paths: published.paths
                )
            } catch {
                throw CommandFailure(peer: error)
            }
            Self.say(published.metainfo, at: node.endpoint, isJSON: isJSON)
            try await body(driver, http)
            return true
        }
    }

    private static func say(_ metainfo: Metainfo, at endpoint: Endpoint, isJSON: Bool) {
        if isJSON {
            let event = [
                "event": "seeding", "infoHash": metainfo.info.infoHash.description,
                "listen": endpoint.description,
            ]
            Terminal.announce((try? OutputOptions.encode(event)) ?? "")
        } else {
            Terminal.announce("seeding on \(endpoint)")
        }
    }

    private struct CopiesEvent: Encodable {
        let event = "copies"
        let copies: Int
    }

    private static func say(copies: Int, isJSON: Bool) {
        if isJSON {
            Terminal.announce((try? OutputOptions.encode(CopiesEvent(copies: copies))) ?? "")
        } else {
            Terminal.announce("\(copies) copies of every piece are elsewhere")
        }
    }
}
