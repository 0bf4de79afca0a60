package import HummingbirdCore
package import Logging
package import NIOCore

extension HTTPServerBuilder {
    /// HTTP/1.1 whose connections may be accepted while the server stops. With `groups`, whoever
    /// has made them serves the connections; a server of few needs none.
    package static func stoppable(
        configuration: HTTP1Channel.Configuration = .init(),
        groups: ConnectionGroups? = nil
    ) -> HTTPServerBuilder {
        .init { responder in
            StoppableHTTPChannel(
                base: HTTP1Channel(responder: responder, configuration: configuration),
                groups: groups
            )
        }
    }
}

/// Serves as `HTTP1Channel` does, and closes a connection that nobody comes to serve.
///
/// A server that stops lets go of the connections it has accepted but not yet handed out, and an
/// asynchronous channel that is let go of unfinished traps the process (swift-nio issue 3481).
package struct StoppableHTTPChannel: ServerChildChannel {
    private let base: HTTP1Channel
    private let groups: ConnectionGroups?

    package init(base: HTTP1Channel, groups: ConnectionGroups? = nil) {
        self.base = base
        self.groups = groups
    }

    /// An accepted connection; closed when it is let go of before it was served.
    package final class Value: ServerChildChannelValue {
        private let accepted: HTTP1Channel.Value
        private let isServed = Locked(false)

        fileprivate init(_ accepted: HTTP1Channel.Value) {
            self.accepted = accepted
        }

        package var channel: any Channel { accepted.channel }

        fileprivate func take() -> HTTP1Channel.Value {
            isServed.withLock { $0 = true }
            return accepted
        }

        deinit {
            guard !isServed.withLock({ $0 }) else { return }
            // Once it is closed it counts as finished, and may be let go of.
            channel.closeFuture.whenComplete { [accepted] _ in withExtendedLifetime(accepted) {} }
            channel.close(promise: nil)
        }
    }

    package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        base.setup(channel: channel, logger: logger).map { Value($0) }
    }

    package func handle(value: Value, logger: Logger) async {
        guard let groups else { return await base.handle(value: value.take(), logger: logger) }
        groups.add { [base] in await base.handle(value: value.take(), logger: logger) }
    }
}
