import SwarmModel
import Testing

@testable import SwarmCore

@Suite("IntentBook")
struct IntentBookTests {
    private static let a = ConnectionID(1)
    private static let b = ConnectionID(2)
    private static func at(_ seconds: Double) -> Instant { .origin + .seconds(seconds) }

    private func book() -> IntentBook { IntentBook(holdMax: .seconds(60)) }

    private func hear(
        _ book: inout IntentBook,
        _ from: ConnectionID,
        level: Int = 1,
        at seconds: Double
    ) -> Bool {
        book.hear(7, from: from, level: level, lifetime: .seconds(5), at: Self.at(seconds))
    }

    @Test("an intent is news once, counts at its level, and ends with its time")
    func life() {
        var book = book()
        #expect(hear(&book, Self.a, at: 0) == true)
        #expect(hear(&book, Self.a, at: 3) == false, "a repetition")
        #expect(hear(&book, Self.b, level: 2, at: 4) == true)
        #expect(book.level(of: 7) == 2)
        #expect(book.level(of: 8) == nil)
        #expect(book.expire(at: Self.at(8)) == [7])
        #expect(book.level(of: 7) == 2)
        #expect(book.expire(at: Self.at(9)) == [7])
        #expect(book.level(of: 7) == nil)
    }

    @Test("it ends with the piece, when taken back, and with the connection")
    func ends() {
        var book = book()
        _ = hear(&book, Self.a, at: 0)
        #expect(book.delivered(7, by: Self.a) == true)
        #expect(book.delivered(7, by: Self.a) == false)
        #expect(book.level(of: 7) == nil)
        _ = hear(&book, Self.a, at: 1)
        #expect(book.withdrawn(7, by: Self.a) == true)
        #expect(book.withdrawn(7, by: Self.a) == false)
        #expect(book.level(of: 7) == nil)
        _ = hear(&book, Self.b, at: 1)
        #expect(book.closed(Self.b) == [7])
        #expect(book.level(of: 7) == nil)
    }

    @Test("who promises again and again is believed for a minute, and then for a minute not")
    func bounded() {
        var book = book()
        var live = 0
        for second in 0..<360 {
            _ = book.expire(at: Self.at(Double(second)))
            _ = hear(&book, Self.a, at: Double(second))
            if book.level(of: 7) != nil { live += 1 }
            // Taking it back does not begin the time anew.
            if second % 7 == 0 { _ = book.withdrawn(7, by: Self.a) }
        }
        #expect((170...190).contains(live), "\(live)")
    }

    @Test("no more intents for one piece than the limit, and the dead make room")
    func full() {
        var book = book()
        for number in 0..<UInt64(IntentBook.perPieceMax) {
            #expect(hear(&book, ConnectionID(number), at: 0) == true)
        }
        #expect(hear(&book, ConnectionID(99), at: 0) == false)
        _ = book.withdrawn(7, by: ConnectionID(3))
        #expect(hear(&book, ConnectionID(99), at: 0) == true)
    }

    // MARK: In a swarm

    private func bench() throws -> SwarmBench {
        var bench = try SwarmBench(filePieces: [8]) { settings in
            settings.locality = (try? Locality("a/1/x")) ?? .unknown
            settings.scheduler.smallModelBytes = 0
            settings.scheduler.settleTime = .zero
            settings.scheduler.rosterWait = .zero
        }
        bench.begin(try bench.content())
        _ = bench.handle(.tick)
        return bench
    }

    private func intents(_ actions: [SwarmAction], to id: UInt64) -> [ImportIntent] {
        actions.compactMap { action in
            if case .send(.intent(let intent), ConnectionID(id)) = action { intent } else { nil }
        }
    }

    private func intent(_ piece: UInt32, withdraws: Bool = false) -> PeerMessage {
        .intent(
            ImportIntent(
                isWithdrawal: withdraws,
                level: 1,
                lifetime: .seconds(5),
                pieces: [piece]
            )
        )
    }

    @Test("those inside of the boundary hear of an import, and nobody else")
    func told() throws {
        var bench = try bench()
        try bench.meet(2, at: "a/1/x")
        try bench.meet(3, at: "b/1/x")
        _ = bench.receive(.haveNone, from: 2)
        _ = bench.receive(.haveAll, from: 3)
        let actions = bench.receive(.unchoke, from: 3)
        let begun = SwarmBench.requests(actions, to: 3).map(\.piece)
        #expect(!begun.isEmpty, "about half of the pieces are ours to import")
        let expected = begun.reduce(into: [UInt32]()) { list, piece in
            if !list.contains(piece) { list.append(piece) }
        }
        #expect(intents(actions, to: 2).flatMap(\.pieces) == expected)
        #expect(intents(actions, to: 2).allSatisfy { $0.level == 1 && !$0.isWithdrawal })
        #expect(intents(actions, to: 3) == [])
        // It chokes: nobody is asked for them any more.
        _ = bench.receive(.choke, from: 3)
        let later = bench.handle(.tick, after: .seconds(1))
        #expect(intents(later, to: 2).filter(\.isWithdrawal).flatMap(\.pieces).count > 0)
    }

    @Test("a piece that a neighbour imports is left to it, until it takes that back")
    func heeded() throws {
        var bench = try bench()
        try bench.meet(2, at: "a/1/x")
        try bench.meet(3, at: "b/1/x")
        _ = bench.receive(.haveNone, from: 2)
        for piece in 0..<UInt32(8) { _ = bench.receive(intent(piece), from: 2) }
        _ = bench.receive(.haveAll, from: 3)
        #expect(SwarmBench.requests(bench.receive(.unchoke, from: 3)) == [])
        var asked: [UInt32] = []
        for piece in 0..<UInt32(8) {
            asked += SwarmBench.requests(bench.receive(intent(piece, withdraws: true), from: 2))
                .map(\.piece)
        }
        #expect(!asked.isEmpty)
    }

    @Test("an intent for a piece that does not exist closes the connection")
    func violation() throws {
        var bench = try bench()
        try bench.meet(2, at: "a/1/x")
        #expect(SwarmBench.isViolation(bench.receive(intent(8), from: 2), of: 2))
    }
}
