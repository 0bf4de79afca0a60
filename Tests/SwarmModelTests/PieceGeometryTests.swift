import SwarmModel
import Testing

@Suite("Piece geometry")
struct PieceGeometryTests {
    static let pieceLength = 32768
    /// Empty, around a block, around a piece, several pieces and a tail.
    static let lengths = [0, 1, 16384, 16385, 32767, 32768, 32769, 65536, 65537]

    @Test("pieces lie over every list of three files as BEP 52 says")
    func enumerates() throws {
        for a in Self.lengths {
            for b in Self.lengths {
                for c in Self.lengths { try check([a, b, c]) }
            }
        }
        try check([])
    }

    func check(_ lengths: [Int]) throws {
        let geometry = try PieceGeometry(pieceLength: Self.pieceLength, fileLengths: lengths)
        // The oracle: every piece one after the other.
        var expected: [(file: Int, offset: Int, length: Int)] = []
        for (file, length) in lengths.enumerated() {
            for offset in stride(from: 0, to: length, by: Self.pieceLength) {
                expected.append((file, offset, min(Self.pieceLength, length - offset)))
            }
        }
        var isGood = geometry.pieceCount == expected.count
        isGood = isGood && geometry.totalLength == lengths.reduce(0, +)
        isGood = isGood && geometry.pieces.count == expected.count
        isGood = isGood && geometry.piece(expected.count) == nil && geometry.piece(-1) == nil
        isGood = isGood && geometry.file(lengths.count) == nil && geometry.file(-1) == nil
        for (piece, oracle) in zip(geometry.pieces, expected) {
            isGood = isGood && geometry.file(of: piece).number == oracle.file
            isGood = isGood && geometry.offsetInFile(of: piece) == oracle.offset
            isGood = isGood && geometry.length(of: piece) == oracle.length
            isGood = isGood && geometry.blockCount(of: piece) == (oracle.length + 16383) / 16384
            let whole = geometry.wholeRange(of: piece)
            isGood = isGood && (whole.offset, whole.length) == (0, oracle.length)
            isGood = isGood && whole.blocks == 0..<geometry.blockCount(of: piece)
            isGood = isGood && geometry.range(of: whole.blocks, in: piece) == whole
            isGood = isGood && geometry.alignedRange(of: RawBlock(whole)) == whole
        }
        for file in geometry.files {
            let own = expected.indices.filter { expected[$0].file == file.number }
            isGood = isGood && Array(geometry.pieceNumbers(of: file)) == own
            isGood = isGood && geometry.pieces(of: file).map(\.number) == own
            isGood = isGood && geometry.length(of: file) == lengths[file.number]
        }
        #expect(isGood, "files of \(lengths)")
    }

    @Test("ranges outside of a piece or off its blocks do not exist")
    func refusesRanges() throws {
        let geometry = try PieceGeometry(pieceLength: 32768, fileLengths: [32768 + 20000])
        let tail = try #require(geometry.piece(1))
        #expect(geometry.range(of: 0..<0, in: tail) == nil)
        #expect(geometry.range(of: -1..<1, in: tail) == nil)
        #expect(geometry.range(of: 1..<3, in: tail) == nil)
        #expect(geometry.range(of: 1..<2, in: tail)?.length == 20000 - 16384)
        func aligned(_ piece: UInt32, _ begin: UInt32, _ length: UInt32) -> Int? {
            geometry.alignedRange(of: RawBlock(piece: piece, begin: begin, length: length))?.length
        }
        #expect(aligned(1, 16384, 3616) == 3616)
        #expect(aligned(1, 16384, 3615) == nil)
        #expect(aligned(1, 16384, 16384) == nil)
        #expect(aligned(1, 1, 16383) == nil)
        #expect(aligned(0, 0, 0) == nil)
        #expect(aligned(2, 0, 16384) == nil)
        #expect(aligned(0, .max, .max) == nil)
        #expect(aligned(.max, 0, 1) == nil)
    }

    @Test("requests past the end of a file are padded with zeros up to the piece")
    func servesPadding() throws {
        let geometry = try PieceGeometry(pieceLength: 32768, fileLengths: [20000])
        func served(_ begin: UInt32, _ length: UInt32, max: Int = 32768) -> [Int]? {
            let raw = RawBlock(piece: 0, begin: begin, length: length)
            return geometry.servedRange(of: raw, lengthMax: max).map { range in
                #expect(range.raw == raw)
                return [range.offset, range.length, range.padding]
            }
        }
        #expect(served(0, 20000) == [0, 20000, 0])
        #expect(served(100, 8192) == [100, 8192, 0])
        #expect(served(16384, 16384) == [16384, 3616, 12768])
        #expect(served(20000, 1) == [20000, 0, 1])
        #expect(served(32767, 1) == [32767, 0, 1])
        #expect(served(32767, 2) == nil)
        #expect(served(0, 0) == nil)
        #expect(served(0, 16385, max: 16384) == nil)
        #expect(served(.max, .max, max: .max) == nil)
    }

    @Test("what cannot be a version is refused")
    func refusesFlaws() {
        func flaw(_ pieceLength: Int, _ lengths: [Int]) -> PieceGeometry.Flaw? {
            do throws(PieceGeometry.Flaw) {
                _ = try PieceGeometry(pieceLength: pieceLength, fileLengths: lengths)
                return nil
            } catch {
                return error
            }
        }
        for length in [0, -1, 1, 8192, 16385, 49152, 512 << 20, .max, .min] {
            #expect(flaw(length, [1]) == .pieceLength(length))
        }
        #expect(flaw(16384, [1]) == nil && flaw(256 << 20, [1]) == nil)
        #expect(flaw(16384, [1, -1]) == .fileLength(-1))
        #expect(flaw(16384, [.max]) == .totalLength)
        #expect(flaw(256 << 20, [1 << 46]) == nil)
        #expect(flaw(256 << 20, [1 << 46, 1]) == .totalLength)
        #expect(flaw(16384, [(1 << 21) * 16384]) == nil)
        #expect(flaw(16384, [(1 << 21) * 16384, 1]) == .pieceCount)
    }
}
