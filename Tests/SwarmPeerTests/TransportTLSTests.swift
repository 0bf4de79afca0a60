import NIOCore
import NIOPosix
import SwarmModel
import SwarmRuntime
import Synchronization
import Testing

@Suite("Connections over TLS", .timeLimit(.minutes(1)))
struct TransportTLSTests {
    @Test("one port takes TLS and plaintext", arguments: LinkProtection.allCases)
    func bothOnOnePort(protection: LinkProtection) async throws {
        let pair = try await TLSPair.connect(
            resources: try TLSBench.resources(),
            over: protection
        )
        for end in [pair.accepted, pair.dialled] {
            #expect(end.recorder.transport.isEncrypted == (protection == .tls))
        }
        #expect(pair.accepted.recorder.opened[0].handshake == pair.dialled.context.handshake)
        #expect(pair.dialled.recorder.opened[0].handshake == pair.accepted.context.handshake)
        await pair.close()
    }

    @Test("every message arrives as it was, in both directions")
    func messages() async throws {
        let pair = try await TLSPair.connect(resources: try TLSBench.resources())
        for (from, to) in [(pair.accepted, pair.dialled), (pair.dialled, pair.accepted)] {
            from.recorder.transport.setRemoteExtensions(Fixture.extensionIDs)
            from.recorder.transport.send(Fixture.messages)
            let events = await to.recorder.waitForEvents(Fixture.messages.count)
            #expect(events == Fixture.messages.map { .message($0) })
        }
        await pair.close()
    }

    @Test("a message that is longer than a buffer arrives whole")
    func longMessage() async throws {
        let pair = try await TLSPair.connect(
            resources: try TLSBench.resources { $0.sealedLength = 1000 }
        )
        let long = PeerMessage.bitfield(Array(repeating: 0xA5, count: 5000))
        pair.accepted.recorder.transport.send([.choke, long, .unchoke])
        let events = await pair.dialled.recorder.waitForEvents(3)
        #expect(events == [.message(.choke), .message(long), .message(.unchoke)])
        await pair.close()
    }

    @Test(
        "blocks arrive whole in both directions at once, whatever the sizes of the buffers",
        arguments: [(245_760, 65_536), (1000, 100), (99_991, 4096), (1 << 21, 1 << 21)]
    )
    func blocks(sealedLength: Int, openedLength: Int) async throws {
        let resources = try TLSBench.resources {
            $0.sealedLength = sealedLength
            $0.openedLength = openedLength
        }
        let pair = try await TLSPair.connect(resources: resources)
        var ranges = [try Fixture.served(0, 0, 1 << 20), try Fixture.served(1, 0, 1 << 20)]
        ranges += try (0..<8).map { try Fixture.served(0, $0 << 14, 1 << 14) }
        ranges += [try Fixture.served(2, 0, 1 << 20), try Fixture.served(1, 5, 99_999)]
        ranges += [try Fixture.served(2, 4999, 16384), try Fixture.served(2, 8192, 16384)]
        for end in [pair.accepted, pair.dialled] {
            for range in ranges { end.recorder.transport.sendBlock(range) }
        }
        let expected = ranges.map { MemorySink.Block(block: $0.raw, bytes: Fixture.payload($0)) }
        for end in [pair.accepted, pair.dialled] {
            _ = await end.recorder.waitForEvents(2 * ranges.count)
            #expect(end.sink.blocks == expected)
            let sent = end.recorder.events.filter {
                if case .blockSent = $0 { true } else { false }
            }
            #expect(sent == ranges.map { .blockSent($0.raw) })
        }
        await pair.close()
    }

    @Test("many blocks in flight arrive in order, with the messages between them")
    func pipeline() async throws {
        let pair = try await TLSPair.connect(resources: try TLSBench.resources())
        var expected: [ConnectionEvent] = []
        for index in 0..<100 {
            let range =
                index % 25 == 24
                ? try Fixture.served(1, 0, 1 << 20)
                : try Fixture.served(0, index % 25 << 14, 1 << 14)
            pair.accepted.recorder.transport.sendBlock(range)
            pair.accepted.recorder.transport.send([.have(UInt32(index))])
            expected += [.block(range.raw, .stored), .message(.have(UInt32(index)))]
        }
        #expect(await pair.dialled.recorder.waitForEvents(expected.count) == expected)
        await pair.close()
    }

    @Test("a buffer from the pool is filled where it lies")
    func oneBuffer() async throws {
        let pair = try await TLSPair.connect(resources: try TLSBench.resources())
        let range = try Fixture.served(0, 0, 1 << 14)
        for count in 1...8 {
            pair.accepted.recorder.transport.sendBlock(range)
            _ = await pair.accepted.recorder.waitForEvents(count)
        }
        // A copy would lie elsewhere than what it was made of, and the next is made of the copy.
        #expect(pair.accepted.source.destinations.withLock { $0.count } == 1)
        await pair.close()
    }

    @Test("a block that cannot be read is told to the driver, and the next one arrives")
    func unreadable() async throws {
        let pair = try await TLSPair.connect(
            accepted: End(Fixture.us, source: .failing),
            resources: try TLSBench.resources()
        )
        let range = try Fixture.served(0, 0, 1 << 20)
        pair.accepted.recorder.transport.sendBlock(range)
        pair.accepted.recorder.transport.send([.choke])
        let events = await pair.accepted.recorder.waitForEvents(1)
        guard case .sendFailed(range.raw, _) = events[0] else {
            Issue.record("\(events)")
            return
        }
        #expect(await pair.dialled.recorder.waitForEvents(1) == [.message(.choke)])
        await pair.close()
    }

