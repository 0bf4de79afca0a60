import Foundation
import SwarmModel
import Testing

@Suite("Labels, selectors and names of hosts")
struct LabelsTests {
    @Test("labels are kept in the order of their keys, and read as KEY=VALUE")
    func labels() throws {
        let labels = try Labels(parsing: ["pool=inference", "gpu=h100", "empty="])
        #expect(labels.description == "empty=,gpu=h100,pool=inference")
        #expect(labels["gpu"] == "h100")
        #expect(labels["empty"]?.isEmpty == true)
        #expect(labels["none"] == nil)
        #expect(try Labels([]) == .none)
    }

    @Test(
        "labels that are none are refused, by what is wrong with them",
        arguments: [
            (["gpu"], LabelFlaw.notAPair("gpu")), (["=x"], .badKey("")), (["-a=x"], .badKey("-a")),
            (["a-=x"], .badKey("a-")), (["a b=x"], .badKey("a b")), (["a=b c"], .badValue("b c")),
            (["a=b="], .badValue("b=")), (["a=\u{e9}"], .badValue("\u{e9}")),
            (["a=1", "a=2"], .twice("a")), (["a=-"], .badValue("-")),
        ]
    )
    func badLabels(texts: [String], flaw: LabelFlaw) {
        #expect(throws: flaw) { try Labels(parsing: texts) }
        #expect(!flaw.description.isEmpty)
    }

    @Test("a key or a value has at most 63 bytes, and a host at most 32 labels")
    func limits() throws {
        let longest = String(repeating: "a", count: 63)
        _ = try Labels(parsing: ["\(longest)=\(longest)"])
        #expect(throws: LabelFlaw.badKey(longest + "a")) {
            try Labels(parsing: ["\(longest)a=1"])
        }
        #expect(throws: LabelFlaw.badValue(longest + "a")) {
            try Labels(parsing: ["a=\(longest)a"])
        }
        let many = (0...Labels.countMax).map { "k\($0)=v" }
        #expect(try Labels(parsing: many.dropLast()).pairs.count == Labels.countMax)
        #expect(throws: LabelFlaw.tooMany(Labels.countMax)) { try Labels(parsing: many) }
    }

    @Test("labels and selectors survive JSON, and bad JSON is an error")
    func json() throws {
        let labels = try Labels(parsing: ["b=2", "a=1"])
        let data = try JSONEncoder().encode(labels)
        #expect(try JSONDecoder().decode(Labels.self, from: data) == labels)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(Labels.self, from: Data(#"{"a b": "1"}"#.utf8))
        }
        let selector = try LabelSelector("a=1,b in (x,y),!c")
        let text = try JSONEncoder().encode([selector])
        #expect(try JSONDecoder().decode([LabelSelector].self, from: text) == [selector])
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([LabelSelector].self, from: Data(#"["a=1,"]"#.utf8))
        }
    }

    // MARK: Selectors

    private static let host = "node-7"
    private static func matches(_ selector: String) throws -> Bool {
        try LabelSelector(selector).matches(
            try Labels(parsing: ["gpu=h100", "pool=inference", "spot="]),
            host: try HostName(host),
            at: try Locality("aws/us-east-1/r7")
        )
    }

    @Test(
        "which hosts a selector selects",
        arguments: [
            ("", true), (" ", true), ("gpu=h100", true), ("gpu==h100", true), ("gpu=a100", false),
            ("gpu!=a100", true), ("gpu!=h100", false), ("gpu in (a100,h100)", true),
            ("gpu in ( a100 , h100 )", true), ("gpu notin (a100)", true),
            ("gpu notin (h100,a100)", false), ("spot", true), ("!spot", false), ("none", false),
            ("!none", true), ("none!=x", true), ("none notin (x)", true), ("none in (x)", false),
            ("none=", false), ("spot=", true), ("gpu=h100,pool=inference", true),
            ("gpu=h100,pool=training", false), ("host=node-7", true), ("host!=node-7", false),
            ("cloud=aws", true), ("region=us-east-1", true), ("rack=r7", true), ("rack=r8", false),
            ("gpu=h100, cloud in (aws,gcp) ,!none", true),
        ]
    )
    func selecting(selector: String, expected: Bool) throws {
        #expect(try Self.matches(selector) == expected)
    }

    @Test("a host of no known place has no label of it")
    func unknownPlace() throws {
        let host = try HostName("h")
        #expect(!(try LabelSelector("cloud")).matches(.none, host: host, at: .unknown))
        #expect(try LabelSelector("!cloud").matches(.none, host: host, at: .unknown))
        let cloudOnly = try Locality("aws")
        #expect(try LabelSelector("cloud=aws,!rack").matches(.none, host: host, at: cloudOnly))
    }

    @Test(
        "what is no selector is refused: a slip must never select every host",
        arguments: [
            ",", "a=1,", ",a=1", "a=1,,b=2", "a in b", "a in", "a in (b", "a within (b)", "=1",
            "!", "!=1", "a b", "a in (b c)", "a=(b)", "a=b=c", "a in (b)(c)", "!a=b", "a;b",
        ]
    )
    func badSelectors(text: String) {
        #expect(throws: LabelFlaw.self) { try LabelSelector(text) }
    }

    @Test("a selector reads its own text as the same selector")
    func roundTrip() throws {
        for text in [
            "", "a=1", "a!=1", "a in (1,2)", "a notin (1,2)", "a", "!a", "a=1,!b,c in (d)",
        ] {
            let selector = try LabelSelector(text)
            #expect(try LabelSelector(selector.description) == selector)
        }
    }

    // MARK: Names

    @Test(
        "names of hosts",
        arguments: ["h", "node-17.example", "A_1", String(repeating: "a", count: 253)]
    )
    func names(text: String) throws {
        #expect(try HostName(text).description == text)
        let data = try JSONEncoder().encode([HostName(text)])
        #expect(try JSONDecoder().decode([HostName].self, from: data) == [HostName(text)])
    }

    @Test(
        "what is no name of a host",
        arguments: [
            "", ".", "..", "-a", "_a", "a/b", "a b", "a\n", "\u{e9}", "a:1",
            String(repeating: "a", count: 254),
        ]
    )
    func badNames(text: String) {
        #expect(throws: HostName.Flaw.self) { try HostName(text) }
        let data = try? JSONEncoder().encode([text])
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([HostName].self, from: data ?? Data())
        }
    }
}
