import Foundation
import Logging
import SwarmModel
import SwarmRuntime
import SwarmTracker
import Testing

@Suite("Tracker daemon: HTTP")
struct TrackerDaemonTests {
    @Test("health, readiness, and the form of errors")
    func routes() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            #expect(try await tracker.send("GET", "/healthz").status == 200)
            #expect(try await tracker.send("GET", "/readyz").status == 200)
            let head = try await tracker.send("HEAD", "/healthz")
            #expect((head.status, head.body.count) == (200, 0))
            for (method, target) in [
                ("POST", "/"), ("GET", "/nope"), ("POST", "/announce"),
                ("DELETE", "/api/v1/models/a/b/1"),
            ] {
                let answer = try await tracker.send(method, target)
                #expect((answer.status, answer.errorCode) == (404, "no-such-route"))
                #expect(answer.type == "application/json")
            }
            let odd = try await tracker.send("GET", "/api/v1/swarms/xyz")
            #expect((odd.status, odd.errorCode) == (400, "bad-swarm"))
            let unknown = try await tracker.send("GET", "/api/v1/swarms/\(TrackerFixture.swarm)")
            #expect((unknown.status, unknown.errorCode) == (404, "no-such-swarm"))
        }
    }

    @Test("a swarm is found by its truncated and by its whole info-hash")
    func swarmNames() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let url = tracker.address.announceURL
            _ = try await tracker.client.announce(TrackerFixture.request(1), to: url)
            let whole = "\(TrackerFixture.swarm)" + String(repeating: "0", count: 24)
            for name in ["\(TrackerFixture.swarm)", whole] {
                let view = try await tracker.json("/api/v1/swarms/\(name)")
                #expect((view["members"] as? [Any])?.count == 1)
            }
        }
    }

    @Test("a long target is refused before it is read, a longer one closes the connection")
    func longTargets() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let long = "/announce?" + String(repeating: "a", count: 17 << 10)
            let answer = try await tracker.send("GET", long)
            #expect((answer.status, answer.errorCode) == (414, "uri-too-long"))
            let longer = "/announce?" + String(repeating: "a", count: 1 << 20)
            let status = try? await tracker.send("GET", longer).status
            #expect(status == nil || status == 400)
            let headers = [("x-padding", String(repeating: "a", count: 64 << 10))]
            let padded = try? await tracker.send("GET", "/healthz", headers: headers).status
            #expect(padded == nil || padded == 400)
            #expect(try await tracker.send("GET", "/healthz").status == 200)
        }
    }

    @Test("a port in use is an error that names the address and the remedy")
    func portInUse() async throws {
        let directory = try TemporaryDirectory()
        try await TrackerFixture.run(in: directory) { tracker in
            var settings = TrackerSettings(dataDirectory: directory.path + "/other")
            settings.listen = ListenAddress(host: "127.0.0.1", port: Int(tracker.endpoint.port))
            let second = try TrackerDaemon(
                settings: settings,
                hasher: FowlerHasher(),
                logger: TrackerFixture.quietLogger
            )
            let error = await #expect(throws: TrackerError.self) { try await second.run() }
            #expect(error?.code == .addressInUse)
            #expect(error?.message.contains("\(tracker.endpoint)") == true)
            #expect(error?.message.contains("--listen") == true)
        }
    }

    @Test("a data directory that cannot be used is an error that names it")
    func badDirectory() throws {
        let directory = try TemporaryDirectory()
        let file = directory.path + "/file"
        try Data([1]).write(to: URL(fileURLWithPath: file))
        let error = #expect(throws: TrackerError.self) {
            _ = try TrackerDaemon(
                settings: TrackerSettings(dataDirectory: file),
                hasher: FowlerHasher(),
                logger: TrackerFixture.quietLogger
            )
        }
        #expect(error?.code == .dataDirectory)
        #expect(error?.message.contains(file) == true)
    }

    @Test(
        "it stops after its grace, whatever connections are open",
        .timeLimit(.minutes(1))
    )
    func shutdown() async throws {
        #expect(TrackerSettings(dataDirectory: "").shutdownGrace < .seconds(2))
        let directory = try TemporaryDirectory()
        let connections = try await TrackerFixture.run(
            in: directory,
            // Longer than the test may take: no connection ends by itself.
            { $0.idleTimeout = .seconds(600) }
        ) { tracker in
            let port = tracker.endpoint.port
            // Idle after a request, silent from the start, in the middle of a head, of a body, and
            // one that asks for a close and does not close its own side.
            let kept = try RawConnection(port: port)
            try await kept.exchange("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            let silent = try RawConnection(port: port)
            let halfHead = try RawConnection(port: port)
            try halfHead.send("GET /healthz HTT")
            let halfBody = try RawConnection(port: port)
            try halfBody.send(
                "PUT /api/v1/models/a/b/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nd"
            )
            let closing = try RawConnection(port: port)
            try await closing.exchange(
                "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
            return [kept, silent, halfHead, halfBody, closing]
        }
        #expect(connections.count == 5)
    }

    @Test(
        "listen addresses",
        arguments: [
            ("0.0.0.0:7070", "0.0.0.0", 7070), ("[::]:0", "::", 0),
            ("localhost:80", "localhost", 80),
            ("::1:80", nil, 0), (":80", nil, 0), ("x", nil, 0), ("x:", nil, 0), ("x:65536", nil, 0),
            ("x:-1", nil, 0), ("x:+1", nil, 0), ("[]:1", nil, 0),
        ] as [(String, String?, Int)]
    )
    func listenAddresses(text: String, host: String?, port: Int) {
        let address = ListenAddress(text)
        #expect(address?.host == host)
        if let address {
            #expect(address.port == port)
            #expect(address.description == text)
        }
    }
}