    // MARK: Back-pressure

    @Test("a remote that does not read is given up")
    func neverReading() async throws {
        let deaf = End(Fixture.them, recorder: Recorder(acknowledges: false))
        let pair = try await TLSPair.connect(
            dialled: deaf,
            resources: try TLSBench.resources { $0.unacknowledgedEventsMax = 1 }
        )
        let block = try Fixture.served(0, 0, 1 << 20)
        for _ in 0..<200 { pair.accepted.recorder.transport.sendBlock(block) }
        #expect(await pair.accepted.recorder.waitForClose() == .tooManyUnsent)
        await pair.close()
    }

    @Test("a driver that lags gets no more events than allowed, and none is lost")
    func lagging() async throws {
        let slow = End(Fixture.them, recorder: Recorder(acknowledges: false))
        let pair = try await TLSPair.connect(
            dialled: slow,
            resources: try TLSBench.resources { $0.unacknowledgedEventsMax = 16 }
        )
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

    @Test("blocks that come while the driver lags are not lost either, however they are cut")
    func laggingWithBlocks() async throws {
        let slow = End(Fixture.them, recorder: Recorder(acknowledges: false))
        let pair = try await TLSPair.connect(
            dialled: slow,
            resources: try TLSBench.resources {
                $0.unacknowledgedEventsMax = 2
                $0.openedLength = 16 << 10
            }
        )
        // Within the limit on unsent bytes, and many times what a lagging end may keep.
        let ranges = try (0..<7).map { _ in try Fixture.served(0, 0, 1 << 20) }
        for range in ranges { pair.accepted.recorder.transport.sendBlock(range) }
        var acknowledged = 0
        while acknowledged < ranges.count {
            let count = await slow.recorder.waitForEvents(acknowledged + 1).count
            #expect(count <= acknowledged + 2)
            slow.recorder.transport.acknowledge(eventCount: count - acknowledged)
            acknowledged = count
        }
        #expect(slow.recorder.events == ranges.map { .block($0.raw, .stored) })
        await pair.close()
    }

    // MARK: Ends

    @Test("closing one end ends the other, once each")
    func closing() async throws {
        let pair = try await TLSPair.connect(resources: try TLSBench.resources())
        pair.dialled.recorder.transport.close(.localRequest("done"))
        #expect(await pair.dialled.recorder.waitForClose() == .localRequest("done"))
        #expect(await pair.accepted.recorder.waitForClose() == .remoteClosed)
        await pair.close()
        #expect(pair.accepted.recorder.events.count == 1)
        #expect(pair.dialled.recorder.events.count == 1)
    }

    @Test("a remote that only stops sending has ended the connection", arguments: [true, false])
    func halfClosed(saysFarewell: Bool) async throws {
        let end = End(Fixture.us)
        let resources = try TLSBench.resources()
        let listener = try await TLSBench.listen(resources, end)
        let channel = try await TLSBench.client(
            TestCertificates.shared.peer,
            to: listener.localEndpoint
        )
        try await channel.writeAndFlush(ByteBuffer(bytes: Fixture.handshake(Fixture.them)))
        await end.recorder.waitForOpened()
        if !saysFarewell { try await TLSBench.removeTLS(from: channel) }
        try await channel.close(mode: .output)
        #expect(await end.recorder.waitForClose() == .remoteClosed)
        try? await channel.close()
        await listener.close()
        await resources.shutDown()
        #expect(resources.connectionCount == 0)
    }

    @Test(
        "a handshake that does not go on is given up",
        arguments: [[UInt8]([22]), [22, 3, 1], []]
    )
    func slowHandshake(said: [UInt8]) async throws {
        let resources = try TLSBench.resources { $0.handshakeTimeout = .milliseconds(50) }
        let listener = try await TLSBench.listen(resources)
        let channel = try await ClientBootstrap(group: TLSBench.group)
            .connect(to: listener.localEndpoint.socketAddress()).get()
        // On a busy machine it may be given up before it said anything: the end awaited, too.
        if !said.isEmpty { try? await channel.writeAndFlush(ByteBuffer(bytes: said)) }
        try await channel.closeFuture.get()
        await listener.close()
        await resources.shutDown()
        #expect(resources.connectionCount == 0)
    }

    @Test("no more remotes may be amid TLS than the limit says")
    func crowdedHandshakes() async throws {
        let resources = try TLSBench.resources {
            $0.unauthenticatedMax = 2
            // Longer than the test may take: none is closed for its silence.
            $0.handshakeTimeout = .seconds(600)
        }
        let listener = try await TLSBench.listen(resources)
        let (closed, closing) = AsyncStream<Void>.makeStream()
        var channels: [any Channel] = []
        for _ in 0..<3 {
            let channel = try await ClientBootstrap(group: TLSBench.group)
                .connect(to: listener.localEndpoint.socketAddress()).get()
            try? await channel.writeAndFlush(ByteBuffer(bytes: [22]))
            channel.closeFuture.whenComplete { _ in closing.yield() }
            channels.append(channel)
        }
        // Each is accepted on a loop of its own: any of the three may be the one too many.
        for await _ in closed { break }
        #expect(resources.gauges.refusedConnections.value == 1)
        #expect(resources.connectionCount == 2)
        await listener.close()
        for channel in channels { try? await channel.close() }
        await resources.shutDown()
    }
}
