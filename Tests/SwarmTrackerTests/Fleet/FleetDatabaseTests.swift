import Foundation
import GRDB
import SwarmCore
import SwarmModel
import Testing

@testable import SwarmTracker

@Suite("The tracker's database")
struct FleetDatabaseTests {
    private static let model: ModelName = {
        guard let name = try? ModelName("acme/llama") else { preconditionFailure("a bad name") }
        return name
    }()
    private static let target = DesiredState.Version(version: "v2", infoHash: InfoHash(.zero))

    private static let hold = HostHold(model: model, version: "v7", infoHash: InfoHash(.zero))

    private static func open(
        _ directory: TemporaryDirectory,
        auditLinesKept: Int = FleetDatabase.auditLinesKept
    ) throws -> FleetDatabase {
        try FleetDatabase(
            dataDirectory: directory.path,
            hasher: FowlerHasher(),
            auditLinesKept: auditLinesKept
        )
    }

    private static func rollout(_ id: Int = 1, channel: String = "prod") -> Rollout {
        Rollout(
            id: id,
            channel: channel,
            model: model,
            target: target,
            previous: nil,
            plan: .standard
        )
    }

    private static func sample() throws -> [FleetAction] {
        let host = try HostName("h1")
        var channel = FleetChannel(name: "prod", model: model, selector: try LabelSelector("!spot"))
        channel.rollout = 1
        return [
            .saveHost(host, try Locality("aws/east/r1"), try Labels(parsing: ["gpu=h100", "a="])),
            .saveChannel(channel), .saveRollout(rollout()),
            .saveWave(rollout: 1, host: host, wave: 2),
            .saveCommand(
                HostCommand(
                    channel: "prod",
                    host: host,
                    version: target,
                    fence: Fence(epoch: 1, step: 3)
                )
            ),
            .saveHold(host, hold),
            .audit(FleetAudit(actor: "me", verb: "v", subject: "s", detail: "two\nlines")),
        ]
    }

    private static func fleet(_ database: FleetDatabase) throws -> Fleet {
        try database.makeFleet(settings: FleetSettings(), at: Instant(nanoseconds: 0))
    }

    @Test("what was written is there after the process has gone, and each life has a new epoch")
    func reopen() throws {
        let directory = try TemporaryDirectory()
        do {
            let database = try Self.open(directory)
            #expect(try Self.fleet(database).epoch == 1)
            try database.commit(Self.sample(), at: Date())
        }
        let database = try Self.open(directory)
        let fleet = try Self.fleet(database)
        #expect(fleet.epoch == 2)
        let host = try HostName("h1")
        let view = fleet.hostView(host, at: Instant(nanoseconds: 0))
        #expect(view?.labels.description == "a=,gpu=h100")
        #expect(view?.locality.description == "aws/east/r1")
        #expect(view?.channels == ["prod"])
        #expect(view?.desired.first?.active == "v2")
        #expect(view?.desired.first?.fence == Fence(epoch: 1, step: 3))
        #expect(view?.holds == [Self.hold])
        #expect(fleet.rolloutView(1)?.rollout == Self.rollout())
        #expect(fleet.rolloutView(1)?.waves[2].hosts.hosts == 1)
        try database.commit([.sawEpoch(40)], at: Date())
        #expect(try Self.fleet(database).epoch == 41)
    }

