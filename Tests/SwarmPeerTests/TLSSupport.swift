import NIOCore
import NIOPosix
import NIOSSL
import SwarmModel
import SwarmRuntime
import Synchronization
import Testing

/// Two ends of this process over TLS.
struct TLSPair {
    let accepted: End
    let dialled: End
    let listener: PeerListener
    let resources: TransportResources

    static func connect(
        accepted: End = End(Fixture.us),
        dialled: End = End(Fixture.them),
        resources: TransportResources,
        over protection: LinkProtection = .tls
    ) async throws -> TLSPair {
        let listener = try await TLSBench.listen(resources, accepted)
        try await PeerDialer(resources: resources)
            .dial(listener.localEndpoint, context: dialled.context, over: protection)
        await accepted.recorder.waitForOpened()
        return TLSPair(
            accepted: accepted,
            dialled: dialled,
            listener: listener,
            resources: resources
        )
    }

    func close() async {
        await listener.close()
        await resources.shutDown()
        #expect(resources.connectionCount == 0)
        #expect(resources.gauges.unsentBytes.value == 0)
        #expect(resources.gauges.busyBufferBytes.value == 0)
    }
}

enum TLSBench {
    static let group = MultiThreadedEventLoopGroup.singleton

    /// Hears of connections that were refused.
    final class Refusals: Sendable {
        private let stream = AsyncStream.makeStream(of: CloseReason.self)

        @Sendable func hear(_ remote: Endpoint, _ reason: CloseReason) {
            stream.continuation.yield(reason)
        }

        /// Waits for one.
        func next() async -> CloseReason? {
            for await reason in stream.stream { return reason }
            return nil
        }
    }

    static func resources(
        _ files: TLSFiles? = TestCertificates.shared.peer,
        acceptsPlain: Bool = true,
        refusals: Refusals = Refusals(),
        _ change: (inout TransportLimits) -> Void = { _ in }
    ) throws -> TransportResources {
        var limits = TransportLimits()
        change(&limits)
        return TransportResources(
            group: group,
            limits: limits,
            tls: try files.map { try PeerTLS($0) },
            acceptsPlain: acceptsPlain,
            tlsRefused: refusals.hear
        )
    }

    static func listen(
        _ resources: TransportResources,
        _ end: End = End(Fixture.us)
    ) async throws -> PeerListener {
        try await PeerListener.bind(host: "127.0.0.1", port: 0, resources: resources, lookup: end)
    }

    /// The code of a dial that must fail.
    static func failure(
        of endpoint: Endpoint,
        from resources: TransportResources,
        over protection: LinkProtection = .tls
    ) async -> DialError.Code? {
        do {
            try await PeerDialer(resources: resources)
                .dial(endpoint, context: End(Fixture.them).context, over: protection)
            return nil
        } catch {
            return (error as? DialError)?.code
        }
    }

    /// TLS with certificates that a ``PeerTLS`` would not take.
    static func context(_ files: TLSFiles?, isServer: Bool) throws -> NIOSSLContext {
        guard let files else {
            var bare = TLSConfiguration.makeClientConfiguration()
            bare.certificateVerification = .none
            return try NIOSSLContext(configuration: bare)
        }
        let chain = try NIOSSLCertificate.fromPEMFile(files.certificate)
        var configuration = TLSConfiguration.makeServerConfigurationWithMTLS(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem)),
            trustRoots: .certificates(try NIOSSLCertificate.fromPEMFile(files.authority))
        )
        if !isServer {
            var client = TLSConfiguration.makeClientConfiguration()
            client.certificateChain = configuration.certificateChain
            client.privateKey = configuration.privateKey
            client.trustRoots = configuration.trustRoots
            client.certificateVerification = .noHostnameVerification
            configuration = client
        }
        return try NIOSSLContext(configuration: configuration)
    }

    /// A bare TLS client that is connected; without files it has no certificate and checks none.
    static func client(_ files: TLSFiles?, to endpoint: Endpoint) async throws -> any Channel {
        let context = try context(files, isServer: false)
        return try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = try NIOSSLClientHandler(context: context, serverHostname: nil)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .connect(to: endpoint.socketAddress()).get()
    }

    /// Takes TLS out of a channel without a word to the remote.
    static func removeTLS(from channel: any Channel) async throws {
        try await channel.eventLoop.flatSubmit {
            do {
                let pipeline = channel.pipeline.syncOperations
                let context = try pipeline.context(handlerType: NIOSSLClientHandler.self)
                return pipeline.removeHandler(context: context)
            } catch {
                return channel.eventLoop.makeFailedFuture(error)
            }
        }.get()
    }

    /// A bare TLS server.
    static func server(_ files: TLSFiles) async throws -> (any Channel, Endpoint) {
        let context = try context(files, isServer: true)
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations
                        .addHandler(NIOSSLServerHandler(context: context))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return (channel, try #require(channel.localAddress.flatMap(Endpoint.init)))
    }
}
