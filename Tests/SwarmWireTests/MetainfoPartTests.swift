import SwarmModel
import SwarmWire
import Testing

@Suite("Parts in a metainfo")
struct MetainfoPartTests {
    private static func metainfo(_ part: PartLabel?) throws -> Metainfo {
        let info = try MetainfoCodec.makeInfo(
            name: "llama",
            pieceLength: 16384,
            files: [FileEntry(path: ["a"], length: 0, piecesRoot: nil)],
            isPrivate: false,
            hasher: TestHasher()
        )
        return Metainfo(info: info, pieceLayers: [], part: part)
    }

    private static func label(_ expected: [String] = []) throws -> PartLabel {
        PartLabel(
            number: try #require(PartNumber(2, of: 3)),
            pieceLengthAsked: 65536,
            expected: expected
        )
    }

    @Test("a label survives its encoding, and does not change the identity")
    func roundTrips() throws {
        let whole = try Self.metainfo(nil)
        for label in [try Self.label(), try Self.label(["b", "d/c"])] {
            let part = try Self.metainfo(label)
            let bytes = MetainfoCodec.encode(part)
            #expect(try MetainfoCodec.decode(bytes, hasher: TestHasher()) == part)
            #expect(part.info.infoHash == whole.info.infoHash)
        }
        let part = try Self.metainfo(Self.label(["b"]))
        let text = String(decoding: MetainfoCodec.encode(part), as: UTF8.self)
        #expect(
            text.contains("10:shoal partd8:expectedl1:be6:number3:2/312:piece lengthi65536eee")
        )
    }

    @Test("a label that says nothing sensible is refused")
    func refused() throws {
        let plain = String(decoding: MetainfoCodec.encode(try Self.metainfo(nil)), as: UTF8.self)
        func decode(_ label: String) throws -> PartLabel? {
            let bytes = Array((plain.dropLast() + "10:shoal part\(label)e").utf8)
            return try MetainfoCodec.decode(bytes, hasher: TestHasher()).part
        }
        #expect(try decode("d8:expectedle6:number3:1/1e")?.number == .whole)
        for label in [
            "i1e", "le", "de", "d8:expectedlee", "d6:number3:1/1e", "d8:expectedle6:number3:3/2e",
            "d8:expectedle6:numberi1ee", "d8:expectedli1ee6:number3:1/1e",
            "d8:expectedle6:number3:1/112:piece lengthi5ee",
            "d8:expectedle6:number3:1/112:piece length1:5e",
        ] {
            #expect(throws: MetainfoError.self, "\(label)") { try decode(label) }
        }
    }

    @Test("more expected files than there may be are refused")
    func tooMany() throws {
        let paths = Array(repeating: "", count: PartLabel.expectedMax + 1)
        let bytes = MetainfoCodec.encode(try Self.metainfo(Self.label(paths)))
        #expect(throws: MetainfoError.tooManyFiles(limit: PartLabel.expectedMax)) {
            try MetainfoCodec.decode(bytes, hasher: TestHasher())
        }
    }
}
