import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import SwarmModel
import Testing

@testable import SwarmRuntime
@testable import SwarmTracker

@Suite("Requests of web pages")
struct OwnSiteTests {
    @Test(
        "an origin is our own when it is the place that was asked",
        arguments: [
            ("http://tracker:7070", "tracker:7070", true),
            ("http://tracker", "tracker:80", true),
            ("https://Tracker.example:443", "tracker.example", true),
            ("http://[::1]:7070", "[::1]:7070", true),
            ("http://tracker:7071", "tracker:7070", false),
            ("http://evil.example", "tracker:7070", false),
            ("http://tracker:443", "tracker", false),
            ("null", "null", false),
            ("", "", false),
        ]
    )
    func origins(origin: String, authority: String, isOwn: Bool) {
        #expect(WebOrigin.isOwn(origin, authority: authority) == isOwn)
        #expect(!WebOrigin.isOwn(origin, authority: nil))
    }

    @Test("a page of another site changes nothing, and our own and other programs do")
    func foreignPages() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let evil = ("Origin", "http://evil.example")
            let own = ("Origin", tracker.url)
            func from(_ site: String) -> (String, String) { ("Sec-Fetch-Site", site) }
            let cases: [([(String, String)], Int)] = [
                ([evil], 403), ([("Origin", "null")], 403), ([from("cross-site")], 403),
                ([own, from("same-site")], 403), ([own], 200), ([], 200),
                ([own, from("same-origin")], 200), ([from("none")], 200),
            ]
            for (headers, status) in cases {
                let answer = try await tracker.send(
                    "PUT",
                    "/api/v1/channels/prod",
                    headers: headers,
                    body: .bytes(ByteBuffer(string: #"{"model":"acme/llama"}"#))
                )
                #expect(answer.status == status, "\(headers): \(answer.text)")
                if status == 403 { #expect(answer.errorCode == "foreign-site") }
            }
            for (method, path) in [
                ("DELETE", "/api/v1/channels/prod"), ("POST", "/api/v1/rollouts"),
                ("POST", "/api/v1/backup"), ("POST", "/api/v1/hosts/h1/sync"),
                ("PUT", "/api/v1/models/acme/llama/1"),
            ] {
                let answer = try await tracker.send(method, path, headers: [evil])
                #expect(answer.status == 403, "\(method) \(path)")
                #expect(answer.text.contains("evil.example"))
            }
            // Looking changes nothing, and no page of another site may read what it gets.
            let list = try await tracker.send("GET", "/api/v1/channels", headers: [evil])
            #expect(list.status == 200 && list.text.contains("prod"))
            #expect(list.headers.first(name: "access-control-allow-origin") == nil)
        }
    }
}
