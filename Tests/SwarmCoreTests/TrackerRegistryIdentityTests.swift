import SwarmModel
import Testing

@testable import SwarmCore

@Suite("Tracker registry: who is who")
struct TrackerRegistryIdentityTests {
    /// A second announce with the id of peer 1, and whether it is let in.
    struct Claim: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var key: UInt32?
        var formerKey: UInt32? = 1
        var generation: UInt64? = 1
        var host = 1
        var isLetIn: Bool
    }

    @Test(
        "a peer id is its first owner's",
        arguments: [
            Claim(testDescription: "the same key", key: 1, isLetIn: true),
            Claim(
                testDescription: "the same key from another host",
                key: 1,
                host: 2,
                isLetIn: true
            ),
            Claim(testDescription: "another key", key: 2, isLetIn: false),
            Claim(
                testDescription: "another key, no generation",
                key: 2,
                generation: nil,
                isLetIn: false
            ),
            Claim(testDescription: "no key", key: nil, isLetIn: false),
            Claim(testDescription: "another key, newer", key: 2, generation: 2, isLetIn: true),
            Claim(testDescription: "the same key, older", key: 1, generation: 0, isLetIn: false),
            Claim(testDescription: "no keys, same host", key: nil, formerKey: nil, isLetIn: true),
            Claim(
                testDescription: "no keys, other host",
                key: nil,
                formerKey: nil,
                host: 2,
                isLetIn: false
            ),
        ]
    )
    func claims(_ claim: Claim) throws {
        var bench = TrackerBench()
        var first = try TrackerBench.request(1)
        first.key = claim.formerKey
        try bench.announce(first)
        var second = try TrackerBench.request(1)
        second.key = claim.key
        second.generation = claim.generation
        second.port = 7000
        let answer = bench.answer(second, from: TrackerBench.host(claim.host))
        let member = try #require(
            bench.registry.members(of: TrackerBench.swarm, at: bench.now)?.first
        )
        switch answer {
        case .success:
            #expect(claim.isLetIn)
            #expect(member.entry.endpoints == [TrackerBench.host(claim.host, port: 7000)])
        case .failure(let reason, let retry):
            #expect(!claim.isLetIn)
            #expect(!reason.isEmpty)
            #expect(retry == .minutes(1))
            #expect(member.entry.endpoints == [TrackerBench.host(1, port: 6881)])
            // Nor can the second one end the first one's membership.
            second.event = .stopped
            _ = bench.answer(second, from: TrackerBench.host(claim.host))
            #expect(bench.memberIDs().count == 1)
        }
    }

    @Test("the id of an expired peer is free, swept or not")
    func expiredClaim() throws {
        var bench = TrackerBench()
        try bench.announce(TrackerBench.request(1))
        bench.now = bench.now + .seconds(75)
        var second = try TrackerBench.request(1)
        second.key = 99
        try bench.announce(second)
        #expect(bench.memberIDs() == [TrackerBench.peer(1)])
        try bench.announce(TrackerBench.request(2))
        #expect(bench.registry.peerCount == 2)
    }

    @Test(
        "one client on two address families is one peer with two endpoints",
        arguments: [6881, 7000] as [UInt16]
    )
    func dualStack(portOfSix: UInt16) throws {
        var bench = TrackerBench()
        let six = Endpoint(address: .v6(high: 0xFD00 << 48, low: 1), port: 0)
        let request = try TrackerBench.request(1)
        var requestBySix = request
        requestBySix.port = portOfSix
        try bench.announce(requestBySix, from: six)
        try bench.announce(request)
        let roster = try bench.announce(TrackerBench.request(2)).roster
        let expected = [
            TrackerBench.host(1, port: 6881), Endpoint(address: six.address, port: portOfSix),
        ]
        #expect(roster?.joined.map(\.endpoints) == [expected])
        #expect(bench.registry.peerCount == 2)
        // Announcing again from either changes nothing.
        let epoch = try #require(roster).epoch
        try bench.announce(requestBySix, from: six)
        try bench.announce(request)
        let update = try bench.announce(TrackerBench.request(2, epoch: epoch)).roster
        #expect(update == RosterUpdate(epoch: epoch, isWhole: false, joined: [], left: []))
        let plain = try bench.announce(TrackerBench.request(2)).peers
        #expect(plain == expected)
    }

    @Test("a new process at an endpoint replaces the one that was there, by started only")
    func restart() throws {
        var bench = TrackerBench()
        try bench.announce(TrackerBench.request(1, event: .started))
        let host = TrackerBench.host(1)
        try bench.announce(TrackerBench.request(2), from: host)
        #expect(bench.memberIDs().count == 2)
        try bench.announce(TrackerBench.request(3, event: .started), from: host)
        #expect(!bench.memberIDs().contains(TrackerBench.peer(2)))
        #expect(bench.memberIDs().contains(TrackerBench.peer(3)))
    }

    @Test("a peer that does not listen is counted and never handed out")
    func portZero() throws {
        var bench = TrackerBench()
        var request = try TrackerBench.request(1, left: 0)
        request.port = 0
        request.otherEndpoints = [TrackerBench.host(9, port: 9)]
        #expect(try bench.announce(request).roster?.joined == [])
        let answer = try bench.announce(TrackerBench.request(2))
        #expect(answer.peers.isEmpty)
        #expect(answer.roster?.joined == [])
        #expect((answer.seeds, answer.leeches) == (1, 1))
        // It opens a port, then closes it again.
        request.port = 5
        try bench.announce(request)
        let open = try bench.announce(TrackerBench.request(2)).roster
        #expect(open?.joined.map(\.peer) == [TrackerBench.peer(1)])
        request.port = 0
        try bench.announce(request)
        let closed = try bench.announce(TrackerBench.request(2, epoch: open?.epoch)).roster
        #expect(closed?.left == [TrackerBench.peer(1)])
        #expect(closed?.isWhole == false)
    }

    @Test("of the further addresses a client names, few are taken, and none that reaches elsewhere")
    func furtherAddresses() throws {
        let loopback = Endpoint(address: .v4(0x7F00_0001), port: 80)
        let named: [(endpoint: Endpoint, from: Endpoint, isTaken: Bool)] = [
            (TrackerBench.host(5, port: 7), TrackerBench.host(1), true),
            (TrackerBench.host(5, port: 0), TrackerBench.host(1), false),
            (loopback, TrackerBench.host(1), false),
            (loopback, Endpoint(address: .v4(0x7F00_0009), port: 0), true),
            (Endpoint(address: .v4(0), port: 7), TrackerBench.host(1), false),
            (Endpoint(address: .v4(.max), port: 7), TrackerBench.host(1), false),
            (Endpoint(address: .v4(0xE000_0001), port: 7), TrackerBench.host(1), false),
            (Endpoint(address: .v4(0xA9FE_0001), port: 7), TrackerBench.host(1), false),
            (Endpoint(address: .v6(high: 0, low: 0), port: 7), TrackerBench.host(1), false),
            (Endpoint(address: .v6(high: 0, low: 1), port: 7), TrackerBench.host(1), false),
            (
                Endpoint(address: .v6(high: 0xFE80 << 48, low: 1), port: 7), TrackerBench.host(1),
                false
            ),
            (
                Endpoint(address: .v6(high: 0xFF02 << 48, low: 1), port: 7), TrackerBench.host(1),
                false
            ),
            (
                Endpoint(address: .v6(high: 0, low: 0xFFFF_7F00_0001), port: 7),
                TrackerBench.host(1), false
            ),
            (
                Endpoint(address: .v6(high: 0xFD00 << 48, low: 1), port: 7), TrackerBench.host(1),
                true
            ),
        ]
        for (endpoint, source, isTaken) in named {
            var bench = TrackerBench()
            var request = try TrackerBench.request(1)
            request.otherEndpoints = [endpoint]
            try bench.announce(request, from: source)
            let roster = try bench.announce(TrackerBench.request(2)).roster
            let endpoints = try #require(roster?.joined.first).endpoints
            #expect(endpoints.first?.port == 6881)
            #expect(endpoints.dropFirst().contains(endpoint) == isTaken, "\(endpoint)")
        }
        var bench = TrackerBench()
        var request = try TrackerBench.request(1)
        request.otherEndpoints = (1...50).map { TrackerBench.host(100 + $0, port: 7) }
        try bench.announce(request)
        let roster = try bench.announce(TrackerBench.request(2)).roster
        #expect(roster?.joined.first?.endpoints.count == 3)
    }

    @Test("every limit refuses with a reason and a time, and none disturbs who is there")
    func limits() throws {
        var bench = TrackerBench {
            $0.peersPerSwarmMax = 2
            $0.swarmCountMax = 2
            $0.peerCountMax = 3
        }
        func request(_ number: Int, swarm: UInt8) throws -> AnnounceRequest {
            var request = try TrackerBench.request(number)
            request.swarm = SwarmID(Array(repeating: swarm, count: 20))!
            return request
        }
        try bench.announce(request(1, swarm: 1))
        try bench.announce(request(2, swarm: 1))
        func refusal(_ number: Int, _ swarm: UInt8) throws -> String? {
            guard
                case .failure(let reason, let retry) = bench.answer(
                    try request(number, swarm: swarm)
                )
            else { return nil }
            #expect(retry == .minutes(1))
            return reason
        }
        #expect(try refusal(3, 1)?.contains("this swarm") == true)
        #expect(try refusal(3, 2) == nil)
        #expect(try refusal(4, 2)?.contains("more peers") == true)
        #expect(try refusal(1, 1) == nil)
        try bench.announce(
            {
                var r = try request(1, swarm: 1); r.event = .stopped; return r
            }()
        )
        #expect(try refusal(4, 3)?.contains("more swarms") == true)
        #expect(bench.registry.peerCount == 2)
        // Room comes back by expiry, without waiting for the sweep.
        bench.now = bench.now + .seconds(100)
        #expect(try refusal(4, 3) == nil)
        #expect(bench.registry.peerCount == 1)
    }

    @Test("a scrape answers known swarms only, all of them when none is named, within a limit")
    func scrape() throws {
        var bench = TrackerBench { $0.swarmsPerScrapeMax = 3 }
        let ids = (1...5).map { SwarmID(Array(repeating: UInt8($0), count: 20))! }
        for id in ids.prefix(4) {
            var request = try TrackerBench.request(1)
            request.swarm = id
            try bench.announce(request)
        }
        #expect(bench.registry.scrape([ids[4], ids[1]]).map(\.swarm) == [ids[1]])
        #expect(bench.registry.scrape([]).count == 3)
        #expect(bench.registry.scrape(ids).map(\.swarm) == Array(ids.prefix(3)))
        #expect(bench.registry.snapshot().count == 4)
    }
}
