/// Serves connections in many small task groups.
///
/// A task group of the Swift runtime looks through its tasks, oldest first, whenever one of them
/// ends. With all connections in one group, each short one costs a look at all that stay open: with
/// 10,000 hosts that wait for news, that was most of what their announces cost.
package final class ConnectionGroups: Sendable {
    package typealias Connection = @Sendable () async -> Void

    /// Each costs a task of its own; fewer cost a longer look for each connection that ends.
    private static let count = 256

    /// Accepted connections on their way to their group: no more than the server accepts at once.
    private let lines = (0..<count).map { _ in AsyncStream.makeStream(of: Connection.self) }
    private let accepted = Locked(0)

    package init() {}

    /// Lets go of the connection when nobody serves any more.
    package func add(_ connection: @escaping Connection) {
        let number = accepted.withLock { count in
            count &+= 1
            return count
        }
        lines[number % lines.count].continuation.yield(connection)
    }

    /// Serves what is added while `body` runs, and returns when it and all connections have ended.
    package func serve(while body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for line in lines {
                group.addTask { await Self.serve(line.stream) }
            }
            defer { for line in lines { line.continuation.finish() } }
            try await body()
        }
    }

    private static func serve(_ line: AsyncStream<Connection>) async {
        await withDiscardingTaskGroup { group in
            for await connection in line { group.addTask { await connection() } }
        }
    }
}
