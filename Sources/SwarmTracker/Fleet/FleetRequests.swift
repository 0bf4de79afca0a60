internal import Foundation
internal import Hummingbird
internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime

/// What the routes of the fleet share: who may change something, bodies, and refusals.
struct FleetRequests: Sendable {
    let fleet: FleetDriver
    let token: String?

    /// For the audit log. Whoever has the token is one operator as good as another; where the
    /// request came from is known.
    func operatorName(_ request: Request, _ context: TrackerContext) throws -> String {
        let place = context.client.map { " at \($0.addressText)" } ?? ""
        guard let token else { return "anybody" + place }
        let given = request.headers[.authorization] ?? ""
        guard SecretText.isEqual(given, "Bearer " + token) else {
            throw APIError(
                status: .unauthorized,
                code: "unauthorised",
                message: "changing channels and rollouts needs the tracker's token as "
                    + "`Authorization: Bearer TOKEN`",
                headers: [.wwwAuthenticate: "Bearer"]
            )
        }
        return "operator" + place
    }

    func body<T: Decodable>(_ request: Request, byteCountMax: Int) async throws -> T {
        var bytes: [UInt8] = []
        for try await buffer in request.body {
            guard bytes.count + buffer.readableBytes <= byteCountMax else {
                throw APIError(
                    status: .contentTooLarge,
                    code: "body-too-large",
                    message: "this route reads \(byteCountMax) bytes"
                )
            }
            bytes += buffer.readableBytesView
        }
        do {
            return try JSONDecoder().decode(T.self, from: Data(bytes))
        } catch let error as DecodingError {
            throw Self.bad("the body: \(error.keyAndReason)")
        } catch {
            // Names say themselves what is wrong with them.
            throw Self.bad("the body: \(error)")
        }
    }

    /// Runs `body` on the fleet; what it refuses becomes an answer.
    func perform<R: Sendable>(_ body: @escaping FleetDriver.Body<R>) async throws -> R {
        do {
            return try await fleet.perform(body)
        } catch let refusal as FleetRefusal {
            throw Self.answer(refusal)
        }
    }

    static func answer(_ refusal: FleetRefusal) -> APIError {
        let status: HTTPResponse.Status =
            switch refusal.code {
            case .unknownChannel, .unknownRollout, .unknownHost: .notFound
            case .invalid: .badRequest
            case .conflict, .stale: .conflict
            case .full: APIError.insufficientStorage
            }
        return APIError(status: status, code: refusal.code.rawValue, message: refusal.message)
    }

    static func bad(_ message: String) -> APIError {
        APIError(status: .badRequest, code: "bad-request", message: message)
    }

    static func host(_ context: TrackerContext) throws -> HostName {
        let text = context.parameters.get("host") ?? ""
        do {
            return try HostName(text.removingPercentEncoding ?? text)
        } catch {
            throw bad("\(error)")
        }
    }

    /// A number of the query; `fallback` when it is not there.
    static func number(
        _ key: Substring,
        _ request: Request,
        in range: ClosedRange<Int>,
        fallback: Int
    ) throws -> Int {
        guard let text = request.uri.queryParameters[key] else { return fallback }
        guard let number = Int(text), range.contains(number) else {
            throw bad("'\(key)' is a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
