import Glibc
import NIOCore
import NIOPosix
import SwarmModel
import SwarmRuntime
import SwarmWire
import Testing

@Suite("TransportResources and limits", .timeLimit(.minutes(1)))
struct TransportLimitTests {
    private let group = MultiThreadedEventLoopGroup.singleton

    private func resources(
        _ change: (inout TransportLimits) -> Void = { _ in }
    ) -> TransportResources {
        var limits = TransportLimits()
        change(&limits)
        return TransportResources(group: group, limits: limits)
    }

    private func listen(
        _ resources: TransportResources,
        _ end: End = End(Fixture.us)
    ) async throws -> PeerListener {
        try await PeerListener.bind(
            host: "127.0.0.1",
            port: 0,
            resources: resources,
            lookup: end
        )
    }

    private func dial(_ endpoint: Endpoint, _ resources: TransportResources) async throws -> End {
        let end = End(Fixture.them)
        try await PeerDialer(resources: resources).dial(endpoint, context: end.context)
        return end
    }

    /// A connection that says nothing.
    private func silentConnection(to endpoint: Endpoint) async throws -> any Channel {
        try await ClientBootstrap(group: group).connect(to: endpoint.socketAddress()).get()
    }

    private func code(of dial: () async throws -> End) async -> DialError.Code? {
        do {
            _ = try await dial()
            return nil
        } catch {
            return (error as? DialError)?.code
        }
    }

    @Test("a port in use is refused with its address and the remedy")
    func portInUse() async throws {
        let resources = resources()
        let first = try await listen(resources)
        let port = Int(first.localEndpoint.port)
        do {
            let second = try await PeerListener.bind(
                host: "127.0.0.1",
                port: port,
                resources: resources,
                lookup: End(Fixture.us)
            )
            await second.close()
            Issue.record("two listeners on one port")
        } catch let error as ListenError {
            #expect(error.code == .addressInUse)
            #expect("\(error)".contains("127.0.0.1:\(port)"))
            #expect("\(error)".contains("another port"))
        }
        await first.close()
    }

    /// A TCP port of the loopback address on which nobody listens, and nobody can.
    private struct SilentPort {
        let endpoint: Endpoint
        private let descriptor: CInt

