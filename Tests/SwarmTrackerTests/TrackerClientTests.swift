import SwarmModel
import SwarmRuntime
import Testing

@Suite("Tracker and catalog clients")
struct TrackerClientTests {
    private static func failure(
        _ body: () async throws -> Void
    ) async throws -> TrackerClientError? {
        do {
            try await body()
            return nil
        } catch let error as TrackerClientError {
            return error
        }
    }

    @Test(
        "a tracker is named with or without its announce path",
        arguments: [
            ("http://t:7070", "http://t:7070"), ("http://t:7070/", "http://t:7070"),
            ("http://t:7070/announce", "http://t:7070"), ("https://t/x/announce/", "https://t/x"),
            ("t:7070", nil), ("udp://t:1", nil), ("http://", nil), ("http://t/?a=b", nil),
            ("", nil),
        ] as [(String, String?)]
    )
    func addresses(text: String, base: String?) throws {
        let address = TrackerAddress(text)
        #expect(address?.description == base)
        if let address, let base {
            #expect(address.announceURL == base + "/announce")
            let reference = try ModelReference("a/b@1+x")
            #expect(address.url(of: reference) == base + "/api/v1/models/a/b/1+x")
        }
    }

    @Test("a URL with a query of its own keeps it")
    func query() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let url = tracker.address.announceURL + "?passkey=1"
            let answer = try await tracker.client.announce(TrackerFixture.request(1), to: url)
            #expect(answer.success != nil)
        }
    }

    @Test("errors name the URL, what happened, and what to check")
    func errors() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let request = TrackerFixture.request(1)
            let cases: [(url: String, code: TrackerClientError.Code)] = [
                (tracker.url + "/nope/announce", .status(404)),
                (tracker.url + "/healthz", .badAnswer),
                ("http://127.0.0.1:1/announce", .unreachable),
                ("udp://127.0.0.1:1/announce", .badURL), ("", .badURL),
            ]
            for (url, code) in cases {
                let error = try await Self.failure {
                    _ = try await tracker.client.announce(request, to: url)
                }
                #expect(error?.code == code, "\(url): \(error?.message ?? "no error")")
                #expect(error?.url == url)
                #expect(error?.message.contains(url) == true)
            }
        }
    }

    @Test("the server's message reaches whoever publishes or pulls")
    func messages() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let reference = try ModelReference("acme/llama@9")
            let error = try await Self.failure { _ = try await tracker.catalog().get(reference) }
            #expect(error?.code == .status(404))
            #expect(error?.message.contains("acme/llama@9 is not published here") == true)
            #expect(error?.message.contains(tracker.url) == true)
        }
    }

    @Test("an answer past the limit is refused")
    func tooLong() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            var settings = TrackerClient.Settings()
            settings.responseByteCountMax = 10
            let client = TrackerClient(client: TrackerFixture.http, settings: settings)
            let error = try await Self.failure {
                _ = try await client.announce(
                    TrackerFixture.request(1),
                    to: tracker.address.announceURL
                )
            }
            #expect(error?.code == .badAnswer)
        }
    }

    @Test("a tracker that accepts and never answers is given up")
    func timeout() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            var settings = TrackerClient.Settings()
            settings.timeout = .milliseconds(50)
            let client = TrackerClient(client: TrackerFixture.http, settings: settings)
            let listener = try SilentListener()
            let error = try await Self.failure {
                _ = try await client.announce(
                    TrackerFixture.request(1),
                    to: "http://127.0.0.1:\(listener.port)/announce"
                )
            }
            #expect(error?.code == .timeout)
        }
    }
}
