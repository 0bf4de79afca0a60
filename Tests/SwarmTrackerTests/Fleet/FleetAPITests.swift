import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import SwarmModel
import SwarmRuntime
import SwarmWire
import Testing

@testable import SwarmTracker

@Suite("Tracker daemon: channels and rollouts")
struct FleetAPITests {
    private static let model: ModelName = {
        guard let name = try? ModelName("acme/llama") else { preconditionFailure("a bad name") }
        return name
    }()

    static func report(
        _ host: String,
        generation: Int = 0,
        model: HostReport.Model? = nil
    ) throws -> HostReport {
        HostReport(
            host: try HostName(host),
            locality: try Locality("aws/east/r1"),
            labels: try Labels(parsing: ["pool=test"]),
            generation: generation,
            models: model.map { [$0] } ?? [],
            disk: nil
        )
    }

    static func sync(
        _ report: HostReport,
        _ tracker: TrackerFixture,
        wait: Int = 0
    ) async throws -> DesiredState {
        let answer = try await tracker.send(
            "POST",
            "/api/v1/hosts/\(report.host)/sync?wait=\(wait)",
            body: .bytes(ByteBuffer(bytes: try JSONEncoder().encode(report)))
        )
        guard answer.status == 200 else { throw Refused(text: answer.text) }
        return try JSONDecoder().decode(DesiredState.self, from: Data(answer.body))
    }

    private struct Refused: Error { var text: String }

    /// What a host says that holds a version sealed, or serves it.
    private static func holding(
        _ version: DesiredState.Version,
        _ stage: VersionStage,
        fence: Fence = .zero
    ) -> HostReport.Model {
        HostReport.Model(
            name: model,
            active: stage == .active ? version.version : nil,
            isHealthy: nil,
            fence: fence,
            failure: nil,
            versions: [
                HostReport.Version(
                    version: version.version,
                    infoHash: version.infoHash,
                    stage: stage,
                    pieceCount: 1,
                    piecesHeld: 1,
                    byteCount: 100,
                    bytesHeld: 100,
                    problem: nil
                )
            ]
        )
    }

    /// Two peers announce that they have all of it.
    private static func seed(_ infoHash: InfoHash, _ tracker: TrackerFixture) async throws {
        for number in [UInt8(1), 2] {
            var request = TrackerFixture.request(number, left: 0)
            request.swarm = infoHash.swarmID
            _ = try await tracker.client.announce(request, to: tracker.url + "/announce")
        }
    }

    static func fleet(_ tracker: TrackerFixture, token: String? = nil) -> RolloutClient {
        RolloutClient(client: TrackerFixture.http, tracker: tracker.address, token: token)
    }

    /// A channel, a version and a host that has reported.
    static func prepare(_ tracker: TrackerFixture) async throws -> DesiredState.Version {
        let entry = try await tracker.catalog().put(
            try ModelReference("acme/llama@v1"),
            try TrackerFixture.torrent()
        )
        _ = try await sync(report("h1"), tracker)
        _ = try await fleet(tracker).putChannel(
            "prod",
            ChannelRequest(model: model, selector: try LabelSelector("pool=test"), keep: 1)
        )
        let infoHash = try #require(entry.infoHash)
        return DesiredState.Version(version: "v1", infoHash: infoHash)
    }

    private static let everybody = RolloutPlan(waves: [
        RolloutPlan.Wave(hosts: .percent(100), gates: [.approval])
    ])

