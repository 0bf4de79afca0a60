import SwarmModel
import SwarmSimulator
import Testing

@Suite("Plans are read strictly")
struct PlanTests {
    @Test("every ready-made plan can be read and drawn", arguments: Runs.readyMade)
    func readyMade(name: String) throws {
        let plan = try Runs.plan(name)
        #expect(!plan.about.isEmpty)
        let scenario = try Scenario(plan: plan, seed: 1)
        #expect(!scenario.wanters.isEmpty)
        #expect(scenario.hosts.contains { $0.start == .seed })
    }

    @Test("there are ready-made plans, and each can be named on the command line")
    func names() {
        #expect(Runs.readyMade.contains("mixed") && Runs.readyMade.count > 10)
    }

    @Test("an empty object is a small plan of its own")
    func empty() throws {
        let plan = try Runs.plan(text: "{}")
        #expect(try Scenario(plan: plan, seed: 1).hosts.count == 5)
    }

    @Test(
        "what is wrong is named by line and key",
        arguments: [
            ("{\n\"modle\": {}}", "line 2: 'modle' is not a known key; known here: about, disk, "),
            ("{\"model\": {\n\n\"byte\": 3}}", "line 3: 'model.byte' is not a known key"),
            ("{\"model\": 3}", "line 1: 'model' must be an object and is a number"),
            ("{\"model\": {\"bytes\": \"3 apples\"}}", "'model.bytes' must be '16GiB' or"),
            ("{\"model\": {\"bytes\": [5, 3]}}", "'model.bytes' has a first value above"),
            ("{\"model\": {\"bytes\": [1, 2, 3]}}", "'model.bytes' must have two values"),
            ("{\"model\": {\"pieceLength\": 1}}", "'model.pieceLength' is 1.0, outside of"),
            ("{\"model\": {}, \"model\": {}}", "'model' is there twice"),
            ("{\"fidelity\": \"exact\"}", "'fidelity' must be one of 'block', 'flow'"),
            ("{\"sources\": {}}", "'sources' must be a list and is an object"),
            ("{\"sources\": [{\"kind\": \"cdn\"}]}", "'sources[0].kind' must be one of 'seed'"),
            ("{\"topology\": {\"regions\": [{}]}}", "'topology.regions[0].at' must be a region"),
            (
                "{\"topology\": {\"regions\": [{\"at\": \"a//b\"}]}}",
                "'topology.regions[0].at' 'a//b' has an empty label"
            ),
            (
                "{\"topology\": {\"regions\": [{\"at\": \"a/b\"}, {\"at\": \"a/b\"}]}}",
                "name a/b twice"
            ),
            ("{\"topology\": {\"clouds\": 64, \"hostsPerRack\": 1000}}", "more than 10000 hosts"),
            ("{\"hosts\": {\"liars\": [\"shouts\"]}}", "'hosts.liars' must be a list of"),
            ("{\"faults\": {\"timeline\": [{\"do\": \"partition\"}]}}", "'faults.timeline[0].in'"),
            ("{\"faults\": {\"timeline\": [{}]}}", "'faults.timeline[0].do' is missing"),
            ("{\"expect\": {\"p99\": \"soon\"}}", "'expect.p99' must be a number"),
            ("{\"settings\": {\"chaotic\": 1}}", "'settings.chaotic' must be true or false"),
            ("{\"about\": \"", "a text without an end"),
            ("{\"about\": \"\\q\"}", "an escape that is not known"),
            ("{} {}", "text after the end"),
            ("{\"about\": nul}", "not a JSON value"),
            ("[1, 2", "neither ',' nor ']'"),
            ("", "the text ends in the middle"),
        ]
    )
    func flaws(text: String, message: String) {
        do {
            _ = try Runs.plan(text: text)
            Issue.record("read without complaint: \(text)")
        } catch {
            #expect("\(error)".contains(message), "\(error)")
        }
    }

    @Test("nesting without end is refused before the stack is")
    func depth() {
        let text = String(repeating: "[", count: 100_000)
        #expect(throws: PlanError.self) { try JSONText(Array(text.utf8)) }
        let long = Array(repeating: UInt8(ascii: " "), count: JSONText.byteCountMax + 1)
        #expect(throws: PlanError.self) { try JSONText(long) }
    }

    @Test("quantities have units")
    func units() {
        #expect(PlanUnit.bytes.value(of: "16GiB") == Double(16 << 30))
        #expect(PlanUnit.bytes.value(of: "140GB") == 140e9)
        #expect(PlanUnit.rate.value(of: "10Gbit") == 1.25e9)
        #expect(PlanUnit.rate.value(of: "1.25GB") == 1.25e9)
        #expect(PlanUnit.seconds.value(of: "20ms") == 0.02)
        #expect(PlanUnit.seconds.value(of: "5min") == 300)
        #expect(PlanUnit.number.value(of: "5%") == 0.05)
        #expect(PlanUnit.bytes.value(of: "-3GB") == nil)
        #expect(PlanUnit.rate.value(of: "fast") == nil)
    }

    @Test("a range is drawn within its ends, and doublings are equally likely")
    func draws() {
        var random = SeededRandom(seed: 5)
        let wide = Draw(1, 1024)
        let values = (0..<4000).map { _ in wide.value(using: &random) }
        #expect(values.allSatisfy { (1...1024).contains($0) })
        #expect((1700...2300).contains(values.count { $0 < 32 }))
        let whole = Draw(2, 4)
        let counts = (0..<1000).map { _ in whole.count(using: &random) }
        for number in 2...4 { #expect(counts.contains(number)) }
        #expect(counts.allSatisfy { (2...4).contains($0) })
        #expect(Draw(7).count(using: &random) == 7)
    }
}
