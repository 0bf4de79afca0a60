import SwarmModel
import Testing

@testable import SwarmCore

@Suite("RarityIndex")
struct RarityIndexTests {
    /// The same as a plain list: what is startable, and how many peers have each piece.
    private struct Model {
        var counts: [Int]
        var isStartable: [Bool]

        init(_ pieceCount: Int) {
            counts = Array(repeating: 0, count: pieceCount)
            isStartable = Array(repeating: false, count: pieceCount)
        }

        /// The candidates among which the choice must be.
        func rarest(where isCandidate: (Int) -> Bool) -> [Int] {
            let open = counts.indices.filter { isStartable[$0] && isCandidate($0) }
            let least = open.map { counts[$0] }.min()
            return open.filter { counts[$0] == least }
        }
    }

    @Test("agrees with a straight model over random operations", arguments: 0..<40)
    func model(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        let pieceCount = seed % 10
        var index = RarityIndex(pieceCount: pieceCount)
        var model = Model(pieceCount)
        for _ in 0..<(pieceCount == 0 ? 1 : 400) {
            if pieceCount > 0 { step(&index, &model, &random) }
            compare(index, model, &random)
        }
    }

    private func step(
        _ index: inout RarityIndex,
        _ model: inout Model,
        _ random: inout SeededRandom
    ) {
        let piece = Int.random(in: 0..<model.counts.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            index.insert(piece)
            model.isStartable[piece] = true
        case 1:
            index.remove(piece)
            model.isStartable[piece] = false
        case 2:
            index.increment(piece)
            model.counts[piece] += 1
        default:
            guard model.counts[piece] > 0 else { return }
            index.decrement(piece)
            model.counts[piece] -= 1
        }
    }

    private func compare(_ index: RarityIndex, _ model: Model, _ random: inout SeededRandom) {
        #expect(index.isConsistent)
        #expect(index.startableCount == model.isStartable.count { $0 })
        #expect(index.isEmpty == !model.isStartable.contains(true))
        for piece in model.counts.indices {
            #expect(index.contains(piece) == model.isStartable[piece])
            #expect(index.availability(of: piece) == model.counts[piece])
        }
        let mask = Int.random(in: 0..<1024, using: &random)
        let isCandidate = { (piece: Int) in mask >> piece & 1 == 1 }
        let allowed = model.rarest(where: isCandidate)
        let found = index.rarest(using: &random, where: isCandidate)
        #expect(found.map { allowed.contains($0) } ?? allowed.isEmpty)
    }

    @Test("among equally rare pieces each is chosen now and then")
    func spread() {
        var random = SeededRandom(seed: 7)
        var index = RarityIndex(pieceCount: 5)
        for piece in 0..<5 { index.insert(piece) }
        index.increment(4)
        var chosen = Array(repeating: 0, count: 5)
        for _ in 0..<400 {
            if let piece = index.rarest(using: &random, where: { _ in true }) { chosen[piece] += 1 }
        }
        #expect(chosen[4] == 0)
        #expect(chosen[0..<4].allSatisfy { $0 > 50 })
    }
}
