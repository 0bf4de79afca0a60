import NIOCore
import NIOPosix
package import SwarmModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Accepts connections of other peers on one address.
package struct PeerListener: Sendable {
    private let channel: any Channel
    private let resources: TransportResources
    /// Where it listens; the port is the real one when 0 was asked for.
    package let localEndpoint: Endpoint

    /// Listens on an IPv4 or IPv6 address or a host name; `::` takes both families where the system
    /// does so. Throws ``ListenError``.
    package static func bind(
        host: String,
        port: Int,
        resources: TransportResources,
        lookup: any SwarmLookup
    ) async throws -> PeerListener {
        let bootstrap = ServerBootstrap(group: resources.group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    PeerSocket.setCongestionControl(of: channel)
                }
            }
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try accept(channel, resources: resources, lookup: lookup)
                }
            }
        do {
            let channel = try await bootstrap.bind(host: host, port: port).get()
            guard let local = channel.localAddress.flatMap(Endpoint.init) else {
                throw ChannelError.unknownLocalAddress
            }
            return PeerListener(channel: channel, resources: resources, localEndpoint: local)
        } catch {
            throw ListenError(host: host, port: port, cause: error)
        }
    }

    /// Stops listening, and closes accepted connections that have no handshake yet. Open ones
    /// belong to their driver.
    package func close() async {
        try? await channel.close()
        let halfOpen = resources.census.unauthenticated(of: channel)
        for channel in halfOpen { channel.close(promise: nil) }
        for channel in halfOpen { try? await channel.closeFuture.get() }
    }

    private struct Refused: Error {}

    private static func accept(
        _ channel: any Channel,
        resources: TransportResources,
        lookup: any SwarmLookup
    ) throws {
        guard let remote = channel.remoteAddress.flatMap(Endpoint.init),
            resources.census.admit(channel, remote: remote)
        else {
            resources.gauges.refusedConnections.add(1)
            // Failing here closes the connection at once.
            throw Refused()
        }
        let direct = try PeerSocket.prepare(channel, resources: resources)
        let handler = PeerConnectionHandler(
            role: .accepting(lookup),
            remote: remote,
            resources: resources,
            direct: direct,
            on: channel.eventLoop
        )
        let pipeline = channel.pipeline.syncOperations
        if let tls = resources.tls {
            let accepts = resources.acceptsPlain
            try pipeline.addHandler(FirstByteDetector(handler, tls: tls, acceptsPlain: accepts))
        }
        try pipeline.addHandler(handler)
    }
}

/// A listener could not be set up.
package struct ListenError: Error, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        case addressInUse, addressNotAvailable, notPermitted, other
    }

    package let code: Code
    package let host: String
    package let port: Int
    /// The system's own words.
    package let cause: String

    init(host: String, port: Int, cause: any Error) {
        self.host = host
        self.port = port
        self.cause = "\(cause)"
        code =
            switch (cause as? IOError)?.errnoCode {
            case EADDRINUSE: .addressInUse
            case EADDRNOTAVAIL: .addressNotAvailable
            case EACCES, EPERM: .notPermitted
            default: .other
            }
    }

    package var description: String {
        let place = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        let remedy =
            switch code {
            case .addressInUse:
                "another process listens there; stop it or listen on another port (0 for any)"
            case .addressNotAvailable: "no interface of this host has that address"
            case .notPermitted: "this user may not listen there; ports below 1024 need a privilege"
            case .other: cause
            }
        return "cannot listen on \(place): \(remedy)"
    }
}
