import SwarmModel
import Testing

@testable import SwarmTestnet

@Suite struct ScenarioTests {
    private static let topology = """
        {
          "about": "two racks",
          "mbps": {"cloud": 300},
          "domains": [
            {"path": "aws/us-east-1/rack1", "hosts": 2},
            {"path": "gcp/europe-west4/rack1", "hosts": 2}
          ],
          "hosts": [
            {"name": "seed", "in": "aws/us-east-1/rack1"},
            {"name": "tracker", "in": "aws/us-east-1/rack1"}
          ]
        }
        """

    private func parse(_ members: String) throws -> Scenario {
        let text = """
            {"about": "x", "topology": "t", "model": {"MiB": 1}, "tracker": "tracker", \(members)}
            """
        return try Scenario.parse(Array(text.utf8), name: "test", file: "test.json") { _ in
            try Topology.parse(Array(Self.topology.utf8), name: "t", file: "t.json")
        }
    }

    private func flaw(_ members: String) -> String {
        do {
            _ = try parse(members)
            return "nothing is wrong"
        } catch {
            return "\(error)"
        }
    }

    @Test("every host without another task receives the model")
    func roles() throws {
        let scenario = try parse(
            """
            "seeds": "seed", "libtorrent": ["gcp/europe-west4/rack1/2"], "late": "gcp",
            "assert": {}
            """
        )
        #expect(scenario.seeds == [4])
        #expect(scenario.tracker == 5)
        #expect(scenario.peers == [0, 1, 2])
        #expect(scenario.libtorrent == [3])
        #expect(scenario.receivers == [0, 1, 2, 3])
        #expect(scenario.late == [2, 3])
        #expect(scenario.assertions.counterTolerance == 0.03)
    }

    @Test("an origin may lie in several ways, and serves nobody")
    func liars() throws {
        let scenario = try parse(
            "\"liars\": [{\"host\": \"seed\", \"lies\": [\"wrong-bytes\", \"cut\"]}], "
                + "\"assert\": {\"requestsPerLie\": 9, \"said\": \"no\"}"
        )
        #expect(scenario.liars.map(\.lies) == [["wrong-bytes", "cut"]])
        #expect(scenario.webHosts == scenario.liars.map(\.host))
        #expect(scenario.sources.isEmpty)
        #expect(scenario.assertions.requestsPerLie == 9)
        #expect(scenario.assertions.said == ["no"])
    }

    @Test("steps are read in order, with what triggers them")
    func steps() throws {
        let scenario = try parse(
            """
            "seeds": "seed", "assert": {}, "steps": [
              {"name": "cut", "progress": 0.5, "do": "partition", "target": "gcp"},
              {"after": "cut", "seconds": 1.5, "do": "heal", "target": "gcp"},
              {"seconds": 3, "do": "rate", "target": "gcp", "inMbps": 20}
            ]
            """
        )
        let gcp = try #require(scenario.topology.domain(at: "gcp"))
        #expect(
            scenario.steps == [
                Step(name: "cut", trigger: .progress(0.5, of: nil), action: .partition(gcp)),
                Step(name: "step 2", trigger: .after(0, .seconds(1.5)), action: .heal(gcp)),
                Step(
                    name: "step 3",
                    trigger: .time(.seconds(3)),
                    action: .domainRate(gcp, Topology.Rate(into: 20))
                ),
            ]
        )
    }

    @Test(
        "what is wrong is named with file and key",
        arguments: [
            ("\"seeds\": \"sed\", \"assert\": {}", "seeds: 'sed' is no host or domain of 't'"),
            ("\"seeds\": \"aws\", \"assert\": {}", "seeds: 'tracker' has another task already"),
            ("\"seeds\": \"seed\"", "has no 'assert': what must hold in the end?"),
            (
                "\"seeds\": \"seed\", \"assert\": {\"amplifications\": {}}",
                "assert.amplifications: is an unknown key"
            ),
            (
                "\"seeds\": \"seed\", \"assert\": {\"amplification\": {\"row\": 1}}",
                "assert.amplification.row: is an unknown key; the keys here are cloud, rack, region"
            ),
            (
                "\"seeds\": \"seed\", \"late\": \"seed\", \"assert\": {}",
                "late: 'seed' is none of the hosts that receive the model"
            ),
            (
                "\"seeds\": \"seed\", \"assert\": {}, \"steps\": ["
                    + "{\"paused\": \"gcp\", \"do\": \"kill\", \"target\": \"seed\"}]",
                "steps[0].paused: 'gcp' is no host of 't'"
            ),
            (
                "\"liars\": [{\"host\": \"seed\", \"lies\": [\"../x\"]}], \"assert\": {}",
                "liars[0].lies: '../x' is none; write it in lower case with hyphens"
            ),
            (
                "\"liars\": [{\"host\": \"seed\", \"lies\": [\"cut\", \"cut\"]}], "
                    + "\"assert\": {}",
                "liars[0].lies: has a lie twice"
            ),
            (
                "\"seeds\": \"seed\", \"assert\": {}, \"steps\": ["
                    + "{\"name\": \"a\", \"after\": \"b\", \"do\": \"heal\", \"target\": \"gcp\"},"
                    + "{\"name\": \"b\", \"after\": \"a\", \"do\": \"heal\", \"target\": \"gcp\"}]",
                "steps[0].after: is a cycle: 'a' waits for 'b' waits for 'a'"
            ),
            (
                "\"seeds\": \"seed\", \"assert\": {}, \"steps\": ["
                    + "{\"seconds\": 1, \"do\": \"explode\", \"target\": \"gcp\"}]",
                "steps[0].do: 'explode' is unknown; there are start, kill"
            ),
            (
                "\"seeds\": \"seed\", \"assert\": {}, \"steps\": ["
                    + "{\"do\": \"kill\", \"target\": \"seed\"}]",
                "steps[0]: says not when"
            ),
        ]
    )
    func flaws(_ members: String, _ expected: String) {
        #expect(flaw(members).contains(expected), "\(flaw(members))")
    }
}
