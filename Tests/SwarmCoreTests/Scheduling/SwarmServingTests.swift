import SwarmModel
import Testing

@testable import SwarmCore

/// Whom a host serves whose uplink is narrower than what is asked of it.
@Suite("Serving from a narrow uplink")
struct SwarmServingTests {
    private static let pieceCount = 80

    /// A complete host in rack a/1/x and peers that have nothing: 1 and 2 in one rack of its
    /// region, 3 in another, 4 in another cloud, 5 to 7 in one more rack.
    private func bench() throws -> SwarmBench {
        var bench = try SwarmBench(filePieces: [Self.pieceCount], blocksPerPiece: 1) { settings in
            settings.locality = (try? Locality("a/1/x")) ?? .unknown
            settings.scheduler.smallModelBytes = 0
        }
        bench.begin(try bench.content(verified: Array(0..<Self.pieceCount), sealed: [0]))
        _ = bench.handle(.tick)
        let places = ["a/1/y", "a/1/y", "a/1/z", "b/1/x", "a/1/w", "a/1/w", "a/1/w"]
        for (id, place) in places.enumerated().map({ (UInt64($0 + 1), $1) }) {
            try bench.meet(id, at: place)
            _ = bench.receive(.haveNone, from: id)
            _ = bench.receive(.unchoke, from: id)
            _ = bench.receive(.interested, from: id)
        }
        _ = bench.handle(.tick, after: .seconds(10))
        return bench
    }

    /// The same, after piece 0 has taken a second to go out to peer 1.
    private func narrow() throws -> SwarmBench {
        var bench = try bench()
        #expect(served(ask(&bench, 0, of: 1)) == [0])
        #expect(served(sent(&bench, 0, to: 1, after: .seconds(1))).isEmpty)
        return bench
    }

    /// Peers 5 to 7 are being sent what nobody else has.
    private func occupy(_ bench: inout SwarmBench) {
        for id in 5...7 as ClosedRange<UInt64> {
            let piece = Self.pieceCount - Int(id)
            #expect(served(ask(&bench, piece, of: id)) == [piece])
        }
    }

    private func ask(_ bench: inout SwarmBench, _ piece: Int, of id: UInt64) -> [SwarmAction] {
        bench.receive(.request(bench.raw(piece)), from: id)
    }

    private func sent(
        _ bench: inout SwarmBench,
        _ piece: Int,
        to id: UInt64,
        after wait: Duration
    ) -> [SwarmAction] {
        bench.handle(.blockSent(bench.raw(piece), to: SwarmBench.id(id)), after: wait)
    }

    /// The pieces that are handed to the transport.
    private func served(_ actions: [SwarmAction]) -> [Int] {
        actions.compactMap { action in
            if case .sendBlock(let range, _) = action { range.piece.number } else { nil }
        }
    }

    @Test("a wide one sends what is asked, whoever else has it")
    func wide() throws {
        var bench = try bench()
        #expect(served(ask(&bench, 0, of: 1)) == [0])
        _ = sent(&bench, 0, to: 1, after: .milliseconds(10))
        _ = bench.receive(.have(0), from: 1)
        #expect(served(ask(&bench, 1, of: 3)) == [1])
        #expect(served(ask(&bench, 0, of: 2)) == [0])
    }

    @Test("what another near has waits while something that nobody has is sent, and goes then")
    func onlyCopiesFirst() throws {
        var bench = try narrow()
        _ = bench.receive(.have(0), from: 1)
        occupy(&bench)
        #expect(served(ask(&bench, 0, of: 2)).isEmpty)
        #expect(served(bench.handle(.tick, after: .milliseconds(500))).isEmpty)
        let last = Self.pieceCount - 5
        #expect(served(sent(&bench, last, to: 5, after: .milliseconds(600))) == [0])
    }

    @Test("what has just left is not sent again before its have can have come")
    func settles() throws {
        var bench = try narrow()
        #expect(served(ask(&bench, 0, of: 3)).isEmpty)
        #expect(served(bench.handle(.tick, after: .milliseconds(500))).isEmpty)
        #expect(served(bench.handle(.tick, after: .milliseconds(500))) == [0])
    }

    @Test("one nearby comes before one in another cloud")
    func nearFirst() throws {
        var bench = try narrow()
        occupy(&bench)
        #expect(served(ask(&bench, 0, of: 3)).isEmpty)
        #expect(served(ask(&bench, 0, of: 4)).isEmpty)
        let actions = bench.handle(.tick, after: .seconds(1.2))
        #expect(served(actions) == [0])
        let isToNear = actions.contains { action in
            if case .sendBlock(_, SwarmBench.id(3)) = action { true } else { false }
        }
        #expect(isToNear)
    }

    @Test("who has waited for a minute is served whatever else there is")
    func nobodyWaitsForEver() throws {
        var bench = try narrow()
        _ = bench.receive(.have(0), from: 1)
        occupy(&bench)
        #expect(served(ask(&bench, 1, of: 3)) == [1])
        #expect(served(ask(&bench, 0, of: 2)).isEmpty)
        for piece in 1..<Self.pieceCount - 8 {
            // One after the other that nobody has, each slower than it should be.
            _ = ask(&bench, piece + 1, of: 3)
            var actions = sent(&bench, piece, to: 3, after: .seconds(1))
            _ = bench.receive(.have(UInt32(piece)), from: 3)
            actions += bench.handle(.tick)
            guard served(actions).contains(0) else { continue }
            #expect(piece >= 60)
            return
        }
        Issue.record("peer 2 was never served")
    }

    @Test("a moment after pieces go out soon again nobody waits")
    func recovers() throws {
        var bench = try narrow()
        _ = bench.receive(.have(0), from: 1)
        #expect(served(ask(&bench, 1, of: 3)) == [1])
        _ = sent(&bench, 1, to: 3, after: .milliseconds(10))
        _ = bench.handle(.tick, after: .seconds(5))
        #expect(served(ask(&bench, 2, of: 3)) == [2])
        #expect(served(ask(&bench, 0, of: 2)) == [0])
    }
}
