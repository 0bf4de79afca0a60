import SwarmModel
import SwarmWire
import Testing

/// Metainfo that is wrong in one way each, with the exact refusal.
@Suite("Hostile metainfo")
struct MetainfoHostileTests {
    typealias Build = MetainfoBuilder

    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let bytes: [UInt8]
        let error: MetainfoError

        init(_ name: String, _ bytes: [UInt8], _ error: MetainfoError) {
            (testDescription, self.bytes, self.error) = (name, bytes, error)
        }

        init(info name: String, _ changes: [(String, BencodeTree?)], _ error: MetainfoError) {
            self.init(name, Build.metainfo(info: Build.info(changes)), error)
        }

        init(tree name: String, _ entries: [(String, BencodeTree)], _ error: MetainfoError) {
            self.init(name, Build.metainfo(tree: Build.tree(entries)), error)
        }

        init(file name: String, _ file: BencodeTree, _ error: MetainfoError) {
            self.init(tree: name, [("a", file)], error)
        }

        init(outer name: String, _ outer: [(String, BencodeTree?)], _ error: MetainfoError) {
            self.init(name, Build.metainfo(outer), error)
        }

        /// A tree with one file of this name.
        init(name bytes: [UInt8], _ flaw: PathFlaw) {
            let shown = String(decoding: bytes.prefix(64), as: UTF8.self)
            let tree = Build.tree(rawName: bytes)
            self.init(
                "the name '\(shown)'",
                Build.metainfo(tree: tree),
                .unsafePath(shown, flaw)
            )
        }
    }

    static let shape = [
        Case("nothing", [], .bencode(BencodeError(.endOfInput, at: 0))),
        Case("an HTML page", raw("<html>"), .bencode(BencodeError(.unexpectedByte(60), at: 0))),
        Case("a list", raw("le"), .wrongType(key: "metainfo", expected: "a dictionary")),
        Case("a number", raw("i1e"), .wrongType(key: "metainfo", expected: "a dictionary")),
        Case(
            "a byte after the end",
            Build.metainfo() + [0],
            .bencode(BencodeError(.trailingBytes, at: Build.metainfo().count))
        ),
        Case(
            "keys not sorted",
            raw("d4:infode3:abci1ee"),
            .bencode(BencodeError(.keysNotSorted, at: 9))
        ),
        Case(
            "the info twice",
            raw("d4:infode4:infodee"),
            .bencode(BencodeError(.duplicateKey, at: 9))
        ),
        Case(
            "nested too deep",
            raw("d4:info" + String(repeating: "l", count: 70)),
            .bencode(BencodeError(.tooDeep(limit: 64), at: 70))
        ),
        Case("no info", raw("de"), .missing(key: "info")),
        Case(
            "info a string",
            raw("d4:info1:xe"),
            .wrongType(key: "info", expected: "a dictionary")
        ),
        Case(
            "longer than the limit",
            [UInt8](repeating: 0x30, count: (32 << 20) + 1),
            .tooLong(bytes: (32 << 20) + 1, limit: 32 << 20)
        ),
    ]

    static let version = [
        Case(info: "no meta version", [("meta version", nil)], .missing(key: "meta version")),
        Case(
            info: "v1",
            [("meta version", nil), ("pieces", .text(""))],
            .notVersion2Only(key: "pieces")
        ),
        Case(
            info: "a hybrid of one file",
            [("length", .integer(1)), ("pieces", .text(""))],
            .notVersion2Only(key: "pieces")
        ),
        Case(info: "v1 files", [("files", .list([]))], .notVersion2Only(key: "files")),
        Case(info: "v1 length", [("length", .integer(1))], .notVersion2Only(key: "length")),
        Case(info: "version 3", [("meta version", .integer(3))], .newerVersion(3)),
        Case(
            info: "version 3 with everything else wrong",
            [("meta version", .integer(3)), ("file tree", nil), ("pieces", .integer(1))],
            .newerVersion(3)
        ),
        Case(info: "version 1", [("meta version", .integer(1))], .olderVersion(1)),
        Case(info: "version -2", [("meta version", .integer(-2))], .olderVersion(-2)),
        Case(
            info: "a version in text",
            [("meta version", .text("2"))],
            .wrongType(key: "meta version", expected: "an integer")
        ),
    ]

    static let numbers: [Case] =
        [0, -1, 1, 8192, 49152, 16385, 512 << 20, .max, .min].map {
            Case(info: "piece length \($0)", [("piece length", .integer($0))], .pieceLength($0))
        } + [
            Case(info: "no piece length", [("piece length", nil)], .missing(key: "piece length")),
            Case(
                info: "a piece length in text",
                [("piece length", .text("16384"))],
                .wrongType(key: "piece length", expected: "an integer")
            ),
            Case(info: "private 2", [("private", .integer(2))], .privateFlag(2)),
            Case(
                info: "private in text",
                [("private", .text("1"))],
                .wrongType(key: "private", expected: "an integer")
            ),
            Case(file: "an endless file", Build.file(length: .integer(.max)), .totalLength),
            Case(
                tree: "two files whose sum overflows",
                [
                    ("a", Build.file(length: .integer(1 << 45))),
                    ("b", Build.file(length: .integer(.max - 5), root: otherRoot)),
                ],
                .pieceCount
            ),
            Case(
                file: "a piece too many",
                Build.file(length: .integer((1 << 21) * 16384 + 1)),
                .pieceCount
            ),
        ]

    static let otherRoot = BencodeTree.bytes([UInt8](repeating: 9, count: 32))

    static let names: [Case] =
        [
            (raw("."), PathFlaw.dots), (raw(".."), .dots), (raw("a/b"), .separator),
            (raw("/"), .separator), (raw("a\\b"), .separator), (raw("a\u{0}"), .controlCharacter),
            (raw("\n"), .controlCharacter), (raw("a\u{7F}"), .controlCharacter),
            (Array("a\u{85}".utf8), .controlCharacter), (raw("\u{FF}"), .notText),
            (raw("\u{C0}\u{AF}"), .notText), (raw("\u{ED}\u{A0}\u{80}"), .notText),
            (raw("CON"), .deviceName), (raw("nul"), .deviceName), (raw("Aux.txt"), .deviceName),
            (raw("prn "), .deviceName), (raw("com1.tar.gz"), .deviceName),
            (raw("LPT9"), .deviceName),
            ([UInt8](repeating: 97, count: 256), .componentTooLong(bytes: 256)),
        ].map { Case(name: $0, $1) } + [
            Case(info: "no name", [("name", nil)], .missing(key: "name")),
            Case(
                info: "a numeric name",
                [("name", .integer(1))],
                .wrongType(key: "name", expected: "a string")
            ),
            Case(info: "an empty name", [("name", .text(""))], .unsafeName(.empty)),
            Case(info: "a name of dots", [("name", .text(".."))], .unsafeName(.dots)),
            Case(info: "a name with a path", [("name", .text("a/b"))], .unsafeName(.separator)),
            Case(info: "a name not text", [("name", .bytes([0xFF]))], .unsafeName(.notText)),
            Case(
                tree: "names that differ in case",
                [("README", Build.file()), ("readme", Build.file())],
                .nameCollision("README", "readme")
            ),
            Case(
                tree: "names that differ in normalisation",
                [("e\u{301}", Build.file()), ("é", Build.file())],
                .nameCollision("e\u{301}", "é")
            ),
            Case(
                tree: "a directory that differs in case from a file",
                [("D", Build.tree([("x", Build.file())])), ("d", Build.file())],
                .nameCollision("D", "d")
            ),
            Case(
                tree: "names below a directory",
                [("d", Build.tree([("X", Build.file()), ("x", Build.file())]))],
                .nameCollision("d/X", "d/x")
            ),
        ]

    static let trees: [Case] = [
        Case(info: "no file tree", [("file tree", nil)], .missing(key: "file tree")),
        Case(
            info: "a file tree that is a list",
            [("file tree", .list([]))],
            .wrongType(key: "file tree", expected: "a dictionary")
        ),
        Case(tree: "an empty tree", [], .noFiles),
        Case(
            tree: "a root that is a file",
            [("", .dictionary([("length", .integer(0))]))],
            .rootIsFile
        ),
        Case(tree: "an empty directory", [("d", .dictionary([]))], .emptyDirectory("d")),
        Case(
            tree: "a file with a sibling beside its description",
            [("d", Build.tree([("", .dictionary([])), ("x", Build.file())]))],
            .fileWithEntries("d")
        ),
        Case(
            tree: "an entry that is a string",
            [("d", .text("x"))],
            .wrongType(key: "d", expected: "a dictionary")
        ),
        Case(
            tree: "a description that is a list",
            [("d", Build.tree([("", .list([]))]))],
            .wrongType(key: "d", expected: "the description of a file")
        ),
        deep,
        longPath,
    ]

    static var deep: Case {
        var tree = Build.file()
        for _ in 0..<17 { tree = Build.tree([("d", tree)]) }
        let path = [String](repeating: "d", count: 17).joined(separator: "/")
        return Case(
            "a path of 17 components",
            Build.metainfo(tree: tree),
            .unsafePath(path, .tooDeep(components: 17))
        )
    }

    static var longPath: Case {
        let name = String(repeating: "n", count: 250)
        var tree = Build.file()
        for _ in 0..<5 { tree = Build.tree([(name, tree)]) }
        let path = ([String](repeating: name, count: 4) + [String(repeating: "n", count: 64)])
        return Case(
            "a path of 1254 bytes",
            Build.metainfo(tree: tree),
            .unsafePath(path.joined(separator: "/"), .pathTooLong(bytes: 1254))
        )
    }

    static let files: [Case] = [
        Case(file: "no length", Build.file(length: nil), .fileWithoutLength("a")),
        Case(file: "a negative length", Build.file(length: .integer(-1)), .fileLength("a", -1)),
        Case(
            file: "a length in text",
            Build.file(length: .text("10")),
            .wrongType(key: "length of a", expected: "an integer")
        ),
        Case(file: "no root", Build.file(root: nil), .fileWithoutRoot("a")),
        Case(
            file: "an empty file with a root",
            Build.file(length: .integer(0)),
            .emptyFileWithRoot("a")
        ),
        Case(
            file: "a short root",
            Build.file(root: .bytes([1, 2])),
            .fileRoot("a", bytes: 2)
        ),
        Case(
            file: "a long root",
            Build.file(root: .bytes([UInt8](repeating: 1, count: 64))),
            .fileRoot("a", bytes: 64)
        ),
        Case(
            file: "a root of zeros",
            Build.file(root: .bytes([UInt8](repeating: 0, count: 32))),
            .zeroRoot("a")
        ),
        Case(
            file: "a root that is a number",
            Build.file(root: .integer(1)),
            .wrongType(key: "pieces root of a", expected: "a string")
        ),
        Case(file: "a symbolic link", Build.file(attributes: .text("l")), .symbolicLink("a")),
        Case(
            file: "a symbolic link without its attribute",
            Build.file(extra: ("symlink path", .list([.text("b")]))),
            .symbolicLink("a")
        ),
        Case(
            file: "a symbolic link as libtorrent writes it",
            Build.file(
                length: nil,
                root: nil,
                attributes: .text("l"),
                extra: ("symlink path", .list([]))
            ),
            .symbolicLink("a")
        ),
        Case(file: "a pad file", Build.file(attributes: .text("p")), .padFile("a")),
        Case(
            file: "attributes as a number",
            Build.file(attributes: .integer(1)),
            .wrongType(key: "attr of a", expected: "a string")
        ),
        Case(
            tree: "one root with two lengths",
            [("a", Build.file(length: .integer(64))), ("b", Build.file(length: .integer(32768)))],
            .oneRootOfTwoLengths("a", "b")
        ),
    ]

    static let root = TestHasher.hash(file: pattern(40000, 1), pieceLength: 16384)!.root
    static let foreign = Digest(lanes: SIMD4(repeating: 3))

    static let layers: [Case] = [
        Case(
            outer: "layers in a list",
            [("piece layers", .list([]))],
            .wrongType(key: "piece layers", expected: "a dictionary")
        ),
        Case(
            outer: "a layer of nothing that is in the tree",
            [("piece layers", .entries([.init(foreign.bytes, .bytes([]))]))],
            .unknownLayer(foreign)
        ),
        Case(
            outer: "a layer of a file of one piece",
            [
                (
                    "piece layers",
                    .entries([.init([UInt8](repeating: 7, count: 32), Build.root)])
                )
            ],
            .unknownLayer(Digest([UInt8](repeating: 7, count: 32))!)
        ),
        Case(
            outer: "a key that is not a root",
            [("piece layers", .dictionary([("abc", .text(""))]))],
            .layerKey(bytes: 3)
        ),
        Case(
            "a layer that is a number",
            Build.layered { root, _ in .entries([.init(root.bytes, .integer(1))]) },
            .wrongType(key: "piece layer of \(root.hex)", expected: "a string")
        ),
        Case(
            "a hash too few",
            Build.layered { .entries([.init($0.bytes, .bytes($1.dropLast(32)))]) },
            .layerLength(root, bytes: 64, expected: 96)
        ),
        Case(
            "a hash too many",
            Build.layered { .entries([.init($0.bytes, .bytes($1 + $1.prefix(32)))]) },
            .layerLength(root, bytes: 128, expected: 96)
        ),
        Case(
            "half a hash too many",
            Build.layered { .entries([.init($0.bytes, .bytes($1 + $1.prefix(16)))]) },
            .layerLength(root, bytes: 112, expected: 96)
        ),
        Case(
            "a wrong bit in a layer",
            Build.layered { .entries([.init($0.bytes, .bytes([$1[0] ^ 1] + $1.dropFirst()))]) },
            .layerMismatch(root)
        ),
    ]

    static let outer: [Case] = [
        Case(
            outer: "announce as a number",
            [("announce", .integer(1))],
            .wrongType(key: "announce", expected: "a string")
        ),
        Case(
            outer: "announce not text",
            [("announce", .bytes([0xFF]))],
            .notText(key: "announce")
        ),
        Case(
            outer: "an endless tracker",
            [("announce", .text("http://" + String(repeating: "a", count: 1018)))],
            .trackerTooLong(bytes: 1025, limit: 1024)
        ),
        Case(
            outer: "a flat announce-list",
            [("announce-list", .list([.text("http://t/")]))],
            .wrongType(key: "announce-list", expected: "a list of lists")
        ),
        Case(
            outer: "announce-list in text",
            [("announce-list", .text("http://t/"))],
            .wrongType(key: "announce-list", expected: "a list of lists")
        ),
        Case(
            outer: "too many trackers",
            [("announce-list", .list([.list([BencodeTree](repeating: .text("x"), count: 257))]))],
            .tooManyTrackers(limit: 256)
        ),
        Case(outer: "a comment not text", [("comment", .bytes([0x80]))], .notText(key: "comment")),
        Case(
            outer: "an endless comment",
            [("comment", .text(String(repeating: "a", count: 16385)))],
            .textTooLong(key: "comment", bytes: 16385, limit: 16384)
        ),
        Case(
            outer: "created by a list",
            [("created by", .list([]))],
            .wrongType(key: "created by", expected: "a string")
        ),
        Case(outer: "a name alone", [("shoal name", .text("o/m"))], .missing(key: "shoal version")),
        Case(
            outer: "a version alone",
            [("shoal version", .text("1"))],
            .missing(key: "shoal name")
        ),
        Case(
            outer: "a name that climbs",
            [("shoal name", .text("../m")), ("shoal version", .text("1"))],
            .reference(.badCharacter(".."))
        ),
        Case(
            outer: "a version that is a path",
            [("shoal name", .text("o/m")), ("shoal version", .text("1/2"))],
            .reference(.badCharacter("1/2"))
        ),
    ]

    static let cases = shape + version + numbers + names + trees + files + layers + outer

    @Test("is refused for what is wrong with it", arguments: cases)
    func refuses(hostile: Case) {
        #expect(throws: hostile.error) {
            try MetainfoCodec.decode(hostile.bytes, hasher: TestHasher())
        }
        #expect(!hostile.error.description.isEmpty)
    }

    @Test("the builder's own metainfo is good, and there are many cases")
    func builderIsGood() throws {
        let plain = try MetainfoCodec.decode(Build.metainfo(), hasher: TestHasher())
        #expect(plain.info.files.map(\.joinedPath) == ["a"])
        let layered = Build.layered { .entries([.init($0.bytes, .bytes($1))]) }
        #expect(try MetainfoCodec.decode(layered, hasher: TestHasher()).pieceLayers.count == 1)
        #expect(Self.cases.count >= 100)
    }

    @Test("limits are those that the caller gives")
    func limitsAreParameters() {
        var limits = MetainfoLimits()
        limits.fileCountMax = 1
        let two = Build.metainfo(tree: Build.tree([("a", Build.file()), ("b", Build.file())]))
        #expect(throws: MetainfoError.tooManyFiles(limit: 1)) {
            try MetainfoCodec.decode(two, hasher: TestHasher(), limits: limits)
        }
        limits.byteCountMax = 10
        #expect(throws: MetainfoError.tooLong(bytes: two.count, limit: 10)) {
            try MetainfoCodec.decode(two, hasher: TestHasher(), limits: limits)
        }
        #expect(throws: MetainfoError.tooLong(bytes: two.count, limit: 10)) {
            try MetainfoCodec.decode(two.span.bytes, hasher: TestHasher(), limits: limits)
        }
        limits = MetainfoLimits()
        limits.tokenCountMax = 5
        #expect(throws: MetainfoError.self) {
            try MetainfoCodec.decode(two, hasher: TestHasher(), limits: limits)
        }
    }

    @Test(
        "names that are merely unusual are accepted",
        arguments: [
            "a b", "...", ".hidden", "a..b", "ünïcödé", "模型", "🐟", "CONSOLE", "com10", "COM0",
            "lpt",
            "a:b", "-rf", "$(x)", "nulls.txt", String(repeating: "n", count: 255),
        ]
    )
    func acceptsUnusualNames(name: String) throws {
        let bytes = Build.metainfo(tree: Build.tree([(name, Build.file())]))
        let metainfo = try MetainfoCodec.decode(bytes, hasher: TestHasher())
        #expect(metainfo.info.files.map(\.path) == [[name]])
    }
}
