internal import Hummingbird
internal import Logging
internal import SwarmRuntime

/// Turns every error into the API's form, and refuses request targets that are too long.
struct ErrorMiddleware: RouterMiddleware {
    typealias Context = TrackerContext

    let uriByteCountMax: Int

    func handle(
        _ request: Request,
        context: TrackerContext,
        next: @concurrent (Request, TrackerContext) async throws -> Response
    ) async throws -> Response {
        do {
            let count = request.uri.string.utf8.count
            guard count <= uriByteCountMax else {
                throw APIError(
                    status: .uriTooLong,
                    code: "uri-too-long",
                    message:
                        "the request target has \(count) bytes; at most \(uriByteCountMax) are read"
                )
            }
            return try await next(request, context)
        } catch let error as APIError {
            return try error.response(from: request, context: context)
        } catch let error as any HTTPResponseError {
            return try Self.translated(error, request).response(from: request, context: context)
        } catch let error as CancellationError {
            throw error
        } catch {
            context.logger.error("request failed", metadata: ["error": "\(error)"])
            return try APIError(
                status: .internalServerError,
                code: "internal",
                message: "the tracker could not answer; its log says why"
            ).response(from: request, context: context)
        }
    }

    private static func translated(_ error: any HTTPResponseError, _ request: Request) -> APIError {
        switch error.status {
        case .notFound:
            APIError(
                status: .notFound,
                code: "no-such-route",
                message: "there is no \(request.method.rawValue) \(request.uri.path.prefix(200))"
            )
        case .contentTooLarge:
            APIError(
                status: .contentTooLarge,
                code: "body-too-large",
                message: "the body is longer than this route reads"
            )
        default:
            APIError(
                status: error.status,
                code: "bad-request",
                message: error.status.reasonPhrase
            )
        }
    }
}
