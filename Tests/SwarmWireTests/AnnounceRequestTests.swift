import SwarmModel
import SwarmWire
import Testing

@Suite("Announce requests")
struct AnnounceRequestTests {
    static let good = "info_hash=ABCDEFGHIJKLMNOPQRST&peer_id=-SH0001-abcdefghijkl&port=6881&left=7"

    @Test("libtorrent's announce is understood")
    func libtorrentAnnounce() throws {
        // libtorrent 2.1.1.
        let query =
            "info_hash=%5dT%db%25D%3c%b1%20%e3%87%f7K%c7%98%c5U%94C6%a8"
            + "&peer_id=-LT2110-U7TgPwV8ZGoo&port=7881"
            + "&uploaded=0&downloaded=0&left=0&corrupt=0&key=8ACFC7FB&event=started"
            + "&numwant=200&compact=1&no_peer_id=1&redundant=0"
        let request = try AnnounceCodec.decodeRequest(query: query)
        #expect(request.swarm.description == "5d54db25443cb120e387f74bc798c555944336a8")
        #expect(request.peer == PeerID(raw("-LT2110-U7TgPwV8ZGoo")))
        #expect((request.port, request.left) == (7881, 0))
        #expect(request.event == .started)
        #expect(request.key == 0x8ACF_C7FB)
        #expect(request.peersWanted == 200)
        #expect(request.wantsCompact)
        #expect(request.locality == nil && request.rosterEpoch == nil && request.generation == nil)
    }

