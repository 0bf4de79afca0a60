import NIOCore
import NIOEmbedded
import SwarmModel
import SwarmRuntime
import SwarmWire
import Testing

@Suite("PeerConnectionHandler")
struct TransportHandlerTests {
    // MARK: Framing

    /// A handshake, messages between blocks, a refused block, and a message at the end.
    private static let conversation: [UInt8] = {
        var bytes = Fixture.handshake(Fixture.them)
        bytes += Fixture.frame(.haveAll) + Fixture.frame(.keepAlive)
        bytes += Fixture.pieceFrame(0, 0, [1, 2, 3])
        bytes += Fixture.pieceFrame(5, 1, [4, 4, 4, 4]) + Fixture.frame(.have(3))
        bytes += Fixture.pieceFrame(1, 2, Array(0..<40))
        bytes += Fixture.frame(.extendedHandshake(ExtendedHandshake(client: "z")))
        bytes += [0, 0, 0, 3, 99, 1, 1]
        bytes += Fixture.frame(.request(RawBlock(piece: 1, begin: 2, length: 3)))
        return bytes
    }()

    private static let conversationEvents: [ConnectionEvent] = [
        .message(.haveAll), .message(.keepAlive),
        .block(RawBlock(piece: 0, begin: 0, length: 3), .stored),
        .block(RawBlock(piece: 5, begin: 1, length: 4), .discarded), .message(.have(3)),
        .block(RawBlock(piece: 1, begin: 2, length: 40), .stored),
        .message(.extendedHandshake(ExtendedHandshake(client: "z"))), .message(.unknown(id: 99)),
        .message(.request(RawBlock(piece: 1, begin: 2, length: 3))),
    ]

    /// Plays the conversation in those parts, and checks that it comes out whole.
    private func play(_ parts: [ArraySlice<UInt8>]) throws {
        let end = End(Fixture.us, sink: MemorySink(refusing: 5))
        let embedded = try EmbeddedEnd(end)
        for part in parts { try embedded.receive(part) }
        #expect(end.recorder.events == Self.conversationEvents)
        #expect(end.sink.blocks.map(\.bytes) == [[1, 2, 3], Array(0..<40)])
        #expect(embedded.resources.gauges.busyBufferBytes.value == 0)
        #expect(embedded.channel.isActive)
        _ = try embedded.channel.finish()
    }

    @Test("a conversation cut in two at every point gives the same events")
    func everySplitPoint() throws {
        let all = Self.conversation
        for point in all.indices {
            try play([all[..<point], all[point...]].filter { !$0.isEmpty })
        }
    }

    @Test("a conversation in parts of every length gives the same events")
    func everyPartLength() throws {
        let all = Self.conversation
        for length in 1...all.count {
            let parts = stride(from: 0, to: all.count, by: length).map { start in
                all[start..<min(start + length, all.count)]
            }
            try play(parts)
        }
    }

    /// The end of a refused dial's channel may be heard of before the system's word on it.
    @Test("a channel that was never connected leaves it to the dialer to say why")
    func neverConnected() throws {
        struct Refused: Error {}
        let channel = EmbeddedChannel()
        let opened = channel.eventLoop.makePromise(of: Void.self)
        let handler = PeerConnectionHandler(
            role: .dialling(End(Fixture.them).context, opened),
            remote: Fixture.loopback,
            resources: TransportResources(group: channel.eventLoop),
            on: channel.eventLoop
        )
        try channel.pipeline.syncOperations.addHandler(handler)
        channel.close(promise: nil)
        channel.embeddedEventLoop.run()
        opened.fail(Refused())
        #expect(throws: Refused.self) { try opened.futureResult.wait() }
    }

    @Test("one burst is delivered in one call")
    func oneBurst() throws {
        let end = End(Fixture.us)
        let embedded = try EmbeddedEnd(end)
        try embedded.receive(Self.conversation)
        #expect(end.recorder.events.count == 9)
        #expect(end.recorder.batches == 1)
        _ = try embedded.channel.finish()
    }

