import Foundation
import SwarmModel
import SwarmRuntime
import Testing

@testable import SwarmTracker

@Suite("Tracker daemon: versions that single hosts hold")
struct HoldAPITests {
    @Test("a waiting host hears of it at once, also from a tracker that starts again")
    func hold() async throws {
        let directory = try TemporaryDirectory()
        let hold = try await TrackerFixture.run(in: directory) { tracker in
            let version = try await FleetAPITests.prepare(tracker)
            let reference = try ModelReference("acme/llama@v1")
            let first = try await FleetAPITests.sync(FleetAPITests.report("h1"), tracker)
            #expect(first.models.isEmpty)
            let client = FleetAPITests.fleet(tracker)
            return try await withThrowingTaskGroup(of: DesiredState.self) { group in
                group.addTask {
                    let report = try FleetAPITests.report("h1", generation: first.generation)
                    return try await FleetAPITests.sync(report, tracker, wait: 60)
                }
                let answer = try await client.hold(reference, on: HostName("h1"))
                #expect(answer.changed)
                #expect(try await group.next()?.models.first?.hold == [version])
                let again = try await client.hold(reference, on: HostName("h1"))
                #expect(!again.changed)
                #expect(again.host.holds == answer.host.holds)
                return try #require(again.host.holds.first)
            }
        }
        try await TrackerFixture.run(in: directory) { tracker in
            let client = FleetAPITests.fleet(tracker)
            #expect(try await client.hosts().map(\.holds) == [[hold]])
            let state = try await FleetAPITests.sync(FleetAPITests.report("h1"), tracker)
            #expect(state.models.first?.hold.map(\.infoHash) == [hold.infoHash])
            #expect(state.models.first?.active == nil)
            let reference = try ModelReference("acme/llama@v1")
            let host = try HostName("h1")
            #expect(try await client.release(reference, on: host).changed)
            #expect(try await !client.release(reference, on: host).changed)
            #expect(try await client.host(host).desired.isEmpty)
            let audit = try await tracker.send("GET", "/api/v1/audit").text
            #expect(audit.contains(#""verb":"hold""#) && audit.contains(#""verb":"release""#))
        }
    }

    @Test("an unknown host, and a version that is not published, are refused by name")
    func refusals() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            _ = try await FleetAPITests.prepare(tracker)
            let client = FleetAPITests.fleet(tracker)
            for (version, host, words) in [
                ("acme/llama@v1", "h9", "it knows h1,"), ("acme/llama@v9", "h1", "not published"),
            ] {
                let reference = try ModelReference(version)
                let name = try HostName(host)
                let error = await #expect(throws: TrackerClientError.self) {
                    try await client.hold(reference, on: name)
                }
                #expect(error?.code == .status(404))
                #expect(error?.message.contains(words) == true)
            }
            #expect(try await client.host(HostName("h1")).holds.isEmpty)
        }
    }

    @Test("hosts are listed over pages")
    func pages() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) {
            $0.fleet.pageMax = 2
        } _: { tracker in
            let names = ["a", "b", "c", "d", "e"]
            for host in names {
                _ = try await FleetAPITests.sync(FleetAPITests.report(host), tracker)
            }
            let listed = try await FleetAPITests.fleet(tracker).hosts()
            #expect(listed.map(\.host.description) == names)
        }
    }
}
