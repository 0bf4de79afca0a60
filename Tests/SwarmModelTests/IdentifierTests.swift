import SwarmModel
import Testing

@Suite("Digests and identifiers")
struct IdentifierTests {
    static let text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

    @Test("a digest keeps its bytes in order")
    func digestBytes() throws {
        let bytes = [UInt8](0..<32)
        let digest = try #require(Digest(bytes))
        #expect(digest.bytes == bytes)
        #expect(digest.hex == Self.text)
        #expect(Digest(hex: Self.text) == digest)
        #expect(Digest(hex: Self.text.uppercased()) == digest)
        #expect(Digest(readingFirst32Of: (bytes + [9]).span.bytes) == digest)
        #expect(Digest.zero.bytes == [UInt8](repeating: 0, count: 32))
        let info = InfoHash(digest)
        #expect(info.swarmID.bytes == [UInt8](0..<20))
        #expect(info.description == Self.text)
    }

    @Test("a truncated or ill-formed digest is refused")
    func refusesDigests() {
        for count in 0...64 where count != 32 {
            #expect(Digest([UInt8](repeating: 1, count: count)) == nil)
        }
        #expect(Digest(hex: Self.text.dropLast()) == nil)
        #expect(Digest(hex: Self.text + "00") == nil)
        #expect(Digest(hex: Self.text.dropLast() + "g") == nil)
    }

    @Test("digests sort by their bytes, wherever they first differ")
    func digestOrder() throws {
        for position in 0..<32 {
            var low = [UInt8](repeating: 0x80, count: 32)
            var high = low
            low[position] = 0x7F
            high[position] = 0x81
            for later in position + 1..<max(position + 1, 32) { low[later] = 0xFF }
            let (a, b) = (try #require(Digest(low)), try #require(Digest(high)))
            #expect(a < b && !(b < a) && !(a < a))
        }
    }

    @Test("every byte has one hexadecimal form")
    func hex() {
        for byte in UInt8.min...UInt8.max {
            let text = Hex.encode([byte])
            #expect(text.count == 2 && text == text.lowercased())
            #expect(Hex.decode(text) == [byte])
            #expect(UInt8(text, radix: 16) == byte)
        }
        #expect(Hex.decode("") == [])
        for bad in ["0", "000", "0g", "+1", " 1", "é"] { #expect(Hex.decode(bad) == nil) }
    }

    @Test("identifiers of 20 bytes keep their bytes and sort by them")
    func twentyBytes() throws {
        let id = try #require(PeerID([UInt8](100..<120)))
        #expect(id.bytes == [UInt8](100..<120))
        #expect(id.description == "defghijklmnopqrstuvw")
        for count in 0...40 where count != 20 {
            #expect(SwarmID([UInt8](repeating: 0, count: count)) == nil)
        }
        for position in 0..<20 {
            var high = [UInt8](100..<120)
            high[position] += 1
            let other = try #require(PeerID(high))
            #expect(id < other && !(other < id))
        }
        #expect(PeerID([UInt8](repeating: 0xFF, count: 20))?.description == "....................")
    }

    @Test("our peer ids say who we are and differ by the random source")
    func ownPeerIDs() {
        var random = SeededRandom(seed: 1)
        let first = PeerID(random: &random)
        let second = PeerID(random: &random)
        #expect(first != second)
        #expect(first.description.hasPrefix(PeerID.clientPrefix))
        var replay = SeededRandom(seed: 1)
        #expect(PeerID(random: &replay) == first)
    }
}
