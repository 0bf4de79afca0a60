import SwarmModel
import Testing

@testable import SwarmTestnet

@Suite struct RolloutScenarioTests {
    private static let topology = """
        {
          "about": "two racks",
          "domains": [
            {"path": "aws/us-east-1/rack1", "hosts": 2},
            {"path": "gcp/europe-west4/rack1", "hosts": 2}
          ],
          "hosts": [
            {"name": "build1", "in": "aws/us-east-1/rack1"},
            {"name": "build2", "in": "aws/us-east-1/rack1"},
            {"name": "tracker", "in": "aws/us-east-1/rack1"}
          ]
        }
        """

    private static let first = """
        {"name": "publish", "seconds": 0, "do": "publish", "target": "build1", "version": "2",
         "seed": 7}
        """

    /// A scenario of a channel whose version 2 is published, with more steps.
    private func parse(
        _ steps: String,
        members: String = "\"channel\": \"prod\", \"seeds\": [\"build1\", \"build2\"]",
        asserts: String = "\"serving\": \"2\"",
        publishes: Bool = true
    ) throws -> Scenario {
        let first = publishes ? Self.first : ""
        let text = """
            {"about": "x", "topology": "t", "model": {"MiB": 1}, "tracker": "tracker", \(members),
             "steps": [
               \(first) \(first.isEmpty || steps.isEmpty ? "" : ",") \(steps)
             ],
             "assert": {\(asserts)}}
            """
        return try Scenario.parse(Array(text.utf8), name: "test", file: "test.json") { _ in
            try Topology.parse(Array(Self.topology.utf8), name: "t", file: "t.json")
        }
    }

    private func flaw(_ body: () throws -> Scenario) -> String {
        do {
            _ = try body()
            return "nothing is wrong"
        } catch {
            return "\(error)"
        }
    }

