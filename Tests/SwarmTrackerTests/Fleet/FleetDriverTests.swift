import Foundation
import Hummingbird
import GRDB
import Logging
import SwarmCore
import SwarmModel
import SwarmRuntime
import Testing

@testable import SwarmTracker

@Suite("The driver of the fleet")
struct FleetDriverTests {
    private static func driver(
        _ directory: TemporaryDirectory,
        _ settings: FleetDriverSettings = FleetDriverSettings()
    ) throws -> FleetDriver {
        try FleetDriver(
            database: FleetDatabase(dataDirectory: directory.path, hasher: FowlerHasher()),
            settings: settings
        )
    }

    private static func report(_ host: String, generation: Int = 0) throws -> HostReport {
        HostReport(
            host: try HostName(host),
            locality: .unknown,
            labels: .none,
            generation: generation,
            models: [],
            disk: nil
        )
    }

    private static func put(_ name: String, _ driver: FleetDriver) async throws {
        let request = ChannelRequest(model: try ModelName("a/\(name)"), selector: .all, keep: 1)
        try await driver.perform { fleet, now, actions in
            try fleet.putChannel(name, request, by: "t", at: now, into: &actions)
        }
    }

    @Test(
        "what cannot be written is not done: nobody sees it, and the next owner begins without it"
    )
    func failedWrite() async throws {
        let driver = try Self.driver(TemporaryDirectory())
        try await Self.put("one", driver)
        try driver.database.write { try $0.execute(sql: "ALTER TABLE audit RENAME TO hidden") }
        let error = await #expect(throws: APIError.self) { try await Self.put("two", driver) }
        #expect(error?.status.code == 507)
        #expect(error?.message.contains("catalog.sqlite") == true)
        #expect(driver.gauges.failure != nil)
        try driver.database.write { try $0.execute(sql: "ALTER TABLE hidden RENAME TO audit") }
        let (names, epoch) = try await driver.perform { fleet, _, _ in
            (fleet.channelViews.map(\.channel.name), fleet.epoch)
        }
        #expect(names == ["one"])
        #expect(epoch == 2)
        try await Self.put("two", driver)
        #expect(driver.gauges.failure == nil)
        #expect(try driver.database.auditFlaw() == nil)
    }

    @Test("that the fleet stands still is logged once, and so is that it moves again")
    func standstill() async throws {
        var settings = FleetDriverSettings()
        settings.tick = .milliseconds(1)
        let driver = try Self.driver(TemporaryDirectory(), settings)
        let (lines, sink) = AsyncStream<String>.makeStream()
        let log = Logger(label: "test") { _ in LinesLog(sink: sink) }
        async let _: Void = driver.run(logger: log) { _ in
            0
        } hasOrigin: { _ in
            false
        }
        // Both at once, and back at once: a table alone is a reason of its own, and logged again.
        let tables = ["audit", "controller"]
        try driver.database.write { database in
            for table in tables {
                try database.execute(sql: "ALTER TABLE \(table) RENAME TO hidden_\(table)")
            }
        }
        for _ in 0..<50 {
            await #expect(throws: APIError.self) { try await Self.put("one", driver) }
        }
        var line = lines.makeAsyncIterator()
        let first = try #require(await line.next())
        #expect(first.hasPrefix("error the fleet stands still: "))
        #expect(first.contains("catalog.sqlite"))
        try driver.database.write { database in
            for table in tables {
                try database.execute(sql: "ALTER TABLE hidden_\(table) RENAME TO \(table)")
            }
        }
        #expect(await line.next() == "notice the fleet can be moved again")
    }

    @Test("reports that wait together share a transaction, and are not written one by one")
    func grouping() async throws {
        var settings = FleetDriverSettings()
        settings.hostsWrittenEvery = .seconds(3600)
        let driver = try Self.driver(TemporaryDirectory(), settings)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<300 {
                group.addTask {
                    _ = try await driver.sync(Self.report("h\(number)"), wait: .zero)
                }
            }
            try await group.waitForAll()
        }
        #expect(driver.gauges.commits.value == 0)
        // The next thing that must be durable takes them along.
        try await Self.put("one", driver)
        #expect(driver.gauges.commits.value == 1)
        let count = try driver.database.read {
            try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM hosts")
        }
        #expect(count == 300)
    }

    @Test("more jobs than the limit are told to come back")
    func jobLimit() async throws {
        var settings = FleetDriverSettings()
        settings.jobsMax = 0
        let driver = try Self.driver(TemporaryDirectory(), settings)
        let error = await #expect(throws: APIError.self) {
            _ = try await driver.sync(Self.report("h"), wait: .zero)
        }
        #expect(error?.status.code == 503)
    }

    @Test("a request that is given up is not held, and the host can wait again")
    func cancelled() async throws {
        let driver = try Self.driver(TemporaryDirectory())
        let state = try await driver.sync(Self.report("h"), wait: .zero)
        let report = try Self.report("h", generation: state.generation)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask { _ = try? await driver.sync(report, wait: .seconds(3600)) }
            }
            group.cancelAll()
        }
        #expect(driver.desks.waitingCount == 0)
        #expect(try await driver.sync(report, wait: .milliseconds(1)) == state)
    }

    @Test("when the tracker stops, nobody waits any more")
    func closing() async throws {
        let driver = try Self.driver(TemporaryDirectory())
        let state = try await driver.sync(Self.report("h"), wait: .zero)
        let report = try Self.report("h", generation: state.generation)
        async let waiting = driver.sync(report, wait: .seconds(3600))
        while driver.desks.waitingCount == 0 { await Task.yield() }
        driver.desks.close()
        #expect(try await waiting == state)
        #expect(try await driver.sync(report, wait: .seconds(3600)) == state)
    }
}

/// A log whose lines a test waits for.
private struct LinesLog: LogHandler {
    let sink: AsyncStream<String>.Continuation
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    init(sink: AsyncStream<String>.Continuation) { self.sink = sink }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { sink.yield("\(event.level) \(event.message)") }
}
