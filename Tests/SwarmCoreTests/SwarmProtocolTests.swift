import DequeModule
import SwarmModel
import Testing

@testable import SwarmCore

@Suite("A swarm and the rules of the wire")
struct SwarmProtocolTests {
    private static let one = SwarmBench.id(1)
    private static let two = SwarmBench.id(2)

    private func bench(
        verified: [Int] = [],
        _ change: (inout SwarmSettings) -> Void = { _ in }
    ) throws -> SwarmBench {
        var bench = try SwarmBench(change)
        bench.begin(try bench.content(verified: verified))
        return bench
    }

    // MARK: Parts

    @Test("who publishes a part asks nobody for the rest, and serves what it has")
    func part() throws {
        var bench = try SwarmBench(filePieces: [2, 2]) { $0.scheduler.policy = .nearestScope }
        var content = try bench.content(verified: [0, 1], sealed: [0])
        content.isPart = true
        bench.begin(content)
        #expect(!bench.swarm.isComplete && bench.swarm.isSatisfied)
        let hello = bench.open(1, extensions: true)
        #expect(hello.contains(.send(.bitfield([0b1100_0000]), to: Self.one)))
        #expect(bench.swarm.extendedHandshake.uploadOnly == true)
        // One that has what is elsewhere and more to come.
        var actions = bench.receive(.bitfield([0b0010_0000]))
        actions += bench.receive(.unchoke)
        #expect(actions == [])
        actions = bench.receive(.interested)
        #expect(actions.contains(.send(.unchoke, to: Self.one)))
        actions = bench.receive(.request(bench.raw(0)))
        #expect(actions.contains { if case .sendBlock = $0 { true } else { false } })
        #expect(SwarmBench.closes(actions) == [])
        // To one that has everything there is nothing to give.
        _ = bench.open(2)
        #expect(SwarmBench.closes(bench.receive(.haveAll, from: 2)) == [Self.two])
        actions = bench.handle(.peersLearned([SwarmBench.endpoint(9)]), after: .seconds(60))
        #expect(!actions.contains { if case .dial = $0 { true } else { false } })
    }

    // MARK: Violations

