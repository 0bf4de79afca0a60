import SwarmModel
import Testing

@Suite("Putting the parts of a version together")
struct PartAssemblyTests {
    private static func file(
        _ path: String,
        _ content: UInt8 = 1,
        length: Int = 100,
        isExecutable: Bool = false
    ) -> FileEntry {
        FileEntry(
            path: path.split(separator: "/").map(String.init),
            length: length,
            piecesRoot: Digest(Array(repeating: content, count: 32)),
            isExecutable: isExecutable
        )
    }

    private static func part(
        _ number: String,
        _ files: [FileEntry],
        pieceLength: Int = 1 << 20,
        asked: Int? = nil,
        expected: [String] = [],
        name: String = "llama",
        isPrivate: Bool = false,
        origins: [String] = []
    ) throws -> Metainfo {
        let files = files.sorted { FileEntry.precedes($0.path, $1.path) }
        let info = VersionInfo(
            infoHash: InfoHash(.zero),
            infoBytes: [],
            name: name,
            files: files,
            geometry: try PieceGeometry(
                pieceLength: pieceLength,
                fileLengths: files.map(\.length)
            ),
            isPrivate: isPrivate
        )
        return Metainfo(
            info: info,
            pieceLayers: [],
            origins: try origins.map { try OriginLocation($0) },
            part: PartLabel(
                number: try #require(PartNumber(number)),
                pieceLengthAsked: asked,
                expected: expected
            )
        )
    }

