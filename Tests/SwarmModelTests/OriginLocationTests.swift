import SwarmModel
import Testing

@Suite("Where a version's files lie")
struct OriginLocationTests {
    @Test(
        "URLs and named places are read, and written as they are read again",
        arguments: [
            ("http://Host:8080/a/b", "http://host:8080/a/b/"),
            ("HTTPS://host", "https://host/"),
            ("https://host/a%20b/", "https://host/a%20b/"),
            ("s3://bucket/pre fix", nil), ("s3://bucket/prefix", "s3://bucket/prefix/"),
            ("s3://bucket", "s3://bucket/"), ("file:///mnt/models", "file:///mnt/models/"),
            ("store", "store"), ("store:a/b", "store:a/b/"), ("my-store.1:", "my-store.1"),
        ] as [(String, String?)]
    )
    func parsing(text: String, written: String?) {
        let location = try? OriginLocation(text)
        #expect(location?.description == written)
        if let location { #expect((try? OriginLocation(location.description)) == location) }
    }

    @Test(
        "what could leave its place, or holds a secret, is refused",
        arguments: [
            ("", .length), (String(repeating: "a", count: 1025), .length),
            ("http://user:secret@host/a", .credentials), ("http://host/a?sig=1", .query),
            ("http://host/a#b", .query), ("ftp://host/a", .scheme("ftp")),
            ("gopher://x", .scheme("gopher")), ("http:///a", .host), ("file://host/a", .host),
            ("http://host/a/../b", .component), ("http://host/./b", .component),
            ("http://host/a//b", .component), ("http://host/%2E%2e/b", .component),
            ("http://host/a%2fb", .component), ("http://host//", .component),
            ("store:../a", .component), ("store:/a", .component), ("Store", .name),
            ("sto re", .character), ("a\\b", .character), ("a\nb", .character), (":a", .name),
            ("-a", .name), (".a", .name),
        ] as [(String, OriginLocation.Flaw)]
    )
    func refused(text: String, flaw: OriginLocation.Flaw) {
        #expect(throws: flaw) { try OriginLocation(text) }
    }

    @Test("a location is below a base only at a path's boundary")
    func below() throws {
        let location = try OriginLocation("https://host/models/llama")
        #expect(location.path(below: "https://host/models/") == "llama/")
        #expect(location.path(below: "https://host/") == "models/llama/")
        #expect(location.path(below: "https://host/mod/") == nil)
        #expect(location.path(below: "http://host/") == nil)
        #expect(try OriginLocation("https://host.evil/a").path(below: "https://host/") == nil)
    }

    @Test("a run of bytes is cut into blocks at the edges of pieces")
    func blocks() throws {
        let geometry = try PieceGeometry(pieceLength: 65536, fileLengths: [10, 150_000])
        let file = try #require(geometry.file(1))
        let blocks = geometry.blocks(of: file, 16384..<150_000, lengthMax: 32768)
        #expect(blocks.map(\.piece) == [1, 1, 2, 2, 3])
        #expect(blocks.map(\.begin) == [16384, 49152, 0, 32768, 0])
        #expect(blocks.map(\.length) == [32768, 16384, 32768, 32768, 18928])
        #expect(blocks.allSatisfy { geometry.alignedRange(of: $0) != nil })
    }
}