    @Test("what the protocol does not allow closes exactly the connection that sent it")
    func violations() throws {
        let block = UInt32(PieceGeometry.blockLength)
        let cases: [(fast: Bool, messages: [PeerMessage])] = [
            (true, [.haveAll, .haveAll]), (true, [.haveNone, .bitfield([0])]),
            (true, [.bitfield([0]), .bitfield([0])]), (true, [.have(0), .bitfield([0])]),
            (true, [.bitfield([0]), .haveNone]), (true, [.bitfield([0x08])]),
            (true, [.bitfield([0, 0])]), (true, [.have(4)]), (true, [.have(.max)]),
            (true, [.haveAll, .doesNotHave(4)]), (false, [.haveAll]), (false, [.haveNone]),
            (false, [.reject(RawBlock(piece: 0, begin: 0, length: block))]),
            (true, [.reject(RawBlock(piece: 0, begin: 1, length: block))]),
            (true, [.request(RawBlock(piece: 4, begin: 0, length: block))]),
            (true, [.request(RawBlock(piece: 0, begin: 0, length: 0))]),
            (true, [.request(RawBlock(piece: 0, begin: 2 * block, length: 1))]),
            (true, [.request(RawBlock(piece: 0, begin: .max, length: .max))]),
        ]
        for (fast, messages) in cases {
            var bench = try bench(verified: [0])
            _ = bench.open(1, fast: fast)
            _ = bench.open(2, fast: fast)
            for message in messages.dropLast() {
                #expect(SwarmBench.closes(bench.receive(message)) == [], "\(messages)")
            }
            let actions = bench.receive(try #require(messages.last))
            #expect(SwarmBench.isViolation(actions), "\(messages)")
            #expect(SwarmBench.closes(actions) == [Self.one], "\(messages)")
            #expect(bench.swarm.connections.map(\.id) == [Self.two])
            #expect(bench.receive(.haveNone) == [], "a closed connection says nothing")
        }
    }

    @Test("what is odd but allowed closes nothing")
    func allowed() throws {
        let block = UInt32(PieceGeometry.blockLength)
        let messages: [PeerMessage] = [
            .keepAlive, .suggest(99), .allowedFast(99), .unknown(id: 200), .have(0), .have(0),
            .doesNotHave(0), .doesNotHave(0), .choke, .choke, .unchoke, .unchoke, .interested,
            .notInterested, .notInterested, .uploadOnly(true),
            .cancel(RawBlock(piece: 9, begin: 9, length: 9)),
            .reject(RawBlock(piece: 0, begin: 0, length: block)),
            .hashReject(HashRange(root: .zero, baseLayer: 0, index: 0, length: 2, proofLayers: 0)),
            .hashes(HashRange(root: .zero, baseLayer: 0, index: 0, length: 2, proofLayers: 0), []),
            .metadata(.reject(piece: 7)),
        ]
        var bench = try bench()
        _ = bench.open()
        for message in messages {
            #expect(SwarmBench.closes(bench.receive(message)) == [], "\(message)")
        }
    }

    @Test("a block that was not asked for closes its connection")
    func unsolicited() throws {
        for raw in [
            RawBlock(piece: 0, begin: 0, length: 16384), RawBlock(piece: 0, begin: 5, length: 3),
        ] {
            var bench = try bench()
            _ = bench.open()
            #expect(SwarmBench.isViolation(bench.arrive(raw, .discarded)))
        }
    }

    // MARK: Serving

    @Test("a request while we choke is rejected, with BEP 6, and dropped without it")
    func requestWhileChoked() throws {
        for fast in [true, false] {
            var bench = try bench(verified: [0])
            _ = bench.open(fast: fast)
            let raw = bench.raw(0)
            #expect(
                bench.receive(.request(raw)) == (fast ? [.send(.reject(raw), to: Self.one)] : [])
            )
        }
    }

    @Test("an interested peer is unchoked and served; what we lack or is too long is rejected")
    func serving() throws {
        var bench = try bench(verified: [0]) { $0.requestLengthMax = PieceGeometry.blockLength }
        _ = bench.open()
        #expect(bench.receive(.interested) == [.send(.unchoke, to: Self.one)])
        let served = try #require(bench.geometry.servedRange(of: bench.raw(0), lengthMax: 1 << 20))
        #expect(bench.receive(.request(bench.raw(0))) == [.sendBlock(served, to: Self.one)])
        for raw in [bench.raw(1), bench.raw(0, 0, length: 2 * SwarmBench.block)] {
            #expect(bench.receive(.request(raw)) == [.send(.reject(raw), to: Self.one)])
        }
        #expect(bench.handle(.blockSent(bench.raw(0), to: Self.one)) == [])
        #expect(bench.swarm.uploadedBytes == SwarmBench.block)
    }

