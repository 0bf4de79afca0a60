import SwarmModel
import Testing

@testable import SwarmCore

@Suite("Where connections must be TLS")
struct SwarmProtectionTests {
    private static let one = SwarmBench.id(1)
    private let here = "aws/us/r1"

    private func bench(_ policy: String) throws -> SwarmBench {
        let (policy, locality) = (try TransportPolicy(policy), try Locality(here))
        var bench = try SwarmBench(me: 50) {
            $0.transportPolicy = policy
            $0.locality = locality
        }
        bench.begin(try bench.content(verified: [0]))
        return bench
    }

    private func facts(
        isIncoming: Bool = true,
        extensions: Bool = true,
        isEncrypted: Bool = false
    ) -> ConnectionFacts {
        ConnectionFacts(
            id: Self.one,
            peer: SwarmBench.peer(1),
            endpoint: SwarmBench.endpoint(1),
            isIncoming: isIncoming,
            supportsExtensions: extensions,
            isEncrypted: isEncrypted
        )
    }

    private func says(_ locality: String?) throws -> PeerMessage {
        .extendedHandshake(ExtendedHandshake(locality: try locality.map { try Locality($0) }))
    }

    private func isRefused(_ actions: [SwarmAction]) -> Bool {
        let closes = actions.contains {
            if case .closeConnection(Self.one, .unprotected) = $0 { true } else { false }
        }
        let traces = actions.contains {
            if case .trace(.plaintextRefused) = $0 { true } else { false }
        }
        #expect(closes == traces)
        return closes
    }

