import SwarmModel
import Testing

@Suite("The bound on completion")
struct CompletionBoundTests {
    private static func place(_ text: String) throws -> Locality { try Locality(text) }

    private static func hosts(
        _ places: [String],
        up: Double = 10,
        down: Double = 10
    ) throws -> [CompletionBound.Host] {
        try places.map {
            CompletionBound.Host(locality: try place($0), uploadRate: up, downloadRate: down)
        }
    }

    @Test("one host waits for the slower of source and downlink")
    func single() throws {
        let origin = CompletionBound.Source(locality: try Self.place("o"), uploadRate: 50)
        let slow = CompletionBound(
            bytes: 1000,
            hosts: try Self.hosts(["a/r/k"], down: 20),
            sources: [origin],
            domains: []
        )
        #expect(slow.seconds == 50)
        #expect(slow.tightest?.kind == .slowestDownload)
        let fast = CompletionBound(
            bytes: 1000,
            hosts: try Self.hosts(["a/r/k"], up: 100, down: 200),
            sources: [origin],
            domains: []
        )
        #expect(fast.seconds == 20)
        #expect(fast.tightest?.kind == .sources)
    }

    @Test("the fleet's upload limits many hosts")
    func fleet() throws {
        let bound = CompletionBound(
            bytes: 100,
            hosts: try Self.hosts(["a/r/1", "b/r/1", "c/r/1", "d/r/1"], up: 5, down: 1000),
            sources: [.init(locality: try Self.place("o"), uploadRate: 20)],
            domains: []
        )
        #expect(bound.tightest?.kind == .fleetUpload)
        #expect(bound.seconds == 400.0 / 40)
    }

    @Test("a domain's link limits a domain without a source, and only such a one")
    func ingress() throws {
        let cloud = try Self.place("a")
        let domain = CompletionBound.Domain(name: cloud, ingressRate: 2, egressRate: nil)
        let hosts = try Self.hosts(["a/r/1", "a/r/2"], up: 1000, down: 1000)
        let far = CompletionBound(
            bytes: 100,
            hosts: hosts,
            sources: [.init(locality: try Self.place("o"), uploadRate: 500)],
            domains: [domain]
        )
        #expect(far.tightest?.kind == .ingress(cloud))
        #expect(far.seconds == 50)
        let home = CompletionBound(
            bytes: 100,
            hosts: hosts,
            sources: [.init(locality: try Self.place("a/r"), uploadRate: 500)],
            domains: [domain]
        )
        #expect(home.seconds < 1)
    }

    @Test("the source's domain must let one copy out when hosts are elsewhere")
    func egress() throws {
        let cloud = try Self.place("a")
        let bound = CompletionBound(
            bytes: 100,
            hosts: try Self.hosts(["b/r/1"], up: 1000, down: 1000),
            sources: [.init(locality: try Self.place("a/r"), uploadRate: 500)],
            domains: [.init(name: cloud, ingressRate: 1, egressRate: 4)]
        )
        #expect(bound.tightest?.kind == .egress(cloud))
        #expect(bound.seconds == 25)
    }

    @Test("one copy into a rack with poor uplinks takes (n − 1)·F over their sum")
    func purity() throws {
        let poor = try Self.hosts(["a/r/1", "a/r/1", "a/r/1", "a/r/1"], up: 1, down: 1000)
        let rich = try Self.hosts(["a/r/2", "a/r/2"], up: 1000, down: 1000)
        let bound = CompletionBound(
            bytes: 100,
            hosts: poor + rich,
            sources: [.init(locality: try Self.place("o"), uploadRate: 1000)],
            domains: []
        )
        #expect(bound.tightest?.kind == .localUpload(try Self.place("a/r/1")))
        #expect(bound.seconds == 75)
    }

    @Test("nothing to move takes no time")
    func empty() {
        #expect(CompletionBound(bytes: 0, hosts: [], sources: [], domains: []).seconds == 0)
    }
}
