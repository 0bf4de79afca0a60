import Foundation
import SwarmModel
import Testing

@testable import SwarmTracker

@Suite("A tracker whose database is gone")
struct DatabaseLossTests {
    private static func write(_ text: String, _ path: String) throws {
        let directory = CatalogFiles.parent(of: path)
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    private static func start(_ data: String) throws(TrackerError) {
        _ = try TrackerDaemon(
            settings: TrackerSettings(dataDirectory: data),
            hasher: FowlerHasher(),
            logger: TrackerFixture.quietLogger
        )
    }

    @Test(
        "with copies beside it is not begun anew, and the newest copy is named",
        arguments: [false, true]
    )
    func copies(isEmpty: Bool) throws {
        let directory = try TemporaryDirectory()
        let data = directory.path
        for number in ["000009", "000010", "000001"] {
            try Self.write("a copy", "\(data)/backups/catalog-\(number)-x.sqlite")
        }
        if isEmpty { try Self.write("", "\(data)/catalog.sqlite") }
        let error = #expect(throws: TrackerError.self) { try Self.start(data) }
        #expect(error?.code == .database)
        let message = error?.message ?? ""
        #expect(message.contains("\(data)/catalog.sqlite \(isEmpty ? "is empty" : "is missing")"))
        #expect(message.contains("copy \(data)/backups/catalog-000010-x.sqlite to its place"))
        // Nothing was made that the next start would take for a database.
        #expect(CatalogFiles.length("\(data)/catalog.sqlite") == (isEmpty ? 0 : nil))
        try FileManager.default.moveItem(atPath: "\(data)/backups", toPath: "\(data)/old")
        try Self.start(data)
    }

    @Test("with published versions beside it is begun anew, and that is said")
    func versions() throws {
        let directory = try TemporaryDirectory()
        let data = directory.path
        func remark(_ hasVersions: Bool) throws -> String? {
            try FleetDatabase.remark(onLossIn: data, hasVersions: hasVersions)
        }
        #expect(try remark(false) == nil, "a new tracker")
        let said = try #require(try remark(true))
        #expect(said.contains("\(data)/catalog.sqlite is missing"))
        // A first start that was killed.
        try Self.write("", "\(data)/catalog.sqlite")
        #expect(try remark(false) == nil)
        #expect(try remark(true)?.contains("is empty") == true)
        try Self.write("SQLite format 3", "\(data)/catalog.sqlite")
        #expect(try remark(true) == nil)
    }

    @Test("the catalog knows whether something is published")
    func hasVersions() throws {
        let directory = try TemporaryDirectory()
        let store = CatalogStore(
            dataDirectory: directory.path,
            versionsMax: 10,
            hasher: FowlerHasher()
        )
        try store.prepare()
        #expect(!store.hasVersions)
        _ = try store.put(ModelReference("acme/llama@1"), TrackerFixture.torrent())
        #expect(store.hasVersions)
    }
}