    @Test("ours has one encoding and survives it")
    func roundTrips() throws {
        let request = AnnounceRequest(
            swarm: SwarmID([UInt8](0..<20))!,
            peer: samplePeer,
            port: 6881,
            uploaded: .max,
            downloaded: 2,
            left: 3,
            event: .paused,
            peersWanted: 0,
            key: 0xFF,
            wantsCompact: false,
            otherEndpoints: [
                Endpoint(parsing: "1.2.3.4:5")!, Endpoint(parsing: "[2001:db8::1]:6")!,
            ],
            locality: try Locality("aws/us-east-1/räck 1".replacing(" ", with: "")),
            generation: .max,
            part: PartNumber(2, of: 3),
            rosterEpoch: RosterEpoch(life: .max, counter: 1)
        )
        let query = AnnounceCodec.encodeRequest(request)
        #expect(
            query == "info_hash=%00%01%02%03%04%05%06%07%08%09%0A%0B%0C%0D%0E%0F%10%11%12%13"
                + "&peer_id=-SH0001-abcdefghijkl&port=6881&uploaded=18446744073709551615"
                + "&downloaded=2&left=3&event=paused&key=000000FF&numwant=0&compact=0"
                + "&ipv4=1.2.3.4%3A5&ipv6=%5B2001%3Adb8%3A%3A1%5D%3A6"
                + "&shoal_loc=aws%2Fus-east-1%2Fr%C3%A4ck1&shoal_gen=18446744073709551615"
                + "&shoal_part=2%2F3&shoal_epoch=18446744073709551615.1"
        )
        #expect(try AnnounceCodec.decodeRequest(query: query) == request)
        let url = AnnounceCodec.requestURL(request, tracker: "http://t/announce")
        #expect(url == "http://t/announce?" + query)
    }

    @Test("optional parts may be missing, empty or in another form")
    func readsOptionalParts() throws {
        let plain = try AnnounceCodec.decodeRequest(query: Self.good)
        #expect(
            plain == AnnounceRequest(swarm: sampleSwarm, peer: samplePeer, port: 6881, left: 7)
        )
        for rest in [
            "&event=", "&event=empty", "&ip=6.6.6.6", "&x", "&&", "&compact", "&key=zzz", "&ipv6=",
        ] {
            #expect(try AnnounceCodec.decodeRequest(query: Self.good + rest) == plain)
        }
        let v6 = try AnnounceCodec.decodeRequest(query: Self.good + "&ipv6=2001:db8::1")
        #expect(v6.otherEndpoints == [Endpoint(parsing: "[2001:db8::1]:6881")!])
        let unknown = try AnnounceCodec.decodeRequest(query: Self.good + "&shoal_loc=")
        #expect(unknown.locality == .unknown)
        let all = try AnnounceCodec.decodeRequest(query: Self.good + "&shoal_epoch=0.0")
        #expect(all.rosterEpoch == RosterEpoch.none)
        // A plus is a plus: info_hash is raw bytes.
        let plus = Self.good.replacing("ABCDEFGHIJ", with: "+BCDEFGHIJ")
        #expect(try AnnounceCodec.decodeRequest(query: plus).swarm.bytes.first == 0x2B)
    }

    static let refusals: [(String, AnnounceRequestError)] = [
        ("", AnnounceRequestError.missing(key: "info_hash")),
        ("info_hash=ABC", .identifierLength(key: "info_hash", bytes: 3)),
        ("info_hash=ABCDEFGHIJKLMNOPQRSTU", .identifierLength(key: "info_hash", bytes: 21)),
        (good + "&info_hash=ABCDEFGHIJKLMNOPQRST", .duplicate(key: "info_hash")),
        (good + "&peer_id=ABCDEFGHIJKLMNOPQRST", .duplicate(key: "peer_id")),
        (good + "&port=1", .duplicate(key: "port")),
        ("info_hash=ABCDEFGHIJKLMNOPQRST", .missing(key: "peer_id")),
        (
            "info_hash=ABCDEFGHIJKLMNOPQRST&peer_id=",
            .identifierLength(key: "peer_id", bytes: 0)
        ),
        (good.replacing("&port=6881", with: ""), .missing(key: "port")),
        (good.replacing("&port=6881", with: "&port=0"), .portZero),
        (good.replacing("6881", with: "65536"), .number(key: "port", value: "65536")),
        (good.replacing("6881", with: "-1"), .number(key: "port", value: "-1")),
        (good.replacing("6881", with: "+1"), .number(key: "port", value: "+1")),
        (good.replacing("6881", with: "01"), .number(key: "port", value: "01")),
        (good.replacing("6881", with: ""), .number(key: "port", value: "")),
        (good.replacing("6881", with: "%0A"), .number(key: "port", value: ".")),
        (good.replacing("&left=7", with: ""), .missing(key: "left")),
        (good.replacing("left=7", with: "left=-7"), .number(key: "left", value: "-7")),
        (
            good.replacing("left=7", with: "left=18446744073709551616"),
            .number(key: "left", value: "18446744073709551616")
        ),
        (good + "&uploaded=-1", .number(key: "uploaded", value: "-1")),
        (good + "&downloaded=1e9", .number(key: "downloaded", value: "1e9")),
        (good + "&numwant=-1", .number(key: "numwant", value: "-1")),
        (
            good + "&numwant=9223372036854775808",
            .number(key: "numwant", value: "9223372036854775808")
        ),
        (good + "&event=exploded", .event("exploded")),
        (good + "&event=Started", .event("Started")),
        (good + "&event=%FF", .event("...")),
        (good + "&ipv4=example.com", .address(key: "ipv4", value: "example.com")),
        (good + "&ipv4=::1", .address(key: "ipv4", value: "::1")),
        (good + "&ipv6=1.2.3.4", .address(key: "ipv6", value: "1.2.3.4")),
        (good + "&ipv4=1.2.3.4:0", .address(key: "ipv4", value: "1.2.3.4:0")),
        (good + "&shoal_loc=a//b", .locality(Locality.Flaw.emptyLabel.description)),
        (good + "&shoal_loc=%FF", .locality("bytes that are not UTF-8")),
        (good + "&shoal_gen=-1", .number(key: "shoal_gen", value: "-1")),
        (good + "&shoal_epoch=1", .epoch("1")),
        (good + "&shoal_epoch=1.2.3", .epoch("1.2.3")),
        (good + "&shoal_epoch=1.-2", .epoch("1.-2")),
        (good + "&shoal_epoch=.", .epoch(".")),
        (good + "&x=%", .escape(key: "x")),
        (good + "&x=%f", .escape(key: "x")),
        (good + "&x=%fg", .escape(key: "x")),
        (
            good + "&" + String(repeating: "x", count: 8200),
            .queryTooLong(bytes: good.utf8.count + 8201)
        ),
        (String(repeating: "x&", count: 129), .tooManyParameters),
    ]

    @Test("a field that cannot be true is refused by name", arguments: refusals)
    func refuses(query: String, error: AnnounceRequestError) {
        #expect(throws: error) { try AnnounceCodec.decodeRequest(query: query) }
        #expect(!error.description.isEmpty)
    }

    @Test("a scrape names its swarms")
    func scrapeRequests() throws {
        let swarms = [sampleSwarm, SwarmID([UInt8](0..<20))!]
        let query = AnnounceCodec.encodeScrapeRequest(swarms)
        #expect(try AnnounceCodec.decodeScrapeRequest(query: query) == swarms)
        #expect(try AnnounceCodec.decodeScrapeRequest(query: "") == [])
        #expect(throws: AnnounceRequestError.identifierLength(key: "info_hash", bytes: 1)) {
            try AnnounceCodec.decodeScrapeRequest(query: "info_hash=a")
        }
        let many = [SwarmID](repeating: sampleSwarm, count: AnnounceCodec.scrapeCountMax)
        let limit = AnnounceCodec.encodeScrapeRequest(many)
        #expect(try AnnounceCodec.decodeScrapeRequest(query: limit).count == many.count)
        #expect(throws: AnnounceRequestError.tooManySwarms) {
            try AnnounceCodec.decodeScrapeRequest(query: "\(limit)&\(query)")
        }
    }
}