    private static func conflict(_ parts: Metainfo...) -> String? {
        do throws(PartConflict) {
            var assembly = PartAssembly()
            for part in parts { assembly = try assembly.adding(part) }
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test("numbers are K/N with 1 ≤ K ≤ N ≤ 256, and nothing else")
    func numbers() throws {
        for text in ["1/1", "1/2", "2/2", "256/256", "01/02"] {
            #expect(PartNumber(text) != nil, "\(text)")
        }
        for text in [
            "", "/", "1", "1/", "/1", "0/1", "2/1", "1/257", "257/257", "1/2/3", "-1/2", "+1/2",
            "1 /2", "a/b", "0x1/2", "١/٢", "99999999999999999999/1", "1/0",
        ] {
            #expect(PartNumber(text) == nil, "\(text)")
        }
        #expect(PartNumber("3/17")?.description == "3/17")
    }

    @Test("the same parts in any order are the same version, and a part twice is that part once")
    func order() throws {
        let parts = [
            try Self.part("1/3", [Self.file("a"), Self.file("shared", 9)]),
            try Self.part("2/3", [Self.file("d/b", 2), Self.file("shared", 9)]),
            try Self.part("3/3", [Self.file("d/a", 3, isExecutable: true)]),
        ]
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            var assembly = PartAssembly()
            for (step, index) in order.enumerated() {
                #expect(!assembly.isWhole)
                assembly = try assembly.adding(parts[index])
                assembly = try assembly.adding(parts[index])
                #expect(assembly.parts.count == step + 1)
            }
            #expect(assembly.isWhole)
            #expect(assembly.files.map(\.joinedPath) == ["a", "d/a", "d/b", "shared"])
            #expect(assembly.parts == parts)
        }
    }

    @Test("what is missing is named: parts, and files of an index")
    func missing() throws {
        let index = ["one", "three", "two"]
        let first = try Self.part("1/3", [Self.file("one")], expected: index)
        let last = try Self.part("3/3", [Self.file("three", 3)])
        var assembly = try PartAssembly().adding(first).adding(last)
        #expect(assembly.state.present == [1, 3])
        #expect(assembly.state.missing == [2])
        #expect(assembly.state.missingFiles == ["two"])
        #expect(assembly.state.missingText == "part 2/3, with the file two")
        let without = try assembly.adding(Self.part("2/3", [Self.file("other", 4)]))
        #expect(!without.isWhole)
        #expect(without.state.missingText == "the file two")
        assembly = try without.adding(Self.part("2/3", [Self.file("two", 2)]), replacing: true)
        #expect(assembly.isWhole && assembly.state.missingText == "")
    }

    @Test("parts that do not fit together are refused, with what differs")
    func conflicts() throws {
        let first = try Self.part("1/2", [Self.file("a"), Self.file("d/x")])
        let cases: [(Metainfo, String)] = [
            (try Self.part("2/3", [Self.file("b")]), "it is one of 3 parts"),
            (try Self.part("2/2", [Self.file("b")], asked: 65536), "pieces of 65536 bytes"),
            (try Self.part("2/2", [Self.file("b")], name: "other"), "calls the version 'other'"),
            (try Self.part("2/2", [Self.file("b")], isPrivate: true), "--private"),
            (try Self.part("2/2", [Self.file("a", 7)]), "'a' is not the same in parts 1 and 2"),
            (try Self.part("2/2", [Self.file("a", length: 7)]), "'a' is not the same"),
            (try Self.part("2/2", [Self.file("a", isExecutable: true)]), "'a' is not the same"),
            (try Self.part("2/2", [Self.file("a/b")]), "'a' is a file in part 1 and a directory"),
            (try Self.part("2/2", [Self.file("d")]), "'d' is a file in part 2 and a directory"),
            (try Self.part("1/2", [Self.file("a", 7), Self.file("d/x")]), "'a' differs"),
            (try Self.part("1/2", [Self.file("a")]), "'d/x' differs"),
            (try Self.part("1/2", [Self.file("a"), Self.file("c"), Self.file("d/x")]), "'c'"),
        ]
        for (part, words) in cases {
            let message = Self.conflict(first, part)
            #expect(message?.contains(words) == true, "\(message ?? "none"), not \(words)")
        }
        let fitting = try Self.part("2/2", [Self.file("a.b"), Self.file("a")])
        #expect(Self.conflict(first, fitting) == nil)
    }

    @Test("more files than a version may have are refused before they are looked at")
    func tooMany() throws {
        let half = PartAssembly.fileCountMax / 2 + 1
        let parts = try ["1/2", "2/2"].map { number in
            try Self.part(number, (0..<half).map { Self.file("\(number.prefix(1))-\($0)") })
        }
        #expect(Self.conflict(parts[0], parts[1])?.contains("100002 files together") == true)
    }

    @Test("only places that hold the files of all parts are places of the version")
    func origins() throws {
        let both = "https://a.example/llama/"
        let first = try Self.part("1/2", [Self.file("a")], origins: [both, "https://b.example/"])
        let second = try Self.part("2/2", [Self.file("b")], origins: [both])
        let assembly = try PartAssembly().adding(second).adding(first)
        #expect(assembly.origins.map(\.description) == [both])
    }

    @Test("the first file of a part that a version lacks is found")
    func lacking() throws {
        let whole = try Self.part("1/1", [Self.file("a"), Self.file("b/c", 2), Self.file("d", 3)])
        func lacking(_ files: FileEntry...) throws -> String? {
            whole.info.lacking(from: try Self.part("1/1", files).info)?.joinedPath
        }
        #expect(try lacking(Self.file("a"), Self.file("d", 3)) == nil)
        #expect(try lacking(Self.file("b/c", 2)) == nil)
        #expect(try lacking(Self.file("a"), Self.file("d", 4)) == "d")
        #expect(try lacking(Self.file("a"), Self.file("b", 2)) == "b")
        #expect(try lacking(Self.file("z")) == "z")
    }
}

@Suite("Counting copies")
struct CopyTallyTests {
    @Test("whole copies and parts of some add up to the piece that has the fewest")
    func tally() throws {
        let geometry = try PieceGeometry(pieceLength: 16384, fileLengths: [40_000, 10_000])
        var tally = CopyTally(geometry: geometry, goal: 2)
        #expect(tally.least == 0 && tally.short.count == 4 && tally.byteCount == 0)
        tally.addComplete()
        #expect(tally.least == 1 && tally.byteCount == 50_000)
        var some = Bitfield(count: 4)
        some.insert(bit: 0)
        some.insert(bit: 3)
        tally.add(some)
        #expect(tally.short.map(\.number) == [1, 2] && !tally.isEnough)
        #expect(tally.byteCount == 50_000 + 16384 + 10_000)
        var others = Bitfield(count: 4)
        others.insert(bit: 1)
        others.insert(bit: 2)
        tally.add(others)
        #expect(tally.isEnough && tally.least == 2 && tally.short.isEmpty)
        tally.add(Bitfield(fullCount: 5))
        #expect(tally.least == 2, "a bitfield of another version counts for nothing")
    }
}
