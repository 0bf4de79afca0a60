import Foundation
import Hummingbird
import NIOCore
import SwarmHash
package import SwarmModel
import SwarmRuntime
import SwarmStorage
import SwarmWire
import SystemPackage

/// What the routes do.
extension PeerAPI {
    func nodeStatus() async -> PeerNodeStatus {
        PeerNodeStatus(
            peer: node.peerID.description,
            listen: node.endpoint.description,
            locality: node.settings.locality.description,
            dataDirectory: node.settings.dataDirectory.string,
            trackers: node.settings.trackers,
            versions: await node.statuses(),
            host: await host.status
        )
    }

    /// Ready unless the disk refuses writes: the API answers only once the store is open and peers
    /// can connect.
    func readiness() async throws -> Response {
        for version in await node.statuses() where version.state == .paused {
            throw APIError(
                status: .serviceUnavailable,
                code: "paused",
                message: "\(version.name)@\(version.version) is paused: "
                    + (version.problem ?? "the disk refuses writes")
            )
        }
        return try JSONReply.response(["status": "ready"])
    }

    func status(of reference: ModelReference) async throws -> SwarmStatus {
        let statuses = await node.statuses()
        let found = statuses.first { $0.names.contains(reference.description) }
        guard let found else {
            throw PeerError(
                .unknownVersion,
                "\(reference) is not open at this peer; `shoal list` shows what is"
            )
        }
        return found
    }

    /// Joins a version: the body is its metainfo, or empty to ask the trackers for it by name.
    func join(_ reference: ModelReference, _ request: Request) async throws -> SwarmStatus {
        let body = try await request.body.collect(upTo: Self.torrentByteCountMax)
        var bytes = Array(body.readableBytesView)
        if bytes.isEmpty { bytes = try await catalogs.torrent(of: reference) }
        let metainfo = try Self.decode(bytes, reference)
        return try await host.join(metainfo, as: reference).status
    }

    /// Takes over files of a directory on this host, and joins the version for the rest.
    func adopt(_ reference: ModelReference, _ request: Request) async throws -> AdoptReport {
        let body = try await request.body.collect(upTo: Self.torrentByteCountMax * 2)
        let order: AdoptOrder
        do {
            order = try JSONDecoder().decode(AdoptOrder.self, from: Data(body.readableBytesView))
        } catch {
            throw APIError(
                status: .badRequest,
                code: "bad-order",
                message: "the body is not the JSON of an adoption: \(error)"
            )
        }
        var bytes = order.torrent.map { Array($0) } ?? []
        if bytes.isEmpty { bytes = try await catalogs.torrent(of: reference) }
        let metainfo = try Self.decode(bytes, reference)
        return try await host.adopt(metainfo, as: reference, from: FilePath(order.directory))
    }

    private static func decode(
        _ bytes: [UInt8],
        _ reference: ModelReference
    ) throws -> Metainfo {
        do {
            return try MetainfoCodec.decode(bytes, hasher: SystemHasher())
        } catch {
            throw PeerError(.invalidMetainfo, "the metainfo of \(reference) is refused: \(error)")
        }
    }

    /// Hashes a version's files anew and streams how far it is, a JSON line each quarter second;
    /// the last line is the report.
    func verify(_ reference: ModelReference) async throws -> Response {
        let verification = try Verification(reference, store: node.store)
        return Response(
            status: .ok,
            headers: [.contentType: "application/x-ndjson"],
            body: ResponseBody { writer in
                for try await line in verification.lines(threads: node.settings.eventLoopCount) {
                    try await writer.write(try JSONReply.line(line))
                    if line.report?.isSound == false { await host.scrubNow(reference) }
                }
                try await writer.finish(nil)
            }
        )
    }
}

extension [CatalogClient] {
    /// The metainfo of a version, from the first tracker that has it.
    package func torrent(of reference: ModelReference) async throws -> [UInt8] {
        var last: (any Error)?
        for catalog in self {
            do {
                return try await catalog.get(reference)
            } catch {
                last = error
            }
        }
        throw last
            ?? PeerError(
                .unknownVersion,
                "no tracker to ask for \(reference); give one with --tracker URL"
            )
    }
}