    @Test(
        "a flawed frame closes the connection and says what is wrong",
        arguments: [
            ([0, 0, 0, 9, 7, 0, 0, 0, 0], "block of 0 bytes"),
            ([0, 0x10, 0, 10, 7], "1048586"),
            ([0xFF, 0xFF, 0xFF, 0xFF, 7], "4294967295"),
            ([0xFF, 0xFF, 0xFF, 0xFF, 5], "4294967295"),
            ([0xFF, 0xFF, 0xFF, 0xFF, 200], "4294967295"),
            ([0, 0, 0, 2, 0], "2"), ([0, 0, 0, 4, 4], "4"), ([0, 0, 0, 1, 20, 9], "20"),
            ([0, 0, 0, 6, 20, 0] + Array("junk".utf8), "extended"),
            ([0, 0, 0, 50, 22] + Array(repeating: 0, count: 49), "hashes"),
        ] as [([UInt8], String)]
    )
    func flawedFrames(bytes: [UInt8], part: String) throws {
        let end = End(Fixture.us)
        let embedded = try EmbeddedEnd.opened(end)
        try embedded.receive(Fixture.frame(.choke) + bytes + Fixture.frame(.unchoke))
        #expect(end.recorder.events.count == 2)
        #expect(end.recorder.events.first == .message(.choke))
        guard case .closed(.protocolViolation(let text)) = end.recorder.events.last else {
            Issue.record("closed for \(String(describing: end.recorder.events.last))")
            return
        }
        #expect(text.contains(part), "\(text)")
        #expect(!embedded.channel.isActive)
    }

    @Test("the longest block is taken, one byte more is refused", arguments: [64, 65])
    func longestBlock(length: Int) throws {
        var limits = TransportLimits()
        limits.blockLengthMax = 64
        let end = End(Fixture.us)
        let embedded = try EmbeddedEnd.opened(end, limits: limits)
        try embedded.receive(Fixture.pieceFrame(0, 0, Array(repeating: 1, count: length)))
        #expect(embedded.channel.isActive == (length == 64))
        _ = try? embedded.channel.finish()
    }

    // MARK: Handshake

    @Test("a first byte that is not 19 closes at once and is not answered")
    func wrongFirstByte() throws {
        let end = End(Fixture.us)
        let embedded = try EmbeddedEnd(end)
        try embedded.receive([0x14])
        #expect(!embedded.channel.isActive)
        #expect(try embedded.sent() == [])
        #expect(end.recorder.opened.isEmpty && end.recorder.events.isEmpty)
    }

    @Test("a handshake that we cannot use closes and is not answered")
    func uselessHandshakes() throws {
        var otherProtocol = Fixture.handshake(Fixture.them)
        otherProtocol[5] = 0
        let useless = [
            Fixture.handshake(Fixture.them, Fixture.foreignSwarm), Fixture.handshake(Fixture.us),
            otherProtocol,
        ]
        for bytes in useless {
            let end = End(Fixture.us)
            let embedded = try EmbeddedEnd(end)
            try embedded.receive(bytes)
            #expect(!embedded.channel.isActive)
            #expect(try embedded.sent() == [])
            #expect(end.recorder.opened.isEmpty && end.recorder.events.isEmpty)
        }
    }

    @Test("a dialled remote that answers for another swarm fails the dial")
    func dialledForeignSwarm() throws {
        let end = End(Fixture.us)
        let channel = EmbeddedChannel()
        let opened = channel.eventLoop.makePromise(of: Void.self)
        let handler = PeerConnectionHandler(
            role: .dialling(end.context, opened),
            remote: Fixture.loopback,
            resources: TransportResources(group: channel.eventLoop),
            on: channel.eventLoop
        )
        try channel.pipeline.syncOperations.addHandler(handler)
        channel.connect(to: try Fixture.loopback.socketAddress(), promise: nil)
        #expect(try channel.readOutbound(as: IOData.self) != nil)
        let answer = Fixture.handshake(Fixture.them, Fixture.foreignSwarm)
        try channel.writeInbound(ByteBuffer(bytes: answer))
        #expect(throws: CloseReason.unknownSwarm) { try opened.futureResult.wait() }
    }

    @Test("the handshake's deadline is absolute")
    func handshakeTimeout() throws {
        let end = End(Fixture.us)
        let embedded = try EmbeddedEnd(end)
        for byte in Fixture.handshake(Fixture.them).prefix(9) {
            try embedded.receive([byte])
            embedded.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        }
        embedded.channel.embeddedEventLoop.advanceTime(by: .milliseconds(999))
        #expect(embedded.channel.isActive)
        embedded.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(!embedded.channel.isActive)
        #expect(end.recorder.events.isEmpty)
    }

