import SwarmModel
import Testing

@Suite("Endpoints")
struct EndpointTests {
    @Test(
        "text and compact form are two views of one endpoint",
        arguments: [
            ("1.2.3.4:80", "010203040050"), ("0.0.0.0:0", "000000000000"),
            ("255.255.255.255:65535", "ffffffffffff"),
            ("[::]:0", "000000000000000000000000000000000000"),
            ("[::1]:80", "000000000000000000000000000000010050"),
            ("[2001:db8::1]:6881", "20010db80000000000000000000000011ae1"),
            ("[1:2:3:4:5:6:7:8]:1", "000100020003000400050006000700080001"),
            ("[fe80::1:0:0:1]:1", "fe8000000000000000010000000000010001"),
            ("[1:0:2:3:4:5:6:7]:1", "000100000002000300040005000600070001"),
            ("[1::]:1", "000100000000000000000000000000000001"),
            ("[::ffff:102:304]:1", "00000000000000000000ffff010203040001"),
        ]
    )
    func forms(text: String, compact: String) throws {
        let endpoint = try #require(Endpoint(parsing: text))
        #expect(endpoint.description == text)
        #expect(Hex.encode(endpoint.compact) == compact)
        #expect(Endpoint(compact: endpoint.compact) == endpoint)
        #expect(endpoint.isV4 == !text.hasPrefix("["))
    }

    @Test(
        "other spellings of an address are read",
        arguments: [
            ("[2001:DB8:0:0:0:0:0:1]:1", "[2001:db8::1]:1"),
            ("[2001:0db8::0001]:1", "[2001:db8::1]:1"),
            ("[::ffff:1.2.3.4]:1", "[::ffff:102:304]:1"),
            ("[64:ff9b::1.2.3.4]:1", "[64:ff9b::102:304]:1"),
            ("[1:2:3:4:5:6:1.2.3.4]:1", "[1:2:3:4:5:6:102:304]:1"),
            ("[1:2:3:4:5:6:7::]:1", "[1:2:3:4:5:6:7:0]:1"),
            ("[::2:3:4:5:6:7:8]:1", "[0:2:3:4:5:6:7:8]:1"),
        ]
    )
    func spellings(text: String, canonical: String) throws {
        let endpoint = try #require(Endpoint(parsing: text))
        #expect(endpoint == Endpoint(parsing: canonical))
        #expect(Endpoint(parsing: endpoint.description) == endpoint)
    }

    @Test(
        "what is not an address and a port is refused",
        arguments: [
            "", ":", ":80", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:+1",
            "1.2.3.4:080", "1.2.3.4:999999", "1.2.3:80", "1.2.3.4.5:80", "256.1.1.1:80",
            "01.2.3.4:80", "1..3.4:80", "1.2.3.a:80", " 1.2.3.4:80", "1.2.3.4:80 ", "host:80",
            "localhost:80", "::1:80", "::1", "[]:80", "[1.2.3.4]:80", "[::1]", "[::1]:", "[::1:80",
            "::1]:80", "[:::]:80", "[1::2::3]:80", "[1:2:3:4:5:6:7]:80", "[1:2:3:4:5:6:7:8:9]:80",
            "[1:2:3:4::5:6:7:8]:80", "[12345::]:80", "[g::]:80", "[+1::]:80", "[:1]:80", "[1:]:80",
            "[::1.2.3]:80", "[1.2.3.4::]:80", "[::1.2.3.4:5]:80", "[fe80::1%eth0]:80", "[ ::1]:80",
            "[1:2:3:4:5:6:7:1.2.3.4]:80",
        ]
    )
    func refuses(text: String) {
        #expect(Endpoint(parsing: text) == nil)
    }

    @Test("compact endpoints have 6 or 18 bytes")
    func compactLengths() {
        for count in 0...40 {
            let endpoint = Endpoint(compact: [UInt8](repeating: 1, count: count))
            #expect((endpoint != nil) == (count == 6 || count == 18))
        }
    }

    @Test("an address is read without a port")
    func addresses() {
        #expect(Endpoint.Address(parsing: "1.2.3.4") == .v4(0x0102_0304))
        #expect(Endpoint.Address(parsing: "::1") == .v6(high: 0, low: 1))
        #expect(Endpoint.Address(parsing: "host") == nil)
        #expect(Endpoint.Address(parsing: "") == nil)
    }
}
