import AsyncHTTPClient
import SwarmRuntime

/// The HTTP client of a command that runs once.
enum TrackerRequests {
    /// Runs `body` with a client that is shut down afterwards.
    static func withClient<R: Sendable>(
        _ body: (HTTPClient) async throws -> R
    ) async throws -> R {
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: .shoal)
        do {
            let result = try await body(client)
            try await client.shutdown()
            return result
        } catch {
            try? await client.shutdown()
            throw error
        }
    }
}

extension CommandFailure {
    /// A tracker's refusal or silence, with the exit status that it deserves.
    init(_ error: TrackerClientError) {
        switch error.code {
        case .unreachable, .timeout: self.init(.unreachable, error.message)
        case .status(401), .status(403):
            self.init(.failure, error.message, remedy: "the tracker's token in SHOAL_TOKEN")
        case .status(404): self.init(.notFound, error.message)
        case .status(409):
            self.init(
                .conflict,
                error.message,
                remedy: "a new --version, since versions never change"
            )
        case .badURL: self.init(.usage, error.message)
        case .status, .badAnswer: self.init(.failure, error.message)
        }
    }
}
