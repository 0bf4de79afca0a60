import SwarmModel
import Testing

@testable import SwarmCore

@Suite("Tracker registry: roster")
struct TrackerRegistryRosterTests {
    @Test(
        "the first roster is whole, later ones are deltas, and an epoch of another life gets all"
    )
    func deltas() throws {
        var bench = TrackerBench()
        try bench.announce(TrackerBench.request(1))
        let first = try #require(bench.announce(TrackerBench.request(2)).roster)
        #expect(first.isWhole)
        #expect(first.joined.map(\.peer) == [TrackerBench.peer(1)])
        try bench.announce(TrackerBench.request(3, locality: "gcp/x"))
        try bench.announce(TrackerBench.request(1, event: .stopped))
        let second = try #require(
            bench.announce(TrackerBench.request(2, epoch: first.epoch)).roster
        )
        #expect(!second.isWhole)
        #expect(second.joined.map(\.peer) == [TrackerBench.peer(3)])
        #expect(second.joined.map(\.locality.description) == ["gcp/x"])
        #expect(second.left == [TrackerBench.peer(1)])
        var foreign = second.epoch
        foreign.life += 1
        let third = try #require(bench.announce(TrackerBench.request(2, epoch: foreign)).roster)
        #expect(third.isWhole)
        #expect(third.joined.map(\.peer) == [TrackerBench.peer(3)])
        #expect(third.epoch == second.epoch)
        var future = second.epoch
        future.counter += 1
        #expect(try bench.announce(TrackerBench.request(2, epoch: future)).roster?.isWhole == true)
    }

    @Test("who asks for none gets none, and other clients are not on it")
    func foreignClients() throws {
        var bench = TrackerBench()
        var foreign = try TrackerBench.request(1, epoch: nil)
        foreign.locality = nil
        foreign.generation = nil
        #expect(try bench.announce(foreign).roster == nil)
        let answer = try bench.announce(TrackerBench.request(2))
        #expect(answer.roster?.joined == [])
        #expect(answer.peers == [TrackerBench.host(1, port: 6881)])
        #expect(
            bench.registry.members(of: TrackerBench.swarm, at: bench.now)?.map(\.isOurs) == [
                false, true,
            ]
        )
    }

    @Test("a renewal changes no roster; a new state, place or generation does")
    func changes() throws {
        var bench = TrackerBench()
        try bench.announce(TrackerBench.request(1))
        var epoch = try #require(bench.announce(TrackerBench.request(2)).roster).epoch
        var request = try TrackerBench.request(1)
        func delta() throws -> [RosterEntry] {
            let update = try #require(bench.announce(TrackerBench.request(2, epoch: epoch)).roster)
            epoch = update.epoch
            return update.joined
        }
        try bench.announce(request)
        #expect(try delta().isEmpty)
        request.left = 0
        try bench.announce(request)
        #expect(try delta().map(\.isSeed) == [true])
        request.locality = try Locality("gcp/y")
        try bench.announce(request)
        #expect(try delta().map(\.locality.description) == ["gcp/y"])
        request.generation = 5
        try bench.announce(request)
        #expect(try delta().map(\.generation) == [5])
        request.port = 99
        try bench.announce(request)
        #expect(try delta().map(\.endpoints) == [[TrackerBench.host(1, port: 99)]])
    }

    @Test("a swarm that was empty and came back answers an old epoch with the whole")
    func rebirth() throws {
        var bench = TrackerBench()
        try bench.announce(TrackerBench.request(1))
        let old = try #require(bench.announce(TrackerBench.request(2)).roster).epoch
        bench.now = bench.now + .seconds(100)
        bench.registry.expire(at: bench.now)
        #expect(bench.registry.swarmCount == 0)
        for number in 3...9 { try bench.announce(TrackerBench.request(number)) }
        let update = try #require(bench.announce(TrackerBench.request(2, epoch: old)).roster)
        #expect(update.isWhole)
        #expect(update.joined.count == 7)
    }

    @Test("a delta that the departures kept do not cover is the whole")
    func forgottenDepartures() throws {
        var bench = TrackerBench { $0.departuresKeptMin = 2 }
        for number in 1...6 { try bench.announce(TrackerBench.request(number)) }
        let epoch = try #require(bench.announce(TrackerBench.request(1)).roster).epoch
        for number in 2...5 { try bench.announce(TrackerBench.request(number, event: .stopped)) }
        let kept = try #require(bench.announce(TrackerBench.request(1, epoch: epoch)).roster)
        #expect(!kept.isWhole)
        #expect(kept.left.count == 4)
        try bench.announce(TrackerBench.request(6, event: .stopped))
        let update = try #require(bench.announce(TrackerBench.request(1, epoch: epoch)).roster)
        #expect(update.isWhole)
        #expect(update.joined.isEmpty)
    }

    @Test("a long roster comes in pages at the shortest interval, in an old swarm too")
    func pages() throws {
        var bench = TrackerBench {
            $0.rosterEntriesPerResponseMax = 10
            $0.departuresKeptMin = 0
        }
        for number in 1...35 { try bench.announce(TrackerBench.request(number)) }
        // Departures long forgotten, changed after the oldest members.
        for number in 100..<200 { try bench.announce(TrackerBench.request(number)) }
        for number in 100..<200 {
            try bench.announce(TrackerBench.request(number, event: .stopped))
        }
        // They came long enough ago.
        bench.now = bench.now + .seconds(10)
        var view = RosterView()
        var epoch = RosterEpoch.none
        var intervals: [Int] = []
        for _ in 0..<4 {
            let answer = try bench.announce(TrackerBench.request(1, epoch: epoch))
            intervals.append(answer.intervalSeconds)
            let update = try #require(answer.roster)
            #expect(update.joined.count <= 10)
            view.apply(update)
            epoch = update.epoch
        }
        #expect(intervals == [10, 10, 10, 30])
        #expect(view.entries.map(\.peer) == (2...35).map(TrackerBench.peer))
    }

    @Test("deltas add up to the whole, whatever happens in between", arguments: 0..<40)
    func deltasEqualWhole(seed: Int) throws {
        var chance = SeededRandom(seed: UInt64(seed))
        var bench = TrackerBench {
            $0.rosterEntriesPerResponseMax = [3, 7, 1000][seed % 3]
            $0.departuresKeptMin = [0, 2, 64][seed / 3 % 3]
        }
        let observers = [1001, 1002, 1003]
        var views = [RosterView](repeating: RosterView(), count: 3)
        var epochs = [RosterEpoch](repeating: .none, count: 3)
        func observe(_ index: Int, in bench: inout TrackerBench) throws -> Int {
            let request = try TrackerBench.request(observers[index], epoch: epochs[index])
            let answer = try bench.announce(request)
            let update = try #require(answer.roster)
            views[index].apply(update)
            epochs[index] = update.epoch
            return answer.intervalSeconds
        }
        for _ in 0..<400 {
            try Self.step(&bench, chance: &chance)
            if Int.random(in: 0..<4, using: &chance) == 0 {
                _ = try observe(Int.random(in: 0..<3, using: &chance), in: &bench)
            }
        }
        for index in 0..<3 { _ = try observe(index, in: &bench) }
        for index in 0..<3 {
            var rounds = 0
            while try observe(index, in: &bench) < 30 {
                rounds += 1
                try #require(rounds < 40, "the pages never end")
            }
            let members = try #require(
                bench.registry.members(of: TrackerBench.swarm, at: bench.now)
            )
            let own = TrackerBench.peer(observers[index])
            let truth = members.map(\.entry).filter { $0.peer != own }
            #expect(views[index].entries == truth)
        }
    }

    /// One random event among twenty peers.
    private static func step(
        _ bench: inout TrackerBench,
        chance: inout SeededRandom
    ) throws {
        let number = Int.random(in: 1...20, using: &chance)
        switch Int.random(in: 0..<10, using: &chance) {
        case 0..<5:
            let home = ["aws/a/1", "aws/b/1", "gcp/c/1"].randomElement(using: &chance)!
            let left = UInt64.random(in: 0...1, using: &chance)
            let event: AnnounceEvent? = [nil, .started, .completed].randomElement(using: &chance)!
            try bench.announce(
                TrackerBench.request(number, left: left, event: event, locality: home)
            )
        case 5..<8: try bench.announce(TrackerBench.request(number, event: .stopped))
        case 8: bench.now = bench.now + .seconds(Int.random(in: 0...20, using: &chance))
        default: bench.registry.expire(at: bench.now)
        }
    }
}

