import NIOCore
import NIOPosix
import SwarmModel
import SwarmRuntime
import Testing

/// Blocks that other threads store while the event loop goes on.
@Suite("StoreLine", .timeLimit(.minutes(1)))
struct TransportStoringTests {
    private let group = MultiThreadedEventLoopGroup.singleton

    /// A connection over loopback whose accepting end stores on threads before which there is a
    /// gate.
    private struct Connection {
        let gate = Gate()
        let receiver: End
        let sender = End(Fixture.them)
        let resources: TransportResources
        let listener: PeerListener

        init(
            _ group: any EventLoopGroup,
            limits: TransportLimits = TransportLimits(),
            threads: Int = 1,
            gatedPieces: Range<UInt32> = 0..<UInt32.max
        ) async throws {
            receiver = End(Fixture.us, sink: MemorySink(gate: gate, of: gatedPieces))
            resources = TransportResources(group: group, limits: limits, storeThreadCount: threads)
            listener = try await PeerListener.bind(
                host: "127.0.0.1",
                port: 0,
                resources: resources,
                lookup: receiver
            )
            try await PeerDialer(resources: resources)
                .dial(listener.localEndpoint, context: sender.context)
            await receiver.recorder.waitForOpened()
        }

        func close() async {
            await listener.close()
            await resources.shutDown()
            #expect(resources.gauges.handedOverBytes.value == 0)
            #expect(resources.gauges.busyBufferBytes.value == 0)
        }
    }

    @Test("what arrives behind a block is heard of after it, and in its order")
    func order() async throws {
        let connection = try await Connection(group)
        let sender = connection.sender.recorder.transport
        let ranges = [
            try Fixture.served(0, 0, 1 << 20), try Fixture.served(1, 0, 1 << 17),
            try Fixture.served(1, 1 << 17, 1 << 14), try Fixture.served(1, 1 << 18, 1 << 18),
        ]
        for (index, range) in ranges.enumerated() {
            sender.sendBlock(range)
            sender.send([.have(UInt32(index))])
        }
        await connection.gate.arrival()
        #expect(connection.receiver.recorder.events.isEmpty)
        connection.gate.open()
        let events = await connection.receiver.recorder.waitForEvents(2 * ranges.count)
        let expected = ranges.enumerated().flatMap { index, range -> [ConnectionEvent] in
            [.block(range.raw, .stored), .message(.have(UInt32(index)))]
        }
        #expect(events == expected)
        let stored = ranges.map { MemorySink.Block(block: $0.raw, bytes: Fixture.payload($0)) }
        #expect(Set(connection.receiver.sink.blocks) == Set(stored))
        #expect(connection.receiver.sink.blocks.count == stored.count)
        await connection.close()
    }

    @Test("several threads store for one connection, and what they store is heard of in order")
    func severalThreads() async throws {
        let connection = try await Connection(group, threads: 2, gatedPieces: 0..<1)
        let (sender, sink) = (connection.sender.recorder.transport, connection.receiver.sink)
        let ranges = try [(0, 0), (1, 0), (1, 1 << 18)].map {
            try Fixture.served($0.0, $0.1, 1 << 18)
        }
        sender.sendBlock(ranges[0])
        await connection.gate.arrival()
        for range in ranges.dropFirst() { sender.sendBlock(range) }
        sender.send([.have(3)])
        while sink.blocks.count < 2 { await Task.yield() }
        #expect(connection.receiver.recorder.events.isEmpty)
        connection.gate.open()
        let events = await connection.receiver.recorder.waitForEvents(ranges.count + 1)
        #expect(events == ranges.map { .block($0.raw, .stored) } + [.message(.have(3))])
        await connection.close()
    }

