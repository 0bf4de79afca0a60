internal import Foundation
internal import GRDB
internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime

/// What the tracker has written down of its fleet: `<data>/catalog.sqlite`. One process has it open
/// at a time. Blocking: call it from a thread that may wait.
///
/// Every transaction is on the disk when it returns (`synchronous=FULL`). The statements are plain
/// SQL, so that another database can take the place of this one.
final class FleetDatabase: Sendable {
    let path: String
    private let queue: DatabaseQueue
    let hasher: any MerkleHashing
    private let log: Locked<AuditLog>

    /// Lines of the audit log that are kept at least. Each takes some 300 bytes.
    static let auditLinesKept = 1_000_000
    private let auditLinesKept: Int

    /// Rollouts that are over and not the newest of their channel, beyond which the oldest go.
    static let rolloutsKept = 1000
    static let fileName = "catalog.sqlite"

    /// Opens or makes the database, and checks it.
    init(
        dataDirectory: String,
        hasher: any MerkleHashing,
        auditLinesKept: Int = FleetDatabase.auditLinesKept
    ) throws(TrackerError) {
        path = "\(dataDirectory)/\(Self.fileName)"
        self.hasher = hasher
        self.auditLinesKept = auditLinesKept
        do {
            queue = try DatabaseQueue(path: path, configuration: Self.configuration)
            self.log = Locked(.empty)
            try check()
            try FleetSchema.migrate(queue)
            let log = try queue.read { try AuditLog(from: $0) }
            self.log.withLock { $0 = log }
        } catch {
            throw Self.explained(error, path)
        }
    }

    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.label = "shoal.catalog"
        configuration.busyMode = .timeout(2)
        configuration.prepareDatabase { database in
            // Before the journal is first looked at: another process then finds it locked.
            try database.execute(sql: "PRAGMA locking_mode = EXCLUSIVE")
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        return configuration
    }

    private func check() throws {
        try queue.writeWithoutTransaction { database in
            // Takes the lock, and finds out whether the disk takes anything.
            try database.execute(sql: "BEGIN EXCLUSIVE; COMMIT")
            let flaws = try String.fetchAll(database, sql: "PRAGMA quick_check(3)")
            guard flaws == ["ok"] else {
                let lines = flaws.flatMap { $0.split(whereSeparator: \.isNewline) }
                throw Corrupt(what: lines.joined(separator: "; "))
            }
        }
    }

    /// What `quick_check` found.
    struct Corrupt: Error { var what: String }
    /// Written by a newer version of this program.
    struct TooNew: Error {}

    // MARK: Errors

    static func explained(_ error: any Error, _ path: String) -> TrackerError {
        let restore =
            "stop the tracker, move it and \(path)-wal away, copy the newest file of "
            + "\(path.dropLast(fileName.count))backups to its place, and start again"
        let text: String
        switch error {
        case let corrupt as Corrupt: text = "\(path) is damaged (\(corrupt.what)); \(restore)"
        case is TooNew:
            text = "\(path) was written by a newer version of shoal; run that one, or \(restore)"
        case let error as DecodingError:
            text = "\(path) holds what cannot be read (\(error.keyAndReason)); \(restore)"
        case let error as DatabaseError:
            text = explained(error, path, restore)
        default: text = "cannot use \(path): \(error)"
        }
        return TrackerError(code: .database, message: text)
    }

