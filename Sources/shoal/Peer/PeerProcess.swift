import AsyncHTTPClient
import Logging
import SwarmPeer
import SwarmRuntime

/// A peer for the time of one command.
enum PeerProcess {
    /// Starts a peer, runs `body` beside it, and stops it whatever becomes of that.
    ///
    /// `body` sees to signals itself, with ``Interrupt``. A signal must not cancel the caller: the
    /// peer would be cancelled with it, and could not commit what is verified.
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
        let result = Locked<Result<R, any Error>?>(nil)
        await withDiscardingTaskGroup { group in
            group.addTask { await node.run() }
            group.addTask {
                do {
                    let value = try await body(node, http)
                    result.withLock { $0 = .success(value) }
                } catch {
                    result.withLock { $0 = .failure(error) }
                }
                await node.stop()
            }
        }
        await node.shutDown()
        guard let result = result.withLock({ $0 }) else {
            throw CommandFailure(.failure, "the peer stopped by itself")
        }
        return try result.get()
    }
}
