import NIOCore
import NIOEmbedded
import SwarmModel
import SwarmRuntime
import SwarmWire
import Testing

@Suite("PeerConnectionHandler, sending")
struct TransportSendingTests {
    private func frame(_ range: ServedRange) -> [UInt8] {
        Fixture.frame(.piece(range.raw)) + Fixture.payload(range)
    }

    @Test("what is asked before the loop wakes goes out in order and in one write")
    func coalescing() throws {
        let end = End(Fixture.us)
        let embedded = try EmbeddedEnd.opened(end)
        let small = try Fixture.served(0, 16384, 16384)
        let transport = end.recorder.transport
        transport.send([.have(1), .have(2)])
        transport.send([.unchoke])
        transport.sendBlock(small)
        transport.sendBlock(try Fixture.served(1, 0, 100))
        transport.send([.choke])
        let expected =
            [.have(1), .have(2), .unchoke].flatMap(Fixture.frame) + frame(small)
            + frame(try Fixture.served(1, 0, 100)) + Fixture.frame(.choke)
        let writes = try embedded.writes()
        #expect(writes.flatMap { $0 } == expected)
        // Messages begin a small buffer; the first block begins one that fits all that follows.
        #expect(writes.count == 2)
        #expect(
            end.recorder.events == [
                .blockSent(small.raw), .blockSent(try Fixture.served(1, 0, 100).raw),
            ]
        )
        #expect(end.recorder.batches == 1)
        #expect(embedded.resources.gauges.unsentBytes.value == 0)
        #expect(embedded.resources.gauges.busyBufferBytes.value == 0)
        _ = try embedded.channel.finish()
    }

    @Test(
        "blocks of every kind arrive with their padding",
        arguments: FileSource.Mode.allCases.filter { $0 != .failing },
        [
            (0, 0, 1 << 20), (1, 3, 65536), (1, 0, 65537), (2, 0, 5000), (2, 0, 16384),
            (2, 4096, 16384), (2, 0, 1 << 20), (2, 16384, 16384), (2, 4999, 1), (2, 5000, 1),
        ]
    )
    func blocks(mode: FileSource.Mode, range: (piece: Int, begin: Int, length: Int)) throws {
        let end = End(Fixture.us, source: mode)
        let embedded = try EmbeddedEnd.opened(end)
        let served = try Fixture.served(range.piece, range.begin, range.length)
        end.recorder.transport.send([.have(1)])
        end.recorder.transport.sendBlock(served)
        end.recorder.transport.send([.have(2)])
        let expected = Fixture.frame(.have(1)) + frame(served) + Fixture.frame(.have(2))
        #expect(try embedded.sent() == expected)
        #expect(end.recorder.events == [.blockSent(served.raw)])
        #expect(embedded.resources.gauges.unsentBytes.value == 0)
        #expect(embedded.resources.gauges.busyBufferBytes.value == 0)
        _ = try embedded.channel.finish()
    }

    @Test("blocks that cannot be read are reported and leave no trace in the stream")
    func failingSource() throws {
        let end = End(Fixture.us, source: .failing)
        let embedded = try EmbeddedEnd.opened(end)
        let ranges = [try Fixture.served(0, 0, 16384), try Fixture.served(0, 0, 1 << 20)]
        end.recorder.transport.send([.have(1)])
        for range in ranges { end.recorder.transport.sendBlock(range) }
        end.recorder.transport.send([.have(2)])
        #expect(try embedded.sent() == Fixture.frame(.have(1)) + Fixture.frame(.have(2)))
        #expect(end.recorder.events == ranges.map { .sendFailed($0.raw, reason: "Failure()") })
        #expect(embedded.resources.gauges.unsentBytes.value == 0)
        #expect(embedded.resources.gauges.busyBufferBytes.value == 0)
        _ = try embedded.channel.finish()
    }

    @Test("extension messages go out under the remote's ids, or not at all")
    func extensions() throws {
        let end = End(Fixture.us)
        let embedded = try EmbeddedEnd.opened(end)
        end.recorder.transport.send([.doesNotHave(1)])
        end.recorder.transport.setRemoteExtensions(ExtendedHandshake(doesNotHaveID: 77))
        end.recorder.transport.send([.doesNotHave(2), .uploadOnly(true)])
        #expect(try embedded.sent() == [0, 0, 0, 6, 20, 77, 0, 0, 0, 2])
        _ = try embedded.channel.finish()
    }

    @Test("more unsent bytes than allowed close the connection")
    func tooManyUnsent() throws {
        var limits = TransportLimits()
        limits.unsentBytesMax = 40_000
        let end = End(Fixture.us)
        let embedded = try EmbeddedEnd.opened(end, limits: limits)
        let block = try Fixture.served(0, 0, 16384)
        for _ in 0..<2 { end.recorder.transport.sendBlock(block) }
        #expect(embedded.resources.gauges.unsentBytes.value == 2 * (16384 + 13))
        #expect(try embedded.sent().count == 2 * (16384 + 13))
        for _ in 0..<3 { end.recorder.transport.sendBlock(block) }
        #expect(try embedded.sent() == [])
        #expect(end.recorder.events.last == .closed(.tooManyUnsent))
        #expect(!embedded.channel.isActive)
        #expect(embedded.resources.gauges.unsentBytes.value == 0)
    }

    @Test("a file that is too short is not promised to the remote")
    func shortFile() throws {
        let end = End(Fixture.us)
        let short = ConnectionContext(
            handshake: end.context.handshake,
            sink: end.sink,
            source: ShortSource(),
            observer: end.recorder,
            nextConnectionID: end.context.nextConnectionID
        )
        struct Lookup: SwarmLookup {
            let context: ConnectionContext
            func context(for swarm: SwarmID) -> ConnectionContext? { context }
        }
        let channel = EmbeddedChannel()
        let handler = PeerConnectionHandler(
            role: .accepting(Lookup(context: short)),
            remote: Fixture.loopback,
            resources: TransportResources(group: channel.eventLoop),
            on: channel.eventLoop
        )
        try channel.pipeline.syncOperations.addHandler(handler)
        channel.connect(to: try Fixture.loopback.socketAddress(), promise: nil)
        try channel.writeInbound(ByteBuffer(bytes: Fixture.handshake(Fixture.them)))
        let range = try Fixture.served(0, 0, 1 << 20)
        end.recorder.transport.sendBlock(range)
        channel.embeddedEventLoop.run()
        guard case .sendFailed(range.raw, let reason) = end.recorder.events.first else {
            Issue.record("\(end.recorder.events)")
            return
        }
        #expect(reason.contains("pastEnd"))
        _ = try channel.finish()
    }

    /// Says that a range lies past the end of the file.
    private struct ShortSource: BlockSource {
        let file: FileSource
        init() { file = FileSource() }
        func read(_ range: ServedRange, into destination: UnsafeMutableRawBufferPointer) {}
        func descriptor(
            for range: ServedRange
        ) throws -> (descriptor: CInt, offset: Int, owner: any AnyObject & Sendable) {
            (file.owner.descriptor, (2 << 20), file.owner)
        }
    }
}
