import NIOCore
import NIOEmbedded
import SwarmModel
import SwarmRuntime
import SwarmWire
import Testing

/// Long blocks that reads put where they are gathered.
@Suite("DirectReceive")
struct TransportDirectTests {
    /// Reads as a channel does: into what is offered, else into a buffer of its own.
    private struct Reader {
        let direct = DirectReceive()
        let embedded: EmbeddedEnd
        var directBytes = 0

        /// Blocks of at least eight bytes are long.
        init(_ end: End) throws {
            var limits = TransportLimits()
            limits.handedOverLengthMin = 8
            embedded = try EmbeddedEnd(end, limits: limits, direct: direct)
        }

        mutating func read(_ bytes: ArraySlice<UInt8>) throws {
            var rest = bytes
            while !rest.isEmpty {
                guard var buffer = direct.take() else {
                    return try receive(ByteBuffer(bytes: rest))
                }
                let part = rest.prefix(buffer.writableBytes)
                let capacity = buffer.capacity
                buffer.writeBytes(part)
                #expect(buffer.capacity == capacity)
                directBytes += part.count
                rest = rest.dropFirst(part.count)
                try receive(buffer)
            }
        }

        func receive(_ buffer: ByteBuffer) throws {
            try embedded.channel.writeInbound(buffer)
            embedded.channel.embeddedEventLoop.run()
        }
    }

    private static let long = (0..<3).map { number in
        (0..<100).map { UInt8(truncatingIfNeeded: $0 * 7 + number * 31) }
    }

    /// Long blocks behind one another, with others and messages in between.
    private static let conversation: [UInt8] = {
        var bytes = Fixture.handshake(Fixture.them)
        bytes += Fixture.pieceFrame(0, 0, long[0]) + Fixture.pieceFrame(0, 100, long[1])
        bytes += Fixture.frame(.have(3)) + Fixture.pieceFrame(1, 0, [1, 2, 3])
        bytes += Fixture.pieceFrame(5, 0, long[0]) + Fixture.pieceFrame(1, 16, long[2])
        bytes += Fixture.frame(.haveNone)
        return bytes
    }()

    private static func block(_ piece: UInt32, _ begin: UInt32, _ length: Int) -> RawBlock {
        RawBlock(piece: piece, begin: begin, length: UInt32(length))
    }

    private static let events: [ConnectionEvent] = [
        .block(block(0, 0, 100), .stored), .block(block(0, 100, 100), .stored), .message(.have(3)),
        .block(block(1, 0, 3), .stored), .block(block(5, 0, 100), .discarded),
        .block(block(1, 16, 100), .stored), .message(.haveNone),
    ]

    @Test("a conversation in parts of every length gives the same events and bytes")
    func everyPartLength() throws {
        let all = Self.conversation
        var directBytes = 0
        for length in 1...all.count {
            let end = End(Fixture.us, sink: MemorySink(refusing: 5))
            var reader = try Reader(end)
            for start in stride(from: 0, to: all.count, by: length) {
                try reader.read(all[start..<min(start + length, all.count)])
            }
            #expect(end.recorder.events == Self.events)
            let stored = [Self.long[0], Self.long[1], [1, 2, 3], Self.long[2]]
            #expect(end.sink.blocks.map(\.bytes) == stored)
            #expect(reader.embedded.resources.gauges.busyBufferBytes.value == 0)
            #expect(reader.embedded.channel.isActive)
            directBytes += reader.directBytes
            _ = try reader.embedded.channel.finish()
        }
        #expect(directBytes > 100 * all.count)
    }

    @Test("a read behind a block ends with the header of the next frame")
    func end() throws {
        let end = End(Fixture.us)
        var reader = try Reader(end)
        let start = Fixture.handshake(Fixture.them).count + 13 + 10
        try reader.read(Self.conversation[..<start])
        let buffer = try #require(reader.direct.take())
        #expect(buffer.writerIndex == 10)
        #expect(buffer.writableBytes == 90 + 13)
        _ = try reader.embedded.channel.finish(acceptAlreadyClosed: true)
    }

    @Test("a read is known to find the header of a long block, behind another such block only")
    func beforeLongBlock() throws {
        let end = End(Fixture.us, sink: MemorySink(refusing: 5))
        var reader = try Reader(end)
        var known: [Bool] = []
        for part in [
            Fixture.handshake(Fixture.them), Fixture.pieceFrame(0, 0, Self.long[0]),
            Fixture.frame(.have(3)), Array(Fixture.pieceFrame(5, 0, Self.long[1])[..<40]),
            Array(Fixture.pieceFrame(5, 0, Self.long[1])[40...]),
            Fixture.pieceFrame(1, 0, [1, 2, 3]),
        ] {
            try reader.read(part[...])
            known.append(reader.direct.isBeforeLongBlock)
        }
        #expect(known == [false, true, true, false, true, false])
        _ = try reader.embedded.channel.finish()
    }

    @Test("a read that was lent a block and brought nothing closes the connection")
    func lost() throws {
        let end = End(Fixture.us)
        var reader = try Reader(end)
        try reader.read(Self.conversation[..<100])
        _ = reader.direct.take()
        #expect(reader.direct.take() == nil)
        try reader.receive(ByteBuffer(bytes: Self.conversation[100...]))
        let reason = CloseReason.ioError("a read of the socket brought nothing")
        #expect(end.recorder.events == [.closed(reason)])
        #expect(reader.embedded.resources.gauges.busyBufferBytes.value == 0)
        _ = try reader.embedded.channel.finish(acceptAlreadyClosed: true)
    }

    @Test("a block that is lent when the connection ends is not counted any more")
    func endWhileLent() throws {
        let end = End(Fixture.us)
        var reader = try Reader(end)
        try reader.read(Self.conversation[..<100])
        _ = reader.direct.take()
        _ = try reader.embedded.channel.finish(acceptAlreadyClosed: true)
        #expect(end.recorder.events == [.closed(.remoteClosed)])
        #expect(reader.embedded.resources.gauges.busyBufferBytes.value == 0)
    }
}
