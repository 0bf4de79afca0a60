internal import Foundation
internal import Hummingbird
internal import Logging
internal import SwarmModel
internal import SwarmRuntime
internal import SwarmWire

/// Published versions: `GET /api/v1/models`, and `GET` and `PUT` of
/// `/api/v1/models/ORG/MODEL/VERSION`, whose body is the `.torrent` file. What is published stays
/// as it is. Parts of a version are another file's: see ``PartRoutes``.
struct CatalogRoutes: Sendable {
    let catalog: CatalogDriver
    let token: String?
    let metainfoByteCountMax: Int

    private static let metainfoType = "application/x-bittorrent"

    func add(to router: Router<TrackerContext>) {
        router.get("api/v1/models") { _, _ in try await list() }
        router.get("api/v1/models/:organisation/:model/:version") { _, context in
            try await get(context)
        }
        router.put("api/v1/models/:organisation/:model/:version") { request, context in
            try await put(request, context)
        }
    }

    private func list() async throws -> Response {
        let models = try await catalog.list().map { entry in
            Published(
                entry.reference,
                infoHash: entry.infoHash,
                byteCount: entry.byteCount,
                isNew: nil
            )
        }
        let unfinished = try await catalog.unfinished().map { PartsReport($0, $1) }
        return try JSONReply.response(ModelList(models: models, unfinished: unfinished))
    }

    private struct ModelList: Encodable {
        var models: [Published]
        /// Versions of which parts are missing.
        var unfinished: [PartsReport]
    }

    private func get(_ context: TrackerContext) async throws -> Response {
        let reference = try Self.reference(context)
        guard let path = try await catalog.path(of: reference) else {
            throw await catalog.refusal(of: reference)
        }
        let body = try await FileIO().loadFile(path: path, context: context)
        return Response(status: .ok, headers: [.contentType: Self.metainfoType], body: body)
    }

    // MARK: Publishing

    private func put(_ request: Request, _ context: TrackerContext) async throws -> Response {
        let reference = try Self.reference(context)
        let outcome = try await withUpload(request) { try await catalog.put(reference, $0) }
        return try reply(outcome, reference, context)
    }

    /// Receives the `.torrent` file of whoever may publish, and gives it to `body`.
    func withUpload<R: Sendable>(
        _ request: Request,
        _ body: ([UInt8]) async throws -> R
    ) async throws -> R {
        try authorise(request)
        try refuseIfTooLong(request)
        let outcome = try await catalog.withUploadPlace {
            let bytes = try await collected(request)
            return try await checked { try await body(bytes) }
        }
        guard let outcome else {
            throw APIError(
                status: .serviceUnavailable,
                code: "busy",
                message: "the tracker is receiving other versions; try again in some seconds",
                headers: [.retryAfter: "5"]
            )
        }
        return outcome
    }

    private func reply(
        _ outcome: CatalogStore.Outcome,
        _ reference: ModelReference,
        _ context: TrackerContext
    ) throws -> Response {
        switch outcome {
        case .created(let hash):
            context.logger.info(
                "published",
                metadata: ["version": "\(reference)", "infoHash": "\(hash)"]
            )
            return try JSONReply.response(
                Published(reference, infoHash: hash, isNew: true),
                status: .created
            )
        case .unchanged(let hash):
            return try JSONReply.response(Published(reference, infoHash: hash, isNew: false))
        case .conflict(let there, let offered):
            throw APIError(
                status: .conflict,
                code: "version-exists",
                message:
                    "\(reference) is published with info-hash \(there), and the offered file has "
                    + "\(offered); a version never changes, so publish it under a new one"
            )
        case .full: throw Self.full
        }
    }

    static var full: APIError {
        APIError(
            status: APIError.insufficientStorage,
            code: "catalog-full",
            message: "the catalog holds as many versions, or unfinished ones in parts, as it may; "
                + "remove files of old ones from its directory"
        )
    }

