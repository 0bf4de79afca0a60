import SwarmModel
import SwarmWire
import Testing

@Suite("Announce responses")
struct AnnounceResponseTests {
    static let v4 = Endpoint(parsing: "1.2.3.4:6881")!
    static let v6 = Endpoint(parsing: "[2001:db8::1]:80")!

    static func success() throws -> AnnounceSuccess {
        AnnounceSuccess(
            intervalSeconds: 1800,
            intervalSecondsMin: 30,
            seeds: 1,
            leeches: 2,
            peers: [v4, v6],
            warning: "späť",
            trackerID: [1, 0xFF],
            roster: RosterUpdate(
                epoch: RosterEpoch(life: .max, counter: 7),
                isWhole: true,
                joined: [
                    RosterEntry(
                        peer: samplePeer,
                        endpoints: [v4, v6],
                        locality: try Locality("aws/us/r"),
                        generation: .max,
                        isSeed: true
                    ),
                    RosterEntry(
                        peer: PeerID([UInt8](0..<20))!,
                        endpoints: [],
                        locality: .unknown,
                        generation: 0,
                        isSeed: false,
                        isPart: true
                    ),
                ],
                left: [PeerID([UInt8](1..<21))!],
                isGrowing: true
            )
        )
    }

    @Test("an answer survives both forms of its peers")
    func roundTrips() throws {
        let response = AnnounceResponse.success(try Self.success())
        for isCompact in [true, false] {
            let bytes = AnnounceCodec.encodeResponse(response, isCompact: isCompact)
            #expect(try AnnounceCodec.decodeResponse(bytes) == response)
            #expect(try AnnounceCodec.decodeResponse(bytes.span.bytes) == response)
        }
        for retry in [nil, .never, .minutes(0), AnnounceRetry.minutes(5)] {
            let failure = AnnounceResponse.failure(reason: "voll", retry: retry)
            let bytes = AnnounceCodec.encodeResponse(failure, isCompact: true)
            #expect(try AnnounceCodec.decodeResponse(bytes) == failure)
        }
    }

