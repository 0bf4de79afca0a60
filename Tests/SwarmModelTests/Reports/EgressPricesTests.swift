import Foundation
import SwarmModel
import Testing

@Suite("EgressPrices")
struct EgressPricesTests {
    private static func parse(_ json: String) throws -> EgressPrices {
        try JSONDecoder().decode(EgressPrices.self, from: Data(json.utf8))
    }

    private static let small = """
        {"source": "a test", "date": "2026-09",
         "continents": [{"name": "north", "regions": ["a/n-*"]},
                        {"name": "south", "regions": ["a/s-*"]}],
         "rules": [
           {"from": "a", "level": "rack", "usdPerGB": 0},
           {"from": "a/n-1", "kind": "origin", "usdPerGB": 0.5},
           {"from": "a", "to": "b/*", "usdPerGB": 2},
           {"from": "a", "level": "otherContinent", "usdPerGB": 4},
           {"from": "a", "level": "cloud", "usdPerGB": 1},
           {"from": "a", "level": "otherCloud", "usdPerGB": 8}
         ]}
        """

    private func price(
        _ from: String,
        _ to: String,
        _ kind: SourceKind = .peer
    ) throws -> Double? {
        try Self.parse(Self.small).usdPerGB(from: Locality(from), to: Locality(to), kind: kind)
    }

    @Test("the first rule that fits decides, by ends, level and kind")
    func lookUp() throws {
        #expect(try price("a/n-1/r1", "a/n-1/r1") == 0)
        #expect(try price("a/n-1/r1", "a/n-2/r1") == 1)
        #expect(try price("a/n-1/r1", "a/s-1/r1") == 4)
        #expect(try price("a/n-1/r1", "a/unheard-of/r1") == 1)
        #expect(try price("a/n-1/r1", "b/x/y") == 2)
        #expect(try price("a/n-1/r1", "b") == 8)
        #expect(try price("a/n-1", "b/x", .origin) == 0.5)
        #expect(try price("a/n-1", "a/n-1", .origin) == 0)
        #expect(try price("a/n-1/r1", "a/n-1/r2") == nil)
        #expect(try price("c/x", "a/n-1") == nil)
        #expect(try price("", "a/n-1") == nil)
        #expect(try price("a/n-1", "") == nil)
    }

    @Test("a gigabyte has 10⁹ bytes")
    func gigabytes() throws {
        let prices = try Self.parse(Self.small)
        let usd = prices.usd(
            500_000_000,
            from: try Locality("a/n-1"),
            to: try Locality("b"),
            kind: .peer
        )
        #expect(usd == 4)
    }

