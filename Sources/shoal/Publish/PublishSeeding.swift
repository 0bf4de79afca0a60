import ArgumentParser
import Foundation
import Logging
import SwarmModel
import SwarmPeer
import SwarmRuntime
import SwarmStorage
import SystemPackage

/// Serving a version from the directory that it was published from, for `shoal publish --seed`.
struct PublishSeeding {
    let options: PeerOptions
    let isJSON: Bool

    /// Serves until a signal comes. Without --data the little that a seed keeps goes to a
    /// directory that is removed at the end.
    func run(_ directory: String, _ metainfo: Metainfo) async throws {
        let scratch = FileManager.default.temporaryDirectory
            .appending(path: "shoal-seed-\(ProcessInfo.processInfo.processIdentifier)").path
        defer { if options.data == nil { try? FileManager.default.removeItem(atPath: scratch) } }
        var resolver = try SettingsResolver(file: nil)
        let settings = try options.settings(&resolver, listen: "0.0.0.0:0", data: scratch)
        let logger = options.log.logger("shoal.seed", preset: .warning)
        let isJSON = isJSON
        _ = try await PeerProcess.run(settings, logger: logger) { node, _ in
            do {
                _ = try await node.serve(
                    metainfo,
                    as: metainfo.reference,
                    from: FilePath(directory)
                )
            } catch {
                throw CommandFailure(peer: error)
            }
            Self.say(node.endpoint, isJSON: isJSON)
            await Interrupt.signalled()
            return true
        }
    }

    private static func say(_ endpoint: Endpoint, isJSON: Bool) {
        if isJSON {
            let event = ["event": "seeding", "listen": endpoint.description]
            Terminal.announce((try? OutputOptions.encode(event)) ?? "")
        } else {
            Terminal.announce("seeding on \(endpoint)")
        }
    }
}
