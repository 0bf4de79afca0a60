import SwarmModel
import Testing

@Suite("Choosing a piece length")
struct PieceLengthPolicyTests {
    private static let mebi = 1 << 20

    @Test(
        "it is the power of two nearest to a two-thousandth, from 1 to 16 MiB",
        arguments: [
            (0, 1), (1, 1), (500 << 20, 1), (2_000 * mebi, 1), (2_800 * mebi, 1), (2_900 * mebi, 2),
            (4_000 * mebi, 2), (5_700 * mebi, 4), (8_000 * mebi, 4), (16_000 * mebi, 8),
            (22_000 * mebi, 8), (23_000 * mebi, 16), (32_000 * mebi, 16), (1 << 40, 16),
            (4 << 40, 16),
        ]
    )
    func automatic(total: Int, mebibytes: Int) throws {
        let choice = try PieceLengthPolicy.choose(fileLengths: [total])
        #expect(choice == .init(pieceLength: mebibytes << 20))
    }

    @Test("every power of two from 16 KiB to 256 MiB can be asked for, and nothing else")
    func asked() throws {
        for shift in 0..<62 {
            let length = 1 << shift
            let allowed = (14...28).contains(shift)
            let choice = try? PieceLengthPolicy.choose(fileLengths: [5], asked: length)
            #expect(choice?.pieceLength == (allowed ? length : nil))
        }
        for wrong in [0, -16384, 16383, 16385, 48 << 10, (256 << 20) + 1, Int.min, Int.max] {
            #expect(throws: PieceLengthPolicy.Flaw.notAllowed(wrong)) {
                try PieceLengthPolicy.choose(fileLengths: [5], asked: wrong)
            }
        }
    }

    @Test("it is raised just as far as the number of pieces demands")
    func raised() throws {
        let most = PieceLengthPolicy.pieceCountMax << 14
        let fits = try PieceLengthPolicy.choose(fileLengths: [most], asked: 1 << 14)
        #expect(fits == .init(pieceLength: 1 << 14))
        let over = try PieceLengthPolicy.choose(fileLengths: [most, 1], asked: 1 << 14)
        #expect(over == .init(pieceLength: 1 << 15, raisedFrom: 1 << 14))
        let huge = try PieceLengthPolicy.choose(fileLengths: [PieceGeometry.totalLengthMax])
        #expect(huge == .init(pieceLength: 256 << 20, raisedFrom: 16 << 20))
    }

    @Test("what no piece length can hold is refused")
    func tooLarge() {
        for lengths in [[PieceGeometry.totalLengthMax, 1], [.max, .max], [-1]] {
            #expect(throws: PieceLengthPolicy.Flaw.tooLarge) {
                try PieceLengthPolicy.choose(fileLengths: lengths)
            }
        }
    }
}