    /// The JSON, and what the error must say.
    static let hostile: [(String, String)] = [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[]", "the whole is not an object"),
        ("7", "the whole is not an object"),
        ("{}", "source is missing"),
        (#"{"source": 7}"#, "source is not a text"),
        (#"{"source": ""}"#, "source must be a text of 1 to 512 bytes"),
        (#"{"source": "a\u0007"}"#, "source has a control character"),
        (#"{"source": null}"#, "source must not be null"),
        (#"{"source": "x", "date": "yesterday"}"#, "date is 'yesterday'; write it as"),
        (#"{"source": "x", "date": "2026-09-20"}"#, "rules is missing"),
        (#"{"source": "x", "date": "2026-09-20", "rules": {}}"#, "rules is not a list"),
        (
            #"{"source": "x", "date": "2026-09", "rules": [], "price": 1}"#,
            "price is no key of a price file; the keys are source, date, continents, rules"
        ),
        (rule(#"{}"#), "rules[0].usdPerGB is missing"),
        (rule(#"[]"#), "rules[0] is not an object"),
        (rule(#"{"usdPerGB": "0.02"}"#), "rules[0].usdPerGB is not a number"),
        (rule(#"{"usdPerGB": -0.02}"#), "rules[0].usdPerGB is -0.02; it must lie between 0"),
        (rule(#"{"usdPerGB": 1001}"#), "rules[0].usdPerGB is 1001.0; it must lie between 0"),
        (rule(#"{"usdPerGb": 1}"#), "rules[0].usdPerGb is no key of a rule"),
        (rule(#"{"usdPerGB": 1, "from": ""}"#), "rules[0].from is empty; leave the key out"),
        (rule(#"{"usdPerGB": 1, "from": "a//b"}"#), "rules[0].from has an empty label"),
        (rule(#"{"usdPerGB": 1, "from": "a/b c"}"#), "rules[0].from has a control character"),
        (rule(#"{"usdPerGB": 1, "to": "*-1"}"#), "rules[0].to has '*-1': a * may only be the end"),
        (
            rule(#"{"usdPerGB": 1, "level": "zone"}"#),
            "rules[0].level is 'zone'; it may be rack, region, cloud, otherContinent, otherCloud"
        ),
        (rule(#"{"usdPerGB": 1, "kind": "seed"}"#), "rules[0].kind is 'seed'; it may be peer,"),
        (
            rule(#"{"usdPerGB": 1, "from": "a"}, {"usdPerGB": 2, "from": "a"}"#),
            "rules [1] has the same conditions as [0]"
        ),
        (
            #"{"source": "x", "date": "2026-09", "continents": "#
                + #"[{"name": "a", "regions": []}, {"name": "a", "regions": []}], "rules": []}"#,
            "continents has 'a' twice"
        ),
        (
            #"{"source": "x", "date": "2026-09", "rules": ["#
                + (0...1024).map { #"{"usdPerGB": 0, "from": "c\#($0)"}"# }.joined(separator: ",")
                + "]}",
            "rules has more than 1024 entries"
        ),
    ]

    private static func rule(_ text: String) -> String {
        #"{"source": "x", "date": "2026-09", "rules": [\#(text)]}"#
    }

    @Test("what is wrong in a price file is named by its key", arguments: hostile)
    func refused(json: String, reason: String) {
        do {
            _ = try Self.parse(json)
            Issue.record("accepted: \(json.prefix(200))")
        } catch let error as DecodingError {
            #expect(error.keyAndReason.contains(reason), "\(error.keyAndReason)")
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test("bytes cut, changed and repeated anywhere in a file are read or refused, never a trap")
    func mangled() {
        var random = SeededRandom(seed: 7)
        let whole = Array(Self.small.utf8)
        let spice = Array(#"{}[]",:*/-0e19\u"#.utf8)
        for _ in 0..<3000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes.removeSubrange(place...)
                case 1: bytes[place] = spice[Int.random(in: 0..<spice.count, using: &random)]
                case 2: bytes.remove(at: place)
                default: bytes.insert(contentsOf: bytes[place...].prefix(40), at: place)
                }
            }
            if let prices = try? JSONDecoder().decode(EgressPrices.self, from: Data(bytes)) {
                #expect(
                    prices.rules.allSatisfy { (0...EgressPrices.usdPerGBMax).contains($0.usdPerGB) }
                )
            }
        }
    }
}

@Suite("DomainPattern")
struct DomainPatternTests {
    @Test(
        "a pattern fits what lies inside the domains that it names",
        arguments: [
            ("aws", "aws", true), ("aws", "aws/us/r1", true), ("aws", "awsome", false),
            ("aws*", "awsome/x", true), ("*", "gcp", true), ("*", "", false),
            ("aws/us-*", "aws/us-east-1/r", true), ("aws/us-*", "aws/eu-1", false),
            ("aws/us-*", "aws", false), ("*/*/r1", "a/b/r1", true), ("*/*/r1", "a/b/r11", false),
        ]
    )
    func fits(pattern: String, place: String, expected: Bool) throws {
        #expect(try DomainPattern(pattern).fits(Locality(place)) == expected)
        #expect(try DomainPattern(pattern).description == pattern)
    }
}
