import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import SwarmModel
import Testing

@testable import SwarmTracker

@Suite("Tracker's page")
struct PageTests {
    private static func report(_ host: String, at place: String) throws -> HostReport {
        HostReport(
            host: try HostName(host),
            locality: try Locality(place),
            labels: .none,
            generation: 0,
            models: [],
            disk: nil
        )
    }

    private static func post(_ report: HostReport, _ tracker: TrackerFixture) async throws {
        let answer = try await tracker.send(
            "POST",
            "/api/v1/hosts/\(report.host)/sync",
            body: .bytes(ByteBuffer(bytes: try JSONEncoder().encode(report)))
        )
        #expect(answer.status == 200)
    }

    @Test("files come from the program itself, and may not run or load anything else")
    func files() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let index = try await tracker.send("GET", "/")
            #expect(index.status == 200)
            #expect(index.type == "text/html; charset=utf-8")
            let policy = try #require(index.headers.first(name: "content-security-policy"))
            #expect(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"))
            #expect(!policy.contains("unsafe") && !policy.contains("http"))
            for name in PageFiles.named.keys {
                let file = try await tracker.send("GET", "/page/\(name)")
                #expect(file.status == 200 && !file.body.isEmpty)
                #expect(file.headers.first(name: "x-content-type-options") == "nosniff")
            }
            let none = try await tracker.send("GET", "/page/..%2Fcatalog.sqlite")
            #expect(none.status == 404 && none.errorCode == "no-such-file")
            let channel = try await tracker.send("GET", "/api/v1/page/events?channel=none")
            #expect(channel.status == 404 && channel.errorCode == "no-such-channel")
            let place = try await tracker.send("GET", "/api/v1/page/hosts?place=a%2F%2Fb")
            #expect(place.status == 400)
        }
    }

    // MARK: Streams

    /// Reads a stream until `isLast` says so of an event and its data.
    private static func read(
        _ tracker: TrackerFixture,
        _ act: (_ event: String, _ data: String) async throws -> Bool
    ) async throws {
        let request = HTTPClientRequest(url: tracker.url + "/api/v1/page/events")
        let response = try await TrackerFixture.http.execute(request, timeout: .seconds(60))
        #expect(response.status == .ok)
        #expect(response.headers.first(name: "content-type") == "text/event-stream")
        var text = ""
        for try await buffer in response.body {
            text += String(buffer: buffer)
            while let end = text.range(of: "\n\n") {
                let lines = text[..<end.lowerBound].split(separator: "\n")
                let event = lines.first?.dropFirst("event: ".count) ?? ""
                let data = lines.last?.dropFirst("data: ".count) ?? ""
                text.removeSubrange(..<end.upperBound)
                if try await act(String(event), String(data)) { return }
            }
        }
    }

    @Test("a stream begins with everything, goes on with what changes, and its place is given back")
    func stream() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) {
            $0.page.streamsMax = 1
            $0.page.spacing = .milliseconds(20)
            $0.page.heartbeat = .milliseconds(100)
        } _: { tracker in
            try await Self.post(Self.report("h1", at: "a/r/k1"), tracker)
            var events: [String] = []
            try await Self.read(tracker) { event, data in
                events.append(event)
                switch event {
                case "snapshot":
                    #expect(data.contains("\"place\":\"a/r/k1\""))
                    let refused = try await tracker.send("GET", "/api/v1/page/events")
                    #expect(refused.status == 503 && refused.errorCode == "busy")
                    try await Self.post(Self.report("h2", at: "a/r/k2"), tracker)
                    return false
                case "update":
                    #expect(data.contains("\"place\":\"a/r/k2\"") && !data.contains("a/r/k1"))
                    return false
                default: return event == "beat" && events.contains("update")
                }
            }
            #expect(events.first == "snapshot")
            // The tracker notices with the next thing that it writes.
            var open = 1
            while open > 0 {
                let text = try await tracker.send("GET", "/metrics").text
                open = text.contains("shoal_tracker_page_streams 0\n") ? 0 : 1
                await Task.yield()
            }
            let hosts = try await tracker.send("GET", "/api/v1/page/hosts?place=a/r/k2").text
            #expect(hosts.contains("\"host\":\"h2\"") && !hosts.contains("h1"))
        }
    }

    // MARK: What a stream says

    private static func overview(_ places: [String], epoch: Int = 1) throws -> FleetOverview {
        FleetOverview(
            epoch: epoch,
            channel: nil,
            channels: [],
            rollouts: [],
            levels: 6,
            racks: try places.map { FleetOverview.Rack(place: try Locality($0)) }
        )
    }

    private static func said(
        by script: inout PageScript,
        of overview: FleetOverview
    ) throws -> String {
        var text = ByteBuffer()
        try script.tell(overview, [], into: &text)
        return String(buffer: text)
    }

    @Test("an update has the racks that changed and those that are gone, and nothing is said twice")
    func updates() throws {
        var script = PageScript(requiresToken: false)
        let first = try Self.said(by: &script, of: Self.overview(["a/b", "a/c", "a/e"]))
        #expect(first.hasPrefix("event: snapshot\ndata: {") && first.contains("event: traffic\n"))
        #expect(try Self.said(by: &script, of: Self.overview(["a/b", "a/c", "a/e"])) == "")
        var next = try Self.overview(["a/a", "a/c", "a/d"])
        next.racks[1].hosts = "a"
        let second = try Self.said(by: &script, of: next)
        #expect(second.hasPrefix("event: update\n") && second.hasSuffix("}\n\n"))
        #expect(second.contains("\"gone\":[\"a/b\",\"a/e\"]"))
        for place in ["a/a", "a/c", "a/d"] { #expect(second.contains("\"place\":\"\(place)\"")) }
        let third = try Self.said(by: &script, of: next)
        #expect(third == "")
        let anew = try Self.said(by: &script, of: Self.overview(["a/a"], epoch: 2))
        #expect(anew.hasPrefix("event: snapshot\n"))
    }

    @Test("a fault is said once, and what comes after it again")
    func faults() throws {
        var script = PageScript(requiresToken: true)
        let overview = try Self.overview(["a"])
        _ = try Self.said(by: &script, of: overview)
        var text = ByteBuffer()
        try script.tellFault("the disk\nis full", into: &text)
        try script.tellFault("the disk\nis full", into: &text)
        let expected = "event: fault\ndata: {\"message\":\"the disk\\nis full\"}\n\n"
        #expect(String(buffer: text) == expected)
        #expect(try Self.said(by: &script, of: overview).hasPrefix("event: update\n"))
    }
}
