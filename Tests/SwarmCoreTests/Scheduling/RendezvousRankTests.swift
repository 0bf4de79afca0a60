import SwarmModel
import Testing

@testable import SwarmCore

@Suite("RendezvousRank")
struct RendezvousRankTests {
    @Test("costs are these on every processor")
    func golden() {
        func cost(_ piece: Int, _ salt: UInt64, _ member: UInt64, _ weight: UInt32) -> UInt64 {
            let key = RendezvousRank.key(piece: piece, salt: salt)
            return RendezvousRank.cost(pieceKey: key, memberKey: member, weight: weight)
        }
        #expect(cost(0, 0, 0, 1) == 1 << 58)
        #expect(cost(1, 2, 3, 8) == 1_859_278_823_751_680)
        #expect(cost((1 << 21) - 1, 1 << 63, 77, 3) == 2_541_526_703_931_392)
        #expect(Roster.key(of: SwarmBench.peer(50)) == 15_731_823_376_862_149_624)
    }

    @Test("the logarithm never increases, and is exact at powers of two")
    func logarithm() {
        for power in 0..<64 {
            #expect(
                RendezvousRank.negativeLogarithm(1 << UInt64(power)) == UInt64(64 - power) << 32
            )
        }
        #expect(RendezvousRank.negativeLogarithm(.max) == 1)
        var random = SeededRandom(seed: 1)
        var points = (0..<2000).map { _ in UInt64.random(in: 1 ... .max, using: &random) }
        points.sort()
        for (a, b) in zip(points, points.dropFirst()) {
            #expect(RendezvousRank.negativeLogarithm(a) >= RendezvousRank.negativeLogarithm(b))
        }
    }

    @Test("each member has the lowest cost in proportion to its weight")
    func weights() {
        let weights: [UInt32] = [1, 2, 4, 8, 16]
        var wins = [0, 0, 0, 0, 0]
        let pieces = 31_000
        for piece in 0..<pieces {
            let key = RendezvousRank.key(piece: piece, salt: 5)
            let costs = weights.indices.map {
                RendezvousRank.cost(
                    pieceKey: key,
                    memberKey: RendezvousRank.mix(UInt64($0) + 1),
                    weight: weights[$0]
                )
            }
            if let least = costs.min(), let winner = costs.firstIndex(of: least) {
                wins[winner] += 1
            }
        }
        for (index, weight) in weights.enumerated() {
            // Six standard deviations of a binomial count.
            let expected = Double(pieces) * Double(weight) / 31
            #expect(abs(Double(wins[index]) - expected) < 6 * expected.squareRoot(), "\(wins)")
        }
    }
}