    @Test("the loop stores a block for each that threads that lag behind get done")
    func help() async throws {
        var limits = TransportLimits()
        limits.helpedFromBytes = 1 << 18
        let connection = try await Connection(group, limits: limits, gatedPieces: 0..<1)
        let (gauges, sender) = (connection.resources.gauges, connection.sender.recorder.transport)
        let sink = connection.receiver.sink
        let done = try Fixture.served(1, 0, 1 << 18)
        sender.sendBlock(done)
        _ = await connection.receiver.recorder.waitForEvents(1)
        let held = try Fixture.served(0, 0, 1 << 18)
        sender.sendBlock(held)
        await connection.gate.arrival()
        let others = try (1...2).map { try Fixture.served(1, $0 << 18, 1 << 18) }
        sender.sendBlock(others[0])
        while sink.blocks.count < 2 { await Task.yield() }
        #expect(gauges.handedOverBytes.value == 1 << 18)
        // Nothing was done meanwhile: the next waits.
        sender.sendBlock(others[1])
        while gauges.handedOverBytes.value < 2 << 18 { await Task.yield() }
        #expect(sink.blocks.map(\.block) == [done.raw, others[0].raw])
        connection.gate.open()
        let events = await connection.receiver.recorder.waitForEvents(4)
        #expect(events == ([done, held] + others).map { .block($0.raw, .stored) })
        await connection.close()
    }

    @Test("a connection's end is heard of after its last block is stored")
    func end() async throws {
        let connection = try await Connection(group)
        let range = try Fixture.served(0, 0, 1 << 20)
        connection.sender.recorder.transport.sendBlock(range)
        await connection.gate.arrival()
        connection.sender.recorder.transport.close(.localRequest("over"))
        _ = await connection.sender.recorder.waitForClose()
        connection.gate.open()
        _ = await connection.receiver.recorder.waitForClose()
        let events = connection.receiver.recorder.events
        #expect(events == [.block(range.raw, .stored), .closed(.remoteClosed)])
        await connection.close()
    }

    @Test("a thread that lags behind stops the reading, and a bounded number of blocks waits")
    func backPressure() async throws {
        var limits = TransportLimits()
        limits.handedOverBytesMax = 1 << 20
        let connection = try await Connection(group, limits: limits)
        let (gauges, sender) = (connection.resources.gauges, connection.sender.recorder.transport)
        let ranges = try (0..<26).map { try Fixture.served($0 & 1, ($0 >> 1) << 16, 1 << 18) }
        for range in ranges { sender.sendBlock(range) }
        await connection.gate.arrival()
        while gauges.handedOverBytes.value < limits.handedOverBytesMax { await Task.yield() }
        // The loop of the receiver lives: it can be made to speak, time and again.
        for index in 0..<50 {
            connection.receiver.recorder.transport.send([.have(UInt32(index))])
            while messages(connection.sender) <= index { await Task.yield() }
        }
        let most = limits.handedOverBytesMax + limits.receiveBufferLength + 1 << 18
        #expect(gauges.handedOverBytes.value <= most)
        connection.gate.open()
        let events = await connection.receiver.recorder.waitForEvents(ranges.count)
        #expect(events == ranges.map { .block($0.raw, .stored) })
        await connection.close()
    }

    private func messages(_ end: End) -> Int {
        end.recorder.events.count { if case .message = $0 { true } else { false } }
    }

    @Test("a second connection stores on its own loop while the thread is taken")
    func noThreadFree() async throws {
        let connection = try await Connection(group)
        let range = try Fixture.served(0, 0, 1 << 20)
        connection.sender.recorder.transport.sendBlock(range)
        await connection.gate.arrival()
        let (open, third) = (End(Fixture.us), End(Fixture.them))
        let listener = try await PeerListener.bind(
            host: "127.0.0.1",
            port: 0,
            resources: connection.resources,
            lookup: open
        )
        try await PeerDialer(resources: connection.resources)
            .dial(listener.localEndpoint, context: third.context)
        await third.recorder.waitForOpened()
        third.recorder.transport.sendBlock(range)
        #expect(await open.recorder.waitForEvents(1) == [.block(range.raw, .stored)])
        #expect(connection.receiver.recorder.events.isEmpty)
        connection.gate.open()
        _ = await connection.receiver.recorder.waitForEvents(1)
        await listener.close()
        await connection.close()
    }
}
