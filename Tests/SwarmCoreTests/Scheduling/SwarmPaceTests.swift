import OrderedCollections
import SwarmModel
import Testing

@testable import SwarmCore

/// A host that compares itself with its rack.
@Suite("Slow hosts")
struct SwarmPaceTests {
    private static let place = try? Locality("a/1/x")

    /// This host and `count` others of its rack, which have nothing yet.
    private func bench(_ count: UInt64 = 4) throws -> SwarmBench {
        var bench = try SwarmBench(filePieces: [200]) { settings in
            settings.locality = Self.place ?? .unknown
            settings.scheduler.smallModelBytes = 0
            settings.scheduler.settleTime = .zero
            settings.scheduler.rosterWait = .zero
        }
        bench.begin(try bench.content())
        _ = bench.handle(.tick)
        for id in 1...count {
            _ = bench.open(id, extensions: true)
            let extended = ExtendedHandshake(
                intentID: 4,
                uplinkID: 5,
                locality: Self.place,
                requestLengthMax: 1 << 20
            )
            _ = bench.receive(.extendedHandshake(extended), from: id)
            _ = bench.receive(.haveNone, from: id)
            _ = bench.receive(.unchoke, from: id)
        }
        return bench
    }

    /// Each of the others gets `count` pieces, and a second passes.
    private func gain(
        _ pieces: Range<UInt32>,
        _ bench: inout SwarmBench,
        peers: ClosedRange<UInt64> = 1...4
    ) -> [SwarmAction] {
        for id in peers {
            _ = bench.handle(.havesReceived(Array(pieces), from: SwarmBench.id(id)))
        }
        var actions: [SwarmAction] = []
        for _ in 0..<3 { actions += bench.handle(.tick, after: .milliseconds(500)) }
        return actions
    }

    private func told(_ actions: [SwarmAction]) -> [Bool] {
        actions.compactMap {
            if case .send(.uplink(let report), _) = $0 { report.isSlow } else { nil }
        }
    }

    @Test("who gets far less than its rack says so to all, and is no importer any more")
    func getsLittle() throws {
        var bench = try bench()
        #expect(told(gain(0..<1, &bench)).isEmpty)
        let before = try #require(bench.swarm.duty)
        #expect(before.reach.contains { Int($0) <= bench.swarm.domains.top })
        #expect(told(gain(1..<15, &bench)).isEmpty, "too few pieces to tell")
        #expect(told(gain(15..<40, &bench)) == [true, true, true, true])
        let after = try #require(bench.swarm.duty)
        #expect(after.reach.allSatisfy { Int($0) > bench.swarm.domains.top })
        // A neighbour that comes later hears of it too.
        _ = bench.open(9, extensions: true)
        let extended = ExtendedHandshake(uplinkID: 5, locality: Self.place, requestLengthMax: 1)
        #expect(told(bench.receive(.extendedHandshake(extended), from: 9)) == [true])
    }

    @Test("it is not slow while the rack gets nothing, or too few are there to compare with")
    func nothingToCompare() throws {
        var alone = try bench(2)
        _ = gain(0..<1, &alone, peers: 1...2)
        #expect(told(gain(1..<40, &alone, peers: 1...2)).isEmpty)
        var idle = try bench()
        _ = gain(0..<1, &idle)
        #expect(told(gain(1..<40, &idle, peers: 1...1)).isEmpty)
    }

    @Test("of a slow neighbour only what nobody else near has is asked")
    func spared() throws {
        var bench = try bench()
        let report = UplinkReport(bytesPerSecond: 1, isSlow: true)
        _ = bench.receive(.uplink(report), from: 1)
        #expect(bench.swarm.roster.member(SwarmBench.peer(1))?.standing?.order == .slow)
        // What it alone has, a block at a time.
        let alone = bench.receive(.have(0), from: 1)
        #expect(SwarmBench.requests(alone, to: 1) == [bench.raw(0, 0)])
        let next = bench.arrive(bench.raw(0, 0), from: 1)
        #expect(SwarmBench.requests(next, to: 1) == [bench.raw(0, 1)])
        _ = bench.arrive(bench.raw(0, 1), from: 1)
        let shared = bench.handle(.havesReceived([1, 2, 3], from: SwarmBench.id(2)))
        #expect(SwarmBench.requests(shared, to: 2).count == 2)
        for piece in UInt32(1)...3 {
            #expect(SwarmBench.requests(bench.receive(.have(piece), from: 1), to: 1).isEmpty)
        }
        // Neither of two slow ones is spared for the other.
        _ = bench.receive(.uplink(report), from: 3)
        #expect(SwarmBench.requests(bench.receive(.have(6), from: 3), to: 3).count == 1)
        #expect(SwarmBench.requests(bench.receive(.have(4), from: 3)).isEmpty, "it is busy")
        let both = bench.receive(.have(4), from: 1)
        #expect(SwarmBench.requests(both, to: 1) == [bench.raw(4, 0)])
    }

    @Test("what was had elsewhere is asked of a slow neighbour when the other is gone")
    func askedAgain() throws {
        var bench = try bench()
        _ = bench.receive(.uplink(UplinkReport(bytesPerSecond: 1, isSlow: true)), from: 1)
        for piece in UInt32(0)..<4 {
            _ = bench.receive(.have(piece), from: 2)
            #expect(SwarmBench.requests(bench.receive(.have(piece), from: 1), to: 1).isEmpty)
        }
        var actions = bench.handle(.connectionClosed(SwarmBench.id(2), .remote))
        for _ in 0..<2 { actions += bench.handle(.tick, after: .milliseconds(500)) }
        #expect(SwarmBench.requests(actions, to: 1).count == 1)
    }

    @Test("a neighbour that is now slow, now not, is heard twice a second, its last word counts")
    func heardInTurn() throws {
        var bench = try bench()
        func order() -> Standing.Order? {
            bench.swarm.roster.member(SwarmBench.peer(1))?.standing?.order
        }
        for isSlow in [true, false, true, false] {
            _ = bench.receive(.uplink(UplinkReport(bytesPerSecond: 1, isSlow: isSlow)), from: 1)
            #expect(order() == .slow, "no word but the first is heard")
        }
        _ = bench.handle(.tick, after: .milliseconds(500))
        #expect(order() != .slow)
        _ = bench.receive(.uplink(UplinkReport(bytesPerSecond: 1, isSlow: true)), from: 1)
        #expect(order() != .slow)
        _ = bench.handle(.tick, after: .milliseconds(500))
        #expect(order() == .slow)
    }

    @Test("imports under way grow by one for each that is done")
    func importWindow() throws {
        var bench = try bench()
        let far = ExtendedHandshake(
            intentID: 4,
            locality: try Locality("b/1/y"),
            requestLengthMax: 1 << 20
        )
        for id in UInt64(20)..<40 {
            _ = bench.open(id, extensions: true)
            _ = bench.receive(.extendedHandshake(far), from: id)
            _ = bench.receive(.haveAll, from: id)
            _ = bench.receive(.unchoke, from: id)
        }
        #expect(bench.swarm.intents.own.count == SchedulerSettings.importsAtStart)
        let piece = try #require(bench.swarm.intents.own.keys.first)
        let index = try bench.piece(piece)
        let owner = try #require(bench.swarm.picker?.activePiece(index)?.owner)
        for block in 0..<2 { _ = bench.arrive(bench.raw(piece, block), from: owner.number) }
        _ = bench.handle(.pieceVerified(index))
        #expect(bench.swarm.intents.own.count == SchedulerSettings.importsAtStart + 1)
    }
}