    private static func explained(_ error: DatabaseError, _ path: String, _ restore: String)
        -> String
    {
        let reason = error.message ?? "\(error.resultCode)"
        switch error.resultCode.primaryResultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return "\(path) is in use by another process; one tracker at a time uses a data "
                + "directory, so stop the other one or choose another with --data"
        case .SQLITE_FULL: return "cannot write \(path): the disk is full; make room on it"
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: return "\(path) is damaged (\(reason)); \(restore)"
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_READONLY:
            return "cannot open \(path) for writing (\(reason)); choose a writable directory with "
                + "--data"
        case .SQLITE_IOERR: return "cannot read or write \(path) (\(reason)); check its disk"
        default: return "cannot use \(path): \(reason)"
        }
    }

    // MARK: Owners

    /// The next epoch, above every one that this database knows of. Durable when it returns.
    func takeEpoch() throws -> Int {
        try queue.write { database in
            let last = try Int.fetchOne(database, sql: "SELECT epoch FROM controller")
            // To begin at 1 once more would give fences twice.
            guard let last else { throw Corrupt(what: "the epoch is missing") }
            try database.execute(sql: "UPDATE controller SET epoch = ?", arguments: [last + 1])
            return last + 1
        }
    }

    // MARK: Writing

    /// A host as it is written down: its name and what selectors look at.
    struct HostRow: Hashable, Sendable {
        var name: HostName
        var locality: Locality
        var labels: Labels
    }

    /// All of it, or nothing.
    func commit(_ actions: [FleetAction], at time: Date) throws {
        let log = log.withLock { $0 }
        let next = try queue.write { database in
            var log = log
            for action in actions {
                try save(action, at: time, &log, database)
            }
            try log.trim(to: auditLinesKept, database)
            return log
        }
        self.log.withLock { $0 = next }
    }

    private static func save(_ host: HostRow, _ database: Database) throws {
        let name = host.name.description
        try database.execute(
            sql: "DELETE FROM host_labels WHERE host = ?",
            arguments: [name]
        )
        try database.execute(sql: "DELETE FROM hosts WHERE name = ?", arguments: [name])
        try database.execute(
            sql: "INSERT INTO hosts (name, locality) VALUES (?, ?)",
            arguments: [name, host.locality.description]
        )
        for label in host.labels.pairs {
            try database.execute(
                sql: "INSERT INTO host_labels (host, label, value) VALUES (?, ?, ?)",
                arguments: [name, label.key, label.value]
            )
        }
    }

    private func save(
        _ action: FleetAction,
        at time: Date,
        _ log: inout AuditLog,
        _ database: Database
    ) throws {
        switch action {
        case .saveChannel(let channel): try Self.save(channel, database)
        case .removeChannel(let name):
            for table in ["channels WHERE name", "commands WHERE channel"] {
                try database.execute(sql: "DELETE FROM \(table) = ?", arguments: [name])
            }
        case .saveRollout(let rollout): try Self.save(rollout, at: time, database)
        case .saveWave(let rollout, let host, let wave):
            try Self.replace(
                "rollout_hosts",
                [("rollout", rollout), ("host", host.description)],
                [("wave", wave)],
                database
            )
        case .saveCommand(let command): try Self.save(command, database)
        case .removeCommand(let channel, let host):
            try database.execute(
                sql: "DELETE FROM commands WHERE channel = ? AND host = ?",
                arguments: [channel, host.description]
            )
        case .removeHost(let host):
            for table in [
                "host_labels WHERE host", "hosts WHERE name", "commands WHERE host",
                "holds WHERE host",
            ] {
                try database.execute(
                    sql: "DELETE FROM \(table) = ?",
                    arguments: [host.description]
                )
            }
        case .saveHold(let host, let hold):
            try Self.replace(
                "holds",
                Self.key(of: hold, host),
                [("info_hash", hold.infoHash.description)],
                database
            )
        case .removeHold(let host, let hold):
            try Self.remove("holds", Self.key(of: hold, host), database)
        case .sawEpoch(let epoch):
            try database.execute(
                sql: "UPDATE controller SET epoch = ? WHERE epoch < ?",
                arguments: [epoch, epoch]
            )
        case .audit(let audit):
            try log.append(audit, at: Self.text(time), hasher: hasher, database)
        case .saveHost(let host, let locality, let labels):
            let row = HostRow(name: host, locality: locality, labels: labels)
            try Self.save(row, database)
        case .desire, .runGate: break
        }
    }

    private typealias Column = (name: String, value: any DatabaseValueConvertible)

    private static func key(of hold: HostHold, _ host: HostName) -> [Column] {
        [
            ("host", host.description), ("model", hold.model.description),
            ("version", hold.version),
        ]
    }

    private static func remove(_ table: String, _ key: [Column], _ database: Database) throws {
        let condition = key.map { "\($0.name) = ?" }.joined(separator: " AND ")
        try database.execute(
            sql: "DELETE FROM \(table) WHERE \(condition)",
            arguments: StatementArguments(key.map(\.value))
        )
    }

    /// Deletes and inserts: what every database understands.
    private static func replace(
        _ table: String,
        _ key: [Column],
        _ rest: [Column],
        _ database: Database
    ) throws {
        try remove(table, key, database)
        let all = key + rest
        let marks = all.map { _ in "?" }.joined(separator: ", ")
        let names = all.map(\.name).joined(separator: ", ")
        try database.execute(
            sql: "INSERT INTO \(table) (\(names)) VALUES (\(marks))",
            arguments: StatementArguments(all.map(\.value))
        )
    }

    private static func save(_ channel: FleetChannel, _ database: Database) throws {
        try replace(
            "channels",
            [("name", channel.name)],
            [("model", channel.model.description), ("document", try json(channel))],
            database
        )
    }

    private static func save(_ rollout: Rollout, at time: Date, _ database: Database) throws {
        let created =
            try String.fetchOne(
                database,
                sql: "SELECT created FROM rollouts WHERE id = ?",
                arguments: [rollout.id]
            )
        try replace(
            "rollouts",
            [("id", rollout.id)],
            [
                ("channel", rollout.channel), ("revision", rollout.revision),
                ("phase", rollout.phase.rawValue), ("created", created ?? Self.text(time)),
                ("document", try json(rollout)),
            ],
            database
        )
        guard created == nil else { return }
        try prune(database)
    }

    private static func prune(_ database: Database) throws {
        let old = try Int.fetchAll(
            database,
            sql: """
                SELECT id FROM rollouts
                WHERE id NOT IN (SELECT MAX(id) FROM rollouts GROUP BY channel)
                ORDER BY id DESC LIMIT -1 OFFSET \(rolloutsKept)
                """
        )
        for id in old {
            try database.execute(sql: "DELETE FROM rollouts WHERE id = ?", arguments: [id])
            try database.execute(
                sql: "DELETE FROM rollout_hosts WHERE rollout = ?",
                arguments: [id]
            )
        }
    }

    private static func save(_ command: HostCommand, _ database: Database) throws {
        try replace(
            "commands",
            [("channel", command.channel), ("host", command.host.description)],
            [
                ("version", command.version.version),
                ("info_hash", command.version.infoHash.description),
                ("epoch", command.fence.epoch), ("step", command.fence.step),
            ],
            database
        )
    }

    // MARK: Copies

    /// Writes a whole copy of the database as it is now, while it is in use.
    func backUp(to copy: String) throws {
        try queue.writeWithoutTransaction { database in
            try database.execute(sql: "VACUUM INTO ?", arguments: [copy])
        }
    }

    // MARK: Reading

    func read<R: Sendable>(_ body: (Database) throws -> R) throws -> R { try queue.read(body) }
    func write(_ body: (Database) throws -> Void) throws { try queue.write(body) }

    static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// UTC, to the second.
    static func text(_ time: Date) -> String { time.formatted(.iso8601) }
}
