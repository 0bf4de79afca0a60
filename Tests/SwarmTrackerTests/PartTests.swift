import AsyncHTTPClient
import Foundation
import SwarmModel
import SwarmRuntime
import SwarmWire
import Testing

@testable import SwarmTracker

@Suite("Tracker daemon: versions in parts")
struct PartTests {
    private static let path = "/api/v1/models/acme/llama/2"
    private static func reference() throws -> ModelReference { try ModelReference("acme/llama@2") }

    /// Part `number` of two with these files, each of which is its content's number long.
    private static func part(
        _ number: Int,
        _ files: [(path: String, content: UInt8)],
        of count: Int = 2,
        expected: [String] = []
    ) throws -> [UInt8] {
        let info = try MetainfoCodec.makeInfo(
            name: "llama",
            pieceLength: 1 << 20,
            files: files.map {
                FileEntry(
                    path: [$0.path],
                    length: 100 + Int($0.content),
                    piecesRoot: Digest(Array(repeating: $0.content, count: 32))
                )
            },
            isPrivate: false,
            hasher: FowlerHasher()
        )
        let label = PartLabel(
            number: try #require(PartNumber(number, of: count)),
            expected: expected
        )
        return MetainfoCodec.encode(
            Metainfo(info: info, pieceLayers: [], reference: try reference(), part: label)
        )
    }

    @discardableResult
    private static func put(
        _ number: Int,
        _ torrent: [UInt8],
        at tracker: TrackerFixture,
        replacing: Bool = false
    ) async throws -> PartsReport {
        let part = try #require(PartNumber(number, of: 2))
        return try await tracker.catalog().put(
            part,
            of: reference(),
            torrent,
            replacing: replacing
        )
    }

    private static let first: [(path: String, content: UInt8)] = [("a", 1), ("config.json", 9)]
    private static let second: [(path: String, content: UInt8)] = [("b", 2), ("config.json", 9)]

    @Test("the last part makes the version, in any order and over a restart", arguments: [1, 2])
    func merge(startingWith number: Int) async throws {
        let directory = try TemporaryDirectory()
        let parts = [1: try Self.part(1, Self.first), 2: try Self.part(2, Self.second)]
        try await TrackerFixture.run(in: directory) { tracker in
            let kept = try await Self.put(number, parts[number]!, at: tracker)
            #expect(kept.infoHash == nil && kept.created == true)
            #expect(kept.missing == [3 - number] && kept.parts == 2)
            let again = try await Self.put(number, parts[number]!, at: tracker)
            #expect(again.created == false && again.missing == [3 - number])
        }
        try await TrackerFixture.run(in: directory) { tracker in
            let waiting = try await tracker.catalog().parts(of: Self.reference())
            #expect(waiting.missing == [3 - number] && waiting.infoHash == nil)
            let listed = try await tracker.json("/api/v1/models")
            #expect((listed["models"] as? [Any])?.isEmpty == true)
            #expect((listed["unfinished"] as? [Any])?.count == 1)
            let whole = try await Self.put(3 - number, parts[3 - number]!, at: tracker)
            let hash = try #require(whole.infoHash)
            #expect(whole.created == true)
            let bytes = try await tracker.catalog().get(Self.reference())
            let metainfo = try MetainfoCodec.decode(bytes, hasher: FowlerHasher())
            #expect(metainfo.info.infoHash == hash && metainfo.part == nil)
            #expect(metainfo.info.files.map(\.joinedPath) == ["a", "b", "config.json"])
            let expected = try Self.wholeHash
            #expect(hash == expected)
            for (number, part) in parts {
                let again = try await Self.put(number, part, at: tracker)
                #expect(again.infoHash == hash && again.created == false)
            }
            #expect(try await tracker.catalog().parts(of: Self.reference()).infoHash == hash)
        }
        let parts1 = directory.path + "/data/catalog/.parts/acme/llama/2"
        #expect(!FileManager.default.fileExists(atPath: parts1))
    }

    private static var wholeHash: InfoHash {
        get throws {
            let part = try MetainfoCodec.decode(
                part(1, [("a", 1), ("b", 2), ("config.json", 9)], of: 1),
                hasher: FowlerHasher()
            )
            return part.info.infoHash
        }
    }

