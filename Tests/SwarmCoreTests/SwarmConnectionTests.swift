import SwarmModel
import Testing

@testable import SwarmCore

@Suite("A swarm's connections")
struct SwarmConnectionTests {
    private static let one = SwarmBench.id(1)
    private static let two = SwarmBench.id(2)

    private func bench(me: UInt8 = 50, _ change: (inout SwarmSettings) -> Void = { _ in })
        throws -> SwarmBench
    {
        var bench = try SwarmBench(me: me, change)
        bench.begin(try bench.content())
        return bench
    }

    @Test(
        "two peers that dial each other keep the connection of the lower id, whichever opens first"
    )
    func simultaneousDial() throws {
        // Connection 1 was dialled by the lower peer, 2 by the higher one.
        for lowSeesFirst in [UInt64(1), 2] {
            for highSeesFirst in [UInt64(1), 2] {
                var low = try bench(me: 10)
                var high = try bench(me: 20)
                for id in [lowSeesFirst, 3 - lowSeesFirst] {
                    _ = low.open(id, peer: 20, isIncoming: id == 2)
                }
                for id in [highSeesFirst, 3 - highSeesFirst] {
                    _ = high.open(id, peer: 10, isIncoming: id == 1)
                }
                #expect(low.swarm.connections.map(\.id) == [Self.one])
                #expect(high.swarm.connections.map(\.id) == [Self.one])
            }
        }
    }

    @Test("a block that comes after its sender has gone is booked from where the sender was")
    func lateBlock() throws {
        let place = try Locality("aws/us/r2")
        for givesUp in [false, true] {
            var bench = try bench()
            _ = bench.open(extensions: true)
            _ = bench.receive(.extendedHandshake(ExtendedHandshake(locality: place)))
            var actions = bench.receive(.haveAll)
            actions += bench.receive(.unchoke)
            let asked = try #require(SwarmBench.requests(actions).first)
            let patience = bench.swarm.settings.snubAfter
            if givesUp { _ = bench.handle(.tick, after: patience + .seconds(1)) }
            _ = bench.handle(.connectionClosed(Self.one, .remote))
            #expect(bench.swarm.connections.isEmpty)
            _ = bench.arrive(asked, .discarded)
            #expect(bench.swarm.ledger.received.entries.map(\.from) == [place])
        }
    }