    private func authorise(_ request: Request) throws {
        guard let token else { return }
        let given = request.headers[.authorization] ?? ""
        guard SecretText.isEqual(given, "Bearer " + token) else {
            throw APIError(
                status: .unauthorized,
                code: "unauthorised",
                message:
                    "publishing here needs the tracker's token as `Authorization: Bearer TOKEN`",
                headers: [.wwwAuthenticate: "Bearer"]
            )
        }
    }

    private var tooLong: APIError {
        APIError(
            status: .contentTooLarge,
            code: "body-too-large",
            message: "a .torrent file may have \(metainfoByteCountMax) bytes; "
                + "choose a larger piece length"
        )
    }

    private func refuseIfTooLong(_ request: Request) throws {
        guard let text = request.headers[.contentLength], let count = Int(text) else { return }
        if count > metainfoByteCountMax { throw tooLong }
    }

    private func collected(_ request: Request) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await buffer in request.body {
            guard bytes.count + buffer.readableBytes <= metainfoByteCountMax else { throw tooLong }
            bytes += buffer.readableBytesView
        }
        return bytes
    }

    private func checked<R>(_ body: () async throws -> R) async throws -> R {
        do {
            return try await body()
        } catch let error as MetainfoError {
            throw APIError(
                status: .badRequest,
                code: "bad-metainfo",
                message: "the body is no BitTorrent v2 metainfo: \(error)"
            )
        } catch let error as CatalogStore.OtherName {
            throw APIError(
                status: .badRequest,
                code: "other-name",
                message: "the file says that it is \(error.named); publish it under that name"
            )
        } catch let error as CatalogStore.IsPart {
            throw APIError(
                status: .badRequest,
                code: "is-part",
                message: "the file is part \(error.number) of a version; put it under parts/"
                    + "\(error.number.number)"
            )
        } catch let error as CatalogStore.Unreadable {
            throw APIError(
                status: .internalServerError,
                code: "catalog-damaged",
                message:
                    "\(error.path) is damaged: restore it from a copy, or remove it and publish "
                    + "again"
            )
        } catch let error as CatalogFiles.Failure {
            throw APIError(
                status: APIError.insufficientStorage,
                code: "catalog-failed",
                message: "the tracker cannot keep the file: \(error.message)"
            )
        }
    }

    // MARK: Names

    static func reference(_ context: TrackerContext) throws -> ModelReference {
        func part(_ key: String) -> String {
            let text = context.parameters.get(key) ?? ""
            return text.removingPercentEncoding ?? text
        }
        do throws(NameFlaw) {
            return try ModelReference(
                name: ModelName("\(part("organisation"))/\(part("model"))"),
                version: part("version")
            )
        } catch {
            throw APIError(status: .badRequest, code: "bad-name", message: error.description)
        }
    }

    private struct Published: Encodable {
        var name: String
        var version: String
        var infoHash: InfoHash?
        /// Of the `.torrent` file.
        var bytes: Int?
        var created: Bool?

        init(
            _ reference: ModelReference,
            infoHash: InfoHash?,
            byteCount: Int? = nil,
            isNew: Bool? = nil
        ) {
            name = reference.name.description
            version = reference.version
            self.infoHash = infoHash
            bytes = byteCount
            created = isNew
        }
    }
}

extension CatalogDriver {
    /// Refuses when it is not published.
    func publishedInfoHash(of reference: ModelReference) async throws -> InfoHash {
        if let infoHash = try await infoHash(of: reference) { return infoHash }
        throw await refusal(of: reference)
    }

    /// For whoever asked for a version that cannot be had.
    func refusal(of reference: ModelReference) async -> APIError {
        APIError(
            status: .notFound,
            code: "no-such-version",
            message: await absence(of: reference)
        )
    }
}

/// Comparison of secrets.
enum SecretText {
    /// Takes a time that depends on the given text's length only, so that it tells nothing of how
    /// much of the secret was right.
    static func isEqual(_ given: String, _ secret: String) -> Bool {
        let secret = Array(secret.utf8)
        guard !secret.isEmpty else { return false }
        var difference = secret.count ^ given.utf8.count
        for (index, byte) in given.utf8.enumerated() {
            difference |= Int(byte ^ secret[index % secret.count])
        }
        return difference == 0
    }
}