    @Test("answers have the layout that other clients read")
    func goldenAnswers() throws {
        let plain = AnnounceSuccess(
            intervalSeconds: 60,
            seeds: 1,
            leeches: 0,
            peers: [Self.v6, Self.v4]
        )
        let compact = AnnounceCodec.encodeResponse(.success(plain), isCompact: true)
        let v6 = "\u{20}\u{01}\u{0D}\u{B8}" + String(repeating: "\u{0}", count: 11) + "\u{1}\u{0}P"
        #expect(
            compact
                == raw(
                    "d8:completei1e10:incompletei0e8:intervali60e"
                        + "5:peers6:\u{1}\u{2}\u{3}\u{4}\u{1A}\u{E1}6:peers618:\(v6)e"
                )
        )
        let listed = AnnounceCodec.encodeResponse(.success(plain), isCompact: false)
        #expect(
            listed
                == raw(
                    "d8:completei1e10:incompletei0e8:intervali60e5:peersld2:ip11:2001:db8::1"
                        + "4:porti80eed2:ip7:1.2.3.44:porti6881eeee"
                )
        )
        let failure = AnnounceResponse.failure(reason: "no", retry: .never)
        #expect(
            AnnounceCodec.encodeResponse(failure, isCompact: true)
                == raw("d14:failure reason2:no8:retry in5:nevere")
        )
        var rostered = AnnounceSuccess(intervalSeconds: 60)
        rostered.roster = RosterUpdate(
            epoch: RosterEpoch(life: 3, counter: 4),
            isWhole: false,
            joined: [
                RosterEntry(
                    peer: samplePeer,
                    endpoints: [Self.v4],
                    locality: try Locality("a/b/c"),
                    generation: 9,
                    isSeed: true
                )
            ],
            left: [samplePeer],
            isGrowing: true
        )
        #expect(
            AnnounceCodec.encodeResponse(.success(rostered), isCompact: true)
                == raw(
                    "d8:intervali60e5:peers0:12:shoal_rosterd5:epoch3:3.44:growi1e6:joinedl"
                        + "d2:epl6:\u{1}\u{2}\u{3}\u{4}\u{1A}\u{E1}e3:gen1:9"
                        + "2:id20:-SH0001-abcdefghijkl3:loc5:a/b/c4:seedi1eee"
                        + "4:leftl20:-SH0001-abcdefghijkle5:wholei0eee"
                )
        )
    }

    static func success(of text: String) throws -> AnnounceSuccess {
        guard case .success(let success) = try AnnounceCodec.decodeResponse(raw(text)) else {
            throw AnnounceResponseError.notDictionary
        }
        return success
    }

    @Test("peers that cannot be dialled are left out")
    func skipsPeers() throws {
        let list =
            "d8:intervali60e5:peersld2:ip7:1.2.3.44:porti80eed2:ip8:host.com4:porti80ee"
            + "d2:ip7:1.2.3.44:porti0eed2:ip7:1.2.3.44:porti65536eed2:ip7:1.2.3.4e"
            + "d4:porti80eed2:ip3:::14:porti81eed2:ipi1e4:porti80eeee"
        let peers = try Self.success(of: list).peers.map(\.description)
        #expect(peers == ["1.2.3.4:80", "[::1]:81"])
        let zero = "d8:intervali60e5:peers6:\u{1}\u{2}\u{3}\u{4}\u{0}\u{0}e"
        #expect(try Self.success(of: zero).peers.isEmpty)
        #expect(try Self.success(of: "d8:intervali60e6:peers60:e").peers.isEmpty)
    }

    @Test("numbers are clamped, unknown keys skipped")
    func clampsNumbers() throws {
        #expect(try Self.success(of: "d8:intervali0ee").intervalSeconds == 1)
        #expect(try Self.success(of: "d8:intervali-9ee").intervalSeconds == 1)
        #expect(try Self.success(of: "d8:intervali9999999ee").intervalSeconds == 86400)
        let low = try Self.success(of: "d8:completei-1e8:intervali60e12:min intervali-1e1:zlee")
        #expect(low.seeds == 0 && low.intervalSecondsMin == 1)
        func retry(_ text: String) throws -> AnnounceRetry? {
            let text = "d14:failure reason1:x8:retry in\(text)e"
            guard case .failure(_, let retry) = try AnnounceCodec.decodeResponse(raw(text)) else {
                return .minutes(-1)
            }
            return retry
        }
        #expect(try retry("i5e") == .minutes(5))
        #expect(try retry("1:5") == .minutes(5))
        #expect(try retry("i99999999e") == .minutes(7 * 24 * 60))
        #expect(try retry("i-5e") == nil)
        #expect(try retry("4:soon") == nil)
        #expect(try retry("le") == nil)
    }

    @Test("a page that is not bencode is shown by its first characters")
    func showsPages() {
        let page = raw("<html>\r\n<b>502\u{FF}</b>" + String(repeating: "x", count: 99))
        let excerpt = "<html>..<b>502.</b>" + String(repeating: "x", count: 41)
        let error = AnnounceResponseError.notBencode(
            excerpt: excerpt,
            BencodeError(.unexpectedByte(60), at: 0)
        )
        #expect(throws: error) { try AnnounceCodec.decodeResponse(page) }
        #expect(error.description.contains("not bencode") && error.description.contains(excerpt))
    }

    static let entry = "d2:eple3:gen1:12:id20:-SH0001-abcdefghijkl3:loc1:a4:seedi1ee"

    static func rostered(_ joined: String = entry, epoch: String = "3:1.2", left: String = "le")
        -> String
    {
        "d8:intervali60e12:shoal_rosterd5:epoch\(epoch)6:joinedl\(joined)e4:left\(left)"
            + "5:wholei1eee"
    }

    static let refusals: [(String, AnnounceResponseError)] = [
        ("le", AnnounceResponseError.notDictionary),
        ("de", .missing(key: "interval")),
        ("d8:interval1:1e", .wrongType(key: "interval")),
        ("d14:failure reasoni1ee", .wrongType(key: "failure reason")),
        ("d8:completele8:intervali1ee", .wrongType(key: "complete")),
        ("d8:intervali1e5:peersi1ee", .wrongType(key: "peers")),
        ("d8:intervali1e5:peersli1eee", .wrongType(key: "peers")),
        ("d8:intervali1e5:peers7:1234567e", .compactLength(key: "peers", bytes: 7)),
        ("d8:intervali1e6:peers617:12345678901234567e", .compactLength(key: "peers6", bytes: 17)),
        ("d8:intervali1e12:shoal_rosterlee", .wrongType(key: "shoal_roster")),
        ("d8:intervali1e12:shoal_rosterdee", .roster(key: "epoch")),
        (rostered(epoch: "1:1"), .roster(key: "epoch")),
        (rostered("i1e"), .roster(key: "joined")),
        (rostered(left: "de"), .roster(key: "left")),
        (rostered(left: "l3:abce"), .roster(key: "left")),
        (rostered(entry.replacing("20:-SH0001-abcdefghijkl", with: "1:x")), .roster(key: "id")),
        (rostered(entry.replacing("3:gen1:1", with: "3:geni1e")), .roster(key: "gen")),
        (rostered(entry.replacing("2:eple", with: "2:epl3:abce")), .roster(key: "ep")),
        (
            rostered(entry.replacing("2:eple", with: "2:epl6:abcd\u{0}\u{0}e")),
            .roster(key: "ep")
        ),
        (rostered(entry.replacing("3:loc1:a", with: "3:loc1:/")), .roster(key: "loc")),
        (rostered(entry.replacing("seedi1e", with: "seedi2e")), .roster(key: "seed")),
        (rostered().replacing("wholei1e", with: "whole1:1"), .roster(key: "whole")),
    ]

    @Test("a wrong answer is refused by name", arguments: refusals)
    func refuses(text: String, error: AnnounceResponseError) {
        #expect(throws: error) { try AnnounceCodec.decodeResponse(raw(text)) }
        #expect(!error.description.isEmpty)
    }

    @Test("the roster of the cases above is good")
    func rosterIsGood() throws {
        #expect(try Self.success(of: Self.rostered()).roster?.joined.count == 1)
    }

    @Test("a scrape's answer survives, and its errors are named")
    func scrapes() throws {
        let entries = [
            ScrapeEntry(
                swarm: SwarmID([UInt8](0..<20))!,
                complete: 1,
                incomplete: 2,
                downloaded: 3
            ),
            ScrapeEntry(swarm: sampleSwarm, complete: 0, incomplete: 0, downloaded: 0),
        ]
        let bytes = AnnounceCodec.encodeScrapeResponse(entries)
        #expect(try AnnounceCodec.decodeScrapeResponse(bytes) == entries)
        #expect(try AnnounceCodec.decodeScrapeResponse(bytes.span.bytes) == entries)
        let single = AnnounceCodec.encodeScrapeResponse([entries[1]])
        #expect(
            single
                == raw(
                    "d5:filesd20:ABCDEFGHIJKLMNOPQRSTd8:completei0e10:downloadedi0e"
                        + "10:incompletei0eeee"
                )
        )
        func refusal(_ text: String) -> AnnounceResponseError? {
            do throws(AnnounceResponseError) {
                _ = try AnnounceCodec.decodeScrapeResponse(raw(text))
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal("d14:failure reason2:noe") == .refused(reason: "no"))
        #expect(refusal("de") == .missing(key: "files"))
        #expect(refusal("d5:filesi1ee") == .wrongType(key: "files"))
        #expect(refusal("d5:filesd1:xdeee") == .swarmLength(bytes: 1))
        #expect(refusal("d5:filesd20:ABCDEFGHIJKLMNOPQRSTi1eee") == .wrongType(key: "files"))
        #expect(refusal("d5:filesdee") == nil)
    }
}
