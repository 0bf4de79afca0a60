import SwarmModel
import Testing

@Suite("Model references")
struct ModelReferenceTests {
    static func flaw(_ text: String) -> NameFlaw? {
        do throws(NameFlaw) {
            _ = try ModelReference(text)
            return nil
        } catch {
            return error
        }
    }

    @Test("a reference is read into its parts and written back")
    func roundTrips() throws {
        for text in ["org/model@1", "Org-1/Model_2.5+x@v1.0-rc.1", "0/0@0"] {
            #expect(try ModelReference(text).description == text)
        }
        let reference = try ModelReference("org/model@1.0")
        #expect(reference.name.organisation == "org" && reference.name.model == "model")
        #expect(reference.version == "1.0")
    }

    @Test("names that could leave their directory are refused")
    func refuses() {
        let expected: [(String, NameFlaw)] = [
            ("", .notReference("")), ("org/model", .notReference("org/model")),
            ("org/model@1@2", .notReference("org/model@1@2")),
            ("model@1", .notOrganisationAndModel("model")),
            ("a/b/c@1", .notOrganisationAndModel("a/b/c")),
            ("/b@1", .empty), ("a/@1", .empty), ("a/b@", .empty),
            ("../b@1", .badCharacter("..")), ("a/..@1", .badCharacter("..")),
            ("a/b@..", .badCharacter("..")), ("a/b@1/2", .badCharacter("1/2")),
            ("a/.b@1", .badCharacter(".b")), ("a/-b@1", .badCharacter("-b")),
            ("a/b@current", .badCharacter("current")), ("a/b c@1", .badCharacter("b c")),
            ("a/b\u{0}@1", .badCharacter("b\u{0}")), ("ä/b@1", .badCharacter("ä")),
            ("a\\b/c@1", .badCharacter("a\\b")),
        ]
        for (text, flaw) in expected {
            #expect(Self.flaw(text) == flaw)
            #expect(!flaw.description.isEmpty)
        }
        let long = String(repeating: "x", count: 97)
        #expect(Self.flaw("a/\(long)@1") == .tooLong(long))
        #expect(Self.flaw("a/\(long.dropLast())@1") == nil)
    }

    @Test("references sort by organisation, model, then version")
    func sorts() throws {
        let texts = ["a/a@1", "a/a@2", "a/b@1", "b/a@0"]
        let sorted = try texts.reversed().map { try ModelReference($0) }.sorted()
        #expect(sorted.map(\.description) == texts)
    }
}
