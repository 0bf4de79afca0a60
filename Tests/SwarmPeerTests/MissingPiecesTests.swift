import SwarmModel
import Testing

@testable import SwarmPeer

@Suite("The names of missing pieces")
struct MissingPiecesTests {
    @Test("neighbours of one file are one run, and the list is short")
    func runs() throws {
        let length = PieceGeometry.blockLength
        let geometry = try PieceGeometry(
            pieceLength: length,
            fileLengths: [3 * length, 80 * length]
        )
        func runs(_ numbers: [Int]) -> [String] {
            let pieces = numbers.compactMap { geometry.piece($0) }
            return MissingPieces.runs(of: pieces, geometry) { "f\($0.number)" }.map { "\($0)" }
        }
        #expect(runs([]) == [])
        #expect(runs([0, 2, 3, 4, 9]) == ["0 of 'f0'", "2 of 'f0'", "3–4 of 'f1'", "9 of 'f1'"])
        #expect(runs(Array(stride(from: 3, to: 83, by: 2))).count == MissingPieces.runsMax)
        #expect(runs(Array(0..<83)) == ["0–2 of 'f0'", "3–82 of 'f1'"])
    }
}
