import SwarmModel
import Testing

@testable import SwarmCore

@Suite("PiecePicker")
struct PiecePickerTests {
    static let block = PieceGeometry.blockLength
    static let a = ConnectionID(1)
    static let b = ConnectionID(2)
    static let c = ConnectionID(3)

    static func geometry(_ lengths: [Int], blocksPerPiece: Int) throws -> PieceGeometry {
        try PieceGeometry(pieceLength: blocksPerPiece * block, fileLengths: lengths)
    }

    /// A picker of which every piece may be started, and is served by somebody.
    static func picker(_ geometry: PieceGeometry, activeMax: Int = 256) -> PiecePicker {
        var picker = PiecePicker(
            geometry: geometry,
            verified: Bitfield(count: geometry.pieceCount),
            urgent: [],
            activePiecesMax: activeMax,
            random: SeededRandom(seed: 1)
        )
        for piece in geometry.pieces { picker.release(piece) }
        picker.scopes.completeHolderJoined(at: 0)
        return picker
    }

    static func all(_ geometry: PieceGeometry) -> Bitfield {
        Bitfield(fullCount: geometry.pieceCount)
    }

    /// Every way to lay up to two files of up to nine blocks over pieces of 1, 2 and 4 blocks.
    static let geometries: [PieceGeometry] = {
        var all: [PieceGeometry] = []
        for blocksPerPiece in [1, 2, 4] {
            for first in 0...9 {
                for second in 0...3 {
                    for cut in [0, 1] {
                        let lengths = [max(0, first * block - cut), max(0, second * block - cut)]
                        if let geometry = try? geometry(lengths, blocksPerPiece: blocksPerPiece) {
                            all.append(geometry)
                        }
                    }
                }
            }
        }
        return all
    }()

    @Test(
        "every block is handed out exactly once, whatever the geometry, the request and the peers"
    )
    func once() {
        for geometry in Self.geometries {
            for blocks in 1...5 {
                for activeMax in [1, 2, 256] { handOut(geometry, blocks, activeMax) }
            }
        }
    }

    private func handOut(_ geometry: PieceGeometry, _ blocks: Int, _ activeMax: Int) {
        var picker = Self.picker(geometry, activeMax: activeMax)
        var bytes = 0
        var seen: [BlockRange] = []
        var turn = 0
        var misses = 0
        while misses < 2 {
            let peer = turn % 2 == 0 ? Self.a : Self.b
            turn += 1
            guard
                let choice = picker.next(
                    for: peer,
                    having: Self.all(geometry),
                    lengthMax: blocks * Self.block
                )
            else {
                misses += 1
                // With few active pieces the next may start only when one is done.
                misses = finishOne(&picker) ? 0 : misses
                continue
            }
            misses = 0
            #expect(choice.range.length <= blocks * Self.block)
            for other in seen where other.piece == choice.range.piece {
                #expect(!other.blocks.overlaps(choice.range.blocks))
            }
            seen.append(choice.range)
            bytes += choice.range.length
            picker.markReceived(choice.range)
        }
        #expect(bytes == geometry.totalLength)
        #expect(picker.isComplete)
    }

    private func finishOne(_ picker: inout PiecePicker) -> Bool {
        let done = picker.activePieces.first { picker.activePiece($0)?.isAllReceived == true }
        guard let done else { return false }
        picker.markVerified(done)
        return true
    }

    /// A choice that must be there.
    private func take(
        _ picker: inout PiecePicker,
        for peer: ConnectionID,
        _ pieces: Bitfield,
        _ lengthMax: Int
    ) throws -> PiecePicker.Choice {
        let choice = picker.next(for: peer, having: pieces, lengthMax: lengthMax)
        return try #require(choice)
    }

