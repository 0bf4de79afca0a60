internal import Hummingbird
internal import Logging
internal import SwarmModel
internal import SwarmRuntime

/// Versions that several build nodes publish, each its own files:
/// `PUT /api/v1/models/ORG/MODEL/VERSION/parts/K`, whose body is the `.torrent` file of the node's
/// files, and `GET …/parts`, which says what is missing. When all parts are in, the version is
/// published.
struct PartRoutes: Sendable {
    let uploads: CatalogRoutes

    private var catalog: CatalogDriver { uploads.catalog }

    func add(to router: Router<TrackerContext>) {
        router.get("api/v1/models/:organisation/:model/:version/parts") { _, context in
            try await get(context)
        }
        router.put("api/v1/models/:organisation/:model/:version/parts/:part") { request, context in
            try await put(request, context)
        }
    }

    private func get(_ context: TrackerContext) async throws -> Response {
        let reference = try CatalogRoutes.reference(context)
        if let infoHash = try await catalog.infoHash(of: reference) {
            return try JSONReply.response(PartsReport(reference, infoHash: infoHash))
        }
        guard let state = try await catalog.parts(of: reference) else {
            throw await catalog.refusal(of: reference)
        }
        return try JSONReply.response(PartsReport(reference, state))
    }

    private func put(_ request: Request, _ context: TrackerContext) async throws -> Response {
        let reference = try CatalogRoutes.reference(context)
        let number = try Self.number(context)
        let isReplacing = request.uri.queryParameters["replace"] == "1"
        let outcome = try await uploads.withUpload(request) { bytes in
            do {
                return try await catalog.putPart(
                    reference,
                    number: number,
                    bytes,
                    replacing: isReplacing
                )
            } catch let error as CatalogStore.PartRefused {
                throw Self.refusal(error, reference, number)
            } catch is CatalogStore.NotThatPart {
                throw APIError(
                    status: .badRequest,
                    code: "bad-part",
                    message: "the body is not part \(number) of a version; `shoal publish --part` "
                        + "makes one"
                )
            }
        }
        return try reply(outcome, reference, number, context)
    }

    private static func refusal(
        _ error: CatalogStore.PartRefused,
        _ reference: ModelReference,
        _ number: Int
    ) -> APIError {
        guard error.isReplaceable else {
            return APIError(status: .conflict, code: "version-exists", message: error.reason)
        }
        return APIError(
            status: .conflict,
            code: "other-part",
            message: "part \(number) of \(reference) does not fit to the parts that are here: "
                + "\(error.reason); as long as parts are missing, one is replaced with "
                + "`shoal publish --part --replace-part`"
        )
    }

    private static func number(_ context: TrackerContext) throws -> Int {
        let text = context.parameters.get("part") ?? ""
        guard let number = Int(text), (1...PartNumber.countMax).contains(number) else {
            throw APIError(
                status: .badRequest,
                code: "bad-part",
                message: "'\(text.prefix(24))' is no part; parts have numbers from 1 to "
                    + "\(PartNumber.countMax)"
            )
        }
        return number
    }

    private func reply(
        _ outcome: CatalogStore.PartOutcome,
        _ reference: ModelReference,
        _ number: Int,
        _ context: TrackerContext
    ) throws -> Response {
        switch outcome {
        case .kept(let state, let isNew):
            context.logger.info(
                "part published",
                metadata: [
                    "version": "\(reference)", "part": "\(number)",
                    "missing": "\(state.missingText)",
                ]
            )
            var report = PartsReport(reference, state)
            report.created = isNew
            return try JSONReply.response(report, status: isNew ? .accepted : .ok)
        case .whole(let hash, let isNew):
            if isNew {
                context.logger.info(
                    "published from parts",
                    metadata: ["version": "\(reference)", "infoHash": "\(hash)"]
                )
            }
            var report = PartsReport(reference, infoHash: hash)
            report.created = isNew
            return try JSONReply.response(report, status: isNew ? .created : .ok)
        case .full: throw CatalogRoutes.full
        }
    }
}
