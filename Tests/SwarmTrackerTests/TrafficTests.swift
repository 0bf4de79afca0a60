import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import SwarmCore
import SwarmModel
import SwarmRuntime
import SwarmTracker
import Testing

@Suite("Tracker daemon: traffic")
struct TrafficTests {
    private static var path: String { "/api/v1/swarms/\(TrackerFixture.swarm)" }

    private static func report(
        _ number: UInt8,
        at place: String,
        received: [(String, SourceKind, Int)] = [],
        sent: [(String, Int)] = [],
        isSource: Bool = false
    ) throws -> TrafficReport {
        let here = try Locality(place)
        var got = TrafficLedger()
        for (from, kind, bytes) in received {
            got.book(bytes, from: try Locality(from), to: here, kind: kind)
        }
        var gave = TrafficLedger()
        for (to, bytes) in sent { gave.book(bytes, from: here, to: try Locality(to), kind: .peer) }
        return TrafficReport(
            peer: PeerID(repeatElement(number, count: 20))!,
            generation: 1,
            locality: here,
            modelBytes: 1_000_000_000,
            isSource: isSource,
            isLast: false,
            received: got,
            sent: gave,
            refetchedBytes: 0
        )
    }

    @Test("reports of peers become the matrix, the copies and the bill of the swarm")
    func sums() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let client = TrafficClient(client: TrackerFixture.http)
            let size = 1_000_000_000
            let reports = try [
                Self.report(
                    1,
                    at: "aws/us-east-1/a",
                    sent: [("gcp/us-central1/a", size)],
                    isSource: true
                ),
                Self.report(
                    2,
                    at: "gcp/us-central1/a",
                    received: [("aws/us-east-1/a", .peer, size)],
                    sent: [("gcp/us-central1/a", size)]
                ),
                Self.report(
                    3,
                    at: "gcp/us-central1/a",
                    received: [("gcp/us-central1/a", .peer, size)]
                ),
            ]
            for report in reports {
                let receipt = try await client.report(
                    report,
                    in: TrackerFixture.swarm,
                    to: tracker.address
                )
                #expect(receipt == TrafficReceipt(intervalSeconds: 5))
            }
            let view = try await client.swarm(TrackerFixture.swarm, at: tracker.address)
            let traffic = try #require(view.traffic)
            #expect(traffic.modelBytes == size)
            #expect(traffic.reporters == 3)
            #expect(traffic.receivedBytes == 2 * size)
            #expect(traffic.sentBytes == 2 * size)
            #expect(traffic.entries.count == 2)
            #expect(traffic.domains.first { $0.domain == "gcp" }?.amplification == 1)
            #expect(traffic.sources == [try Locality("aws/us-east-1/a")])
            #expect(abs(traffic.costUSD - 0.09) < 1e-9)
            #expect(abs((traffic.costOriginOnlyUSD ?? 0) - 0.18) < 1e-9)
            #expect(traffic.prices.date == EgressPrices.defaults.date)
        }
    }

    @Test("a swarm with members and no traffic has none, and the prices of the settings count")
    func prices() async throws {
        let prices = EgressPrices(source: "ours", date: "2026-09", rules: [.init(usdPerGB: 7)])
        try await TrackerFixture.run(in: TemporaryDirectory()) {
            $0.prices = prices
        } _: { tracker in
            _ = try await tracker.client.announce(
                TrackerFixture.request(1),
                to: tracker.address.announceURL
            )
            let client = TrafficClient(client: TrackerFixture.http)
            let before = try await client.swarm(TrackerFixture.swarm, at: tracker.address)
            #expect(before.traffic == nil && before.leeches == 1)
            _ = try await client.report(
                Self.report(1, at: "aws", received: [("r2", .origin, 1_000_000_000)]),
                in: TrackerFixture.swarm,
                to: tracker.address
            )
            let after = try await client.swarm(TrackerFixture.swarm, at: tracker.address)
            #expect(after.traffic?.costUSD == 7)
            #expect(after.traffic?.costOriginOnlyUSD == 7)
            #expect(after.traffic?.originBytes == 1_000_000_000)
            #expect(after.traffic?.prices.source == "ours")
        }
    }

    @Test("a report in a hurry is refused with the time to wait")
    func hurry() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) {
            $0.traffic.spacingMin = .seconds(1000)
        } _: { tracker in
            let body = try JSONEncoder().encode(Self.report(1, at: "aws"))
            let path = Self.path + "/traffic"
            let first = try await tracker.send("POST", path, body: .bytes(ByteBuffer(bytes: body)))
            #expect(first.status == 200)
            let next = try await tracker.send("POST", path, body: .bytes(ByteBuffer(bytes: body)))
            #expect((next.status, next.errorCode) == (429, "too-soon"))
            // What is left of it, on a machine that may be slow.
            let wait = Int(next.headers.first(name: "retry-after") ?? "") ?? 0
            #expect(900...1000 ~= wait)
        }
    }

    @Test("what is no report is refused with the key that is wrong")
    func badReports() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let good = String(
                decoding: try JSONEncoder().encode(
                    Self.report(1, at: "aws", received: [("gcp", .peer, 5)])
                ),
                as: UTF8.self
            )
            let cases = [
                ("", "not valid JSON"), ("[]", "not an object"), ("{}", "has no '"),
                (good.replacing("\"bytes\":5", with: "\"bytes\":-5"), "'gcp'"),
                (good.replacing("\"bytes\":5", with: "\"bytes\":1e99"), "is no report"),
                (good.replacing("\"peer\":\"01", with: "\"peer\":\"xx"), "peer is not 40"),
                (good.replacing("\"gcp\"", with: "\"a//b\""), "empty label"),
                (good.replacing("\"kind\":\"peer\"", with: "\"kind\":\"moon\""), "kind"),
            ]
            for (body, reason) in cases {
                #expect(body != good)
                let answer = try await tracker.send(
                    "POST",
                    Self.path + "/traffic",
                    body: .bytes(ByteBuffer(string: body))
                )
                #expect((answer.status, answer.errorCode) == (400, "bad-report"), "\(body)")
                #expect(answer.text.contains(reason), "\(answer.text)")
            }
            let long = String(repeating: " ", count: (256 << 10) + 1)
            let answer = try? await tracker.send(
                "POST",
                Self.path + "/traffic",
                body: .bytes(ByteBuffer(string: long))
            )
            if let answer { #expect((answer.status, answer.errorCode) == (413, "body-too-large")) }
            let odd = try await tracker.send(
                "POST",
                "/api/v1/swarms/xyz/traffic",
                body: .bytes(ByteBuffer(string: good))
            )
            #expect((odd.status, odd.errorCode) == (400, "bad-swarm"))
            let none = try await tracker.send("GET", Self.path)
            #expect((none.status, none.errorCode) == (404, "no-such-swarm"))
        }
    }
}
