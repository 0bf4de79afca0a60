import SwarmModel
import Testing

@testable import SwarmTestnet

@Suite struct TopologyTests {
    private static let good = """
        {
          "about": "two racks",
          "mbps": {"cloud": {"in": 300, "out": 200}, "rack": 1000, "host": 600},
          "domains": [
            {"path": "aws/us-east-1/rack1", "hosts": 2, "hostMbps": 100},
            {"path": "gcp/europe-west4/rack1", "hosts": 1, "mbps": 50}
          ],
          "hosts": [{"name": "seed", "in": "aws/us-east-1/rack1", "mbps": 700}]
        }
        """

    private func parse(_ text: String) throws -> Topology {
        try Topology.parse(Array(text.utf8), name: "test", file: "test.json")
    }

    private func flaw(_ text: String) -> String {
        do {
            _ = try parse(text)
            return "nothing is wrong"
        } catch {
            return "\(error)"
        }
    }

    @Test("domains around a rack are made, wide ones first, with the rates of their level")
    func domains() throws {
        let topology = try parse(Self.good)
        #expect(
            topology.domains.map(\.path.description) == [
                "aws", "aws/us-east-1", "aws/us-east-1/rack1", "gcp", "gcp/europe-west4",
                "gcp/europe-west4/rack1",
            ]
        )
        #expect(topology.domains[0].rate == Topology.Rate(into: 300, out: 200))
        #expect(topology.domains[1].rate == .unlimited)
        #expect(topology.domains[5].rate == Topology.Rate(into: 50, out: 50))
        #expect(topology.domains.map(\.parent) == [nil, 0, 1, nil, 3, 4])
    }

    @Test("hosts are numbered within their rack, and each has an address of its own")
    func hosts() throws {
        let topology = try parse(Self.good)
        #expect(
            topology.hosts.map(\.name) == [
                "aws/us-east-1/rack1/1", "aws/us-east-1/rack1/2", "gcp/europe-west4/rack1/1",
                "seed",
            ]
        )
        #expect(topology.hosts.map(\.rate.out) == [100, 100, 600, 700])
        let addresses = topology.hosts.indices.map { topology.address(ofHost: $0) }
        #expect(addresses == ["10.77.3.1", "10.77.3.2", "10.77.6.1", "10.77.3.3"])
    }

    @Test("a name stands for a host, or for all hosts of a domain")
    func matching() throws {
        let topology = try parse(Self.good)
        #expect(topology.hosts(matching: "seed") == [3])
        #expect(topology.hosts(matching: "aws") == [0, 1, 3])
        #expect(topology.hosts(matching: "azure") == [])
    }

    @Test(
        "what is wrong is named with file, line and key",
        arguments: [
            ("{", "test.json, line 1: expected '\"', found the end"),
            ("[]", "test.json, line 1: is a list, expected an object"),
            ("{\"about\": \"x\"}", "test.json, line 1: has no hosts"),
            ("{\"about\": \"x\", \"about\": \"y\"}", "the key 'about' is there twice"),
            ("{\"about\": \"x\",\n\"hots\": []}", "line 2, hots: is an unknown key; the keys"),
            ("{\"about\": 5}", "about: is a number, expected a text"),
            (
                "{\"about\": \"x\", \"domains\": [{\"path\": \"a//b\"}]}",
                "domains[0].path: 'a//b' has an empty label"
            ),
            (
                "{\"about\": \"x\", \"domains\": [{\"path\": \"a/b\\tc\"}]}",
                "has a control character or space"
            ),
            (
                "{\"about\": \"x\", \"domains\": [{\"path\": \"a/b/c/d\"}]}",
                "has 4 levels, expected cloud/region/rack or fewer"
            ),
            (
                "{\"about\": \"x\", \"domains\": [{\"path\": \"a/b/c\", \"hosts\": 1}, "
                    + "{\"path\": \"a/b/c\"}]}",
                "domains[1].path: 'a/b/c' is there twice"
            ),
            (
                "{\"about\": \"x\", \"domains\": [{\"path\": \"a/b\", \"hosts\": 1}]}",
                "domains[0].hosts: hosts are in a rack, and 'a/b' is a region"
            ),
            (
                "{\"about\": \"x\", \"domains\": [{\"path\": \"a/b/c\", \"hosts\": 1}, "
                    + "{\"path\": \"a/b/d\"}]}",
                "domains: no host is in 'a/b/d'"
            ),
            (
                "{\"about\": \"x\", \"hosts\": [{\"name\": \"h\", \"in\": \"a/b/c\"}]}",
                "hosts[0].in: there is no domain 'a/b/c', so the host cannot be reached"
            ),
            (
                "{\"about\": \"x\", \"domains\": [{\"path\": \"a/b/c\", \"hosts\": 1}], "
                    + "\"hosts\": [{\"name\": \"a/b/c/1\", \"in\": \"a/b/c\"}]}",
                "hosts[0].name: there are two hosts 'a/b/c/1'"
            ),
            (
                "{\"about\": \"x\", \"mbps\": {\"rack\": 0}}",
                "mbps.rack: is 0.0, expected 0.1 to 100000.0"
            ),
            (
                "{\"about\": \"x\", \"domains\": [{\"path\": \"a/b/c\", \"hosts\": 1.5}]}",
                "domains[0].hosts: is not a whole number"
            ),
        ]
    )
    func flaws(_ text: String, _ expected: String) {
        #expect(flaw(text).contains(expected), "\(flaw(text))")
    }

    @Test("no text that is cut or bent anywhere makes the reader trap")
    func hostile() {
        let bytes = Array(Self.good.utf8)
        for end in bytes.indices {
            _ = try? Topology.parse(Array(bytes[..<end]), name: "", file: "")
        }
        var random = SeededRandom(seed: 4)
        for _ in 0..<3000 {
            var bent = bytes
            for _ in 0..<4 {
                let place = Int.random(in: bent.indices, using: &random)
                bent[place] = UInt8.random(in: 0...255, using: &random)
            }
            _ = try? Topology.parse(bent, name: "", file: "")
        }
        let deep = Array(String(repeating: "[", count: 100_000).utf8)
        #expect(throws: FileFlaw.self) { try Topology.parse(deep, name: "", file: "") }
    }
}