    @Test("an open connection has no deadline")
    func openHasNoDeadline() throws {
        let embedded = try EmbeddedEnd.opened(End(Fixture.us))
        embedded.channel.embeddedEventLoop.advanceTime(by: .hours(1))
        #expect(embedded.channel.isActive)
        _ = try embedded.channel.finish()
    }

    // MARK: Back-pressure

    @Test("a driver that lags stops the reading and gets the rest, in order, when it caught up")
    func backPressure() throws {
        var limits = TransportLimits()
        limits.unacknowledgedEventsMax = 8
        let end = End(Fixture.us, recorder: Recorder(acknowledges: false))
        let embedded = try EmbeddedEnd.opened(end, limits: limits)
        let all = (0..<20).map { PeerMessage.have($0) }
        try embedded.receive(all.flatMap(Fixture.frame))
        #expect(end.recorder.events == all.prefix(8).map { .message($0) })
        #expect(embedded.autoReadChanges == [false])
        #expect(embedded.resources.gauges.suspendedConnections.value == 1)

        end.recorder.transport.acknowledge(eventCount: 3)
        embedded.channel.embeddedEventLoop.run()
        #expect(end.recorder.events.count == 11)
        try embedded.receive(Fixture.frame(.choke))
        #expect(end.recorder.events.count == 11)

        end.recorder.transport.acknowledge(eventCount: 11)
        embedded.channel.embeddedEventLoop.run()
        end.recorder.transport.acknowledge(eventCount: 8)
        embedded.channel.embeddedEventLoop.run()
        #expect(end.recorder.events == (all + [.choke]).map { .message($0) })
        #expect(embedded.autoReadChanges.last == true)
        #expect(embedded.resources.gauges.suspendedConnections.value == 0)
        _ = try embedded.channel.finish()
    }

    @Test("bytes that pile up while reading is stopped are limited")
    func backlogLimit() throws {
        var limits = TransportLimits()
        limits.unacknowledgedEventsMax = 1
        limits.receiveBufferLength = 100
        let end = End(Fixture.us, recorder: Recorder(acknowledges: false))
        let embedded = try EmbeddedEnd.opened(end, limits: limits)
        try embedded.receive(Array(repeating: 0, count: 4 + 200))
        #expect(embedded.channel.isActive)
        try embedded.receive([0])
        #expect(!embedded.channel.isActive)
        #expect(end.recorder.events == [.message(.keepAlive), .closed(.remoteClosed)])
        #expect(embedded.resources.gauges.suspendedConnections.value == 0)
    }

    // MARK: Closing

    @Test("a connection that ends amid a block gives its buffer back and reports its end once")
    func endAmidBlock() throws {
        let end = End(Fixture.us)
        let embedded = try EmbeddedEnd.opened(end)
        let frame = Fixture.pieceFrame(0, 0, Array(repeating: 1, count: 20_000))
        try embedded.receive(frame.dropLast())
        #expect(embedded.resources.gauges.busyBufferBytes.value == 32 << 10)
        _ = try embedded.channel.finish()
        #expect(end.recorder.events == [.closed(.remoteClosed)])
        #expect(embedded.resources.gauges.busyBufferBytes.value == 0)
        #expect(embedded.resources.gauges.pooledBytes.value == 32 << 10)
        end.recorder.transport.send([.choke])
        end.recorder.transport.close(.localRequest("again"))
        embedded.channel.embeddedEventLoop.run()
        #expect(end.recorder.events.count == 1)
        #expect(embedded.resources.gauges.unsentBytes.value == 0)
    }

    @Test("closing drops what was not sent, and only the first reason counts")
    func closing() throws {
        let end = End(Fixture.us)
        let embedded = try EmbeddedEnd.opened(end)
        end.recorder.transport.send([.choke])
        end.recorder.transport.close(.localRequest("done"))
        end.recorder.transport.close(.localRequest("twice"))
        end.recorder.transport.send([.unchoke])
        #expect(try embedded.sent() == [])
        #expect(end.recorder.events == [.closed(.localRequest("done"))])
        #expect(embedded.resources.gauges.unsentBytes.value == 0)
    }
}
