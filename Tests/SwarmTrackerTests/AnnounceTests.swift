import Foundation
import SwarmCore
import SwarmModel
import SwarmRuntime
import SwarmWire
import Testing

@testable import SwarmTracker

@Suite("Tracker daemon: announce and scrape")
struct AnnounceTests {
    @Test("our client and our tracker: peers, roster and its delta, events, scrape")
    func ours() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let url = tracker.address.announceURL
            let first = try #require(
                try await tracker.client.announce(
                    TrackerFixture.request(1, event: .started, epoch: RosterEpoch.none),
                    to: url
                ).success
            )
            #expect(first.peers.isEmpty)
            #expect((27...33).contains(first.intervalSeconds))
            let roster = try #require(first.roster)
            let seed = TrackerFixture.request(2, left: 0, event: .started)
            let second = try await tracker.client.announce(seed, to: url).success
            let local = Endpoint(address: .v4(0x7F00_0001), port: 7001)
            #expect(second?.peers == [local])
            let third = try await tracker.client.announce(
                TrackerFixture.request(1, epoch: roster.epoch),
                to: url
            ).success
            #expect(third?.roster?.isWhole == false)
            #expect(third?.roster?.joined.map(\.peer) == [seed.peer])
            #expect(third?.roster?.joined.first?.isSeed == true)
            #expect(third?.roster?.joined.first?.locality.description == "aws/east/r2")
            _ = try await tracker.client.announce(
                TrackerFixture.request(1, left: 0, event: .completed),
                to: url
            )
            let counts = try await tracker.client.scrape([TrackerFixture.swarm], at: url)
            #expect(counts.map { [$0.complete, $0.incomplete, $0.downloaded] } == [[2, 0, 1]])
        }
    }

    /// What libtorrent 2.1.1 sends, byte for byte but for the ports.
    private static func libtorrent(
        _ peer: String,
        port: Int,
        left: Int,
        event: String,
        key: String
    ) -> String {
        "/announce?info_hash=%b8%a4%e4d%5e%9b~%1c%e6%e9%a9%c2%8c%f1%cf7%9f%e3%5d%08&peer_id=\(peer)"
            + "&port=\(port)&uploaded=0&downloaded=0&left=\(left)&corrupt=0&key=\(key)"
            + "&event=\(event)"
            + "&numwant=200&compact=1&no_peer_id=1&supportcrypto=1&redundant=0"
    }

    @Test("libtorrent's announces, as captured")
    func captured() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let seed = "-LT2110-bIFDrXT)auzi"
            let leech = "-LT2110-hvuz*4VARfHC"
            let headers = [("accept-encoding", "gzip"), ("connection", "close")]
            func announce(_ target: String) async throws -> AnnounceSuccess? {
                let answer = try await tracker.send("GET", target, headers: headers)
                #expect(answer.status == 200)
                #expect(answer.type == "text/plain")
                return try AnnounceCodec.decodeResponse(answer.body).success
            }
            let first = try await announce(
                Self.libtorrent(seed, port: 35889, left: 0, event: "started", key: "E8C42588")
            )
            #expect(first?.peers == [])
            let second = try await announce(
                Self.libtorrent(
                    leech,
                    port: 39205,
                    left: 3_080_192,
                    event: "started",
                    key: "742E5DCD"
                )
            )
            #expect(second?.peers == [Endpoint(address: .v4(0x7F00_0001), port: 35889)])
            #expect((second?.seeds, second?.leeches) == (1, 1))
            #expect(second?.roster == nil)
            let done = try await announce(
                Self.libtorrent(leech, port: 39205, left: 0, event: "completed", key: "742E5DCD")
            )
            #expect(done?.peers == [])
            let swarm = "b8a4e4645e9b7e1ce6e9a9c28cf1cf379fe35d08"
            let view = try await tracker.json("/api/v1/swarms/\(swarm)")
            #expect(view["completed"] as? Int == 1)
            #expect(view["seeds"] as? Int == 2)
            _ = try await announce(
                Self.libtorrent(seed, port: 35889, left: 0, event: "stopped", key: "E8C42588")
            )
            #expect(try await tracker.json("/api/v1/swarms/\(swarm)")["seeds"] as? Int == 1)
        }
    }

    @Test(
        "an announce that lies or lacks something is refused with a reason and enters nobody",
        arguments: [
            "", "?", "?info_hash=abc", "?info_hash=%zz&peer_id=1&port=1&left=0",
            "?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=0&left=0",
            "?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=65536&left=0",
            "?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1&left=-1",
            "?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1",
            "?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1&left=0&event=x",
            "?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1&left=0"
                + "&shoal_loc=a//b",
            "?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1&left=0"
                + "&shoal_epoch=9",
            "?info_hash=aaaaaaaaaaaaaaaaaaaa&info_hash=aaaaaaaaaaaaaaaaaaaa&port=1&left=0",
        ]
    )
    func refused(query: String) async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let answer = try await tracker.send("GET", "/announce" + query)
            #expect(answer.status == 200)
            guard case .failure(let reason, _) = try AnnounceCodec.decodeResponse(answer.body)
            else {
                Issue.record("accepted")
                return
            }
            #expect(!reason.isEmpty)
            let swarms = try await tracker.json("/api/v1/swarms")["swarms"] as? [Any]
            #expect(swarms?.isEmpty == true)
        }
    }

    @Test("the address is that of the connection, whatever a header or parameter claims")
    func observedAddress() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let query = AnnounceCodec.encodeRequest(TrackerFixture.request(1)) + "&ip=9.9.9.9"
            let claimed = [("x-forwarded-for", "9.9.9.9"), ("forwarded", "for=9.9.9.9")]
            _ = try await tracker.send("GET", "/announce?" + query, headers: claimed)
            let view = try await tracker.json("/api/v1/swarms/\(TrackerFixture.swarm)")
            let member = (view["members"] as? [NSDictionary])?.first
            #expect(member?["endpoints"] as? [String] == ["127.0.0.1:7001"])
            #expect(member?["locality"] as? String == "aws/east/r1")
            #expect(member?["isShoal"] as? Bool == true)
        }
    }

    @Test("two hundred peers announce at once")
    func concurrent() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let url = tracker.address.announceURL
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        let request = TrackerFixture.request(UInt8(number), event: .started)
                        let answer = try await tracker.client.announce(request, to: url)
                        _ = try #require(answer.success)
                    }
                }
                try await group.waitForAll()
            }
            var observer = TrackerFixture.request(250, epoch: RosterEpoch.none)
            observer.peersWanted = 1000
            let last = try #require(try await tracker.client.announce(observer, to: url).success)
            #expect(last.roster?.joined.count == 200)
            #expect(last.peers.count == 200)
            #expect(last.leeches == 201)
        }
    }

    @Test("a restarted tracker is filled again by announces, and old epochs get the whole roster")
    func restart() async throws {
        let directory = try TemporaryDirectory()
        let before = try await TrackerFixture.run(in: directory) { tracker in
            let url = tracker.address.announceURL
            _ = try await tracker.client.announce(TrackerFixture.request(1), to: url)
            let request = TrackerFixture.request(2, epoch: RosterEpoch.none)
            return try #require(try await tracker.client.announce(request, to: url).success?.roster)
        }
        try await TrackerFixture.run(in: directory) { tracker in
            let url = tracker.address.announceURL
            let request = TrackerFixture.request(2, epoch: before.epoch)
            let alone = try await tracker.client.announce(request, to: url).success?.roster
            #expect(alone?.isWhole == true)
            #expect(alone?.joined.isEmpty == true)
            #expect(alone?.epoch.life != before.epoch.life)
            _ = try await tracker.client.announce(TrackerFixture.request(1), to: url)
            let again = TrackerFixture.request(2, epoch: alone?.epoch)
            let refilled = try await tracker.client.announce(again, to: url).success?.roster
            #expect(refilled?.joined == before.joined)
        }
    }

    @Test("IPv6 hosts are told of each other in peers6")
    func six() async throws {
        try await TrackerFixture.run(
            in: TemporaryDirectory(),
            { $0.listen = ListenAddress(host: "::1", port: 0) }
        ) { tracker in
            let url = tracker.address.announceURL
            _ = try await tracker.client.announce(TrackerFixture.request(1), to: url)
            let answer = try await tracker.client.announce(TrackerFixture.request(2), to: url)
            let six = Endpoint(address: .v6(high: 0, low: 1), port: 7001)
            #expect(answer.success?.peers == [six])
        }
    }

    @Test("a silent peer goes away by itself")
    func expiry() async throws {
        try await TrackerFixture.run(
            in: TemporaryDirectory(),
            { $0.registry.interval = .milliseconds(40) }
        ) { tracker in
            let url = tracker.address.announceURL
            let answer = try await tracker.client.announce(TrackerFixture.request(1), to: url)
            #expect(answer.success != nil)
            // Ends when the swarm is gone; a tracker that never forgets runs into the time limit.
            while let swarms = try await tracker.json("/api/v1/swarms")["swarms"] as? [Any],
                !swarms.isEmpty
            {}
        }
    }
}

extension AnnounceResponse {
    var success: AnnounceSuccess? { if case .success(let success) = self { success } else { nil } }
}
