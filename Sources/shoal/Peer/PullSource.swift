import AsyncHTTPClient
import SwarmHash
import SwarmModel
import SwarmPeer
import SwarmRuntime
import SwarmWire

/// What the argument of `shoal pull` stands for.
enum PullSource {
    /// Longest `.torrent` file that is read.
    static let torrentByteCountMax = 32 << 20

    static func magnet(_ text: String) throws(CommandFailure) -> MagnetLink {
        do {
            return try MagnetLink(text)
        } catch {
            throw CommandFailure(.usage, "'\(Terminal.safe(text))' is not usable: \(error)")
        }
    }

    /// The metainfo behind a name, which trackers resolve, or in a file.
    static func metainfo(
        _ text: String,
        trackers: [String],
        http: HTTPClient
    ) async throws -> (Metainfo, ModelReference?) {
        if isFile(text) { return (try decode(file(text), named: "'\(text)'"), nil) }
        let reference = try reference(text)
        guard !trackers.isEmpty else {
            throw CommandFailure(
                .usage,
                "no tracker to ask for \(reference)",
                remedy: "--tracker URL, or SHOAL_TRACKER"
            )
        }
        let catalogs = trackers.compactMap { TrackerAddress($0) }
            .map { CatalogClient(client: http, tracker: $0) }
        let bytes = try await catalogs.torrent(of: reference)
        let source = trackers.joined(separator: " or ")
        return (try decode(bytes, named: "what \(source) has as \(reference)"), reference)
    }

    /// What to ask a daemon for: the name, and the metainfo when it was given as a file.
    static func request(_ text: String) throws(CommandFailure) -> (ModelReference, [UInt8]) {
        guard isFile(text) else { return (try reference(text), []) }
        let bytes = try file(text)
        let metainfo = try decode(bytes, named: "'\(text)'")
        return (metainfo.reference ?? ModelReference(fallbackFor: metainfo.info), bytes)
    }

    static func report(_ status: SwarmStatus, path: String) throws(CommandFailure) -> PullReport {
        guard let infoHash = InfoHash(hex: status.infoHash) else {
            throw CommandFailure(.failure, "the peer names no info-hash")
        }
        var report = PullReport(
            name: status.name,
            version: status.version,
            infoHash: infoHash,
            bytes: status.bytes,
            seconds: status.seconds,
            from: status.from,
            duplicateBytes: status.duplicateBytes,
            resumedBytes: status.resumedBytes,
            path: path
        )
        report.costUSD = status.costUSD
        return report
    }

    private static func isFile(_ text: String) -> Bool { text.hasSuffix(".torrent") }

    private static func file(_ path: String) throws(CommandFailure) -> [UInt8] {
        Array(try FileContent.read(path, byteCountMax: torrentByteCountMax))
    }

    private static func reference(_ text: String) throws(CommandFailure) -> ModelReference {
        do {
            return try ModelReference(text)
        } catch {
            throw CommandFailure(
                .usage,
                "\(error)",
                remedy: "ORG/MODEL@VERSION, a file that ends in .torrent, or a magnet link"
            )
        }
    }

    private static func decode(
        _ bytes: [UInt8],
        named name: String
    ) throws(CommandFailure) -> Metainfo {
        do {
            return try MetainfoCodec.decode(bytes, hasher: SystemHasher())
        } catch {
            throw CommandFailure(.failure, "\(name) is not a usable .torrent file: \(error)")
        }
    }
}