        init() throws {
            let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
            self.descriptor = descriptor
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let status = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
                }
            }
            try #require(status == 0)
            let port = UInt16(bigEndian: address.sin_port)
            endpoint = Endpoint(address: .v4(0x7F00_0001), port: port)
        }

        func release() { close(descriptor) }
    }

    @Test("a dial that nobody answers says why")
    func refusedDial() async throws {
        let resources = resources()
        // Bound, so that nobody else in this process gets the port, but not listening.
        let bound = try SilentPort()
        defer { bound.release() }
        let code = await code { try await dial(bound.endpoint, resources) }
        guard case .connectFailed(let why) = code else {
            Issue.record("\(String(describing: code))")
            return
        }
        #expect(why.lowercased().contains("refused"))
        #expect(resources.connectionCount == 0)
    }

    @Test("a dial for a swarm that the other end does not have fails")
    func foreignSwarm() async throws {
        let resources = resources()
        let listener = try await listen(resources, End(Fixture.us, swarm: Fixture.foreignSwarm))
        let code = await code { try await dial(listener.localEndpoint, resources) }
        #expect(code == .handshakeFailed(.remoteClosed))
        await listener.close()
    }

    @Test("a dial to ourselves fails")
    func selfConnection() async throws {
        let resources = resources()
        let listener = try await listen(resources, End(Fixture.them))
        let code = await code { try await dial(listener.localEndpoint, resources) }
        #expect(
            code == .handshakeFailed(.remoteClosed) || code == .handshakeFailed(.selfConnection)
        )
        await listener.close()
        await resources.shutDown()
    }

    @Test("a remote that never answers the handshake is given up")
    func silentRemote() async throws {
        let resources = resources { $0.handshakeTimeout = .milliseconds(20) }
        let silent = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
        let endpoint = try #require(silent.localAddress.flatMap(Endpoint.init))
        let code = await code { try await dial(endpoint, resources) }
        #expect(code == .handshakeFailed(.handshakeTimeout))
        try await silent.close()
        await resources.shutDown()
    }

    @Test("a cancelled dial leaves nothing behind")
    func cancelledDial() async throws {
        let resources = resources()
        let silent = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
        let endpoint = try #require(silent.localAddress.flatMap(Endpoint.init))
        for delays in 0..<20 {
            let dialling = Task {
                await code { try await dial(endpoint, resources) }
            }
            // Cancelled at different points of its way.
            for _ in 0..<delays { await Task.yield() }
            dialling.cancel()
            #expect(await dialling.value == .cancelled)
        }
        await resources.shutDown()
        #expect(resources.connectionCount == 0)
        try await silent.close()
    }

    @Test("connections in all are limited, and a closed one makes room")
    func totalLimit() async throws {
        let listening = resources()
        let listener = try await listen(listening)
        let resources = resources { $0.connectionsMax = 2 }
        let first = try await dial(listener.localEndpoint, resources)
        _ = try await dial(listener.localEndpoint, resources)
        let refused = await code { try await dial(listener.localEndpoint, resources) }
        #expect(refused == .tooManyConnections)
        #expect(resources.gauges.refusedConnections.value == 1)
        first.recorder.transport.close(.localRequest("room"))
        _ = await first.recorder.waitForClose()
        // The census hears of it when the socket is closed, right after the event.
        while resources.connectionCount == 2 { await Task.yield() }
        _ = try await dial(listener.localEndpoint, resources)
        await resources.shutDown()
        await listener.close()
        await listening.shutDown()
    }

    @Test("connections of one address are limited")
    func addressLimit() async throws {
        let listening = resources { $0.connectionsPerAddressMax = 2 }
        let listener = try await listen(listening)
        let resources = resources()
        for _ in 0..<2 { _ = try await dial(listener.localEndpoint, resources) }
        let refused = await code { try await dial(listener.localEndpoint, resources) }
        switch refused {
        case .handshakeFailed, .connectFailed: break
        default: Issue.record("\(String(describing: refused))")
        }
        let other = End(Fixture.them)
        try await PeerDialer(resources: resources).dial(
            listener.localEndpoint,
            context: other.context,
            from: .v4(0x7F00_0002)
        )
        #expect(listening.connectionCount == 3)
        await resources.shutDown()
        await listener.close()
        await listening.shutDown()
    }

    @Test("connections without a handshake are limited; those with one do not count")
    func unauthenticatedLimit() async throws {
        let listening = resources { $0.unauthenticatedMax = 2 }
        let listener = try await listen(listening)
        let resources = resources()
        for _ in 0..<3 { _ = try await dial(listener.localEndpoint, resources) }
        let silent = [
            try await silentConnection(to: listener.localEndpoint),
            try await silentConnection(to: listener.localEndpoint),
        ]
        while listening.connectionCount < 5 { await Task.yield() }
        let third = try await silentConnection(to: listener.localEndpoint)
        try await third.closeFuture.get()
        #expect(listening.connectionCount == 5)
        // The listener takes its half-open connections along, and leaves the open ones.
        await listener.close()
        for channel in silent { try await channel.closeFuture.get() }
        #expect(listening.connectionCount == 3)
        await resources.shutDown()
        await listening.shutDown()
        #expect(listening.connectionCount == 0)
    }

    @Test("nothing is admitted after the end")
    func afterShutDown() async throws {
        let listening = resources()
        let listener = try await listen(listening)
        let resources = resources()
        await resources.shutDown()
        let code = await code { try await dial(listener.localEndpoint, resources) }
        #expect(code == .tooManyConnections)
        await listener.close()
        await listening.shutDown()
    }

    @Test("addresses survive the way through the system's form")
    func addresses() throws {
        let endpoints = [
            Endpoint(address: .v4(0x0102_0304), port: 6881),
            Endpoint(address: .v6(high: 0x2001_0DB8_0000_0001, low: 2), port: 65535),
        ]
        for endpoint in endpoints { #expect(Endpoint(try endpoint.socketAddress()) == endpoint) }
        let mapped = try SocketAddress(ipAddress: "::ffff:1.2.3.4", port: 5)
        #expect(Endpoint(mapped)?.description == "1.2.3.4:5")
        let unix = try SocketAddress(unixDomainSocketPath: "/tmp/x")
        #expect(Endpoint(unix) == nil)
    }

    @Test("the monotonic clock agrees with the event loops'")
    func clock() {
        let before = NIODeadline.now()
        let now = MonotonicClock().now
        #expect(NIODeadline(now) >= before)
        #expect(Instant(NIODeadline(now)) == now)
    }
}