    @Test("a second connection in the same direction is refused")
    func second() throws {
        for isIncoming in [true, false] {
            var bench = try bench()
            _ = bench.open(1, peer: 7, isIncoming: isIncoming)
            #expect(
                bench.open(2, peer: 7, isIncoming: isIncoming)
                    == [.closeConnection(Self.two, .duplicateConnection)]
            )
        }
    }

    @Test("a connection to ourselves is closed and its address forgotten")
    func ourselves() throws {
        var bench = try bench(me: 9)
        #expect(
            bench.handle(.peersLearned([SwarmBench.endpoint(9)])) == [.dial(SwarmBench.endpoint(9))]
        )
        #expect(SwarmBench.closes(bench.open(1, peer: 9)) == [Self.one])
        #expect(SwarmBench.closes(bench.open(2, peer: 9, isIncoming: true)) == [Self.two])
        #expect(bench.handle(.peersLearned([SwarmBench.endpoint(9)]), after: .seconds(600)) == [])
        #expect(bench.swarm.deadline == nil)
    }

    @Test("beyond the limit connections are refused")
    func limit() throws {
        var bench = try bench { $0.connectionsMax = 2 }
        for id in 1...3 as ClosedRange<UInt64> {
            let closed = SwarmBench.closes(bench.open(id, isIncoming: true))
            #expect(closed == (id == 3 ? [SwarmBench.id(3)] : []))
        }
    }

    @Test("dials stay within their limits, and the deadline is never in the past")
    func dials() throws {
        var bench = try bench {
            $0.dialsMax = 3
            $0.connectionsWanted = 5
        }
        let endpoints = (1...20).map { SwarmBench.endpoint(UInt8($0)) }
        #expect(bench.handle(.peersLearned(endpoints)).count == 3)
        #expect(bench.swarm.deadline == nil, "all dials are under way: nothing is due")
        _ = bench.open(1)
        _ = bench.open(2)
        #expect(bench.swarm.book.diallingCount + bench.swarm.connections.count <= 5)
        let deadline = try #require(bench.swarm.deadline)
        #expect(deadline > bench.now)
    }

    @Test("nobody is dialled when all is here, nor while the disk is out")
    func noDials() throws {
        var complete = try SwarmBench()
        complete.begin(try complete.content(verified: [0, 1, 2, 3], sealed: [0]))
        #expect(complete.handle(.peersLearned([SwarmBench.endpoint(1)])) == [])
        #expect(complete.swarm.deadline == nil)
        var paused = try bench()
        let failed = paused.handle(.storageFailed(reason: "full", lost: []))
        #expect(failed == [.trace(.storagePaused(reason: "full"))])
        #expect(paused.handle(.peersLearned([SwarmBench.endpoint(1)])) == [])
        let resumed = paused.handle(.tick, after: paused.swarm.settings.storagePause)
        #expect(resumed == [.dial(SwarmBench.endpoint(1))])
    }

    @Test("a peer that sent a wrong piece alone is banned by id and address, for a while")
    func ban() throws {
        var bench = try bench()
        bench.join(1)
        let piece = try #require(bench.swarm.picker?.activePieces.first)
        for block in 0..<2 { _ = bench.arrive(bench.raw(piece.number, block)) }
        let why = "sent a piece that does not match its hash"
        #expect(
            bench.handle(.pieceFailed(piece, senders: [Self.one, Self.one])).prefix(4) == [
                .trace(.pieceFailed(piece, senders: 1)), .abandonPiece(piece),
                .trace(.peerBanned(SwarmBench.peer(1), SwarmBench.endpoint(1), reason: why)),
                .closeConnection(Self.one, .banned(why)),
            ]
        )
        let refused = CloseCause.banned("sent wrong bytes before")
        #expect(bench.open(2, peer: 1) == [.closeConnection(Self.two, refused)])
        #expect(
            bench.open(3, peer: 1, isIncoming: true) == [
                .closeConnection(SwarmBench.id(3), refused)
            ]
        )
        #expect(bench.handle(.peersLearned([SwarmBench.endpoint(1)])) == [])
        bench.now = bench.now + bench.swarm.settings.banDuration
        #expect(SwarmBench.closes(bench.open(4, peer: 1, isIncoming: true)) == [])
    }

    @Test("a banned address that comes with a new id is refused when it says where it listens")
    func bannedAddress() throws {
        var bench = try bench()
        bench.join(1)
        let piece = try #require(bench.swarm.picker?.activePieces.first)
        for block in 0..<2 { _ = bench.arrive(bench.raw(piece.number, block)) }
        _ = bench.handle(.pieceFailed(piece, senders: [Self.one, Self.one]))
        let facts = ConnectionFacts(
            id: Self.two,
            peer: SwarmBench.peer(99),
            endpoint: Endpoint(address: SwarmBench.endpoint(1).address, port: 50_000),
            isIncoming: true
        )
        #expect(SwarmBench.closes(bench.handle(.connectionOpened(facts))) == [])
        let actions = bench.receive(
            .extendedHandshake(ExtendedHandshake(listenPort: 7000)),
            from: 2
        )
        #expect(actions == [.closeConnection(Self.two, .banned("sent wrong bytes before"))])
    }

    @Test("a liar that has left is banned all the same")
    func departed() throws {
        var bench = try bench()
        bench.join(1)
        let piece = try #require(bench.swarm.picker?.activePieces.first)
        for block in 0..<2 { _ = bench.arrive(bench.raw(piece.number, block)) }
        _ = bench.handle(.connectionClosed(Self.one, .remote))
        _ = bench.handle(.pieceFailed(piece, senders: [Self.one, Self.one]))
        #expect(bench.swarm.book.bannedPeers(at: bench.now) == [SwarmBench.peer(1)])
    }

    @Test("who sent false metadata is banned, even when it left before that was known")
    func falseMetadata() throws {
        for leaves in [true, false] {
            var bench = try SwarmBench()
            _ = bench.open(extensions: true)
            let extended = ExtendedHandshake(metadataID: 1, metadataSize: 100)
            #expect(
                bench.receive(.extendedHandshake(extended)) == [
                    .beginMetadata(size: 100),
                    .send(.metadata(.request(piece: 0)), to: Self.one),
                ]
            )
            #expect(
                bench.handle(.metadataArrived(piece: 0, totalSize: 100, from: Self.one))
                    == [.keepMetadata(piece: 0), .checkMetadata]
            )
            if leaves { _ = bench.handle(.connectionClosed(Self.one, .remote)) }
            _ = bench.handle(.metadataRefuted)
            #expect(bench.swarm.book.bannedPeers(at: bench.now) == [SwarmBench.peer(1)])
        }
    }

    @Test("silence is kept alive, then closed")
    func idle() throws {
        var bench = try bench()
        _ = bench.open()
        var actions: [SwarmAction] = []
        var keepAlives = 0
        while SwarmBench.closes(actions).isEmpty {
            actions = bench.handle(.tick, after: .milliseconds(500))
            keepAlives += actions.count { $0 == .send(.keepAlive, to: Self.one) }
        }
        #expect(actions == [.closeConnection(Self.one, .idle)])
        #expect(bench.now == .origin + bench.swarm.settings.idleCloseAfter)
        #expect(keepAlives == 2)
    }

    @Test("a peer that does not read what it asked for is closed")
    func notReading() throws {
        var bench = try SwarmBench()
        bench.begin(try bench.content(verified: [0]))
        _ = bench.open()
        _ = bench.receive(.interested)
        _ = bench.receive(.request(bench.raw(0)))
        var actions: [SwarmAction] = []
        while SwarmBench.closes(actions).isEmpty {
            actions = bench.handle(.tick, after: .seconds(1))
            if SwarmBench.closes(actions).isEmpty { actions = bench.receive(.keepAlive) }
        }
        #expect(actions.contains(.closeConnection(Self.one, .notReading)))
    }

    @Test("two complete peers part")
    func bothSeeds() throws {
        var bench = try SwarmBench()
        bench.begin(try bench.content(verified: [0, 1, 2, 3], sealed: [0]))
        _ = bench.open()
        #expect(bench.receive(.haveAll) == [.closeConnection(Self.one, .bothSeeds)])
    }

    @Test("nobody is a seed of a version without pieces: its metadata may still be wanted")
    func nothingToSeed() throws {
        var bench = try SwarmBench(filePieces: [0])
        bench.begin(try bench.content())
        _ = bench.open()
        #expect(bench.receive(.haveNone) == [])
    }
}
