import SwarmModel
import Testing

@testable import SwarmCore

/// What a peer of ours means by a keep-alive while it owes blocks: they wait for their turn.
@Suite("Queued requests")
struct SwarmQueueTests {
    /// One piece of two blocks, asked of peer 1 in the same rack. Peer 2 has nothing yet.
    private func bench(second place: String) throws -> SwarmBench {
        var bench = try SwarmBench(filePieces: [1]) { settings in
            settings.locality = (try? Locality("a/1/x")) ?? .unknown
            settings.scheduler.smallModelBytes = 0
            settings.scheduler.settleTime = .zero
            settings.scheduler.rosterWait = .zero
        }
        bench.begin(try bench.content())
        _ = bench.handle(.tick)
        for (id, place) in [(UInt64(1), "a/1/x"), (2, place)] {
            try bench.meet(id, at: place)
            _ = bench.receive(.haveNone, from: id)
            _ = bench.receive(.unchoke, from: id)
        }
        let actions = bench.receive(.have(0), from: 1)
        #expect(SwarmBench.requests(actions, to: 1) == [bench.raw(0, 0), bench.raw(0, 1)])
        return bench
    }

    private func notice(_ bench: inout SwarmBench, after wait: Duration) -> [SwarmAction] {
        bench.handle(.received(.keepAlive, from: SwarmBench.id(1)), after: wait)
    }

    private func cancels(_ actions: [SwarmAction]) -> Int {
        actions.count { if case .send(.cancel, SwarmBench.id(1)) = $0 { true } else { false } }
    }

    @Test("a waiting piece is asked of another that has it, when the peer says that it waits")
    func moves() throws {
        var bench = try bench(second: "a/1/x")
        #expect(SwarmBench.requests(notice(&bench, after: .milliseconds(300))).isEmpty)
        let had = bench.receive(.have(0), from: 2)
        #expect(SwarmBench.requests(had).isEmpty, "the first block may be on its way")
        #expect(cancels(had) == 0)
        let moved = notice(&bench, after: .milliseconds(150))
        #expect(cancels(moved) == 2)
        #expect(SwarmBench.requests(moved, to: 2) == [bench.raw(0, 0), bench.raw(0, 1)])
        #expect(SwarmBench.requests(moved, to: 1).isEmpty)
    }

    @Test("not to one that is farther, nor when the peer has just sent something")
    func stays() throws {
        for (place, sends) in [("a/2/z", false), ("a/1/x", true)] {
            var bench = try bench(second: place)
            _ = notice(&bench, after: .milliseconds(100))
            _ = bench.receive(.have(0), from: 2)
            if sends { _ = bench.arrive(bench.raw(0, 0), from: 1) }
            let actions = bench.handle(.tick, after: .milliseconds(500))
            #expect(cancels(actions) == 0, "\(place)")
            #expect(SwarmBench.requests(actions, to: 2).isEmpty, "\(place)")
        }
    }

    @Test("notices without a pause between them are not looked at")
    func flood() throws {
        var bench = try bench(second: "a/1/x")
        _ = notice(&bench, after: .milliseconds(100))
        _ = bench.receive(.have(0), from: 2)
        for _ in 0..<50 {
            let actions = notice(&bench, after: .milliseconds(1))
            #expect(cancels(actions) == 0)
        }
        #expect(cancels(notice(&bench, after: .milliseconds(50))) == 2)
    }
}
