import ArgumentParser
import Foundation
import SwarmModel
import SwarmPeer
import SystemPackage
import Testing

@testable import shoal

@Suite("Settings of a host")
struct FleetOptionsTests {
    private func settings(
        _ line: [String] = [],
        file json: String? = nil,
        environment: [String: String] = [:],
        trackers: [String] = ["http://t:1"]
    ) throws -> HostSettings {
        let file = try json.map { try SettingsFile(path: "s.json", json: Data($0.utf8)) }
        var resolver = SettingsResolver(file: file, environment: environment)
        var settings = PeerSettings(dataDirectory: "/data", eventLoopCount: 1)
        settings.trackers = trackers
        try FleetOptions.parse(line).apply(&resolver, to: &settings)
        try resolver.finish()
        return settings.host
    }

    @Test("a peer with a tracker is a host of its fleet, unless that is turned off")
    func fleet() throws {
        #expect(try settings(["--host-name", "h1"]).name?.description == "h1")
        #expect(try settings(["--host-name", "h1", "--no-fleet"]).name == nil)
        #expect(try settings(["--host-name", "h1"], file: #"{"fleet": false}"#).name == nil)
        #expect(try settings(["--host-name", "h1"], trackers: []).name == nil)
    }

    @Test("labels are checked one by one and together")
    func labels() throws {
        let host = try settings(["--host-name", "h", "--label", "a=1", "--label", "b=2"])
        #expect(host.labels.description == "a=1,b=2")
        let listed = try settings(["--host-name", "h"], environment: ["SHOAL_LABEL": "a=1, b=2"])
        #expect(listed.labels == host.labels)
        let twice = ["--host-name", "h", "--label", "a=1", "--label", "a=2"]
        #expect(throws: CommandFailure.self) { try settings(twice) }
        #expect(throws: CommandFailure.self) {
            try settings(["--host-name", "h"], file: #"{"label": ["nonsense"]}"#)
        }
    }

    @Test("a hook is a URL, a text of words, or a list of words, whose spaces then stay")
    func hooks() throws {
        let json = #"{"activation-after": ["/bin/reload", "a b"], "activation-timeout": 7}"#
        let line = ["--host-name", "h", "--activation-before", "/bin/drain now"]
        let host = try settings(
            line,
            file: json,
            environment: ["SHOAL_ACTIVATION_PROBE": "http://127.0.0.1:8000/health"]
        )
        #expect(host.hooks.before == .command(["/bin/drain", "now"]))
        #expect(host.hooks.after == .command(["/bin/reload", "a b"]))
        #expect(host.hooks.probe == .url("http://127.0.0.1:8000/health"))
        #expect(host.hookTimeout == .seconds(7))
        #expect(try settings(["--host-name", "h"]).hooks == HookSettings())
    }

    @Test("what makes no sense is refused by name")
    func refusals() throws {
        for line in [["--keep", "9"], ["--host-name", "a b"], ["--disk-budget", "much"]] {
            #expect(throws: (any Error).self) { try settings(line + ["--no-fleet"]) }
        }
        let host = try settings(["--no-fleet", "--keep", "0", "--disk-budget", "2TB"])
        #expect(host.keepCount == 0)
        #expect(host.diskBudget == 2_000_000_000_000)
    }

    @Test("every setting of a host has its default shown")
    func printed() throws {
        var resolver = SettingsResolver(file: SettingsFile?.none, environment: [:])
        var settings = PeerSettings(dataDirectory: "/data", eventLoopCount: 1)
        try FleetOptions.parse([]).apply(&resolver, to: &settings)
        let names = [
            "fleet", "host-name", "label", "activation-before", "activation-after",
            "activation-probe", "activation-timeout", "activation-probe-timeout",
            "activation-probe-deadline", "activation-probe-period", "keep", "disk-budget",
            "scrub-rate",
        ]
        for name in names { #expect(resolver.text.contains(name), "\(name)") }
    }

    @Test("the commands of a host parse")
    func commands() throws {
        for line in [
            ["activate", "a/b@1"], ["rollback", "a/b"], ["pin", "a/b@1"], ["unpin", "a/b@1"],
            ["prefetch", "a/b@1"], ["adopt", "/cache", "a/b@1"],
        ] {
            _ = try Shoal.parseAsRoot(line + ["--json"])
        }
        #expect(throws: (any Error).self) { try Shoal.parseAsRoot(["rollback", "a/b@1"]) }
        #expect(throws: (any Error).self) { try Shoal.parseAsRoot(["activate", "a/b"]) }
    }
}
