import SwarmModel
import SwarmWire
import Testing

@Suite("Magnet links")
struct MagnetLinkTests {
    static let hex = "caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e"
    static let hash = InfoHash(hex: hex)!

    @Test("a link is read and written")
    func roundTrips() throws {
        let link = MagnetLink(
            infoHash: Self.hash,
            name: "Größe & Co+1",
            trackers: ["http://t.example/announce?k=1&l=2", "https://u.example/"]
        )
        let text =
            "magnet:?xt=urn:btmh:1220\(Self.hex)&dn=Gr%C3%B6%C3%9Fe%20%26%20Co%2B1"
            + "&tr=http%3A%2F%2Ft.example%2Fannounce%3Fk%3D1%26l%3D2&tr=https%3A%2F%2Fu.example%2F"
        #expect(link.description == text)
        #expect(try MagnetLink(text) == link)
        let bare = MagnetLink(infoHash: Self.hash)
        #expect(try MagnetLink(bare.description) == bare)
    }

    @Test("other spellings of the same link are read")
    func readsSpellings() throws {
        let bare = MagnetLink(infoHash: Self.hash)
        let upper = "MAGNET:?xt=urn:BTMH:1220\(Self.hex.uppercased())"
        #expect(try MagnetLink(upper) == bare)
        let hybrid = "magnet:?xt=urn:btih:abc&xt=urn:btmh:1220\(Self.hex)"
        #expect(try MagnetLink(hybrid) == bare)
        #expect(try MagnetLink("magnet:?&&x=%zz&so=0-2&xt.1=urn:btmh:1220\(Self.hex)&") == bare)
        #expect(try MagnetLink("\(bare)&xt=urn:btmh:1220\(Self.hex)") == bare)
        #expect(
            try MagnetLink("\(bare)&tr=udp%3A%2F%2Ft%3A1&tr.2=http://t/").trackers == ["http://t/"]
        )
        #expect(try MagnetLink("\(bare)&dn=a+b%2Bc").name == "a b+c")
    }

    static let refusals: [(String, MagnetError)] = [
        ("", MagnetError.notMagnet),
        ("http://x/", .notMagnet),
        ("magnet:xt=urn:btmh:1220\(hex)", .notMagnet),
        ("magnet:?", .noHash),
        ("magnet:?dn=a", .noHash),
        ("magnet:?xt=urn:sha1:abc", .noHash),
        ("magnet:?xt=urn:btih:" + String(repeating: "a", count: 40), .version1Only),
        ("magnet:?xt=urn:btmh:1220abcd", .hash("1220abcd")),
        ("magnet:?xt=urn:btmh:1320\(hex)", .hash("1320\(hex)")),
        ("magnet:?xt=urn:btmh:1220\(hex.dropLast())g", .hash("1220\(hex.dropLast())g")),
        ("magnet:?xt=urn:btmh:1220\(hex)00", .hash("1220\(hex)00")),
        (
            "magnet:?xt=urn:btmh:1220\(hex)&xt=urn:btmh:1220\(String(hex.reversed()))",
            .twoHashes
        ),
        ("magnet:?xt=urn:btmh:1220\(hex)&dn=%4", .escape(key: "dn")),
        ("magnet:?xt=urn:btmh:1220\(hex)&dn=%+1", .escape(key: "dn")),
        ("magnet:?xt=urn:btmh:1220\(hex)&dn=%FF", .notText(key: "dn")),
        ("magnet:?xt=urn:btmh:1220\(hex)&tr=%FF", .notText(key: "tr")),
        ("magnet:?" + String(repeating: "a", count: 16377), .tooLong(bytes: 16385)),
        (
            "magnet:?xt=urn:btmh:1220\(hex)" + String(repeating: "&tr=http://t/", count: 65),
            .tooManyTrackers
        ),
    ]

    @Test("a link that cannot be used is refused with the reason", arguments: refusals)
    func refuses(text: String, error: MagnetError) {
        #expect(throws: error) { try MagnetLink(text) }
        #expect(!error.description.isEmpty)
    }

    @Test("a tracker's URL says where to announce and to scrape")
    func trackerURLs() {
        let urls = ["http://t/", "HTTPS://t", "http://"].map(TrackerURL.isHTTP)
        #expect(urls == [true, true, false])
        #expect(
            !["udp://t", "", "http", "httpx://t", "://t", "http:/t"].contains {
                TrackerURL.isHTTP($0)
            }
        )
        #expect(TrackerURL.appending(query: "a=1", to: "http://t/a") == "http://t/a?a=1")
        #expect(TrackerURL.appending(query: "a=1", to: "http://t/a?k=2") == "http://t/a?k=2&a=1")
        #expect(TrackerURL.appending(query: "a=1", to: "http://t/a?") == "http://t/a?a=1")
        // The examples of BEP 48.
        let scrapes = [
            "http://e.com/announce": "http://e.com/scrape",
            "http://e.com/x/announce": "http://e.com/x/scrape",
            "http://e.com/announce.php": "http://e.com/scrape.php",
            "http://e.com/announce?x=2%0644": "http://e.com/scrape?x=2%0644",
        ]
        for (url, scrape) in scrapes { #expect(TrackerURL.scrape(announce: url) == scrape) }
        for url in ["http://e.com/a", "http://e.com/announce?x=2/4", "http://e.com/x%064announce"] {
            let expected = url.contains("=2/4") ? "http://e.com/scrape?x=2/4" : nil
            #expect(TrackerURL.scrape(announce: url) == expected)
        }
    }
}
