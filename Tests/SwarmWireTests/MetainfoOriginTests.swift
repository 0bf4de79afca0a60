import SwarmModel
import SwarmWire
import Testing

@Suite("Origins in a metainfo")
struct MetainfoOriginTests {
    private static func metainfo(_ origins: [String]) throws -> Metainfo {
        let info = try MetainfoCodec.makeInfo(
            name: "llama 3",
            pieceLength: 16384,
            files: [FileEntry(path: ["a"], length: 0, piecesRoot: nil)],
            isPrivate: false,
            hasher: TestHasher()
        )
        return Metainfo(
            info: info,
            pieceLayers: [],
            origins: try origins.map { try OriginLocation($0) }
        )
    }

    @Test("a URL that ends in the version's name is a web seed, others are under our key")
    func encoding() throws {
        let metainfo = try Self.metainfo([
            "http://host/models/llama%203", "https://host/elsewhere/", "store:llama/",
        ])
        let bytes = MetainfoCodec.encode(metainfo)
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(text.contains("8:url-listl19:http://host/models/e"))
        #expect(
            text.contains("13:shoal originsl23:https://host/elsewhere/12:store:llama/e")
        )
        #expect(try MetainfoCodec.decode(bytes, hasher: TestHasher()) == metainfo)
    }

    @Test("a single string, and entries that cannot be read from, are no error")
    func foreign() throws {
        var metainfo = try Self.metainfo([])
        metainfo.createdBy = "x"
        let plain = String(decoding: MetainfoCodec.encode(metainfo), as: UTF8.self)
        func origins(_ list: String) throws -> [String] {
            let bytes = Array((plain.dropLast() + "8:url-list\(list)e").utf8)
            return try MetainfoCodec.decode(bytes, hasher: TestHasher()).origins.map(\.description)
        }
        #expect(try origins("13:http://host/m") == ["http://host/m/llama%203/"])
        #expect(try origins("0:") == [])
        #expect(
            try origins("l9:ftp://a/b21:http://u:p@host/a/../11:http://h/m/e")
                == ["http://h/m/llama%203/"]
        )
        #expect(throws: MetainfoError.self) { try origins("i1e") }
        #expect(throws: MetainfoError.self) { try origins("li1ee") }
        #expect(throws: MetainfoError.tooManyOrigins(limit: 64)) {
            try origins("l" + String(repeating: "11:http://h/m/", count: 65) + "e")
        }
    }

    @Test("origins do not change the identity")
    func identity() throws {
        #expect(
            try Self.metainfo(["store"]).info.infoHash == (try Self.metainfo([]).info.infoHash)
        )
    }
}