    @Test("a rollout is read with its waves, what is waited for, and by when")
    func rollout() throws {
        let scenario = try parse(
            """
            {"name": "roll", "after": "publish", "do": "rollout", "version": "2", "waves": [
              {"hosts": "1", "approval": true}, {"hosts": "50%", "soakSeconds": 5},
              {"hosts": "all"}
            ]},
            {"name": "look", "after": "roll", "phase": "baking", "wave": 1, "withinSeconds": 20},
            {"name": "let in", "after": "look", "do": "approve", "wave": 1},
            {"name": "refuse", "after": "let in", "do": "failProbe", "version": "2",
             "target": "gcp"},
            {"name": "back", "after": "refuse", "phase": "rolledBack", "withinSeconds": 10.5},
            {"name": "serve", "serving": "1", "withinSeconds": 60},
            {"name": "one serves", "serving": "1", "of": "gcp", "do": "rollback"}
            """,
            asserts: "\"serving\": \"1\", \"return\": {\"seconds\": 10, \"bytes\": 0}"
        )
        #expect(scenario.channel == "prod")
        #expect(scenario.receivers == [0, 1, 2, 3])
        #expect(scenario.publication == .init(hosts: [4], version: "2", seed: 7))
        let waves = [
            RolloutPlan.Wave(hosts: .count(1), gates: [.approval]),
            RolloutPlan.Wave(hosts: .percent(50), gates: [.soak(seconds: 5)]),
            RolloutPlan.Wave(hosts: .percent(100)),
        ]
        #expect(
            Array(scenario.steps.dropFirst()) == [
                Step(name: "roll", trigger: .after(0, .zero), action: .rollout("2", waves)),
                Step(
                    name: "look",
                    trigger: .rollout(.baking, wave: 0),
                    action: .wait,
                    follows: 1,
                    within: .seconds(20)
                ),
                Step(
                    name: "let in",
                    trigger: .after(2, .zero),
                    action: .command(.approve, wave: 0)
                ),
                Step(
                    name: "refuse",
                    trigger: .after(3, .zero),
                    action: .failProbe([2, 3], version: "2")
                ),
                Step(
                    name: "back",
                    trigger: .rollout(.rolledBack, wave: nil),
                    action: .wait,
                    follows: 4,
                    within: .seconds(10.5)
                ),
                Step(
                    name: "serve",
                    trigger: .serving("1", [0, 1, 2, 3]),
                    action: .wait,
                    within: .seconds(60)
                ),
                Step(
                    name: "one serves",
                    trigger: .serving("1", [2, 3]),
                    action: .command(.rollback, wave: nil)
                ),
            ]
        )
        #expect(scenario.assertions.serving == "1")
        #expect(scenario.assertions.returnSeconds == 10)
        #expect(scenario.assertions.returnBytes == 0)
    }

    /// A step that rolls out version 2 in the given waves.
    private static func waves(_ text: String) -> String {
        "{\"after\": \"publish\", \"do\": \"rollout\", \"version\": \"2\", \"waves\": [\(text)]}"
    }

    private static func publish(_ target: String, _ version: String) -> String {
        """
        {"seconds": 1, "do": "publish", "target": "\(target)", "version": "\(version)", "seed": 1}
        """
    }

    @Test("a version is published in parts by several hosts")
    func parts() throws {
        let step = """
            {"seconds": 0, "do": "publish", "target": ["build1", "build2"], "version": "2",
             "seed": 7, "parts": true}
            """
        let scenario = try parse(step, publishes: false)
        let publication = Step.Publication(hosts: [4, 5], version: "2", seed: 7, isInParts: true)
        #expect(scenario.publication == publication)
        let alone = step.replacing("\"build1\", ", with: "")
        #expect(
            flaw { try parse(alone, publishes: false) }
                .contains("steps[0].parts: needs more than one host in 'target'")
        )
    }

    /// A step after the first, and what is said of it.
    private static let flawed: [(String, String)] = [
        (waves("{\"hosts\": \"1\"}"), "steps[1].waves: take 1 of 4 hosts"),
        (waves(""), "steps[1]: has no 'waves'"),
        (
            waves("{\"hosts\": \"75%\"}, {\"hosts\": \"50%\"}, {\"hosts\": \"all\"}"),
            "steps[1].waves[1].hosts: '50%' makes 2 of 4 hosts, after 3 by earlier waves"
        ),
        (
            waves("{\"hosts\": \"5\"}"),
            "steps[1].waves[0].hosts: '5' makes 5 of 4 hosts, after 0"
        ),
        (
            waves("{\"hosts\": \"pool=x\"}"),
            "steps[1].waves[0].hosts: 'pool=x' is no count or share"
        ),
        (
            waves("{\"hosts\": \"all\", \"soak\": 5}"),
            "steps[1].waves[0].soak: has no unit; write 'soakSeconds'"
        ),
        (
            waves("{\"hosts\": \"all\", \"gates\": []}"),
            "steps[1].waves[0].gates: is an unknown key; the keys here are approval, hosts"
        ),
        (
            "{\"phase\": \"complete\", \"within\": 10}",
            "steps[1]: has no 'do'"
        ),
        (
            "{\"phase\": \"complete\", \"within\": 10, \"do\": \"abort\"}",
            "steps[1].within: has no unit; write 'withinSeconds'"
        ),
        (
            "{\"phase\": \"finished\", \"withinSeconds\": 10}",
            "steps[1].phase: 'finished' is none; there are seeding, staging"
        ),
        (
            "{\"phase\": \"baking\", \"withinSeconds\": 10}",
            "steps[1]: has no 'wave'"
        ),
        (
            "{\"phase\": \"complete\", \"wave\": 1, \"withinSeconds\": 10}",
            "steps[1].wave: is an unknown key"
        ),
        (
            "{\"phase\": \"complete\", \"serving\": \"2\", \"withinSeconds\": 10}",
            "steps[1].serving: does not go with 'phase'"
        ),
        (
            "{\"seconds\": 3, \"withinSeconds\": 10, \"do\": \"abort\"}",
            "steps[1].withinSeconds: needs something to wait for"
        ),
        (
            "{\"serving\": \"3\", \"withinSeconds\": 10}",
            "steps[1].serving: no step publishes '3'; there are 1, 2"
        ),
        (
            "{\"serving\": \"2\", \"of\": \"tracker\", \"withinSeconds\": 10}",
            "steps[1].of: 'tracker' is not of the channel"
        ),
        (
            "{\"seconds\": 1, \"do\": \"failProbe\", \"version\": \"3\"}",
            "steps[1].version: no step publishes '3'; there are 1, 2"
        ),
        (
            "{\"seconds\": 1, \"do\": \"failProbe\", \"version\": \"2\", \"target\": \"aws\"}",
            "steps[1].target: 'build1' is not of the channel"
        ),
        (
            "{\"seconds\": 1, \"do\": \"approve\"}",
            "steps[1]: has no 'wave'"
        ),
        (
            publish("build1", "3"),
            "steps[1].do: a scenario publishes one version"
        ),
        (
            publish("gcp", "3"),
            "steps[1].target: 'gcp/europe-west4/rack1/1' is none of the 'seeds'"
        ),
        (
            publish("build1", "1"),
            "steps[1].version: is what the scenario begins with"
        ),
        (
            """
            {"name": "a", "after": "b", "phase": "complete", "withinSeconds": 1},
            {"name": "b", "after": "a", "do": "abort"}
            """,
            "steps[1].after: is a cycle: 'a' waits for 'b' waits for 'a'"
        ),
    ]

    @Test("what is wrong with a step is named with file and key", arguments: flawed)
    func flaws(_ steps: String, _ expected: String) {
        let flaw = flaw { try parse(steps) }
        #expect(flaw.contains("test.json"), "\(flaw)")
        #expect(flaw.contains(expected), "\(flaw)")
    }

    @Test("a channel needs seeds, steps about rollouts a channel, and an end a version")
    func channel() {
        #expect(
            flaw { try parse("", members: "\"seeds\": \"build1\"", asserts: "") }
                .contains("steps[0].do: needs a scenario with 'channel'")
        )
        #expect(
            flaw { try parse("", members: "\"channel\": \"prod\", \"origins\": \"build1\"") }
                .contains("channel: needs 'seeds'")
        )
        #expect(flaw { try parse("", asserts: "") }.contains("assert: has no 'serving'"))
        #expect(
            flaw { try parse("", asserts: "\"serving\": \"9\"") }
                .contains("assert.serving: no step publishes '9'; there are 1, 2")
        )
        #expect(
            flaw { try parse("", asserts: "\"serving\": \"2\", \"return\": {\"time\": 1}") }
                .contains("assert.return.time: is an unknown key; the keys here are bytes, seconds")
        )
    }
}
