import SwarmModel
import Testing

@testable import SwarmPeer

/// The rule that the board exists for: no byte that counts is ever written over.
struct PieceBoardTests {
    let geometry: PieceGeometry
    let piece: PieceIndex
    let board = PieceBoard()
    let first = ConnectionID(1)
    let second = ConnectionID(2)

    init() throws {
        geometry = try PieceGeometry(pieceLength: 65536, fileLengths: [65536])
        piece = try #require(geometry.piece(0))
        board.open(piece, expected: .zero, blockCount: 4)
    }

    private func range(_ blocks: Range<Int>) throws -> BlockRange {
        try #require(geometry.range(of: blocks, in: piece))
    }

    private func leaf(_ number: UInt64) -> Digest { Digest(lanes: [number, 1, 1, 1]) }

    private func store(_ blocks: Range<Int>, _ number: UInt64, from id: ConnectionID) throws -> Bool
    {
        guard let claim = board.claim(try range(blocks)) else { return false }
        let leaves = blocks.map { _ in leaf(number) }
        if case .outdated = board.stored(claim, leaves: leaves, from: id) { return false }
        return true
    }

    @Test("a block that is being written cannot be claimed by another connection")
    func claimedOnce() throws {
        _ = try #require(board.claim(try range(0..<2)))
        #expect(board.claim(try range(1..<3)) == nil)
        #expect(board.claim(try range(2..<3)) != nil)
    }

    @Test("a block that is stored is not accepted again, and counts")
    func storedOnce() throws {
        #expect(try store(0..<2, 7, from: first))
        #expect(try !store(0..<2, 8, from: second))
        #expect(board.holds(try range(0..<2)))
        #expect(!board.holds(try range(1..<3)))
    }

    @Test("a failed write gives the block back")
    func giveBack() throws {
        let claim = try #require(board.claim(try range(0..<1)))
        board.giveBack(claim)
        #expect(try store(0..<1, 7, from: first))
    }

    @Test("the last block yields the leaves of the whole piece, in order")
    func wholePiece() throws {
        #expect(try store(2..<4, 3, from: second))
        let claim = try #require(board.claim(try range(0..<2)))
        let outcome = board.stored(claim, leaves: [leaf(1), leaf(2)], from: first)
        guard case .wholePiece(let leaves, _) = outcome else {
            Issue.record("the piece is whole")
            return
        }
        #expect(leaves == [leaf(1), leaf(2), leaf(3), leaf(3)])
        #expect(board.senders(of: piece) == [first, first, second, second])
    }

    @Test(
        "a write that began before a restart does not count, and its block is free only afterwards"
    )
    func restartDuringWrite() throws {
        let late = try #require(board.claim(try range(0..<1)))
        board.restart(piece)
        #expect(board.claim(try range(0..<1)) == nil)
        guard case .outdated = board.stored(late, leaves: [leaf(9)], from: first) else {
            Issue.record("the late block counted")
            return
        }
        #expect(try store(0..<1, 1, from: second))
    }

    @Test("a piece abandoned during a write can be opened again without mixing the two")
    func abandonDuringWrite() throws {
        let late = try #require(board.claim(try range(0..<1)))
        board.abandon(piece)
        #expect(!board.accepts(try range(1..<2)))
        board.open(piece, expected: .zero, blockCount: 4)
        #expect(!board.accepts(try range(0..<1)))
        _ = board.stored(late, leaves: [leaf(9)], from: first)
        #expect(board.accepts(try range(0..<1)))
        #expect(!board.holds(try range(0..<1)))
    }

    @Test("after a restart the verified piece tells which blocks of the failed attempt were wrong")
    func suspects() throws {
        for block in 0..<4 { #expect(try store(block..<block + 1, UInt64(block), from: first)) }
        board.restart(piece)
        for block in 0..<4 {
            let number = block == 2 ? 99 : UInt64(block)
            #expect(try store(block..<block + 1, number, from: second))
        }
        #expect(board.finish(piece) == [2])
        #expect(board.finish(piece) == nil)
    }

    @Test("an audit reopens the wrong blocks and keeps the right ones")
    func audit() throws {
        for block in 0..<4 { #expect(try store(block..<block + 1, UInt64(block), from: first)) }
        let truth = [leaf(0), leaf(50), leaf(2), leaf(3)]
        #expect(board.audit(piece, leaves: truth) == [1])
        #expect(board.accepts(try range(1..<2)))
        #expect(!board.accepts(try range(0..<1)))
        let claim = try #require(board.claim(try range(1..<2)))
        guard
            case .wholePiece(let leaves, _) = board.stored(claim, leaves: [leaf(50)], from: second)
        else {
            Issue.record("the piece is whole")
            return
        }
        #expect(leaves == truth)
    }
}
