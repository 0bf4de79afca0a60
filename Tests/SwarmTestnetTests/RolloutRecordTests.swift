import Foundation
import SwarmModel
import Testing

@testable import SwarmTestnet

@Suite struct RolloutRecordTests {
    private let path = NSTemporaryDirectory() + "shoal-rollout-record-\(UUID().uuidString)"

    private func view(
        _ phase: Rollout.Phase,
        wave: Int = 0,
        active: Int = 0,
        returnReason: String? = nil
    ) throws -> RolloutView {
        let version = DesiredState.Version(
            version: "2",
            infoHash: InfoHash(try #require(Digest([UInt8](repeating: 7, count: 32))))
        )
        var rollout = Rollout(
            id: 1,
            channel: "prod",
            model: try ModelName("testnet/model"),
            target: version,
            previous: nil,
            plan: .standard
        )
        rollout.phase = phase
        rollout.wave = wave
        rollout.returnReason = returnReason
        var hosts = HostCounts()
        hosts.hosts = 4
        hosts.active = active
        return RolloutView(
            rollout: rollout,
            state: rollout.stateText,
            waitsFor: nil,
            hosts: hosts,
            waves: rollout.plan.waves.map { .init(scope: $0.hosts, hosts: hosts) },
            domains: []
        )
    }

    private func record() throws -> RolloutRecord {
        RolloutRecord(
            try view(.seeding),
            version: "2",
            at: .seconds(10),
            feed: LineFeed(path: path)
        )
    }

    private func append(_ text: String) throws {
        if !FileManager.default.fileExists(atPath: path) {
            try Data().write(to: URL(fileURLWithPath: path))
        }
        let file = try #require(FileHandle(forWritingAtPath: path))
        defer { try? file.close() }
        try file.seekToEnd()
        try file.write(contentsOf: Data(text.utf8))
    }

    private func say(_ view: RolloutView) throws {
        try append(String(decoding: try JSONEncoder().encode(view), as: UTF8.self) + "\n")
    }

    @Test("a line counts once it is whole, and once")
    func lines() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        var feed = LineFeed(path: path)
        #expect(feed.lines() == [])
        try append("one\ntw")
        #expect(feed.lines() == ["one"])
        try append("o\nthree\n")
        #expect(feed.lines() == ["two", "three"])
        #expect(feed.lines() == [])
    }

    @Test("waves have the times at which they were seen to begin and to be active")
    func waves() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        var record = try record()
        try say(try view(.staging))
        record.look(at: .seconds(11), receivedBytes: 0)
        #expect(record.hasReached(.staging, wave: 0))
        #expect(!record.hasReached(.baking, wave: 0))
        // Two changes between two looks: neither is lost.
        try say(try view(.baking, active: 1))
        try say(try view(.activating, wave: 1, active: 1))
        try append("shoal: some words that are no view\n")
        record.look(at: .seconds(13), receivedBytes: 0)
        #expect(record.hasReached(.baking, wave: 0))
        #expect(record.hasPassed(wave: 0) && !record.hasPassed(wave: 1))
        try say(try view(.complete, wave: 2, active: 4))
        record.look(at: .seconds(20), receivedBytes: 0)
        #expect(record.hasReached(.complete, wave: nil))
        #expect(record.report.waves.map(\.beganSeconds) == [1, 3, 10])
        #expect(record.report.waves.map(\.activeSeconds) == [3, 10, 10])
        #expect(record.report.completeSeconds == 10)
        #expect(record.report.hostsActive == 4)
    }

    @Test("a return counts from the last moment at which it cannot have begun")
    func wayBack() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        var record = try record()
        try say(try view(.activating, active: 3))
        for second in 11...20 {
            record.look(at: .seconds(second), receivedBytes: 100 * second)
        }
        try say(try view(.returning, active: 2, returnReason: "a probe"))
        record.look(at: .seconds(21), receivedBytes: 2100)
        #expect(record.hasReached(.returning, wave: nil))
        #expect(!record.hasReached(.rolledBack, wave: nil))
        #expect(record.returnBeganAt == .milliseconds(19_750))
        try say(try view(.rolledBack, returnReason: "a probe"))
        record.look(at: .seconds(23), receivedBytes: 2100)
        record.returned(at: .seconds(23), receivedBytes: 2100)
        let report = record.report
        #expect(report.returnSeconds == 3.25)
        // What came in since second 19, the last look before.
        #expect(report.returnBytes == 200)
        #expect(report.hostsActive == 0 && report.hostsActiveMax == 3)
        #expect(report.returnReason == "a probe")
    }

    @Test("a return that the scenario asks for counts from its command")
    func command() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        var record = try record()
        record.look(at: .seconds(11), receivedBytes: 50)
        record.beginReturn(at: .seconds(12))
        try say(try view(.returning, returnReason: "asked"))
        record.look(at: .seconds(13), receivedBytes: 50)
        record.returned(at: .seconds(14), receivedBytes: 50)
        #expect(record.report.returnSeconds == 2)
        #expect(record.report.returnBytes == 0)
    }
}
