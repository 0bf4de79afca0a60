internal import Foundation
internal import GRDB
internal import SwarmCore
internal import SwarmModel

/// The tables of ``FleetDatabase``. Migrations are never changed once released; a new one is
/// appended.
enum FleetSchema {
    static func migrate(_ queue: DatabaseQueue) throws {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: fleet") { database in
            for statement in first { try database.execute(sql: statement) }
        }
        migrator.registerMigration("2: start of the audit log") { database in
            try database.execute(
                sql: "CREATE TABLE audit_start (sequence BIGINT NOT NULL, digest CHAR(64) NOT NULL)"
            )
            try database.execute(
                sql: "INSERT INTO audit_start (sequence, digest) VALUES (?, ?)",
                arguments: [AuditLog.Link.none.sequence, AuditLog.Link.none.digest]
            )
        }
        migrator.registerMigration("3: holds") { database in
            try database.execute(
                sql: """
                    CREATE TABLE holds (host VARCHAR(253) NOT NULL, model TEXT NOT NULL,
                        version TEXT NOT NULL, info_hash CHAR(64) NOT NULL,
                        PRIMARY KEY (host, model, version))
                    """
            )
        }
        // A newer program may have changed the meaning of what is there.
        if try queue.read({ try migrator.hasBeenSuperseded($0) }) { throw FleetDatabase.TooNew() }
        try migrator.migrate(queue)
    }

    private static let first = [
        "CREATE TABLE controller (epoch BIGINT NOT NULL)",
        "INSERT INTO controller (epoch) VALUES (0)",
        "CREATE TABLE hosts (name VARCHAR(253) NOT NULL PRIMARY KEY, locality TEXT NOT NULL)",
        """
        CREATE TABLE host_labels (host VARCHAR(253) NOT NULL, label VARCHAR(63) NOT NULL,
            value VARCHAR(63) NOT NULL, PRIMARY KEY (host, label))
        """,
        """
        CREATE TABLE channels (name VARCHAR(63) NOT NULL PRIMARY KEY, model TEXT NOT NULL,
            document TEXT NOT NULL)
        """,
        """
        CREATE TABLE commands (channel VARCHAR(63) NOT NULL, host VARCHAR(253) NOT NULL,
            version TEXT NOT NULL, info_hash CHAR(64) NOT NULL, epoch BIGINT NOT NULL,
            step BIGINT NOT NULL, PRIMARY KEY (channel, host))
        """,
        """
        CREATE TABLE rollouts (id BIGINT NOT NULL PRIMARY KEY, channel VARCHAR(63) NOT NULL,
            revision BIGINT NOT NULL, phase TEXT NOT NULL, created TEXT NOT NULL,
            document TEXT NOT NULL)
        """,
        """
        CREATE TABLE rollout_hosts (rollout BIGINT NOT NULL, host VARCHAR(253) NOT NULL,
            wave INTEGER NOT NULL, PRIMARY KEY (rollout, host))
        """,
        """
        CREATE TABLE audit (sequence BIGINT NOT NULL PRIMARY KEY, time TEXT NOT NULL,
            actor TEXT NOT NULL, verb TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL,
            previous CHAR(64) NOT NULL, digest CHAR(64) NOT NULL)
        """,
        "CREATE INDEX rollouts_by_channel ON rollouts (channel, id)",
    ]
}

extension FleetDatabase {
    /// Takes the next epoch and makes the fleet as it was written down.
    func makeFleet(settings: FleetSettings, at now: Instant) throws -> Fleet {
        var fleet = Fleet(settings: settings, epoch: try takeEpoch(), at: now)
        for host in try hosts() {
            fleet.restore(
                host: host.name,
                locality: host.locality,
                labels: host.labels,
                at: now
            )
        }
        for (host, hold) in try holds() { fleet.restore(hold: hold, of: host) }
        for channel in try channels() {
            let rollout = try channel.rollout.flatMap { try self.rollout($0) }
            fleet.restore(
                channel: channel,
                rollout: rollout,
                commands: try commands(of: channel.name),
                waves: try rollout.map { try waves(of: $0.id) } ?? [],
                at: now
            )
        }
        return fleet
    }

    private func hosts() throws -> [HostRow] {
        try read { database in
            var labels: [String: [(key: String, value: String)]] = [:]
            for row in try Row.fetchAll(database, sql: "SELECT * FROM host_labels") {
                labels[row["host"], default: []].append((row["label"], row["value"]))
            }
            return try Row.fetchAll(database, sql: "SELECT * FROM hosts ORDER BY name").map {
                let name: String = $0["name"]
                let locality: String = $0["locality"]
                return try HostRow(
                    name: HostName(name),
                    locality: Locality(locality),
                    labels: Labels(labels[name] ?? [])
                )
            }
        }
    }

    private func holds() throws -> [(host: HostName, hold: HostHold)] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM holds").map { row in
                let (host, model): (String, String) = (row["host"], row["model"])
                let hold = HostHold(
                    model: try ModelName(model),
                    version: row["version"],
                    infoHash: try Self.infoHash(row["info_hash"], "what \(host) is to hold")
                )
                return (host: try HostName(host), hold: hold)
            }
        }
    }

    private static func infoHash(_ text: String, _ what: String) throws -> InfoHash {
        guard let infoHash = InfoHash(hex: text) else {
            throw Corrupt(what: "\(what) has no info-hash")
        }
        return infoHash
    }

    private func channels() throws -> [FleetChannel] {
        try read { database in
            try String.fetchAll(database, sql: "SELECT document FROM channels ORDER BY name")
        }.map { try Self.decoded($0) }
    }

    func rollout(_ id: Int) throws -> Rollout? {
        try read { database in
            try String.fetchOne(
                database,
                sql: "SELECT document FROM rollouts WHERE id = ?",
                arguments: [id]
            )
        }.map { try Self.decoded($0) }
    }

    /// The newest first.
    func rollouts(countMax: Int) throws -> [Rollout] {
        try read { database in
            try String.fetchAll(
                database,
                sql: "SELECT document FROM rollouts ORDER BY id DESC LIMIT ?",
                arguments: [countMax]
            )
        }.map { try Self.decoded($0) }
    }

    var lastRollout: Int {
        get throws {
            try read { try Int.fetchOne($0, sql: "SELECT MAX(id) FROM rollouts") ?? 0 }
        }
    }

    private func commands(of channel: String) throws -> [HostCommand] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT * FROM commands WHERE channel = ?",
                arguments: [channel]
            ).map { row in
                let host: String = row["host"]
                return HostCommand(
                    channel: channel,
                    host: try HostName(host),
                    version: DesiredState.Version(
                        version: row["version"],
                        infoHash: try Self.infoHash(row["info_hash"], "the command of \(host)")
                    ),
                    fence: Fence(epoch: row["epoch"], step: row["step"])
                )
            }
        }
    }

    private func waves(of rollout: Int) throws -> [(host: HostName, wave: Int)] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT host, wave FROM rollout_hosts WHERE rollout = ?",
                arguments: [rollout]
            ).map { row in
                let (host, wave): (String, Int) = (row["host"], row["wave"])
                return (host: try HostName(host), wave: wave)
            }
        }
    }

    private struct Schema: Decodable { var schema: Int }

    private static func decoded<T: Decodable>(_ text: String) throws -> T {
        let decoder = JSONDecoder()
        let data = Data(text.utf8)
        guard try decoder.decode(Schema.self, from: data).schema <= Rollout.schemaCurrent else {
            throw TooNew()
        }
        return try decoder.decode(T.self, from: data)
    }
}
