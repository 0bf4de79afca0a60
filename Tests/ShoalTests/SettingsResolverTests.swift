import Foundation
import Testing

@testable import shoal

@Suite("Settings from file, environment and flags")
struct SettingsResolverTests {
    private static func resolver(
        _ json: String? = nil,
        _ environment: [String: String] = [:]
    ) throws -> SettingsResolver {
        let file = try json.map { try SettingsFile(path: "s.json", json: Data($0.utf8)) }
        return SettingsResolver(file: file, environment: environment)
    }

    @Test("flag wins over environment, environment over file, file over default")
    func layers() throws {
        let setting = Setting<Int>.number("cache-size", in: 0...9)
        for mask in 0..<8 {
            let hasFlag = mask & 4 != 0
            let hasEnvironment = mask & 2 != 0
            let hasFile = mask & 1 != 0
            var resolver = try Self.resolver(
                hasFile ? #"{"cache-size": 1}"# : nil,
                hasEnvironment ? ["SHOAL_CACHE_SIZE": "2"] : [:]
            )
            let value = try resolver.value(of: setting, flag: hasFlag ? 3 : nil, default: 0)
            #expect(value == (hasFlag ? 3 : hasEnvironment ? 2 : hasFile ? 1 : 0))
            let source =
                hasFlag
                ? "flag --cache-size"
                : hasEnvironment
                    ? "environment SHOAL_CACHE_SIZE" : hasFile ? "file s.json" : "default"
            #expect(
                resolver.lines == [.init(name: "cache-size", value: "\(value)", source: source)]
            )
            try resolver.finish()
        }
    }

    @Test("lists are arrays in the file, commas in the environment, repeated flags")
    func lists() throws {
        let setting = Setting<[String]>.list("tracker", expected: "a URL") { $0 }
        var file = try Self.resolver(#"{"tracker": ["a", "b"]}"#)
        #expect(try file.values(of: setting, flags: []) == ["a", "b"])
        var one = try Self.resolver(#"{"tracker": "a"}"#)
        #expect(try one.values(of: setting, flags: []) == ["a"])
        var environment = try Self.resolver(#"{"tracker": "a"}"#, ["SHOAL_TRACKER": "x, y,"])
        #expect(try environment.values(of: setting, flags: []) == ["x", "y"])
        #expect(try environment.values(of: setting, flags: ["f"]) == ["f"])
        var none = try Self.resolver()
        #expect(try none.values(of: setting, flags: [], default: ["d"]) == ["d"])
    }

    @Test("an empty environment variable is as good as none")
    func emptyEnvironment() throws {
        var resolver = try Self.resolver(#"{"name": "n"}"#, ["SHOAL_NAME": ""])
        #expect(try resolver.value(of: .text("name"), flag: nil) == "n")
    }

    @Test("unknown keys of the file are refused with the known ones")
    func unknownKeys() throws {
        var resolver = try Self.resolver(#"{"lisen": "x", "data": "d", "zz": 1}"#)
        _ = try resolver.value(of: .text("listen"), flag: nil)
        _ = try resolver.value(of: .text("data"), flag: nil)
        let failure = try #require(throws: CommandFailure.self) { try resolver.finish() }
        #expect(failure.message == "'s.json' sets 'lisen', 'zz', which does not exist")
        #expect(failure.remedy == "one of: data, listen")
    }

    @Test("a value that does not fit names the setting, where it is from and what is expected")
    func badValue() throws {
        var resolver = try Self.resolver(nil, ["SHOAL_PORT": "70000"])
        let failure = try #require(throws: CommandFailure.self) {
            try resolver.value(of: .number("port", in: 0...65535), flag: nil, default: 1)
        }
        #expect(failure.message == "the setting 'port' is '70000' (environment SHOAL_PORT)")
        #expect(failure.remedy == "a whole number from 0 to 65535")
    }

    @Test("texts, numbers and booleans of the file are read by the setting's type")
    func types() throws {
        let json =
            #"{"size": "64KiB", "bytes": 5, "on": true, "off": "FALSE", "big": 9007199254740993}"#
        var resolver = try Self.resolver(json)
        #expect(try resolver.value(of: .bytes("size"), flag: nil)?.bytes == 65536)
        #expect(try resolver.value(of: .bytes("bytes"), flag: nil)?.bytes == 5)
        #expect(try resolver.value(of: .flag("on"), flag: nil) == true)
        #expect(try resolver.value(of: .flag("off"), flag: nil) == false)
        #expect(try resolver.value(of: .bytes("big"), flag: nil)?.bytes == 9_007_199_254_740_993)
        #expect(resolver.text.hasPrefix("size   64KiB"))
    }

    @Test("a list for a setting with one value is refused")
    func listForOne() throws {
        var resolver = try Self.resolver(#"{"data": ["a"]}"#)
        #expect(throws: CommandFailure.self) {
            try resolver.value(of: .text("data"), flag: nil, default: "d")
        }
    }

    @Test(
        "what is not one JSON object of plain values is refused with the file's name",
        arguments: [
            ("", "it is not valid JSON"), ("{", "it is not valid JSON"),
            ("[1]", "it is not one JSON object"), (#""x""#, "it is not one JSON object"),
            (#"{"a": {"b": 1}}"#, "'a' is not a text"), (#"{"a": null}"#, "'a' is not a text"),
            (#"{"a": [[1]]}"#, "'a' is not a text"),
        ]
    )
    func badFile(json: String, reason: String) throws {
        let failure = try #require(throws: CommandFailure.self) { try Self.resolver(json) }
        #expect(failure.message.hasPrefix("'s.json' is not a settings file: \(reason)"))
    }

    @Test("a settings file that is not there is named")
    func missingFile() throws {
        let failure = try #require(throws: CommandFailure.self) {
            try SettingsResolver(file: "/nonexistent/s.json", environment: [:])
        }
        #expect(failure.status == .notFound)
        #expect(failure.message.contains("/nonexistent/s.json"))
    }
}
