import SwarmModel
import Testing

@testable import SwarmCore

@Suite("PieceScopes")
struct PieceScopesTests {
    /// The same, kept as plainly as can be.
    private struct Model {
        let top: Int
        let policy: SchedulerSettings.Policy
        var holders: [[Int]]
        var complete: [Int]
        var startable: [Bool]
        var reach: [Int]
        var promoted: [Bool]
        var expected: [Int?]
        var isSettling = false

        init(_ pieces: Int, _ top: Int, _ policy: SchedulerSettings.Policy) {
            self.top = top
            self.policy = policy
            holders = Array(repeating: Array(repeating: 0, count: pieces), count: top + 1)
            complete = Array(repeating: 0, count: top + 1)
            startable = Array(repeating: false, count: pieces)
            reach = Array(repeating: top + 1, count: pieces)
            promoted = Array(repeating: false, count: pieces)
            expected = Array(repeating: nil, count: pieces)
        }

        func isOpen(_ piece: Int, _ level: Int) -> Bool {
            guard startable[piece] else { return false }
            if level == top || policy == .randomRarest { return true }
            for nearer in level + 1...top where holders[nearer][piece] + complete[nearer] > 0 {
                return false
            }
            if policy == .localityBiased { return true }
            if isSettling { return false }
            if promoted[piece] { return true }
            return expected[piece] ?? -1 <= level && reach[piece] <= level + 1
        }
    }

    @Test(
        "what is open is what the rules say, after any changes in any order",
        arguments: 0..<30,
        SchedulerSettings.Policy.allCases
    )
    func oracle(seed: UInt64, policy: SchedulerSettings.Policy) {
        var random = SeededRandom(seed: seed)
        let pieces = Int.random(in: 1...70, using: &random)
        let top = Int.random(in: 0...4, using: &random)
        var scopes = PieceScopes(pieceCount: pieces, top: top, policy: policy)
        var model = Model(pieces, top, policy)
        for _ in 0..<400 {
            change(&scopes, &model, &random)
            let piece = Int.random(in: 0..<pieces, using: &random)
            for level in 0...top {
                #expect(scopes.open[level][bit: piece] == model.isOpen(piece, level))
            }
        }
        for piece in 0..<pieces {
            for level in 0...top {
                #expect(scopes.open[level][bit: piece] == model.isOpen(piece, level))
                if model.startable[piece] {
                    #expect(scopes.permits(piece, at: level) == model.isOpen(piece, level))
                }
            }
        }
    }

    private func change(
        _ scopes: inout PieceScopes,
        _ model: inout Model,
        _ random: inout SeededRandom
    ) {
        let piece = Int.random(in: 0..<model.startable.count, using: &random)
        let level = Int.random(in: 0...model.top, using: &random)
        let flag = Bool.random(using: &random)
        switch Int.random(in: 0..<8, using: &random) {
        case 0, 1:
            if flag || model.holders[level][piece] == 0 {
                scopes.holderGained(piece, at: level)
                model.holders[level][piece] += 1
            } else {
                scopes.holderLost(piece, at: level)
                model.holders[level][piece] -= 1
            }
        case 2:
            if model.complete[level] == 0 {
                scopes.completeHolderJoined(at: level)
                model.complete[level] += 1
            } else {
                scopes.completeHolderLeft(at: level)
                model.complete[level] -= 1
            }
        case 3:
            scopes.setStartable(piece, flag)
            model.startable[piece] = flag
        case 4:
            scopes.setReach(piece, UInt8(level + (flag ? 1 : 0)))
            model.reach[piece] = level + (flag ? 1 : 0)
        case 5:
            scopes.setPromoted(piece, flag)
            model.promoted[piece] = flag
        case 6:
            _ = scopes.setExpected(piece, at: flag ? level : nil)
            model.expected[piece] = flag ? level : nil
        default:
            scopes.setSettling(flag)
            model.isSettling = flag
        }
    }
}