    @Test("a block that cannot be read is rejected")
    func unreadable() throws {
        var bench = try bench(verified: [0])
        _ = bench.open()
        _ = bench.receive(.interested)
        _ = bench.receive(.request(bench.raw(0)))
        #expect(
            bench.handle(.blockUnreadable(bench.raw(0), to: Self.one))
                == [.send(.reject(bench.raw(0)), to: Self.one)]
        )
    }

    @Test(
        "metadata is served a few times over, and never to one that does not take it"
    )
    func metadataServes() throws {
        var bench = try bench()
        _ = bench.open(extensions: true)
        let request = PeerMessage.metadata(.request(piece: 0))
        #expect(bench.receive(request) == [])
        _ = bench.receive(.extendedHandshake(ExtendedHandshake(metadataID: 2)))
        for _ in 0..<MetadataExchange.servesMax {
            #expect(bench.receive(request) == [.sendMetadata(piece: 0, to: Self.one)])
        }
        let reject = SwarmAction.send(.metadata(.reject(piece: 0)), to: Self.one)
        #expect(bench.receive(request) == [reject])
    }

    @Test("a cancel of what waits is answered with a reject, of what is on its way with nothing")
    func cancels() throws {
        var bench = try bench(verified: [0]) { $0.uploadCreditBytes = 0 }
        _ = bench.open()
        _ = bench.receive(.interested)
        _ = bench.receive(.request(bench.raw(0, 0)))
        #expect(bench.receive(.request(bench.raw(0, 1))) == [])
        #expect(bench.receive(.cancel(bench.raw(0, 0))) == [])
        #expect(
            bench.receive(.cancel(bench.raw(0, 1))) == [
                .send(.reject(bench.raw(0, 1)), to: Self.one)
            ]
        )
    }

    @Test(
        "with all slots taken the next peer waits for the choker's round, which rejects what waits"
    )
    func slots() throws {
        var bench = try bench(verified: [0, 1]) {
            $0.uploadSlots = 1
            $0.uploadCreditBytes = 0
        }
        _ = bench.open(1)
        _ = bench.open(2)
        #expect(bench.receive(.interested, from: 1) == [.send(.unchoke, to: Self.one)])
        #expect(bench.receive(.interested, from: 2) == [])
        for block in 0..<2 { _ = bench.receive(.request(bench.raw(0, block))) }
        let actions = bench.handle(.tick, after: bench.swarm.settings.rechokeInterval)
        #expect(
            actions == [
                .send(.choke, to: Self.one), .send(.reject(bench.raw(0, 1)), to: Self.one),
                .send(.unchoke, to: Self.two),
            ]
        )
    }

    // MARK: Asking

    @Test("an unchoke brings requests, a choke frees them for others")
    func choke() throws {
        var bench = try bench()
        #expect(bench.open() == [.send(.haveNone, to: Self.one)])
        #expect(bench.receive(.haveAll) == [.send(.interested, to: Self.one)])
        let asked = bench.receive(.unchoke)
        let first = SwarmBench.requests(asked)
        #expect(first.count == 2)
        _ = bench.open(2)
        _ = bench.receive(.haveAll, from: 2)
        #expect(bench.receive(.choke) == [])
        // The piece that lost its owner comes first.
        #expect(SwarmBench.requests(bench.receive(.unchoke, from: 2)) == first)
        // What the first one sends all the same counts, and is not asked of the second any more.
        let late = bench.arrive(first[0])
        #expect(late.first == .send(.cancel(first[0]), to: Self.two))
    }

    @Test("a verified piece is announced, committed, and interest ends with the last of them")
    func verified() throws {
        var bench = try SwarmBench(filePieces: [1, 1]) { $0.commitBytes = 1 << 30 }
        bench.begin(try bench.content())
        _ = bench.open()
        _ = bench.receive(.bitfield([0b1000_0000]))
        _ = bench.open(2)
        #expect(SwarmBench.requests(bench.receive(.unchoke)).count == 2)
        for block in 0..<2 { #expect(bench.arrive(bench.raw(0, block)) == []) }
        let piece = try bench.piece(0)
        #expect(
            bench.handle(.pieceVerified(piece)) == [
                .send(.notInterested, to: Self.one), .send(.have(0), to: Self.two),
                .commit([piece]), .seal(try bench.file(0)),
            ]
        )
        #expect(bench.handle(.pieceVerified(piece)) == [])
    }

    @Test(
        "a peer that rejects though it does not choke is asked again later and later"
    )
    func refusal() throws {
        var bench = try bench()
        bench.join()
        var rejected = 0
        let end = bench.now + .seconds(120)
        while bench.now < end {
            for request in bench.swarm.connections[0].pipeline.requests {
                rejected += 1
                let actions = bench.receive(.reject(RawBlock(request.range)))
                #expect(SwarmBench.requests(actions) == [])
            }
            _ = bench.handle(.tick, after: .milliseconds(500))
        }
        #expect((4...40).contains(rejected), "\(rejected) rejects in two minutes")
    }

    @Test("a silent peer is snubbed, its blocks asked of others, and closed in the end")
    func snub() throws {
        var bench = try bench()
        let first = SwarmBench.requests(bench.join(1))
        let second = SwarmBench.requests(bench.join(2))
        #expect(!first.contains(second[0]))
        for raw in second { _ = bench.arrive(raw, from: 2) }
        var actions: [SwarmAction] = []
        let settings = bench.swarm.settings
        while bench.now < .origin + settings.snubAfter {
            actions = bench.handle(.tick, after: .milliseconds(500))
            for raw in SwarmBench.requests(actions, to: 2) { actions += bench.arrive(raw, from: 2) }
        }
        #expect(actions.contains(.trace(.peerSnubbed(Self.one))))
        #expect(actions.contains(.send(.cancel(first[0]), to: Self.one)))
        while bench.swarm.connections.contains(where: { $0.id == Self.one }) {
            actions = bench.handle(.tick, after: .milliseconds(500))
            #expect(
                bench.now < .origin + settings.snubAfter + settings.stallCloseAfter + .seconds(2)
            )
        }
        #expect(actions.contains(.closeConnection(Self.one, .stalled)))
    }

    @Test("in the endgame an idle peer is asked for an old block too, and the loser's is cancelled")
    func endgame() throws {
        var bench = try SwarmBench(filePieces: [1], blocksPerPiece: 1)
        bench.begin(try bench.content())
        let first = SwarmBench.requests(bench.join(1))
        #expect(first == [bench.raw(0)])
        #expect(SwarmBench.requests(bench.join(2)) == [])
        #expect(SwarmBench.requests(bench.handle(.tick, after: .seconds(1))) == [])
        let help = bench.handle(.tick, after: .seconds(1))
        #expect(help == [.send(.request(bench.raw(0)), to: Self.two)])
        #expect(bench.arrive(bench.raw(0), from: 2) == [.send(.cancel(bench.raw(0)), to: Self.one)])
    }

    @Test("when the first peer asked leaves, the endgame's second has the block, and is asked once")
    func endgameTransfer() throws {
        var bench = try SwarmBench(filePieces: [1], blocksPerPiece: 1)
        bench.begin(try bench.content())
        bench.join(1)
        bench.join(2)
        bench.join(3)
        _ = bench.handle(.tick, after: .seconds(1))
        let helped = SwarmBench.requests(bench.handle(.tick, after: .seconds(1)))
        #expect(helped == [bench.raw(0)])
        #expect(bench.handle(.connectionClosed(Self.one, .remote)) == [])
        let piece = try bench.piece(0)
        let waiting = bench.swarm.connections.filter { !$0.pipeline.isEmpty }.map(\.id)
        #expect(
            bench.swarm.picker?.activePiece(piece)?.blocks == waiting.map { .requested(from: $0) }
        )
    }

    @Test("haves that come together are asked for together, and one that is wrong closes")
    func haves() throws {
        var bench = try bench()
        _ = bench.open(1)
        _ = bench.receive(.unchoke)
        let actions = bench.handle(.havesReceived([0, 2, 2], from: Self.one))
        #expect(actions.contains(.send(.interested, to: Self.one)))
        #expect(SwarmBench.requests(actions).count == 2)
        #expect(bench.swarm.connections.first?.pieces?.members == [0, 2])
        let wrong = bench.handle(.havesReceived([1, 4], from: Self.one))
        #expect(SwarmBench.isViolation(wrong))
    }

    @Test("more is asked for when a piece is done, though no more may be active at once")
    func activePieces() throws {
        var bench = try bench { $0.activePiecesMax = 1 }
        bench.join(1)
        // Both blocks of the only piece are asked of the first.
        #expect(SwarmBench.requests(bench.join(2)) == [])
        let piece = try #require(bench.swarm.picker?.activePieces.first)
        for block in 0..<2 { #expect(bench.arrive(bench.raw(piece.number, block)) == []) }
        let actions = bench.handle(.pieceVerified(piece))
        #expect(SwarmBench.requests(actions).count == 2)
    }
}