    @Test("a transaction is whole or not at all")
    func atomic() throws {
        let directory = try TemporaryDirectory()
        let database = try Self.open(directory)
        try database.commit(Self.sample(), at: Date())
        let chain = try database.audit(after: 0, countMax: 10)
        // A step that the column cannot hold twice: the same line of the audit log again.
        try database.read { _ in }
        #expect(throws: (any Error).self) {
            try database.write { raw in
                try raw.execute(sql: "DELETE FROM channels")
                try raw.execute(sql: "INSERT INTO audit (sequence) VALUES (1)")
            }
        }
        #expect(try Self.fleet(database).channelViews.count == 1)
        #expect(try database.audit(after: 0, countMax: 10) == chain)
    }

    @Test("what is removed is gone with all that belongs to it")
    func removal() throws {
        let database = try Self.open(TemporaryDirectory())
        try database.commit(Self.sample(), at: Date())
        let host = try HostName("h1")
        try database.commit([.removeHost(host)], at: Date())
        #expect(try Self.fleet(database).hostCount == 0)
        try database.commit([.removeChannel("prod")], at: Date())
        #expect(try Self.fleet(database).channelCount == 0)
        for table in ["hosts", "host_labels", "commands", "channels", "holds"] {
            let count = try database.read {
                try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM \(table)")
            }
            #expect(count == 0, "\(table)")
        }
    }

    @Test("a hold that is written twice is there once, and one that was released is gone")
    func holds() throws {
        let database = try Self.open(TemporaryDirectory())
        try database.commit(Self.sample(), at: Date())
        let host = try HostName("h1")
        var other = Self.hold
        other.version = "v8"
        try database.commit([.saveHold(host, Self.hold), .saveHold(host, other)], at: Date())
        func held() throws -> [HostHold]? {
            try Self.fleet(database).hostView(host, at: Instant(nanoseconds: 0))?.holds
        }
        #expect(try held() == [Self.hold, other])
        try database.commit([.removeHold(host, Self.hold)], at: Date())
        #expect(try held() == [other])
    }

    @Test("a database of an earlier version of this program opens, and holds what is new")
    func migration() throws {
        let directory = try TemporaryDirectory()
        do {
            let database = try Self.open(directory)
            try database.commit(Self.sample(), at: Date())
            // As it was before there were holds.
            try database.write { raw in
                try raw.execute(sql: "DROP TABLE holds")
                try raw.execute(
                    sql: "DELETE FROM grdb_migrations WHERE identifier = '3: holds'"
                )
            }
        }
        let database = try Self.open(directory)
        let host = try HostName("h1")
        #expect(try Self.fleet(database).channelViews.count == 1)
        try database.commit([.saveHold(host, Self.hold)], at: Date())
        let view = try Self.fleet(database).hostView(host, at: Instant(nanoseconds: 0))
        #expect(view?.holds == [Self.hold])
        #expect(try database.auditFlaw() == nil)
    }

    @Test("old rollouts go, never the newest of a channel")
    func pruning() throws {
        let database = try Self.open(TemporaryDirectory())
        try database.commit([.saveRollout(Self.rollout(1, channel: "quiet"))], at: Date())
        let last = FleetDatabase.rolloutsKept + 5
        try database.commit((2...last).map { .saveRollout(Self.rollout($0)) }, at: Date())
        let kept = try database.rollouts(countMax: .max)
        #expect(kept.count == FleetDatabase.rolloutsKept + 2)
        #expect(kept.last?.id == 1)
        #expect(try database.lastRollout == last)
    }

    // MARK: Audit

    @Test("a line of the audit log that was changed, or taken out, is found")
    func chain() throws {
        for tampering in [
            "UPDATE audit SET detail = 'other' WHERE sequence = 3",
            "DELETE FROM audit WHERE sequence = 3",
            "UPDATE audit SET previous = digest WHERE sequence = 3",
        ] {
            let database = try Self.open(TemporaryDirectory())
            for number in 1...5 {
                let entry = FleetAudit(actor: "a", verb: "v", subject: "\(number)", detail: "")
                try database.commit([.audit(entry)], at: Date())
            }
            #expect(try database.auditFlaw() == nil)
            try database.write { try $0.execute(sql: tampering) }
            let flaw = try database.auditFlaw()
            #expect(flaw == 3 || flaw == 4, "\(tampering)")
        }
    }

    @Test("two different lines never have one text, whatever is in their fields")
    func fields() {
        func entry(_ verb: String, _ subject: String) -> AuditEntry {
            AuditEntry(
                sequence: 1,
                time: "t",
                actor: "a",
                verb: verb,
                subject: subject,
                detail: "d",
                previous: "p",
                digest: ""
            )
        }
        #expect(entry("x\ny", "z").digestedText != entry("x", "y\nz").digestedText)
        #expect(entry("x\\", "n").digestedText != entry("x", "\\n").digestedText)
    }

    @Test("the chain goes on over restarts, in pages")
    func pages() throws {
        let directory = try TemporaryDirectory()
        for life in 0..<3 {
            let database = try Self.open(directory)
            let entry = FleetAudit(actor: "a", verb: "life", subject: "\(life)", detail: "")
            try database.commit([.audit(entry), .audit(entry)], at: Date())
        }
        let database = try Self.open(directory)
        #expect(try database.auditFlaw() == nil)
        #expect(try database.audit(after: 2, countMax: 3).map(\.sequence) == [3, 4, 5])
    }

    @Test("the oldest lines go, and the chain of those that stay can be checked")
    func trimming() throws {
        let directory = try TemporaryDirectory()
        let (kept, more) = (7, AuditLog.linesRemovedAtOnce)
        let entry = FleetAudit(actor: "a", verb: "v", subject: "s", detail: "")
        do {
            let database = try Self.open(directory, auditLinesKept: kept)
            for count in [kept, more - 1] {
                try database.commit(Array(repeating: .audit(entry), count: count), at: Date())
                #expect(try database.auditStart == 1)
            }
            try database.commit([.audit(entry)], at: Date())
            #expect(try database.auditStart == more + 1)
            #expect(try database.audit(after: 0, countMax: 1).map(\.sequence) == [more + 1])
            #expect(try database.auditFlaw() == nil)
        }
        let database = try Self.open(directory, auditLinesKept: kept)
        try database.commit([.audit(entry)], at: Date())
        #expect(try database.audit(after: 0, countMax: .max).count == kept + 1)
        #expect(try database.auditFlaw() == nil)
        // One more of them is taken away by somebody else.
        try database.write {
            try $0.execute(sql: "DELETE FROM audit WHERE sequence = \(more + 1)")
        }
        #expect(try database.auditFlaw() == more + 2)
    }

    // MARK: Bad files

    private static func message(_ directory: TemporaryDirectory) -> String? {
        do throws(TrackerError) {
            _ = try FleetDatabase(dataDirectory: directory.path, hasher: FowlerHasher())
            return nil
        } catch {
            #expect(error.code == .database)
            #expect(error.message.contains(directory.path))
            return error.message
        }
    }

    @Test("a damaged file is refused, and the message says how to restore it")
    func damaged() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/catalog.sqlite"
        try Data("this is no database, and longer than its header".utf8)
            .write(to: URL(fileURLWithPath: path))
        let message = try #require(Self.message(directory))
        #expect(message.contains("damaged"))
        #expect(message.contains("backups"))
        // It is left as it was, for whoever wants to save what can be saved.
        #expect(FileManager.default.contents(atPath: path)?.count == 47)
    }

    @Test("a page that rotted is found at the start")
    func rotten() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/catalog.sqlite"
        do {
            let database = try Self.open(directory)
            let entry = FleetAudit(
                actor: "a",
                verb: "v",
                subject: "s",
                detail: String(repeating: "x", count: 500)
            )
            try database.commit(Array(repeating: .audit(entry), count: 500), at: Date())
            try database.write { try $0.execute(sql: "PRAGMA user_version = 3") }
        }
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        let length = try file.seekToEnd()
        for offset in stride(from: UInt64(8192), to: length, by: 4096) {
            try file.seek(toOffset: offset)
            try file.write(contentsOf: Data(repeating: 0xA5, count: 64))
        }
        try file.close()
        let message = try #require(Self.message(directory))
        #expect(message.contains("damaged"))
        #expect(!message.contains("\n"))
    }

    @Test("a database without its epoch is refused: fences would be given twice")
    func epochless() throws {
        let database = try Self.open(TemporaryDirectory())
        try database.write { try $0.execute(sql: "DELETE FROM controller") }
        #expect(throws: FleetDatabase.Corrupt.self) { try Self.fleet(database) }
    }

    @Test("a file that another process has open is refused")
    func locked() throws {
        let directory = try TemporaryDirectory()
        let database = try Self.open(directory)
        #expect(Self.message(directory)?.contains("in use by another process") == true)
        #expect(try Self.fleet(database).epoch == 1)
    }

    @Test("a file of a newer version is refused and left alone")
    func newer() throws {
        let directory = try TemporaryDirectory()
        do {
            let database = try Self.open(directory)
            try database.write {
                try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('9: of tomorrow')")
            }
        }
        #expect(Self.message(directory)?.contains("newer version") == true)
    }

    @Test("a directory that cannot be written is refused")
    func unwritable() throws {
        let directory = try TemporaryDirectory()
        // A directory stands where the file should: of no use to root either.
        try FileManager.default.createDirectory(
            atPath: directory.path + "/catalog.sqlite",
            withIntermediateDirectories: true
        )
        #expect(Self.message(directory) != nil)
    }

    // MARK: Copies

    @Test("a copy made while the database is in use takes its place")
    func backup() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/catalog.sqlite"
        var copies: [String] = []
        do {
            let database = try Self.open(directory)
            try database.commit(Self.sample(), at: Date())
            let backups = FleetBackups(database: database, kept: 2)
            // The clock goes backwards in between.
            for time in [3e9, 1e9, 2e9, 1e9] {
                copies.append(try backups.make(at: Date(timeIntervalSince1970: time)))
            }
        }
        let names = CatalogFiles.names(in: directory.path + "/backups").sorted()
        #expect(names.map { "\(directory.path)/backups/\($0)" } == Array(copies.suffix(2)))
        for file in [path, path + "-wal"] { try? FileManager.default.removeItem(atPath: file) }
        let newest = try #require(copies.last)
        try FileManager.default.copyItem(atPath: newest, toPath: path)
        let database = try Self.open(directory)
        #expect(try Self.fleet(database).channelViews.count == 1)
        #expect(try database.auditFlaw() == nil)
    }
}
