import NIOCore
import NIOPosix
import SwarmModel
import SwarmRuntime
import SwarmWire
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Two ends of this process over the loopback interface.
@Suite("PeerListener and PeerDialer", .timeLimit(.minutes(1)))
struct TransportSocketTests {
    private let group = MultiThreadedEventLoopGroup.singleton

    private func resources(
        _ change: (inout TransportLimits) -> Void = { _ in }
    ) -> TransportResources {
        var limits = TransportLimits()
        change(&limits)
        return TransportResources(group: group, limits: limits)
    }

    /// A listening end and a dialling end that is connected to it.
    private struct Pair {
        let accepted: End
        let dialled: End
        let listener: PeerListener
        let resources: TransportResources

        func close() async {
            await listener.close()
            await resources.shutDown()
            #expect(resources.connectionCount == 0)
            #expect(resources.gauges.unsentBytes.value == 0)
            #expect(resources.gauges.busyBufferBytes.value == 0)
        }
    }

    private func pair(
        host: String = "127.0.0.1",
        accepted: End = End(Fixture.us),
        dialled: End = End(Fixture.them),
        resources: TransportResources? = nil
    ) async throws -> Pair {
        let resources = resources ?? self.resources()
        let listener = try await PeerListener.bind(
            host: host,
            port: 0,
            resources: resources,
            lookup: accepted
        )
        try await PeerDialer(resources: resources)
            .dial(listener.localEndpoint, context: dialled.context)
        await accepted.recorder.waitForOpened()
        return Pair(
            accepted: accepted,
            dialled: dialled,
            listener: listener,
            resources: resources
        )
    }

    @Test("handshakes are exchanged, over IPv4 and IPv6", arguments: ["127.0.0.1", "::1"])
    func handshakes(host: String) async throws {
        let pair = try await pair(host: host)
        let (ours, theirs) = (pair.accepted.recorder.opened[0], pair.dialled.recorder.opened[0])
        #expect(ours.handshake == pair.dialled.context.handshake)
        #expect(theirs.handshake == pair.accepted.context.handshake)
        #expect(ours.isIncoming && !theirs.isIncoming)
        #expect(theirs.remote == pair.listener.localEndpoint)
        #expect(ours.remote.addressText == host)
        #expect(pair.resources.connectionCount == 2)
        await pair.close()
    }

    @Test("every message arrives as it was, in both directions")
    func messages() async throws {
        let pair = try await pair()
        for (from, to) in [(pair.accepted, pair.dialled), (pair.dialled, pair.accepted)] {
            from.recorder.transport.setRemoteExtensions(Fixture.extensionIDs)
            from.recorder.transport.send(Fixture.messages)
            let events = await to.recorder.waitForEvents(Fixture.messages.count)
            #expect(events == Fixture.messages.map { .message($0) })
        }
        await pair.close()
    }

    @Test(
        "blocks arrive whole in both directions at once",
        arguments: [FileSource.Mode.file, .unsendable]
    )
    func blocks(mode: FileSource.Mode) async throws {
        let pair = try await pair(
            accepted: End(Fixture.us, source: mode),
            dialled: End(Fixture.them, source: mode)
        )
        var ranges: [ServedRange] = []
        ranges += [try Fixture.served(0, 0, 1 << 20), try Fixture.served(1, 0, 1 << 20)]
        ranges += try (0..<8).map { try Fixture.served(0, $0 << 14, 1 << 14) }
        ranges += [try Fixture.served(2, 0, 1 << 20), try Fixture.served(1, 5, 99_999)]
        // One block in flight each way: the limit on unsent bytes stays out of play.
        for range in ranges {
            let sent = pair.accepted.recorder.events.count
            pair.accepted.recorder.transport.sendBlock(range)
            pair.dialled.recorder.transport.sendBlock(range)
            _ = await pair.accepted.recorder.waitForEvents(sent + 2)
            _ = await pair.dialled.recorder.waitForEvents(sent + 2)
        }
        let expected = ranges.map { MemorySink.Block(block: $0.raw, bytes: Fixture.payload($0)) }
        for end in [pair.accepted, pair.dialled] {
            #expect(end.sink.blocks == expected)
            let sent = end.recorder.events.filter {
                if case .blockSent = $0 { true } else { false }
            }
            #expect(sent == ranges.map { .blockSent($0.raw) })
        }
        await pair.close()
    }

    @Test("many blocks in flight arrive in order")
    func pipeline() async throws {
        let pair = try await pair()
        let ranges = try (0..<128).map { index in
            index % 32 == 31
                ? try Fixture.served(1, 0, 1 << 20)
                : try Fixture.served(0, index % 31 << 14, 1 << 14)
        }
        for range in ranges { pair.accepted.recorder.transport.sendBlock(range) }
        pair.accepted.recorder.transport.send([.choke])
        let events = await pair.dialled.recorder.waitForEvents(ranges.count + 1)
        #expect(events == ranges.map { .block($0.raw, .stored) } + [.message(.choke)])
        let expected = ranges.map { MemorySink.Block(block: $0.raw, bytes: Fixture.payload($0)) }
        #expect(pair.dialled.sink.blocks == expected)
        await pair.close()
    }