    @Test("released blocks are handed out again, and only those")
    func releasedAgain() throws {
        let geometry = try Self.geometry([8 * Self.block], blocksPerPiece: 8)
        var picker = Self.picker(geometry)
        let pieces = Self.all(geometry)
        let first = try take(&picker, for: Self.a, pieces, 4 * Self.block)
        let second = try take(&picker, for: Self.b, pieces, 4 * Self.block)
        #expect(picker.next(for: Self.c, having: pieces, lengthMax: Self.block) == nil)
        // Not b's to release.
        picker.release(first.range, from: Self.b)
        #expect(picker.next(for: Self.c, having: pieces, lengthMax: Self.block) == nil)
        picker.release(second.range, from: Self.b)
        let again = try take(&picker, for: Self.c, pieces, 8 * Self.block)
        #expect(again == PiecePicker.Choice(range: second.range, isNewPiece: false))
    }

    @Test("a peer goes on with the piece that it owns, and is given its own piece before another's")
    func ownership() throws {
        let geometry = try Self.geometry([8 * Self.block], blocksPerPiece: 4)
        var picker = Self.picker(geometry)
        let pieces = Self.all(geometry)
        let a1 = try take(&picker, for: Self.a, pieces, Self.block)
        let b1 = try take(&picker, for: Self.b, pieces, Self.block)
        #expect(a1.range.piece != b1.range.piece)
        let a2 = try take(&picker, for: Self.a, pieces, Self.block)
        #expect(a2.range.piece == a1.range.piece && !a2.isNewPiece)
        // Nothing is left to start: c shares the piece with most blocks to ask for, b's.
        let c1 = try take(&picker, for: Self.c, pieces, Self.block)
        #expect(c1.range.piece == b1.range.piece && !c1.isNewPiece)
    }

    @Test("a peer is asked only for pieces that it has")
    func having() throws {
        let geometry = try Self.geometry([6 * Self.block], blocksPerPiece: 2)
        for mask in 0..<8 {
            var picker = Self.picker(geometry)
            var pieces = Bitfield(count: 3)
            for bit in 0..<3 where mask >> bit & 1 == 1 { pieces.insert(bit: bit) }
            var got = Bitfield(count: 3)
            while let choice = picker.next(for: Self.a, having: pieces, lengthMax: Self.block) {
                got.insert(choice.range.piece)
            }
            #expect(got == pieces)
        }
    }

    @Test("an exclusive piece is never shared, and starts anew when its owner leaves")
    func exclusive() throws {
        let geometry = try Self.geometry([4 * Self.block], blocksPerPiece: 4)
        var picker = Self.picker(geometry)
        let pieces = Self.all(geometry)
        let piece = try #require(geometry.piece(0))
        picker.holdBack(piece)
        #expect(picker.state(of: piece) == .heldBack)
        #expect(picker.next(for: Self.a, having: pieces, lengthMax: Self.block) == nil)
        picker.restartExclusively(piece)
        let first = try take(&picker, for: Self.a, pieces, Self.block)
        #expect(!first.isNewPiece)
        #expect(picker.next(for: Self.b, having: pieces, lengthMax: Self.block) == nil)
        picker.markReceived(first.range)
        #expect(picker.disown(Self.b) == [])
        #expect(picker.disown(Self.a) == [piece])
        picker.restartExclusively(piece)
        let anew = try take(&picker, for: Self.b, pieces, 4 * Self.block)
        #expect(anew.range == geometry.wholeRange(of: piece))
    }

    @Test("a resumed piece wants its wrong blocks only")
    func resumed() throws {
        let geometry = try Self.geometry([4 * Self.block], blocksPerPiece: 4)
        var picker = Self.picker(geometry)
        let piece = try #require(geometry.piece(0))
        picker.holdBack(piece)
        picker.resume(piece, missing: [1, 3])
        let pieces = Self.all(geometry)
        let first = picker.next(for: Self.a, having: pieces, lengthMax: 4 * Self.block)
        let second = picker.next(for: Self.a, having: pieces, lengthMax: 4 * Self.block)
        #expect(first?.range == geometry.range(of: 1..<2, in: piece))
        #expect(second?.range == geometry.range(of: 3..<4, in: piece))
        #expect(picker.next(for: Self.a, having: pieces, lengthMax: 4 * Self.block) == nil)
    }

