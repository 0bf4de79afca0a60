import SwarmModel
import Testing

@Suite("Locality")
struct LocalityTests {
    @Test("text is read into labels and written back")
    func roundTrips() throws {
        for text in ["", "a", "aws/us-east-1/rack17", "a/b/c/d/e/f", "ä/b_c/d.e:f"] {
            #expect(try Locality(text).description == text)
        }
        #expect(try Locality("") == .unknown)
        #expect(try Locality("aws/us-east-1").labels == ["aws", "us-east-1"])
    }

    @Test("flaws are named")
    func refuses() throws {
        func flaw(_ text: String) -> Locality.Flaw? {
            do throws(Locality.Flaw) {
                _ = try Locality(text)
                return nil
            } catch {
                return error
            }
        }
        for text in ["/", "a/", "/a", "a//b", "//"] { #expect(flaw(text) == .emptyLabel) }
        for text in ["a b", "\n", "a\u{0}", "a/\u{7F}", "a\u{9F}", "\t/b"] {
            #expect(flaw(text) == .controlCharacter)
        }
        #expect(flaw("a/b/c/d/e/f/g") == .tooManyLevels(7))
        let long = String(repeating: "x", count: 65)
        #expect(flaw("a/\(long)") == .labelTooLong(long))
        #expect(flaw(String(long.dropLast())) == nil)
    }

    @Test("the level of a link is what its two ends have in common")
    func commonLevels() throws {
        let here = try Locality("aws/us/r1")
        let expected: [(String, Int, Proximity)] = [
            ("aws/us/r1", 3, .rack), ("aws/us/r2", 2, .region), ("aws/eu/r1", 1, .cloud),
            ("gcp/us/r1", 0, .otherCloud), ("", 0, .unknown), ("aws", 1, .cloud),
            ("aws/us", 2, .region), ("aws/us/r1/host", 3, .rack),
        ]
        for (text, levels, proximity) in expected {
            let there = try Locality(text)
            #expect(here.commonLevels(with: there) == levels)
            #expect(there.commonLevels(with: here) == levels)
            #expect(here.proximity(to: there) == proximity)
            #expect(there.proximity(to: here) == proximity)
        }
        #expect(try Locality("a").proximity(to: Locality("a")) == .rack)
        #expect(Locality.unknown.proximity(to: .unknown) == .unknown)
        #expect(Proximity.rack < .region && .cloud < .otherCloud && .otherCloud < .unknown)
    }

    @Test("localities sort by label, not by text")
    func sorts() throws {
        let sorted = try ["a", "a/b", "a/b/c", "a-b", "b"].map { try Locality($0) }.shuffled()
            .sorted()
        #expect(sorted.map(\.description) == ["a", "a/b", "a/b/c", "a-b", "b"])
    }
}