    @Test("a block that nobody wants is skipped")
    func refusedBlock() async throws {
        let refusing = End(Fixture.them, sink: MemorySink(refusing: 0))
        let pair = try await pair(dialled: refusing)
        let (unwanted, wanted) = (
            try Fixture.served(0, 0, 1 << 20), try Fixture.served(1, 0, 16384)
        )
        pair.accepted.recorder.transport.sendBlock(unwanted)
        pair.accepted.recorder.transport.sendBlock(wanted)
        let events = await refusing.recorder.waitForEvents(2)
        #expect(events == [.block(unwanted.raw, .discarded), .block(wanted.raw, .stored)])
        #expect(refusing.sink.blocks.map(\.block) == [wanted.raw])
        await pair.close()
    }

    @Test("a remote that does not read is given up")
    func neverReading() async throws {
        let resources = resources { $0.unacknowledgedEventsMax = 1 }
        let deaf = End(Fixture.them, recorder: Recorder(acknowledges: false))
        let pair = try await pair(dialled: deaf, resources: resources)
        let transport = pair.accepted.recorder.transport
        let block = try Fixture.served(0, 0, 1 << 20)
        for _ in 0..<200 { transport.sendBlock(block) }
        #expect(await pair.accepted.recorder.waitForClose() == .tooManyUnsent)
        await pair.close()
    }

    @Test("a driver that lags gets no more events than allowed, and none is lost")
    func backPressure() async throws {
        let resources = resources { $0.unacknowledgedEventsMax = 16 }
        let slow = End(Fixture.them, recorder: Recorder(acknowledges: false))
        let pair = try await pair(dialled: slow, resources: resources)
        let all = (0..<1000).map { PeerMessage.have($0) }
        pair.accepted.recorder.transport.send(all)
        var acknowledged = 0
        while acknowledged < all.count {
            let count = await slow.recorder.waitForEvents(acknowledged + 1).count
            #expect(count <= acknowledged + 16)
            slow.recorder.transport.acknowledge(eventCount: count - acknowledged)
            acknowledged = count
        }
        #expect(slow.recorder.events == all.map { .message($0) })
        await pair.close()
    }

    @Test("closing one end ends the other, once each")
    func closing() async throws {
        let pair = try await pair()
        pair.dialled.recorder.transport.close(.localRequest("done"))
        #expect(await pair.dialled.recorder.waitForClose() == .localRequest("done"))
        #expect(await pair.accepted.recorder.waitForClose() == .remoteClosed)
        await pair.close()
        #expect(pair.accepted.recorder.events.count == 1)
        #expect(pair.dialled.recorder.events.count == 1)
    }

    #if os(Linux)
        /// An accepted socket has what the listening one has, from its first packet on.
        @Test("what listens does not take the system's congestion control")
        func congestionControl() async throws {
            let (resources, accepted) = (resources(), End(Fixture.us))
            let listener = try await PeerListener.bind(
                host: "127.0.0.1",
                port: 0,
                resources: resources,
                lookup: accepted
            )
            #expect(congestionControl(listeningOn: listener.localEndpoint.port) == "cubic")
            await listener.close()
            await resources.shutDown()
        }

        /// Of the socket of this process that listens on the IPv4 port.
        private func congestionControl(listeningOn port: UInt16) -> String? {
            func option(_ socket: Int32, _ level: Int32, _ name: Int32) -> [UInt8]? {
                var value = [UInt8](repeating: 0, count: 16)
                var length = socklen_t(value.count)
                guard getsockopt(socket, level, name, &value, &length) == 0 else { return nil }
                return Array(value.prefix(Int(length)))
            }
            for socket in Int32(0)..<1024 where option(socket, SOL_SOCKET, SO_ACCEPTCONN)?[0] == 1 {
                var address = sockaddr_in()
                var length = socklen_t(MemoryLayout<sockaddr_in>.size)
                let named = withUnsafeMutablePointer(to: &address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        getsockname(socket, $0, &length)
                    }
                }
                guard named == 0, address.sin_port.byteSwapped == port else { continue }
                let name = option(socket, Int32(IPPROTO_TCP), TCP_CONGESTION)
                return name.map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            }
            return nil
        }
    #endif

    @Test("a dial can come from an address of our choice")
    func localAddress() async throws {
        let (resources, accepted) = (resources(), End(Fixture.us))
        let listener = try await PeerListener.bind(
            host: "127.0.0.1",
            port: 0,
            resources: resources,
            lookup: accepted
        )
        try await PeerDialer(resources: resources).dial(
            listener.localEndpoint,
            context: End(Fixture.them).context,
            from: .v4(0x7F00_0509)
        )
        await accepted.recorder.waitForOpened()
        #expect(accepted.recorder.opened[0].remote.addressText == "127.0.5.9")
        await listener.close()
        await resources.shutDown()
    }
}