    @Test("a rollout from its creation to its end, over HTTP")
    func wholeWay() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let version = try await Self.prepare(tracker)
            let client = Self.fleet(tracker)
            let made = try await client.create(
                RolloutRequest(channel: "prod", version: "v1", plan: Self.everybody, key: "k")
            )
            #expect(made.rollout.id == 1)
            #expect(made.waitsFor?.contains("holder") == true)
            let again = try await client.create(
                RolloutRequest(channel: "prod", version: "v1", plan: Self.everybody, key: "k")
            )
            #expect(again.rollout.id == 1)
            try await Self.seed(version.infoHash, tracker)
            var state = try await Self.sync(Self.report("h1"), tracker)
            #expect(state.models.first?.hold == [version])
            #expect(state.models.first?.active == nil)
            var stage = VersionStage.sealed
            // Each answer that says something new is obeyed; the wait ends when it comes.
            while stage != .active {
                state = try await Self.sync(
                    Self.report(
                        "h1",
                        generation: state.generation,
                        model: Self.holding(version, stage)
                    ),
                    tracker,
                    wait: 30
                )
                if state.models.first?.active == "v1" { stage = .active }
            }
            let fence = try #require(state.models.first?.fence)
            #expect(fence.epoch == 1)
            let done = Self.holding(version, .active, fence: fence)
            _ = try await Self.sync(
                Self.report("h1", generation: state.generation, model: done),
                tracker
            )
            var view = try await client.rollout(1)
            #expect(view.rollout.phase == .baking)
            #expect(view.hosts.active == 1)
            #expect(view.domains.map(\.domain.description) == ["aws/east/r1"])
            view = try await client.command(.approve, 1, RolloutCommand(wave: 1))
            #expect(view.rollout.phase == .complete)
            #expect(try await client.channels().first?.channel.stable == version)
            #expect(try await client.rollouts().map(\.state) == ["complete"])
            let metrics = try await tracker.send("GET", "/metrics").text
            #expect(metrics.contains("shoal_tracker_epoch 1"))
            #expect(metrics.contains("shoal_tracker_host_reports_total{result=\"ok\"}"))
        }
    }

    @Test("a held request ends when something is wanted, when a newer one comes, and at its time")
    func waiting() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let version = try await Self.prepare(tracker)
            let first = try await Self.sync(Self.report("h1"), tracker)
            let report = try Self.report("h1", generation: first.generation)
            // At its time, unchanged.
            #expect(try await Self.sync(report, tracker, wait: 1) == first)
            try await withThrowingTaskGroup(of: DesiredState.self) { group in
                group.addTask { try await Self.sync(report, tracker, wait: 60) }
                try await Self.untilWaiting(1, tracker)
                // A newer one sends the older one home.
                group.addTask { try await Self.sync(report, tracker, wait: 60) }
                #expect(try await group.next() == first)
                _ = try await Self.fleet(tracker).create(
                    RolloutRequest(channel: "prod", version: "v1", plan: nil, key: nil)
                )
                let next = try await group.next()
                #expect(next?.models.first?.hold == [version])
                #expect((next?.generation ?? 0) > first.generation)
            }
        }
    }

    private static func untilWaiting(_ count: Int, _ tracker: TrackerFixture) async throws {
        while true {
            let text = try await tracker.send("GET", "/metrics").text
            if text.contains("shoal_tracker_waiting_hosts \(count)\n") { return }
        }
    }

    @Test("more held requests than the limit are told to come back")
    func tooManyWaiting() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) {
            $0.fleet.waitingMax = 1
        } _: { tracker in
            let one = try await Self.sync(Self.report("h1"), tracker)
            let two = try await Self.sync(Self.report("h2"), tracker)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let report = try Self.report("h1", generation: one.generation)
                    _ = try await Self.sync(report, tracker, wait: 60)
                }
                try await Self.untilWaiting(1, tracker)
                let report = try Self.report("h2", generation: two.generation)
                let answer = try await tracker.send(
                    "POST",
                    "/api/v1/hosts/h2/sync?wait=60",
                    body: .bytes(ByteBuffer(bytes: try JSONEncoder().encode(report)))
                )
                #expect(answer.status == 503)
                #expect(answer.headers.first(name: "retry-after") != nil)
                // Without waiting it is served.
                #expect(try await Self.sync(report, tracker) == two)
                _ = try await Self.sync(Self.report("h1"), tracker)
                try await group.next()
            }
        }
    }

    @Test("a tracker that starts again goes on, with another epoch and newer generations")
    func restart() async throws {
        let directory = try TemporaryDirectory()
        let before = try await TrackerFixture.run(in: directory) { tracker in
            _ = try await Self.prepare(tracker)
            _ = try await Self.fleet(tracker).create(
                RolloutRequest(channel: "prod", version: "v1", plan: nil, key: nil)
            )
            return try await Self.sync(Self.report("h1"), tracker)
        }
        try await TrackerFixture.run(in: directory) { tracker in
            let view = try await Self.fleet(tracker).rollout(1)
            #expect(view.rollout.phase == .seeding)
            #expect(view.hosts.hosts == 1)
            let after = try await Self.sync(Self.report("h1"), tracker)
            #expect(after.models == before.models)
            #expect(after.generation > before.generation)
            let check = try await tracker.json("/api/v1/audit/check")
            #expect(check["ok"] as? Bool == true)
            #expect(try await tracker.send("GET", "/metrics").text.contains("_epoch 2"))
        }
    }

    @Test("a second tracker does not start on the same directory")
    func twoTrackers() async throws {
        let directory = try TemporaryDirectory()
        try await TrackerFixture.run(in: directory) { _ in
            let error = await #expect(throws: TrackerError.self) {
                try await TrackerFixture.run(in: directory) { _ in }
            }
            #expect(error?.code == .database)
            #expect(error?.message.contains("in use") == true)
        }
    }

    // MARK: Refusals

    @Test("changing needs the token; looking and reporting do not")
    func token() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) {
            $0.publishToken = "secret"
        } _: { tracker in
            let body = HTTPClientRequest.Body.bytes(ByteBuffer(string: "{}"))
            for (method, path) in [
                ("PUT", "/api/v1/channels/prod"), ("DELETE", "/api/v1/channels/prod"),
                ("POST", "/api/v1/rollouts"), ("POST", "/api/v1/rollouts/1/abort"),
                ("POST", "/api/v1/rollouts/1/approve"), ("DELETE", "/api/v1/hosts/h1"),
                ("POST", "/api/v1/backup"), ("PUT", "/api/v1/hosts/h1/holds/acme/llama/v1"),
                ("DELETE", "/api/v1/hosts/h1/holds/acme/llama/v1"),
            ] {
                let answer = try await tracker.send(method, path, body: body)
                #expect(answer.status == 401, "\(method) \(path)")
                #expect(answer.errorCode == "unauthorised")
            }
            _ = try await Self.sync(Self.report("h1"), tracker)
            let request = ChannelRequest(model: Self.model, selector: nil, keep: nil)
            _ = try await Self.fleet(tracker, token: "secret").putChannel("prod", request)
            let audit = try await tracker.send("GET", "/api/v1/audit").text
            #expect(audit.contains("operator at 127.0.0.1"))
            #expect(!audit.contains("secret"))
        }
    }

    @Test("bad requests are answered with what is wrong")
    func badRequests() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let report = try JSONEncoder().encode(Self.report("h1"))
            let cases: [(String, String, Data, Int)] = [
                ("POST", "/api/v1/hosts/h2/sync", report, 400),
                ("POST", "/api/v1/hosts/h1/sync?wait=61", report, 400),
                ("POST", "/api/v1/hosts/h1/sync?wait=-1", report, 400),
                ("POST", "/api/v1/hosts/h1/sync?wait=x", report, 400),
                ("POST", "/api/v1/hosts/%2e%2e/sync", report, 400),
                ("POST", "/api/v1/hosts/h1/sync", Data("{".utf8), 400),
                ("POST", "/api/v1/hosts/h1/sync", Data(count: (256 << 10) + 1), 413),
                ("GET", "/api/v1/hosts/h9", Data(), 404),
                ("GET", "/api/v1/hosts?limit=0", Data(), 400),
                ("PUT", "/api/v1/channels/a%20b", Data(#"{"model":"a/b"}"#.utf8), 400),
                ("PUT", "/api/v1/channels/x", Data(#"{"model":"a"}"#.utf8), 400),
                ("PUT", "/api/v1/channels/x", Data(#"{"model":"a/b","keep":9}"#.utf8), 400),
                ("PUT", "/api/v1/channels/x", Data(#"{"model":"a/b","selector":"a=,"}"#.utf8), 400),
                ("GET", "/api/v1/channels/none", Data(), 404),
                ("DELETE", "/api/v1/channels/none", Data(), 404),
                ("GET", "/api/v1/rollouts/1", Data(), 404),
                ("GET", "/api/v1/rollouts/x", Data(), 400),
                ("POST", "/api/v1/rollouts/1/abort", Data("{}".utf8), 404),
                ("POST", "/api/v1/rollouts/1/explode", Data("{}".utf8), 404),
                (
                    "POST", "/api/v1/rollouts",
                    Data(#"{"channel":"none","version":"1"}"#.utf8), 404
                ),
                ("GET", "/api/v1/audit?after=-1", Data(), 400),
            ]
            for (method, path, body, status) in cases {
                let answer = try await tracker.send(
                    method,
                    path,
                    body: body.isEmpty ? nil : .bytes(ByteBuffer(bytes: body))
                )
                #expect(answer.status == status, "\(method) \(path): \(answer.text)")
                #expect(answer.errorCode != nil, "\(method) \(path): \(answer.text)")
            }
        }
    }

    @Test("a version that is not published cannot be rolled out")
    func unpublished() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            _ = try await Self.prepare(tracker)
            let error = await #expect(throws: TrackerClientError.self) {
                _ = try await Self.fleet(tracker).create(
                    RolloutRequest(channel: "prod", version: "v9", plan: nil, key: nil)
                )
            }
            #expect(error?.code == .status(404))
            #expect(error?.message.contains("acme/llama@v9") == true)
        }
    }

    @Test("hosts and the audit log come in pages, and a copy of the database can be had")
    func pages() async throws {
        let directory = try TemporaryDirectory()
        try await TrackerFixture.run(in: directory) { tracker in
            for host in ["a", "b", "c"] { _ = try await Self.sync(Self.report(host), tracker) }
            var seen: [String] = []
            var after = ""
            while true {
                let page = try await tracker.json("/api/v1/hosts?limit=2" + after)
                let hosts = page["hosts"] as? [[String: Any]] ?? []
                seen += hosts.compactMap { $0["host"] as? String }
                guard let next = page["after"] as? String else { break }
                after = "&after=\(next)"
            }
            #expect(seen == ["a", "b", "c"])
            let answer = try await tracker.send("POST", "/api/v1/backup", body: nil)
            #expect(answer.status == 201)
            let files = CatalogFiles.names(in: directory.path + "/data/backups")
            #expect(files.count == 1)
        }
    }

    // MARK: Gates

    @Test("a program of the operator's and a probe over HTTP are looked at")
    func gates() async throws {
        let directory = try TemporaryDirectory()
        let gates = directory.path + "/data/gates"
        try FileManager.default.createDirectory(
            atPath: gates,
            withIntermediateDirectories: true
        )
        let script =
            "#!/bin/sh\n[ \"$SHOAL_VERSION\" = acme/llama@v1 ] && [ -z \"$SHOAL_TOKEN\" ]\n"
        try Data(script.utf8).write(to: URL(fileURLWithPath: gates + "/smoke"))
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755],
            ofItemAtPath: gates + "/smoke"
        )
        try await TrackerFixture.run(in: directory) { tracker in
            let version = try await Self.prepare(tracker)
            try await Self.seed(version.infoHash, tracker)
            let done = Self.holding(version, .active)
            _ = try await Self.sync(Self.report("h1", model: done), tracker)
            let plan = RolloutPlan(waves: [
                RolloutPlan.Wave(
                    hosts: .percent(100),
                    gates: [
                        .command(name: "smoke", timeoutSeconds: 60),
                        .http(url: tracker.url + "/healthz", timeoutSeconds: 60),
                        .http(url: tracker.url + "/no-such-page", timeoutSeconds: 60),
                    ]
                )
            ])
            let client = Self.fleet(tracker)
            _ = try await client.create(
                RolloutRequest(channel: "prod", version: "v1", plan: plan, key: nil)
            )
            var view = try await client.rollout(1)
            while !view.rollout.phase.isFinal {
                _ = try await Self.sync(Self.report("h1", model: done), tracker)
                view = try await client.rollout(1)
            }
            let texts = view.rollout.changes.map(\.text).joined(separator: "\n")
            #expect(texts.contains("passed gate 'command smoke'"))
            #expect(texts.contains("passed gate 'http \(tracker.url)/healthz'"))
            #expect(view.rollout.returnReason?.contains("status 404") == true)
        }
    }
}
