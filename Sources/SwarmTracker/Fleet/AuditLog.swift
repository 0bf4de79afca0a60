internal import GRDB
internal import SwarmCore
internal import SwarmModel

/// Where the chain of the audit log begins and ends: each line names the digest of the one before.
///
/// The oldest lines go when there are too many. What stays can be checked all the same: the digest
/// of the last line that went is kept, and the first that stays must name it.
struct AuditLog: Hashable, Sendable {
    struct Link: Hashable, Sendable {
        var sequence: Int
        var digest: String
        static let none = Link(sequence: 0, digest: String(repeating: "0", count: 64))
    }

    /// The last line that has gone.
    var start: Link
    var last: Link

    static let empty = AuditLog(start: .none, last: .none)
    /// Lines that go together, so that few transactions have to remove any.
    static let linesRemovedAtOnce = 1000

    var count: Int { last.sequence - start.sequence }
}

extension AuditLog {
    init(from database: Database) throws {
        start = try Self.link("SELECT sequence, digest FROM audit_start", database) ?? .none
        let newest = "SELECT sequence, digest FROM audit ORDER BY sequence DESC LIMIT 1"
        last = try Self.link(newest, database) ?? start
    }

    private static func link(_ sql: String, _ database: Database) throws -> Link? {
        try Row.fetchOne(database, sql: sql).map {
            Link(sequence: $0["sequence"], digest: $0["digest"])
        }
    }

    mutating func append(
        _ audit: FleetAudit,
        at time: String,
        hasher: any MerkleHashing,
        _ database: Database
    ) throws {
        var entry = AuditEntry(
            sequence: last.sequence + 1,
            time: time,
            actor: audit.actor,
            verb: audit.verb,
            subject: audit.subject,
            detail: audit.detail,
            previous: last.digest,
            digest: ""
        )
        entry.digest = entry.computedDigest(hasher)
        try database.execute(
            sql: """
                INSERT INTO audit (sequence, time, actor, verb, subject, detail, previous, digest)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                entry.sequence, entry.time, entry.actor, entry.verb, entry.subject, entry.detail,
                entry.previous, entry.digest,
            ]
        )
        last = Link(sequence: entry.sequence, digest: entry.digest)
    }

    /// Removes the oldest lines once there are ``linesRemovedAtOnce`` more than `kept`.
    mutating func trim(to kept: Int, _ database: Database) throws {
        guard count >= kept + Self.linesRemovedAtOnce else { return }
        let sequence = last.sequence - kept
        let link = try Self.link(
            "SELECT sequence, digest FROM audit WHERE sequence = \(sequence)",
            database
        )
        guard let link else { return }
        try database.execute(
            sql: "DELETE FROM audit WHERE sequence <= ?",
            arguments: [sequence]
        )
        try database.execute(
            sql: "UPDATE audit_start SET sequence = ?, digest = ?",
            arguments: [link.sequence, link.digest]
        )
        start = link
    }
}

extension AuditEntry {
    fileprivate init(_ row: Row) {
        self.init(
            sequence: row["sequence"],
            time: row["time"],
            actor: row["actor"],
            verb: row["verb"],
            subject: row["subject"],
            detail: row["detail"],
            previous: row["previous"],
            digest: row["digest"]
        )
    }

    fileprivate func computedDigest(_ hasher: any MerkleHashing) -> String {
        Array(digestedText.utf8).withUnsafeBytes { hasher.sha256($0) }.hex
    }
}

extension FleetDatabase {
    /// Lines after a number, in order.
    func audit(after sequence: Int, countMax: Int) throws -> [AuditEntry] {
        try audit(
            "SELECT * FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?",
            [sequence, countMax]
        )
    }

    /// Lines before a number, the newest first; before 0 from the end.
    func audit(before sequence: Int, countMax: Int) throws -> [AuditEntry] {
        try audit(
            "SELECT * FROM audit WHERE sequence < ? ORDER BY sequence DESC LIMIT ?",
            [sequence == 0 ? .max : sequence, countMax]
        )
    }

    private func audit(_ sql: String, _ arguments: StatementArguments) throws -> [AuditEntry] {
        try read { database in
            try Row.fetchAll(database, sql: sql, arguments: arguments).map { AuditEntry($0) }
        }
    }

    /// The number of the first line that is kept.
    var auditStart: Int {
        get throws { try read { try AuditLog(from: $0).start.sequence + 1 } }
    }

    /// The first line that does not fit the one before it; nil when the log is whole, as far as it
    /// goes: that nothing was cut off at its end, only a copy elsewhere can tell.
    func auditFlaw() throws -> Int? {
        var last = try read { try AuditLog(from: $0).start }
        while true {
            let page = try audit(after: last.sequence, countMax: 1000)
            if page.isEmpty { return nil }
            for entry in page {
                guard entry.sequence == last.sequence + 1, entry.previous == last.digest,
                    entry.digest == entry.computedDigest(hasher)
                else { return entry.sequence }
                last = AuditLog.Link(sequence: entry.sequence, digest: entry.digest)
            }
        }
    }
}