    @Test("what does not fit is refused with the reason, and changes nothing")
    func conflicts() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            try await Self.put(1, Self.part(1, Self.first), at: tracker)
            func refusal(
                _ number: Int,
                _ body: [UInt8],
                _ query: String = ""
            ) async throws -> (Int, String?, String) {
                let answer = try await tracker.send(
                    "PUT",
                    "\(Self.path)/parts/\(number)\(query)",
                    body: .bytes(body)
                )
                return (answer.status, answer.errorCode, answer.text)
            }
            let other = try Self.part(1, [("a", 3)])
            var (status, code, text) = try await refusal(1, other)
            #expect(status == 409 && code == "other-part" && text.contains("--replace-part"))
            (status, code, text) = try await refusal(2, Self.part(2, [("config.json", 8)]))
            #expect(status == 409 && text.contains("'config.json' is not the same in parts 1"))
            (status, code, text) = try await refusal(2, Self.part(2, Self.second, of: 3))
            #expect(status == 409 && code == "version-exists" && text.contains("one of 3 parts"))
            (status, code, _) = try await refusal(2, Self.part(1, Self.first))
            #expect(status == 400 && code == "bad-part")
            (status, code, _) = try await refusal(2, TrackerFixture.torrent())
            #expect(status == 400 && code == "bad-part")
            (status, code, _) = try await refusal(257, other)
            #expect(status == 400 && code == "bad-part")
            (status, code, _) = try await refusal(1, Array("no torrent".utf8))
            #expect(status == 400 && code == "bad-metainfo")
            let put = try await tracker.send("PUT", Self.path, body: .bytes(other))
            #expect(put.status == 400 && put.errorCode == "is-part")
            let state = try await tracker.catalog().parts(of: Self.reference())
            #expect(state.present == [1])
            // As long as it is not whole a part may be replaced, and after that never.
            try await Self.put(1, other, at: tracker, replacing: true)
            let whole = try await Self.put(2, Self.part(2, [("b", 2)]), at: tracker)
            #expect(whole.infoHash != nil)
            (status, code, text) = try await refusal(1, Self.part(1, Self.first), "?replace=1")
            #expect(status == 409 && code == "version-exists" && text.contains("no 'a'"))
        }
    }

    @Test("what is missing is said to whoever asks for the version")
    func absence() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let nothing = try await tracker.send("GET", Self.path + "/parts")
            #expect(nothing.status == 404 && nothing.text.contains("is not published here"))
            let index = ["a", "b", "c"]
            try await Self.put(1, Self.part(1, Self.first, expected: index), at: tracker)
            let answer = try await tracker.send("GET", Self.path)
            #expect(answer.status == 404)
            #expect(answer.text.contains("part 2/2, with the files b, c missing"))
            // All parts, but not all files.
            let state = try await Self.put(2, Self.part(2, Self.second), at: tracker)
            #expect(state.infoHash == nil && state.missing == [] && state.missingFiles == ["c"])
            let fixed = try Self.part(2, Self.second + [("c", 3)])
            #expect(try await Self.put(2, fixed, at: tracker, replacing: true).infoHash != nil)
        }
    }

    @Test("publishing the whole ends the wait, and needs the token like a part does")
    func whole() async throws {
        let directory = try TemporaryDirectory()
        try await TrackerFixture.run(in: directory, { $0.publishToken = "s3cret" }) { tracker in
            let part = try Self.part(1, Self.first)
            let refused = try await tracker.send("PUT", Self.path + "/parts/1", body: .bytes(part))
            #expect(refused.status == 401)
            let catalog = tracker.catalog(token: "s3cret")
            let number = try #require(PartNumber(1, of: 2))
            _ = try await catalog.put(number, of: Self.reference(), part, replacing: false)
            let torrent = try TrackerFixture.torrent()
            let whole = try await catalog.put(Self.reference(), torrent)
            #expect(try await catalog.parts(of: Self.reference()).infoHash == whole.infoHash)
            let listed = try await tracker.json("/api/v1/models")
            #expect((listed["unfinished"] as? [Any])?.isEmpty == true)
        }
    }

    @Test("parts that a crash left beside their version are removed at the start")
    func leftovers() async throws {
        let directory = try TemporaryDirectory()
        let parts = directory.path + "/data/catalog/.parts/acme/llama/2"
        try await TrackerFixture.run(in: directory) { tracker in
            _ = try await tracker.catalog().put(Self.reference(), TrackerFixture.torrent())
        }
        try FileManager.default.createDirectory(atPath: parts, withIntermediateDirectories: true)
        try Data(Self.part(1, Self.first)).write(to: URL(fileURLWithPath: parts + "/1.part"))
        try await TrackerFixture.run(in: directory) { tracker in
            #expect(!FileManager.default.fileExists(atPath: parts))
            let state = try await tracker.catalog().parts(of: Self.reference())
            #expect(state.infoHash != nil)
        }
    }

    @Test("versions that never become whole are bounded")
    func bounded() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let first = try #require(PartNumber(1, of: 2))
            func put(_ version: Int) async throws -> Int {
                let info = try MetainfoCodec.decode(
                    Self.part(1, Self.first),
                    hasher: FowlerHasher()
                )
                var part = info
                part.reference = try ModelReference("acme/llama@v\(version)")
                return try await tracker.send(
                    "PUT",
                    "/api/v1/models/acme/llama/v\(version)/parts/\(first.number)",
                    body: .bytes(MetainfoCodec.encode(part))
                ).status
            }
            for version in 1...CatalogStore.unfinishedMax {
                #expect(try await put(version) == 202)
            }
            #expect(try await put(0) == 507)
            #expect(try await put(1) == 200)
        }
    }
}
