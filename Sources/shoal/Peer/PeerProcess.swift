import AsyncHTTPClient
import Logging
import SwarmPeer
import SwarmRuntime

/// A peer for the time of one command.
enum PeerProcess {
    /// Starts a peer, runs `body` beside it, and stops it whatever becomes of that.
    static func run<R: Sendable>(
        _ settings: PeerSettings,
        logger: Logger,
        _ body: @escaping @Sendable (PeerNode, HTTPClient) async throws -> R
    ) async throws -> R {
        try await TrackerRequests.withClient { http in
            let node: PeerNode
            do {
                node = try await PeerNode.start(
                    settings: settings,
                    http: http,
                    seed: .random(in: 0...UInt64.max),
                    logger: logger
                )
            } catch {
                throw CommandFailure(peer: error)
            }
            return try await run(node, http, body)
        }
    }

    private static func run<R: Sendable>(
        _ node: PeerNode,
        _ http: HTTPClient,
        _ body: @escaping @Sendable (PeerNode, HTTPClient) async throws -> R
    ) async throws -> R {
        let result = await withTaskGroup(of: Result<R, any Error>?.self) { group in
            group.addTask {
                await node.run()
                return nil
            }
            group.addTask {
                do {
                    return .success(try await body(node, http))
                } catch {
                    return .failure(error)
                }
            }
            var result: Result<R, any Error>?
            while let next = await group.next() {
                guard let next else { continue }
                result = next
                await node.stop()
            }
            return result
        }
        await node.shutDown()
        guard let result else { throw CommandFailure(.failure, "the peer stopped by itself") }
        return try result.get()
    }
}