    @Test("a host in the clear may stay where plaintext is allowed, and must go where TLS is due")
    func byPlace() throws {
        let cases: [(policy: String, place: String?, stays: Bool)] = [
            ("otherCloud=tls", "aws/us/r1", true), ("otherCloud=tls", "aws/eu/r1", true),
            ("otherCloud=tls", "gcp/us/r1", false), ("otherCloud=tls", nil, false),
            ("region=tls", "aws/us/r1", true), ("region=tls", "aws/us/r2", false),
            ("rack=plain", "gcp/us/r1", true), ("rack=plain", nil, true),
        ]
        for (policy, place, stays) in cases {
            var bench = try bench(policy)
            #expect(!isRefused(bench.handle(.connectionOpened(facts()))))
            #expect(
                isRefused(bench.receive(try says(place))) != stays,
                "\(policy), \(place ?? "-")"
            )
            #expect(bench.swarm.connections.count == (stays ? 1 : 0))
        }
    }

    @Test("TLS may stay whatever the place")
    func encrypted() throws {
        for place in ["gcp/us/r1", nil] {
            var bench = try bench("rack=tls")
            #expect(!isRefused(bench.handle(.connectionOpened(facts(isEncrypted: true)))))
            #expect(!isRefused(bench.receive(try says(place))))
            #expect(!isRefused(bench.receive(.interested)))
            #expect(bench.swarm.connections.count == 1)
        }
    }

    @Test("before its place is known a host in the clear may only say what it has")
    func silence() throws {
        let harmless: [PeerMessage] = [.haveAll, .have(0), .choke, .keepAlive, .notInterested]
        let block = RawBlock(piece: 0, begin: 0, length: 16384)
        let range = HashRange(root: .zero, baseLayer: 0, index: 0, length: 2, proofLayers: 0)
        let telling: [PeerMessage] = [
            .interested, .unchoke, .request(block), .hashRequest(range),
            .metadata(.request(piece: 0)),
        ]
        for message in telling {
            var bench = try bench("otherCloud=tls")
            _ = bench.handle(.connectionOpened(facts()))
            #expect(!isRefused(bench.receive(harmless[0])))
            for message in harmless.dropFirst() { #expect(!isRefused(bench.receive(message))) }
            #expect(isRefused(bench.receive(message)), "\(message)")
            #expect(SwarmBench.requests(bench.receive(message)).isEmpty)
        }
    }

    @Test("after its place is known it may go on, and may not move to where TLS is due")
    func proven() throws {
        var bench = try bench("otherCloud=tls")
        _ = bench.handle(.connectionOpened(facts()))
        #expect(!isRefused(bench.receive(try says(here))))
        #expect(!isRefused(bench.receive(.haveAll)))
        #expect(!SwarmBench.requests(bench.receive(.unchoke)).isEmpty)
        #expect(!isRefused(bench.receive(try says(nil))))
        #expect(isRefused(bench.receive(try says("gcp/us/r1"))))
    }

    @Test("what can never say where it is is refused at once; so is all plaintext if none may be")
    func atOnce() throws {
        var bench = try self.bench("otherCloud=tls")
        #expect(isRefused(bench.handle(.connectionOpened(facts(extensions: false)))))
        bench = try self.bench("rack=tls")
        #expect(isRefused(bench.handle(.connectionOpened(facts()))))
        bench = try self.bench("rack=plain")
        #expect(!isRefused(bench.handle(.connectionOpened(facts(extensions: false)))))
    }

    // MARK: Dialling

    private func roster(_ place: String) throws -> RosterUpdate {
        RosterUpdate(
            epoch: RosterEpoch(life: 1, counter: 1),
            isWhole: true,
            joined: [
                RosterEntry(
                    peer: SwarmBench.peer(1),
                    endpoints: [SwarmBench.endpoint(1)],
                    locality: try Locality(place),
                    generation: 1,
                    isSeed: true
                )
            ],
            left: []
        )
    }

    @Test("a host is dialled as its place in the roster demands, an unknown one as the farthest")
    func dialling() throws {
        let far = SwarmBench.endpoint(1)
        for (place, expected) in [
            ("aws/us/r1", LinkProtection.plain), ("aws/us/r9", .plain), ("aws/eu/r1", .tls),
            ("gcp/us/r1", .tls), ("", .tls),
        ] {
            var bench = try bench("cloud=tls")
            #expect(bench.swarm.protection(of: far) == .tls)
            _ = bench.handle(.rosterUpdated(try roster(place)))
            #expect(bench.swarm.protection(of: far) == expected, "\(place)")
        }
    }

    @Test("what a host says of itself counts for the next dial unless the roster knows better")
    func hearsay() throws {
        var bench = try bench("otherCloud=tls")
        _ = bench.handle(.connectionOpened(facts(isIncoming: false, isEncrypted: true)))
        _ = bench.receive(try says("aws/eu/r1"))
        #expect(bench.swarm.protection(of: SwarmBench.endpoint(1)) == .plain)
        _ = bench.handle(.rosterUpdated(try roster("gcp/us/r1")))
        _ = bench.receive(try says("aws/us/r1"))
        #expect(bench.swarm.protection(of: SwarmBench.endpoint(1)) == .tls)
    }

    @Test("a host that the roster has near, and that says otherwise in the clear, is closed")
    func staleRoster() throws {
        var bench = try bench("otherCloud=tls")
        _ = bench.handle(.rosterUpdated(try roster("aws/us/r1")))
        #expect(!isRefused(bench.handle(.connectionOpened(facts(isIncoming: false)))))
        #expect(!isRefused(bench.receive(.unchoke)))
        #expect(isRefused(bench.receive(try says("gcp/us/r1"))))
    }

    @Test("no more places are remembered than the limit says")
    func bounded() throws {
        var places = Whereabouts(countMax: 2)
        for number in UInt8(1)...3 {
            places.hear(try Locality("aws/us/r\(number)"), of: SwarmBench.endpoint(number))
        }
        #expect(places.count == 2)
        #expect(places.locality(of: SwarmBench.endpoint(3)) == .unknown)
        #expect(places.locality(of: SwarmBench.endpoint(2)).description == "aws/us/r2")
    }
}