/// What a peer makes of the updates it gets: the model that deltas are checked against.
struct RosterView {
    var entries: [RosterEntry] = []

    mutating func apply(_ update: RosterUpdate) {
        if update.isWhole { entries = [] }
        entries.removeAll { update.left.contains($0.peer) }
        for entry in update.joined {
            entries.removeAll { $0.peer == entry.peer }
            entries.append(entry)
        }
        entries.sort { $0.peer < $1.peer }
    }

    @Test("hosts that start together are asked back soon, until an answer names nobody new")
    func growing() throws {
        var bench = TrackerBench()
        var epochs: [RosterEpoch] = []
        for number in 1...20 {
            let answer = try bench.announce(TrackerBench.request(number))
            epochs.append(try #require(answer.roster?.epoch))
            let isGrowing = number > 1
            #expect(answer.roster?.isGrowing == isGrowing)
            #expect(answer.intervalSeconds == (isGrowing ? 1 : 30))
            #expect(answer.intervalSecondsMin == (isGrowing ? 1 : 10))
        }
        bench.now = bench.now + .seconds(1)
        let second = try bench.announce(TrackerBench.request(5, epoch: epochs[4]))
        #expect(second.roster?.joined.count == 15)
        #expect(second.intervalSeconds == 1)
        let third = try bench.announce(TrackerBench.request(5, epoch: second.roster?.epoch))
        #expect(third.roster?.isGrowing == false)
        #expect(third.intervalSeconds == 30)
    }

    @Test("one that joins a large swarm later makes nobody come back sooner")
    func lateJoiner() throws {
        var bench = TrackerBench()
        var epoch = RosterEpoch.none
        for number in 1...40 {
            epoch = try #require(bench.announce(TrackerBench.request(number)).roster).epoch
        }
        bench.now = bench.now + .seconds(30)
        let late = try bench.announce(TrackerBench.request(41))
        #expect(late.roster?.joined.count == 40)
        #expect(late.intervalSeconds == 30)
        let other = try bench.announce(TrackerBench.request(3, epoch: epoch))
        #expect(other.roster?.joined.count == 1)
        #expect(other.intervalSeconds == 30)
    }
}
