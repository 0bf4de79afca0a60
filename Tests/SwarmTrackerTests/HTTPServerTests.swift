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

    @Test("connections are served side by side, and the end waits for all of them")
    func groups() async throws {
        let groups = ConnectionGroups()
        let (served, count) = (AsyncStream.makeStream(of: Int.self), 1000)
        let gate = AsyncStream.makeStream(of: Void.self)
        try await groups.serve {
            // The first ends only after all others, of which some are in its group.
            groups.add {
                for await _ in gate.stream { break }
                served.continuation.yield(0)
                served.continuation.finish()
            }
            for number in 1..<count { groups.add { served.continuation.yield(number) } }
            var others = served.stream.makeAsyncIterator()
            for _ in 1..<count { #expect(await others.next() != 0) }
            gate.continuation.finish()
        }
        // Had it not been waited for, the stream would have no end yet.
        served.continuation.finish()
        var rest: [Int] = []
        for await number in served.stream { rest.append(number) }
        #expect(rest == [0])
    }

    @Test("connections end when the server fails, and none is served after it")
    func failedServer() async throws {
        struct Failure: Error {}
        let groups = ConnectionGroups()
        let (begun, never) = (AsyncStream.makeStream(of: Void.self), AsyncStream<Void> { _ in })
        let served = Locked(0)
        await #expect(throws: Failure.self) {
            try await groups.serve {
                groups.add {
                    begun.continuation.finish()
                    for await _ in never {}
                    served.withLock { $0 += 1 }
                }
                for await _ in begun.stream {}
                throw Failure()
            }
        }
        groups.add { served.withLock { $0 += 1 } }
        #expect(served.withLock { $0 } == 1)
    }
}
