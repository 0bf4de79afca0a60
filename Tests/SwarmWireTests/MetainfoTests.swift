import SwarmModel
import SwarmWire
import Testing

@Suite("Metainfo")
struct MetainfoTests {
    /// A version, and SHA-256 of the `info` and of the whole file that libtorrent 2.1.1's
    /// `create_torrent` with `v2_only` writes for the same contents, its `creation date` left out.
    struct Golden: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let infoHash: String
        let fileHash: String
        let make: @Sendable () throws -> Metainfo

        static func sizes(_ length: Int) -> [(path: String, bytes: [UInt8])] {
            let sizes = [
                0, 1, 16383, 16384, 16385, length - 1, length, length + 1, 3 * length + 1,
            ]
            return sizes.enumerated().filter { sizes.firstIndex(of: $1) == $0 }.map {
                ("f\($1)", pattern($1, $1 & 255))
            }
        }
    }

    static let golden = [
        Golden(
            testDescription: "nested directories, an empty file",
            infoHash: "62c71882bed3d6c6541243548d425f67e476383150a30577440e91e292499a59",
            fileHash: "abd0a5db8bc8fac2675e4f4fdcfc222d0ce8882ee78e52feac05c21fec1df3f8"
        ) {
            try makeMetainfo(
                name: "model",
                contents: [
                    ("weights/b.bin", pattern(40000, 1)), ("weights/a.bin", pattern(16384, 2)),
                    ("config.json", pattern(100, 3)), ("empty.txt", []),
                    ("weights.txt", pattern(5, 9)),
                ]
            )
        },
        Golden(
            testDescription: "private",
            infoHash: "d98666fa6614bbc3f631e059889d6d5f76f2c10b87bf7c07427e52f13f0bce9c",
            fileHash: "55d5dded812c0a1ec84eece3ab8f4470926a77a32aeaef4127825a8b5174b2b0"
        ) {
            try makeMetainfo(
                name: "model",
                contents: [("a.bin", pattern(70000, 4))],
                isPrivate: true
            )
        },
        Golden(
            testDescription: "a single file",
            infoHash: "5d54db25443cb120e387f74bc798c555944336a8cce8e7642717ec0782e02e8d",
            fileHash: "21398f1c23965ac005159211c170189eb79d0d322ab40ab12dd3bfe5bf6d6ca6"
        ) {
            try makeMetainfo(
                name: "one.bin",
                pieceLength: 32768,
                contents: [("one.bin", pattern(100000, 5))]
            )
        },
        Golden(
            testDescription: "the same content twice",
            infoHash: "6839a12a0cadd2296c083110c944be22aead0a2da1759b253d34ecfe3e2daa41",
            fileHash: "fe7abebe2ca1e9044978e879f4dab7976508878c6183766335022347b2fef26f"
        ) {
            try makeMetainfo(
                name: "m",
                contents: [
                    ("x/a", pattern(50000, 6)), ("y/a", pattern(50000, 6)), ("é.txt", [1]),
                ]
            )
        },
        Golden(
            testDescription: "sizes around blocks and pieces of 16 KiB",
            infoHash: "429e2f9d46edcc8e4b66de572513ebfa6b41bf027838c81b8ed575c0e6a84a3a",
            fileHash: "90744aa1f2f633472d1b2b3135b4156a9b9d4a9ba1e9e7dbd996fbf0e5b3ab98"
        ) {
            try makeMetainfo(name: "sizes", contents: Golden.sizes(16384))
        },
        Golden(
            testDescription: "sizes around blocks and pieces of 64 KiB",
            infoHash: "b89f46488a417db3f5c5913e49b709a751ec0f335b4f2d966f55a2aa256b8bad",
            fileHash: "1e8816c44f6ae255f376c87300bf10641b4d9903f8ade7174277497846c26ef2"
        ) {
            try makeMetainfo(name: "sizes", pieceLength: 65536, contents: Golden.sizes(65536))
        },
        Golden(
            testDescription: "an executable file",
            infoHash: "c42a89bb630e49fb63f63f0bf895bfb9fb4c9f1c47710ed12cf5f3d29bb66c75",
            fileHash: "4a10802bf2c71583f0a80e56032184433a2222887a013296a5ae9c83d46a4a0e"
        ) {
            try makeMetainfo(
                name: "x",
                contents: [("run", pattern(10, 1)), ("t", pattern(10, 2))],
                executable: "run"
            )
        },
    ]

    @Test("is byte for byte what libtorrent writes, and survives being read", arguments: golden)
    func matchesLibtorrent(golden: Golden) throws {
        let metainfo = try golden.make()
        #expect(metainfo.info.infoHash.description == golden.infoHash)
        let bytes = MetainfoCodec.encode(metainfo)
        #expect(TestHasher.sha256(bytes).hex == golden.fileHash)
        #expect(try MetainfoCodec.decode(bytes, hasher: TestHasher()) == metainfo)
        let span = bytes.span.bytes
        #expect(try MetainfoCodec.decode(span, hasher: TestHasher()) == metainfo)
        let infoBytes = metainfo.info.infoBytes
        #expect(try MetainfoCodec.decodeInfo(infoBytes, hasher: TestHasher()) == metainfo.info)
    }

    @Test("files are in file-tree order, whatever order they came in")
    func ordersFiles() throws {
        let metainfo = try Self.golden[0].make()
        let paths = metainfo.info.files.map(\.joinedPath)
        #expect(
            paths == ["config.json", "empty.txt", "weights/a.bin", "weights/b.bin", "weights.txt"]
        )
        #expect(metainfo.info.files.map(\.length) == [100, 0, 16384, 40000, 5])
        #expect(metainfo.info.geometry.pieceCount == 1 + 0 + 1 + 3 + 1)
        #expect(metainfo.pieceLayers.map(\.hashes.count) == [3])
    }

    @Test("everything around the info dictionary survives")
    func keepsOuterKeys() throws {
        var metainfo = try Self.golden[0].make()
        metainfo.trackers = [["http://a.example/announce", "HTTPS://b.example/"], ["http://c/"]]
        metainfo.comment = "späť"
        metainfo.createdBy = "Shoal"
        metainfo.reference = try ModelReference("org/model@1.0")
        let bytes = MetainfoCodec.encode(metainfo)
        #expect(try MetainfoCodec.decode(bytes, hasher: TestHasher()) == metainfo)
        #expect(MetainfoCodec.encode(metainfo) == bytes)
        metainfo.trackers = [["http://a.example/announce"]]
        let single = MetainfoCodec.encode(metainfo)
        #expect(try MetainfoCodec.decode(single, hasher: TestHasher()) == metainfo)
        #expect(!String(decoding: single, as: UTF8.self).contains("announce-list"))
    }

    @Test("layers may be missing, all or some")
    func allowsMissingLayers() throws {
        let contents = [("a", pattern(40000, 1)), ("b", pattern(50000, 2))]
        var metainfo = try makeMetainfo(name: "m", contents: contents)
        metainfo.pieceLayers.removeFirst()
        let some = MetainfoCodec.encode(metainfo)
        #expect(try MetainfoCodec.decode(some, hasher: TestHasher()) == metainfo)
        let none = raw("d4:info") + metainfo.info.infoBytes + raw("e")
        #expect(try MetainfoCodec.decode(none, hasher: TestHasher()).pieceLayers.isEmpty)
    }

    @Test("keys for others are skipped, trackers of other schemes left out")
    func skipsForeignKeys() throws {
        let info = try Self.golden[1].make().info
        let top = BencodeTree.dictionary([
            ("announce", .text("udp://t.example:1")),
            ("announce-list", .list([.list([.text("udp://t:1")]), .list([.text("http://t/a")])])),
            ("creation date", .integer(1)),
            ("info", .encoded(info.infoBytes)),
            ("url-list", .text("http://w/")),
        ])
        let metainfo = try MetainfoCodec.decode(top.encoding, hasher: TestHasher())
        #expect(metainfo.trackers == [["http://t/a"]])
        #expect(metainfo.info == info)
    }

    @Test("an info dictionary keeps keys that we do not know in its hash")
    func hashesForeignInfoKeys() throws {
        let info = try Self.golden[1].make().info
        let bytes = Array(info.infoBytes.dropLast()) + raw("6:source3:abce")
        let decoded = try MetainfoCodec.decodeInfo(bytes, hasher: TestHasher())
        #expect(decoded.infoBytes == bytes)
        #expect(decoded.infoHash.digest == TestHasher.sha256(bytes))
        #expect(decoded.infoHash != info.infoHash)
        #expect(decoded.files == info.files)
    }

    @Test("making an info dictionary checks what the reader would refuse")
    func makeInfoRefuses() {
        let root = Digest(lanes: SIMD4(repeating: 1))
        func refusal(_ paths: [[String]], length: Int = 1, piece: Int = 16384) -> MetainfoError? {
            do throws(MetainfoError) {
                _ = try MetainfoCodec.makeInfo(
                    name: "m",
                    pieceLength: piece,
                    files: paths.map { FileEntry(path: $0, length: length, piecesRoot: root) },
                    isPrivate: false,
                    hasher: TestHasher()
                )
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal([["a"], ["b"]]) == nil)
        #expect(refusal([["a"], ["a"]]) == .duplicatePath("a"))
        #expect(refusal([["a", "b"], ["a"], ["a-"]]) == .fileIsDirectory("a"))
        #expect(refusal([]) == .noFiles)
        #expect(refusal([[]]) == .unsafePath("", .empty))
        #expect(refusal([["a", ""]]) == .unsafePath("a/", .empty))
        #expect(refusal([["..", "a"]]) == .unsafePath("../a", .dots))
        #expect(refusal([["A"], ["a"]]) == .nameCollision("A", "a"))
        #expect(refusal([["a"]], length: 0) == .emptyFileWithRoot("a"))
        #expect(refusal([["a"]], length: -1) == .fileLength("a", -1))
        #expect(refusal([["a"]], piece: 10000) == .pieceLength(10000))
        let many = [String](repeating: "d", count: 17)
        #expect(
            refusal([many]) == .unsafePath(many.joined(separator: "/"), .tooDeep(components: 17))
        )
    }
}
