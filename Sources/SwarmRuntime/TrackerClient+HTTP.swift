package import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import SwarmModel
internal import SwarmWire

extension HTTPClient.Configuration {
    /// For requests to trackers: no redirects, which would let a tracker point us at any address
    /// inside the network, a short wait for the connection, and no second try within one request,
    /// since whoever announces has other trackers to turn to.
    package static var shoal: Self {
        var configuration = Self()
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .seconds(5)
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }
}

/// Single HTTP requests with a limit on time and length.
struct HTTPRequests: Sendable {
    struct Answer: Hashable, Sendable {
        var status: Int
        var body: [UInt8]
    }

    let client: HTTPClient
    let timeout: Duration
    let responseByteCountMax: Int

    /// Sends a request and reads the whole answer, whatever its status. Errors name `name`.
    func send(_ request: HTTPClientRequest, named name: String) async throws -> Answer {
        guard TrackerURL.isHTTP(request.url) else {
            throw TrackerClientError(
                code: .badURL,
                url: name,
                message: "'\(name)' is not an HTTP URL; write it as http://HOST:PORT"
            )
        }
        do {
            return try await withThrowingTaskGroup(of: Answer?.self) { group in
                group.addTask { try await exchange(request) }
                group.addTask {
                    try await Task.sleep(for: timeout)
                    return nil
                }
                defer { group.cancelAll() }
                guard let answer = try await group.next() ?? nil else { throw TimedOut() }
                return answer
            }
        } catch {
            try Task.checkCancellation()
            throw explained(error, name)
        }
    }

    private struct TimedOut: Error {}

    private func exchange(_ request: HTTPClientRequest) async throws -> Answer {
        let response = try await client.execute(
            request,
            timeout: .nanoseconds(timeout.nanoseconds)
        )
        let body = try await response.body.collect(upTo: responseByteCountMax)
        return Answer(status: Int(response.status.code), body: Array(body.readableBytesView))
    }

    private func explained(_ error: any Error, _ name: String) -> TrackerClientError {
        if error is TimedOut || error as? HTTPClientError == .deadlineExceeded {
            return TrackerClientError(
                code: .timeout,
                url: name,
                message: "\(name) did not answer within \(timeout)"
            )
        }
        if error is NIOTooManyBytesError {
            return TrackerClientError(
                code: .badAnswer,
                url: name,
                message: "\(name) answered with more than \(responseByteCountMax) bytes"
            )
        }
        return TrackerClientError(
            code: .unreachable,
            url: name,
            message: "cannot reach \(name): \(error); check the address and that the tracker runs"
        )
    }
}
