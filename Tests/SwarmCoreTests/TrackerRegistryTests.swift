import SwarmModel
import Testing

@testable import SwarmCore

/// A tracker in virtual time with short ways to announce to it.
struct TrackerBench {
    var registry: TrackerRegistry
    var random = SeededRandom(seed: 7)
    var now = Instant.origin

    static let swarm = SwarmID(Array(repeating: 9, count: 20))!

    init(_ change: (inout TrackerRegistrySettings) -> Void = { _ in }) {
        var settings = TrackerRegistrySettings()
        settings.intervalJitter = 0
        change(&settings)
        registry = TrackerRegistry(settings: settings, random: &random)
    }

    static func peer(_ number: Int) -> PeerID {
        PeerID(Array("-SH0001-".utf8) + Hex.decode(padded(number))! + [0, 0, 0, 0, 0, 0, 0, 0])!
    }

    private static func padded(_ number: Int) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 8 - text.count) + text
    }

    static func host(_ number: Int, port: UInt16 = 0) -> Endpoint {
        Endpoint(address: .v4(0x0A00_0000 + UInt32(number)), port: port)
    }

    /// Our client number `number` at 10.0.0.`number`:6881.
    static func request(
        _ number: Int,
        left: UInt64 = 1,
        event: AnnounceEvent? = nil,
        locality: String = "aws/east/r1",
        epoch: RosterEpoch? = RosterEpoch.none
    ) throws -> AnnounceRequest {
        AnnounceRequest(
            swarm: swarm,
            peer: peer(number),
            port: 6881,
            left: left,
            event: event,
            peersWanted: 200,
            key: UInt32(number),
            locality: try Locality(locality),
            generation: 1,
            rosterEpoch: epoch
        )
    }

    @discardableResult
    mutating func announce(
        _ request: AnnounceRequest,
        from host: Endpoint? = nil
    ) throws -> AnnounceSuccess {
        switch answer(request, from: host) {
        case .success(let success): return success
        case .failure(let reason, _): throw Refusal(reason: reason)
        }
    }

    mutating func answer(
        _ request: AnnounceRequest,
        from host: Endpoint? = nil
    ) -> AnnounceResponse {
        let number = Int(Hex.encode(request.peer.bytes[8..<12]), radix: 16)!
        return registry.announce(
            request,
            from: host ?? Self.host(number),
            at: now,
            random: &random
        )
    }

    struct Refusal: Error, Hashable { var reason: String }

    func memberIDs() -> [PeerID] {
        (registry.members(of: Self.swarm, at: now) ?? []).map(\.entry.peer)
    }
}

@Suite("Tracker registry")
struct TrackerRegistryTests {
    @Test("a piece has as many holders as there are complete peers and complete sets of parts")
    func holders() throws {
        var bench = TrackerBench()
        func announce(_ number: Int, _ part: String? = nil, left: UInt64 = 1) throws {
            var request = try TrackerBench.request(number, left: left)
            request.part = part.flatMap { PartNumber($0) }
            try bench.announce(request)
        }
        func holders() -> Int { bench.registry.holderCount(of: TrackerBench.swarm) }
        #expect(holders() == 0)
        try announce(1, "1/3")
        try announce(2, "2/3")
        try announce(3)
        #expect(holders() == 0)
        try announce(4, "3/3")
        #expect(holders() == 1)
        // Another division, and a further holder of a part.
        try announce(5, "1/2")
        try announce(6, "1/3")
        #expect(holders() == 1)
        try announce(7, "2/2")
        #expect(holders() == 2)
        // Whoever publishes the whole is complete, and counted once.
        try announce(8, "1/1", left: 0)
        try announce(3, left: 0)
        #expect(holders() == 4)
    }

    @Test("who publishes a part is on the roster as such until it is complete")
    func partOnRoster() throws {
        var bench = TrackerBench()
        var request = try TrackerBench.request(1)
        request.part = PartNumber(1, of: 2)
        try bench.announce(request)
        func entry() throws -> RosterEntry? {
            try bench.announce(TrackerBench.request(2)).roster?.joined.first
        }
        #expect(try entry()?.isPart == true)
        request.left = 0
        try bench.announce(request)
        #expect(try entry()?.isPart == false)
        #expect(try entry()?.isSeed == true)
    }

    @Test("peers of one swarm learn each other's address and announced port, never their own")
    func exchange() throws {
        var bench = TrackerBench()
        let first = try bench.announce(TrackerBench.request(1))
        #expect(first.peers.isEmpty)
        let second = try bench.announce(TrackerBench.request(2))
        #expect(second.peers == [TrackerBench.host(1, port: 6881)])
        let again = try bench.announce(TrackerBench.request(1, epoch: nil))
        #expect(again.peers == [TrackerBench.host(2, port: 6881)])
        #expect((again.seeds, again.leeches) == (0, 2))
        #expect((again.intervalSeconds, again.intervalSecondsMin) == (30, 10))
    }

    @Test("swarms do not mix")
    func separateSwarms() throws {
        var bench = TrackerBench()
        try bench.announce(TrackerBench.request(1))
        var other = try TrackerBench.request(2)
        other.swarm = SwarmID(Array(repeating: 1, count: 20))!
        #expect(try bench.announce(other).peers.isEmpty)
        #expect(bench.registry.swarmCount == 2)
        #expect(bench.registry.peerCount == 2)
    }