    @Test("no more pieces are active than allowed; peers share those that are")
    func activeMax() throws {
        let geometry = try Self.geometry([20 * Self.block], blocksPerPiece: 2)
        var picker = Self.picker(geometry, activeMax: 3)
        let pieces = Self.all(geometry)
        for number in 0..<6 {
            let peer = ConnectionID(UInt64(number))
            #expect(picker.next(for: peer, having: pieces, lengthMax: Self.block) != nil)
            #expect(picker.activeCount <= 3)
        }
        #expect(picker.next(for: Self.a, having: pieces, lengthMax: Self.block) == nil)
        #expect(!picker.isEndgame)
    }

    @Test("the endgame is when every wanted block is here or asked of somebody")
    func endgame() throws {
        let geometry = try Self.geometry([4 * Self.block], blocksPerPiece: 2)
        var picker = Self.picker(geometry)
        let pieces = Self.all(geometry)
        var flags: [Bool] = []
        while let choice = picker.next(for: Self.a, having: pieces, lengthMax: Self.block) {
            _ = choice
            flags.append(picker.isEndgame)
        }
        #expect(flags == [false, false, false, true])
        for piece in geometry.pieces { picker.markVerified(piece) }
        #expect(!picker.isEndgame && picker.isComplete)
    }

    @Test("urgent pieces come first, then the rarest")
    func order() throws {
        let geometry = try Self.geometry([4 * Self.block], blocksPerPiece: 1)
        var picker = PiecePicker(
            geometry: geometry,
            verified: Bitfield(count: 4),
            urgent: [try #require(geometry.piece(2))],
            activePiecesMax: 9,
            random: SeededRandom(seed: 3)
        )
        for piece in geometry.pieces { picker.release(piece) }
        var some = Bitfield(count: 4)
        for bit in [0, 1, 2] { some.insert(bit: bit) }
        picker.peerJoined(with: some)
        let wantedCount = picker.peerGained([try #require(geometry.piece(0))])
        #expect(wantedCount == 1)
        var order: [Int] = []
        while let choice = picker.next(
            for: Self.a,
            having: Self.all(geometry),
            lengthMax: Self.block
        ) {
            order.append(choice.range.piece.number)
        }
        #expect(order == [2, 3, 1, 0])
    }

    @Test("a piece that nobody serves any more leaves room for another")
    func stranded() throws {
        let geometry = try Self.geometry([8 * Self.block], blocksPerPiece: 2)
        var picker = Self.picker(geometry, activeMax: 1)
        func ask(_ peer: ConnectionID) -> Bool {
            picker.next(for: peer, having: Self.all(geometry), lengthMax: 2 * Self.block) != nil
        }
        #expect(ask(Self.a))
        #expect(!ask(Self.b))
        picker.scopes.completeHolderLeft(at: 0)
        #expect(ask(Self.b))
        picker.scopes.completeHolderJoined(at: 0)
        #expect(!ask(Self.c))
    }

    @Test("a piece is in one state at a time, through all it may meet")
    func states() throws {
        let geometry = try Self.geometry([2 * Self.block], blocksPerPiece: 2)
        let piece = try #require(geometry.piece(0))
        var picker = PiecePicker(
            geometry: geometry,
            verified: Bitfield(count: 1),
            urgent: [],
            activePiecesMax: 1,
            random: SeededRandom(seed: 1)
        )
        #expect(picker.state(of: piece) == .heldBack)
        picker.release(piece)
        #expect(picker.state(of: piece) == .startable)
        _ = picker.next(for: Self.a, having: Self.all(geometry), lengthMax: Self.block)
        #expect(picker.state(of: piece) == .active)
        picker.release(piece)
        #expect(picker.state(of: piece) == .active)
        picker.markVerified(piece)
        #expect(picker.state(of: piece) == .verified)
        picker.release(piece)
        #expect(picker.state(of: piece) == .verified)
        picker.markLost(piece)
        #expect(picker.state(of: piece) == .startable)
        picker.holdBack(piece)
        #expect(picker.state(of: piece) == .heldBack)
    }
}
