import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import SwarmModel
import SwarmRuntime
import SwarmWire
import Testing

@testable import SwarmTracker

@Suite("Tracker daemon: catalog")
struct CatalogTests {
    private static let path = "/api/v1/models/acme/llama/1.0+fp8"
    private static func reference(_ text: String = "acme/llama@1.0+fp8") throws -> ModelReference {
        try ModelReference(text)
    }

    private static func status(_ body: () async throws -> Void) async throws -> Int? {
        do {
            try await body()
            return nil
        } catch let error as TrackerClientError {
            #expect(error.message.contains(error.url))
            guard case .status(let status) = error.code else { return -1 }
            return status
        }
    }

    @Test("publish, list, fetch; publishing the same again changes nothing")
    func roundTrip() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let reference = try Self.reference()
            let torrent = try TrackerFixture.torrent()
            #expect(try await tracker.catalog().list().isEmpty)
            let put = try await tracker.catalog().put(reference, torrent)
            #expect(put.created == true)
            #expect(put.version == "1.0+fp8")
            let again = try await tracker.catalog().put(reference, torrent)
            #expect(again.created == false)
            #expect(again.infoHash == put.infoHash)
            #expect(try await tracker.catalog().get(reference) == torrent)
            let listed = try await tracker.catalog().list()
            #expect(listed.map(\.name.description) == ["acme/llama"])
            #expect(listed.map(\.version) == ["1.0+fp8"])
            #expect(listed.map(\.infoHash) == [put.infoHash])
            #expect(listed.map(\.bytes) == [torrent.count])
            let answer = try await tracker.send("GET", Self.path)
            #expect(answer.type == "application/x-bittorrent")
            let escaped = Self.path.replacing("+", with: "%2B")
            #expect(try await tracker.send("GET", escaped).body == torrent)
        }
    }

    @Test("another info-hash under a published version is refused, and both hashes are named")
    func conflict() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let reference = try Self.reference()
            let first = try TrackerFixture.torrent(content: 1)
            let second = try TrackerFixture.torrent(content: 2)
            _ = try await tracker.catalog().put(reference, first)
            let answer = try await tracker.send("PUT", Self.path, body: .bytes(second))
            #expect(answer.status == 409)
            #expect(answer.errorCode == "version-exists")
            for bytes in [first, second] {
                let hash = try MetainfoCodec.decode(bytes, hasher: FowlerHasher()).info.infoHash
                #expect(answer.text.contains(hash.description))
            }
            let status = try await Self.status {
                _ = try await tracker.catalog().put(reference, second)
            }
            #expect(status == 409)
            #expect(try await tracker.catalog().get(reference) == first)
            // The same version with another comment: the first file stays.
            let commented = try TrackerFixture.torrent(content: 1, comment: "again")
            #expect(try await tracker.catalog().put(reference, commented).created == false)
            #expect(try await tracker.catalog().get(reference) == first)
        }
    }

    @Test("of many that publish at once one is first and the others conflict")
    func race() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory(), { $0.uploadsMax = 100 }) { tracker in
            let reference = try Self.reference()
            let created = try await withThrowingTaskGroup(of: Bool.self) { group in
                for content in 1...20 {
                    group.addTask {
                        let torrent = try TrackerFixture.torrent(content: UInt8(content))
                        let status = try await Self.status {
                            _ = try await tracker.catalog().put(reference, torrent)
                        }
                        #expect(status == nil || status == 409)
                        return status == nil
                    }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(created == 1)
        }
    }

    @Test("a restart keeps what was published and forgets what was half written")
    func restart() async throws {
        let directory = try TemporaryDirectory()
        let torrent = try TrackerFixture.torrent()
        try await TrackerFixture.run(in: directory) { tracker in
            _ = try await tracker.catalog().put(Self.reference(), torrent)
        }
        let catalog = directory.path + "/data/catalog"
        let leftover = catalog + "/.partial/abc.tmp"
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: leftover))
        for stray in ["acme/llama/.hidden.torrent", "acme/llama/notes.txt", "acme/README.torrent"] {
            try Data([1]).write(to: URL(fileURLWithPath: "\(catalog)/\(stray)"))
        }
        try Data([1]).write(to: URL(fileURLWithPath: catalog + "/acme/llama/broken.torrent"))
        try await TrackerFixture.run(in: directory) { tracker in
            #expect(try await tracker.catalog().get(Self.reference()) == torrent)
            let listed = try await tracker.catalog().list()
            #expect(listed.map(\.version) == ["1.0+fp8", "broken"])
            #expect(listed.map { $0.infoHash == nil } == [false, true])
            let broken = try Self.reference("acme/llama@broken")
            #expect(
                try await Self.status { _ = try await tracker.catalog().put(broken, torrent) }
                    == 500
            )
        }
        #expect(!FileManager.default.fileExists(atPath: leftover))
    }

    @Test("publishing needs the token, reading does not")
    func token() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory(), { $0.publishToken = "s3cret" }) {
            tracker in
            let reference = try Self.reference()
            let torrent = try TrackerFixture.torrent()
            for token in [nil, "", "s3cre", "s3crets", "S3cret"] {
                let status = try await Self.status {
                    _ = try await tracker.catalog(token: token).put(reference, torrent)
                }
                #expect(status == 401, "\(token ?? "none")")
            }
            #expect(try await tracker.catalog().list().isEmpty)
            _ = try await tracker.catalog(token: "s3cret").put(reference, torrent)
            #expect(try await tracker.catalog().get(reference) == torrent)
        }
    }

    @Test("a secret is equal to itself only")
    func secrets() {
        let texts = ["", "a", "b", "ab", "ba", "aa", "abab", "Bearer "]
        for given in texts {
            for secret in texts {
                #expect(SecretText.isEqual(given, secret) == (given == secret && !secret.isEmpty))
            }
        }
    }

    @Test("what is no v2 metainfo, or says that it is another version, is refused")
    func badBodies() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let other = try TrackerFixture.torrent(reference: Self.reference("acme/llama@2"))
            let bodies: [(bytes: [UInt8], code: String)] = [
                ([], "bad-metainfo"), (Array("<html>".utf8), "bad-metainfo"),
                (Array("d4:infodee".utf8), "bad-metainfo"), (other, "other-name"),
            ]
            for (bytes, code) in bodies {
                let answer = try await tracker.send("PUT", Self.path, body: .bytes(bytes))
                #expect(answer.status == 400)
                #expect(answer.errorCode == code)
            }
            let named = try TrackerFixture.torrent(reference: Self.reference())
            #expect(try await tracker.catalog().put(Self.reference(), named).created == true)
        }
    }

    @Test("a body past the limit is refused, declared or not")
    func tooLong() async throws {
        try await TrackerFixture.run(
            in: TemporaryDirectory(),
            { $0.metainfoByteCountMax = 1000 }
        ) { tracker in
            let bytes = [UInt8](repeating: 0, count: 1001)
            let declared = try await tracker.send("PUT", Self.path, body: .bytes(bytes))
            #expect(declared.status == 413)
            #expect(declared.errorCode == "body-too-large")
            let chunks = (0..<100).map { _ in ByteBuffer(bytes: bytes) }
            let streamed = try await tracker.send(
                "PUT",
                Self.path,
                body: .stream(chunks.async, length: .unknown)
            )
            #expect(streamed.status == 413)
            let exact = try await tracker.send(
                "PUT",
                Self.path,
                body: .bytes([UInt8](repeating: 0, count: 1000))
            )
            #expect(exact.status == 400)
        }
    }

    @Test("names that could leave the catalog or hide in it are refused")
    func names() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory()) { tracker in
            let torrent = try TrackerFixture.torrent()
            for name in [
                "..%2f/a/1", "a/..%2Fb/1", ".partial/a/1", "a/b/%2e%2e", "a/b/current", "a/b/%00",
            ] {
                let answer = try await tracker.send(
                    "PUT",
                    "/api/v1/models/" + name,
                    body: .bytes(torrent)
                )
                #expect(answer.status == 400, "\(name)")
                #expect(answer.errorCode == "bad-name", "\(name)")
            }
            #expect(try await tracker.catalog().list().isEmpty)
            let missing = try await tracker.send("GET", "/api/v1/models/a/b/1")
            #expect((missing.status, missing.errorCode) == (404, "no-such-version"))
        }
    }

    @Test("a full catalog takes no further version and keeps those it has")
    func full() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory(), { $0.versionsMax = 1 }) { tracker in
            let torrent = try TrackerFixture.torrent()
            _ = try await tracker.catalog().put(Self.reference(), torrent)
            let second = try Self.reference("acme/llama@2")
            #expect(
                try await Self.status { _ = try await tracker.catalog().put(second, torrent) }
                    == 507
            )
            #expect(try await tracker.catalog().put(Self.reference(), torrent).created == false)
        }
    }

    @Test("with no place for another upload the tracker says when to try again")
    func busy() async throws {
        try await TrackerFixture.run(in: TemporaryDirectory(), { $0.uploadsMax = 0 }) { tracker in
            let torrent = try TrackerFixture.torrent()
            let answer = try await tracker.send("PUT", Self.path, body: .bytes(torrent))
            #expect((answer.status, answer.errorCode) == (503, "busy"))
            #expect(answer.headers.first(name: "retry-after") == "5")
        }
    }
}

extension Array where Element: Sendable {
    /// The elements one after the other, as a body that is streamed.
    fileprivate var async: AsyncStream<Element> {
        AsyncStream { continuation in
            for element in self { continuation.yield(element) }
            continuation.finish()
        }
    }
}
