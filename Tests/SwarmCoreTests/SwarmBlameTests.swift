import SwarmModel
import Testing

@testable import SwarmCore

@Suite("A swarm and wrong bytes")
struct SwarmBlameTests {
    private static let one = SwarmBench.id(1)
    private static let two = SwarmBench.id(2)
    private static let three = SwarmBench.id(3)

    /// A piece of two blocks of which connections 1 and 2 sent one each, and 3 sent nothing.
    private func failed() throws -> (bench: SwarmBench, piece: PieceIndex, actions: [SwarmAction]) {
        var bench = try SwarmBench(filePieces: [1]) {
            $0.outstandingBytesMin = SwarmBench.block
            $0.outstandingBytesMax = SwarmBench.block
        }
        bench.begin(try bench.content())
        bench.join(1)
        bench.join(2)
        bench.join(3)
        let piece = try bench.piece(0)
        _ = bench.arrive(bench.raw(0, 0), from: 1)
        _ = bench.arrive(bench.raw(0, 1), from: 2)
        let actions = bench.handle(.pieceFailed(piece, senders: [Self.one, Self.two]))
        return (bench, piece, actions)
    }

    private func leaves(_ bench: SwarmBench, _ piece: PieceIndex) -> HashRange {
        bench.geometry.leafRequest(for: piece, root: Digest(lanes: SIMD4(1, 0, 0, 0)))
    }

