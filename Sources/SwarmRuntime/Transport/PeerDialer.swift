import NIOCore
import NIOPosix
package import SwarmModel

/// Opens connections to other peers.
package struct PeerDialer: Sendable {
    private let resources: TransportResources

    package init(resources: TransportResources) { self.resources = resources }

    /// Connects and exchanges handshakes; when it returns, `connectionOpened` was called.
    /// `localAddress` is the address to come from, nil to let the system choose. With
    /// ``LinkProtection/tls`` both ends show certificates first; there is no falling back. Throws
    /// ``DialError``; a cancelled dial leaves no connection, or an opened one if it came too late.
    package func dial(
        _ endpoint: Endpoint,
        context: ConnectionContext,
        from localAddress: Endpoint.Address? = nil,
        over protection: LinkProtection = .plain
    ) async throws {
        let loop = resources.group.next()
        let opened = loop.makePromise(of: Void.self)
        let attempt = Locked(Attempt.notStarted)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(resources.limits.connectTimeout))
            .channelInitializer { [resources] channel in
                channel.eventLoop.makeCompletedFuture {
                    guard attempt.withLock({ $0.start(channel) }) else {
                        throw CancellationError()
                    }
                    try Self.prepare(
                        channel,
                        role: .dialling(context, opened),
                        remote: endpoint,
                        protection,
                        resources: resources
                    )
                }
            }
        do {
            try await withTaskCancellationHandler {
                Self.connect(bootstrap, to: endpoint, from: localAddress, opened: opened)
                try await opened.futureResult.get()
            } onCancel: {
                attempt.withLock { $0.cancel() }?.close(promise: nil)
            }
        } catch {
            let (isCancelled, channel) = attempt.withLock { ($0.isCancelled, $0.channel) }
            // Whoever hears of the failure finds the place free.
            try? await channel?.closeFuture.get()
            throw DialError(endpoint: endpoint, cause: error, isCancelled: isCancelled)
        }
    }

    struct Refused: Error {}

    /// A failure fails the promise, which the connection's handler keeps otherwise.
    private static func connect(
        _ bootstrap: ClientBootstrap,
        to endpoint: Endpoint,
        from localAddress: Endpoint.Address?,
        opened: EventLoopPromise<Void>
    ) {
        do {
            var bootstrap = bootstrap
            if let localAddress {
                let local = Endpoint(address: localAddress, port: 0)
                bootstrap = bootstrap.bind(to: try local.socketAddress())
            }
            bootstrap.connect(to: try endpoint.socketAddress()).whenFailure { opened.fail($0) }
        } catch {
            opened.fail(error)
        }
    }

    private static func prepare(
        _ channel: any Channel,
        role: PeerConnectionHandler.Role,
        remote: Endpoint,
        _ protection: LinkProtection,
        resources: TransportResources
    ) throws {
        guard resources.census.admit(channel, remote: remote) else {
            resources.gauges.refusedConnections.add(1)
            throw Refused()
        }
        PeerSocket.setCongestionControl(of: channel)
        let direct = try PeerSocket.prepare(channel, resources: resources)
        let handler = PeerConnectionHandler(
            role: role,
            remote: remote,
            resources: resources,
            direct: direct,
            on: channel.eventLoop
        )
        let pipeline = channel.pipeline.syncOperations
        if protection == .tls {
            guard let tls = resources.tls else {
                throw CloseReason.tlsFailed("it is demanded, and there is no --tls-cert")
            }
            try handler.addTLS(NIOSSLHandlers.client(tls), to: pipeline, position: .first)
        }
        try pipeline.addHandler(handler)
    }
}

/// How far a dial came, for the case that it is cancelled.
private enum Attempt: Sendable {
    case notStarted
    case started(any Channel)
    case cancelled((any Channel)?)

    var channel: (any Channel)? {
        switch self {
        case .notStarted: nil
        case .started(let channel): channel
        case .cancelled(let channel): channel
        }
    }

    var isCancelled: Bool { if case .cancelled = self { true } else { false } }

    /// False when the dial was cancelled before.
    mutating func start(_ channel: any Channel) -> Bool {
        guard case .notStarted = self else { return false }
        self = .started(channel)
        return true
    }

    /// The channel to close, if there is one.
    mutating func cancel() -> (any Channel)? {
        let channel = channel
        self = .cancelled(channel)
        return channel
    }
}

/// A dial did not lead to an open connection.
package struct DialError: Error, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// Our own limits forbid another connection, see ``TransportLimits``.
        case tooManyConnections
        case connectTimeout
        /// The system's word on why there is no connection, a refusal for example.
        case connectFailed(String)
        /// There was a connection, but no handshake that we could use.
        case handshakeFailed(CloseReason)
        case cancelled
    }

    package let endpoint: Endpoint
    package let code: Code

    init(endpoint: Endpoint, cause: any Error, isCancelled: Bool) {
        self.endpoint = endpoint
        code =
            switch cause {
            case _ where isCancelled: .cancelled
            case is PeerDialer.Refused: .tooManyConnections
            case ChannelError.connectTimeout: .connectTimeout
            case let reason as CloseReason: .handshakeFailed(reason)
            default: .connectFailed("\(cause)")
            }
    }

    package var description: String {
        let why =
            switch code {
            case .tooManyConnections: "too many connections, or too many to this address"
            case .connectTimeout: "no answer; check the address and firewalls"
            case .connectFailed(let what): what
            case .handshakeFailed(let reason): "no handshake: \(reason)"
            case .cancelled: "cancelled"
            }
        return "cannot connect to \(endpoint): \(why)"
    }
}
