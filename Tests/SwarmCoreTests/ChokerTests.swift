import SwarmModel
import Testing

@testable import SwarmCore

@Suite("Choker")
struct ChokerTests {
    private func candidates(_ count: Int) -> [Choker.Candidate] {
        (0..<count).map {
            Choker.Candidate(
                id: ConnectionID(UInt64($0)),
                isUnchoked: false,
                unchokedAt: nil,
                piecesHeld: $0,
                isOurs: true
            )
        }
    }

    @Test(
        "never more than the slots, never one twice, all when there is room",
        arguments: 0...9,
        0...9
    )
    func bounds(count: Int, slots: Int) {
        let chosen = Choker.unchoked(among: candidates(count), slots: slots)
        #expect(chosen.count == min(count, slots))
        for id in chosen { #expect(chosen.count { $0 == id } == 1) }
    }

    @Test("everyone has a turn, whatever they hold", arguments: 1...6)
    func rotation(slots: Int) {
        var peers = candidates(10)
        var turns = Array(repeating: 0, count: 10)
        for round in 0..<40 {
            let chosen = Choker.unchoked(among: peers, slots: slots)
            for index in peers.indices {
                let isChosen = chosen.contains(peers[index].id)
                if isChosen, !peers[index].isUnchoked {
                    peers[index].unchokedAt = .origin + .seconds(10 * Int64(round))
                }
                peers[index].isUnchoked = isChosen
                turns[index] += isChosen ? 1 : 0
            }
        }
        #expect(turns.allSatisfy { $0 > 0 }, "\(turns)")
    }

    @Test("those with least come first, and our own before other clients")
    func need() {
        var peers = candidates(8)
        peers[0].isOurs = false
        let chosen = Choker.unchoked(among: peers, slots: 4)
        #expect(chosen.prefix(3).map(\.number) == [1, 2, 3])
    }
}
