import SwarmModel
import Testing

@testable import SwarmCore

@Suite("SessionTable")
struct SessionTableTests {
    private static func session(_ number: UInt64) -> PeerSession {
        let facts = ConnectionFacts(
            id: ConnectionID(number),
            peer: SwarmBench.peer(UInt8(number % 200)),
            endpoint: SwarmBench.endpoint(1),
            isIncoming: false
        )
        return PeerSession(facts, at: .origin)
    }

    @Test("sessions are found, changed and removed by id, and keep their order")
    func table() {
        var table = SessionTable()
        var numbers: [UInt64] = []
        var random = SeededRandom(seed: 5)
        for round in 0..<2000 {
            if !numbers.isEmpty, Int.random(in: 0..<3, using: &random) == 0 {
                let index = Int.random(in: 0..<numbers.count, using: &random)
                table[ConnectionID(numbers.remove(at: index))] = nil
            } else {
                let number = UInt64(round) * 7
                table[ConnectionID(number)] = Self.session(number)
                table[ConnectionID(number)]?.interestingCount = round
                numbers.append(number)
            }
        }
        #expect(table.count == numbers.count)
        #expect(table.keys == numbers.map { ConnectionID($0) })
        #expect(table.values.map(\.id) == table.keys)
        for number in numbers {
            #expect(table[ConnectionID(number)]?.interestingCount == Int(number / 7))
        }
        #expect(table[ConnectionID(5)] == nil)
    }

    @Test("questions change sessions in place")
    func inPlace() {
        var table = SessionTable()
        for number in 0..<10 as Range<UInt64> {
            table[ConnectionID(number)] = Self.session(number)
        }
        let even = table.ids { session in
            session.level = 2
            return session.id.number % 2 == 0
        }
        #expect(even == [0, 2, 4, 6, 8].map { ConnectionID($0) })
        #expect(table.values.allSatisfy { $0.level == 2 })
        #expect(table.count { $0.id.number > 6 } == 3)
        #expect(table.contains { $0.id.number == 9 })
        #expect(table.with(ConnectionID(11)) { $0.level } == nil)
    }
}