    @Test("stopped removes the peer, and the last one its swarm")
    func stopped() throws {
        var bench = TrackerBench()
        try bench.announce(TrackerBench.request(1))
        try bench.announce(TrackerBench.request(2))
        let farewell = try bench.announce(TrackerBench.request(1, event: .stopped))
        #expect(farewell.peers.isEmpty)
        #expect(farewell.roster == nil)
        #expect(bench.memberIDs() == [TrackerBench.peer(2)])
        try bench.announce(TrackerBench.request(2, event: .stopped))
        #expect(bench.registry.swarmCount == 0)
        #expect(bench.registry.peerCount == 0)
        // From one that was never here: answered, and nothing is created.
        try bench.announce(TrackerBench.request(3, event: .stopped))
        #expect(bench.registry.swarmCount == 0)
    }

    @Test("completed is counted once for a peer, and left of zero makes a seed")
    func completed() throws {
        var bench = TrackerBench()
        try bench.announce(TrackerBench.request(1, event: .started))
        try bench.announce(TrackerBench.request(1, left: 0, event: .completed))
        try bench.announce(TrackerBench.request(1, left: 0, event: .completed))
        try bench.announce(TrackerBench.request(2, left: 0, event: .started))
        let counts = ScrapeEntry(
            swarm: TrackerBench.swarm,
            complete: 2,
            incomplete: 0,
            downloaded: 1
        )
        #expect(bench.registry.scrape([TrackerBench.swarm]) == [counts])
        // A seed that lost data is a seed no more (BEP 21 partial seeds say `paused`).
        try bench.announce(TrackerBench.request(2, left: 5, event: .paused))
        #expect(bench.registry.counts(of: TrackerBench.swarm)?.complete == 1)
    }

    @Test("seeds are not given seeds")
    func seedsGetLeeches() throws {
        var bench = TrackerBench()
        try bench.announce(TrackerBench.request(1, left: 0))
        try bench.announce(TrackerBench.request(2, left: 5))
        let seed = try bench.announce(TrackerBench.request(3, left: 0))
        #expect(seed.peers == [TrackerBench.host(2, port: 6881)])
        let leech = try bench.announce(TrackerBench.request(2, left: 5))
        #expect(leech.peers.count == 2)
    }

    @Test("a silent peer is forgotten after two and a half intervals, not before")
    func expiry() throws {
        var bench = TrackerBench()
        #expect(bench.registry.deadline == nil)
        try bench.announce(TrackerBench.request(1))
        bench.now = bench.now + .seconds(10)
        try bench.announce(TrackerBench.request(2))
        #expect(bench.registry.deadline == .origin + .seconds(75))
        bench.registry.expire(at: .origin + .seconds(74))
        #expect(bench.memberIDs().count == 2)
        bench.registry.expire(at: .origin + .seconds(75))
        #expect(bench.memberIDs() == [TrackerBench.peer(2)])
        #expect(bench.registry.deadline == .origin + .seconds(85))
        bench.registry.expire(at: .origin + .seconds(85))
        #expect(bench.registry.swarmCount == 0)
        #expect(bench.registry.deadline == nil)
    }

    @Test("an announce renews a peer")
    func renewal() throws {
        var bench = TrackerBench()
        try bench.announce(TrackerBench.request(1))
        bench.now = bench.now + .seconds(70)
        try bench.announce(TrackerBench.request(1))
        bench.registry.expire(at: .origin + .seconds(80))
        #expect(bench.memberIDs() == [TrackerBench.peer(1)])
    }

    @Test("the number of peers in an answer is what was asked for, within the limit")
    func peersWanted() throws {
        var bench = TrackerBench { $0.peersPerResponseMax = 30 }
        for number in 1...100 { try bench.announce(TrackerBench.request(number)) }
        for (wanted, expected) in [(0, 0), (-5, 0), (7, 7), (30, 30), (5000, 30)] {
            var request = try TrackerBench.request(1)
            request.peersWanted = wanted
            let peers = try bench.announce(request).peers
            #expect(peers.count == expected)
            #expect(Set(peers).count == expected)
            #expect(!peers.contains(TrackerBench.host(1, port: 6881)))
        }
    }

    @Test("near localities come first, and a quarter of the answer is from elsewhere")
    func nearFirst() throws {
        var bench = TrackerBench()
        let homes = ["aws/east/r1", "aws/east/r2", "aws/west/r1", "gcp/x/r1"]
        for number in 0..<400 {
            let home = homes[number / 100]
            try bench.announce(TrackerBench.request(number, locality: home))
        }
        var request = try TrackerBench.request(0, locality: "aws/east/r1")
        request.peersWanted = 40
        let peers = try bench.announce(request).peers
        let near = peers.filter { endpoint in
            (0..<100).contains { TrackerBench.host($0, port: 6881) == endpoint }
        }
        #expect(peers.count == 40)
        #expect((30..<40).contains(near.count))
        // A host in a rack of its own gets its region before its cloud.
        request = try TrackerBench.request(500, locality: "aws/west/r9")
        request.peersWanted = 100
        let west = try bench.announce(request).peers.filter { endpoint in
            (200..<300).contains { TrackerBench.host($0, port: 6881) == endpoint }
        }
        #expect(west.count >= 75)
    }

    @Test("intervals are spread to both sides")
    func jitter() throws {
        var bench = TrackerBench { $0.intervalJitter = 0.1 }
        let seen = try (1...200).map { number in
            try bench.announce(TrackerBench.request(number, epoch: nil)).intervalSeconds
        }
        #expect(Set(seen) == Set(27...33))
    }
}