    @Test(
        "with two senders the leaves are asked of a third peer, and only the liar is banned"
    )
    func audit() throws {
        var (bench, piece, actions) = try failed()
        let range = leaves(bench, piece)
        #expect(
            actions == [
                .trace(.pieceFailed(piece, senders: 2)), .send(.hashRequest(range), to: Self.three),
            ]
        )
        #expect(
            bench.receive(.hashes(range, []), from: 3) == [.checkHashes(range, from: Self.three)]
        )
        #expect(bench.handle(.hashesChecked(range, from: Self.three, valid: true)) == [])
        let audited = bench.handle(.pieceAudited(piece, wrongBlocks: [1]))
        #expect(SwarmBench.closes(audited) == [Self.two])
        // The wrong block, and only that, is asked for again, of somebody else.
        #expect(SwarmBench.requests(audited) == [bench.raw(0, 1)])
        #expect(SwarmBench.requests(audited, to: 2) == [])
        #expect(bench.swarm.audits.isEmpty)
    }

    @Test("when nobody gives leaves the piece is fetched whole from one peer, then compared")
    func exclusive() throws {
        var (bench, piece, _) = try failed()
        let range = leaves(bench, piece)
        #expect(
            bench.receive(.hashReject(range), from: 3) == [.send(.hashRequest(range), to: Self.one)]
        )
        #expect(
            bench.handle(.tick, after: bench.swarm.settings.hashTimeout)
                == [.send(.hashRequest(range), to: Self.two)]
        )
        let restarted = bench.receive(.hashReject(range), from: 2)
        #expect(restarted.first == .restartPiece(piece))
        #expect(SwarmBench.requests(restarted) == [bench.raw(0, 0)])
        let owner = try #require(bench.swarm.picker?.activePiece(piece)?.owner)
        let more = bench.arrive(bench.raw(0, 0), from: owner.number)
        #expect(more == [.send(.request(bench.raw(0, 1)), to: owner)])
        _ = bench.arrive(bench.raw(0, 1), from: owner.number)
        #expect(bench.handle(.pieceVerified(piece)).contains(.commit([piece])))
        _ = bench.handle(.pieceAudited(piece, wrongBlocks: [0]))
        #expect(bench.swarm.book.bannedPeers(at: bench.now) == [SwarmBench.peer(1)])
    }

    /// The exclusive download is under way, owned by the connection returned.
    private func underway() throws -> (bench: SwarmBench, piece: PieceIndex, owner: ConnectionID) {
        var (bench, piece, _) = try failed()
        let range = leaves(bench, piece)
        for id in [3, 1, 2] as [UInt64] { _ = bench.receive(.hashReject(range), from: id) }
        let owner = try #require(bench.swarm.picker?.activePiece(piece)?.owner)
        return (bench, piece, owner)
    }

    @Test("the owner of an exclusive piece that chokes, rejects or leaves loses it to another")
    func ownerLost() throws {
        for kind in 0..<3 {
            var (bench, piece, owner) = try underway()
            _ = bench.arrive(bench.raw(0, 0), from: owner.number)
            let actions: [SwarmAction] =
                switch kind {
                case 0: bench.receive(.choke, from: owner.number)
                case 1: bench.receive(.reject(bench.raw(0, 1)), from: owner.number)
                default: bench.handle(.connectionClosed(owner, .remote))
                }
            #expect(actions.first == .restartPiece(piece))
            #expect(SwarmBench.requests(actions) == [bench.raw(0, 0)])
            let heir = try #require(bench.swarm.picker?.activePiece(piece)?.owner)
            #expect(heir != owner)
        }
    }

    @Test("an owner that rejects one block is not waited for with the others")
    func ownerRejectsOne() throws {
        var bench = try SwarmBench(filePieces: [1], blocksPerPiece: 4) {
            $0.outstandingBytesMin = 3 * SwarmBench.block
            $0.outstandingBytesMax = 3 * SwarmBench.block
        }
        bench.begin(try bench.content())
        bench.join(1)
        bench.join(2)
        let piece = try bench.piece(0)
        for block in 0..<4 { _ = bench.arrive(bench.raw(0, block), from: block == 3 ? 2 : 1) }
        _ = bench.handle(.pieceFailed(piece, senders: [Self.one, Self.one, Self.one, Self.two]))
        for id in [1, 2] as [UInt64] {
            _ = bench.receive(.hashReject(leaves(bench, piece)), from: id)
        }
        let owner = try #require(bench.swarm.picker?.activePiece(piece)?.owner)
        let actions = bench.receive(.reject(bench.raw(0, 1)), from: owner.number)
        #expect(
            actions.prefix(3) == [
                .send(.cancel(bench.raw(0, 0)), to: owner),
                .send(.cancel(bench.raw(0, 2)), to: owner), .restartPiece(piece),
            ]
        )
        let heir = try #require(bench.swarm.picker?.activePiece(piece)?.owner)
        #expect(heir != owner)
        #expect(SwarmBench.requests(actions, to: heir.number).count == 3)
    }

    @Test(
        "an exclusive download that fails with late blocks of others begins again, and is not lost"
    )
    func mixed() throws {
        var (bench, piece, owner) = try underway()
        _ = bench.arrive(bench.raw(0, 0), from: owner.number)
        _ = bench.arrive(bench.raw(0, 1), from: owner.number)
        let other = owner == Self.one ? Self.two : Self.one
        let actions = bench.handle(.pieceFailed(piece, senders: [owner, other]))
        #expect(actions.contains(.restartPiece(piece)))
        #expect(bench.swarm.audits.count == 1)
        #expect(bench.swarm.picker?.activePiece(piece)?.isExclusive == true)
        #expect(SwarmBench.requests(actions).count == 1)
    }

    @Test("an audit that finds nothing wrong fetches the piece again")
    func nothingWrong() throws {
        var (bench, piece, _) = try failed()
        _ = bench.receive(.hashes(leaves(bench, piece), []), from: 3)
        let actions = bench.handle(.pieceAudited(piece, wrongBlocks: []))
        #expect(actions.first == .abandonPiece(piece))
        #expect(SwarmBench.requests(actions).count == 2)
        #expect(bench.swarm.book.bannedPeers(at: bench.now) == [])
    }

    @Test("leaves that do not prove close the connection, ban nobody, and the next peer is asked")
    func falseLeaves() throws {
        var (bench, piece, _) = try failed()
        let range = leaves(bench, piece)
        _ = bench.receive(.hashes(range, []), from: 3)
        let actions = bench.handle(.hashesChecked(range, from: Self.three, valid: false))
        #expect(SwarmBench.closes(actions) == [Self.three])
        #expect(actions.contains(.send(.hashRequest(range), to: Self.one)))
        #expect(bench.swarm.book.bannedPeers(at: bench.now) == [])
    }

    @Test("leaves that nobody asked for are not looked at")
    func unasked() throws {
        var (bench, piece, _) = try failed()
        #expect(bench.receive(.hashes(leaves(bench, piece), []), from: 1) == [])
    }

    // MARK: What was wrong once

    /// Connection 1 sent a piece wrong, and its ban has ended. Returns the other piece too.
    private func afterBan(
        and wait: Duration = .zero
    ) throws -> (bench: SwarmBench, wrong: [RawBlock], other: [RawBlock]) {
        var bench = try SwarmBench(filePieces: [2])
        bench.begin(try bench.content())
        let first = try #require(SwarmBench.requests(bench.join(1)).first)
        let wrong = Int(first.piece)
        for block in 0..<2 { _ = bench.arrive(bench.raw(wrong, block), from: 1) }
        let piece = try bench.piece(wrong)
        let failed = bench.handle(.pieceFailed(piece, senders: [Self.one, Self.one]))
        #expect(SwarmBench.closes(failed) == [Self.one])
        _ = bench.handle(.connectionClosed(Self.one, .us))
        _ = bench.handle(.tick, after: bench.swarm.settings.banDuration + wait)
        let blocks = [wrong, 1 - wrong].map { piece in (0..<2).map { bench.raw(piece, $0) } }
        return (bench, blocks[0], blocks[1])
    }

    @Test("a piece that a peer sent wrong is not asked of it again, and all others are")
    func doubted() throws {
        var (bench, wrong, other) = try afterBan()
        #expect(SwarmBench.requests(bench.join(1)) == other)
        // Another peer is not doubted.
        _ = bench.open(2, peer: 2)
        _ = bench.receive(.haveAll, from: 2)
        #expect(SwarmBench.requests(bench.receive(.unchoke, from: 2), to: 2) == wrong)
    }

    @Test("a peer that says that it has the piece anew is asked for it")
    func mended() throws {
        var (bench, wrong, other) = try afterBan()
        bench.join(1)
        for block in other { _ = bench.arrive(block, from: 1) }
        let asked = SwarmBench.requests(bench.receive(.have(wrong[0].piece)))
        #expect(asked == wrong)
        #expect(bench.swarm.doubts.isEmpty)
    }

    @Test("doubts end while the peer is connected")
    func believed() throws {
        var (bench, wrong, other) = try afterBan(and: .seconds(3595))
        bench.join(1)
        for block in other { _ = bench.arrive(block, from: 1) }
        #expect(SwarmBench.requests(bench.handle(.tick, after: .seconds(6))) == wrong)
        #expect(bench.swarm.doubts.isEmpty)
    }

    @Test("a peer that says that it lacks the piece is not believed to have it when doubts end")
    func lacking() throws {
        var (bench, wrong, _) = try afterBan(and: .seconds(3595))
        bench.join(1)
        _ = bench.receive(.doesNotHave(wrong[0].piece))
        #expect(SwarmBench.requests(bench.handle(.tick, after: .seconds(6))) == [])
        #expect(bench.swarm.doubts.isEmpty)
    }

    @Test("doubts are bounded, and the oldest goes first")
    func doubtsBounded() throws {
        let bench = try SwarmBench(filePieces: [DoubtBook.doubtsMax + 1])
        var book = DoubtBook()
        let peer = SwarmBench.peer(1)
        for piece in bench.geometry.pieces {
            book.doubt(piece, of: peer, at: nil, until: bench.now + .seconds(1))
        }
        let kept = book.pieces(of: peer, at: nil).map(\.number)
        #expect(kept == Array(1...DoubtBook.doubtsMax))
    }
}
