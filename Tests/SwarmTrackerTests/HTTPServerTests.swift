import HummingbirdCore
import NIOCore
import NIOEmbedded
import SwarmRuntime
import Testing

@Suite("HTTP server", .timeLimit(.minutes(1)))
struct HTTPServerTests {
    @Test("a connection that is let go of before it was served is closed, and nothing traps")
    func unserved() async throws {
        let channel = NIOAsyncTestingChannel()
        let server = StoppableHTTPChannel(base: HTTP1Channel { _, _, _ in })
        let logger = TrackerFixture.quietLogger
        try await channel.eventLoop
            .flatSubmit { server.setup(channel: channel, logger: logger).map { _ in } }
            .get()
        try await channel.closeFuture.get()
    }
}
