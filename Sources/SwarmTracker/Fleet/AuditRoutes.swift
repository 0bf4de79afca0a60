internal import Foundation
internal import Hummingbird
internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime

/// The audit log, and copies of the database.
struct AuditRoutes: Sendable {
    let requests: FleetRequests

    func add(to router: Router<TrackerContext>) {
        router.get("api/v1/audit") { request, _ in try await page(request) }
        router.get("api/v1/audit/check") { _, _ in
            struct Check: Encodable {
                var ok: Bool
                var firstBadSequence: Int?
                /// Lines before this one have gone.
                var firstSequence: Int
            }
            let database = requests.fleet.database
            let (flaw, first) = try await requests.perform { _, _, _ in
                (try database.auditFlaw(), try database.auditStart)
            }
            return try JSONReply.response(
                Check(ok: flaw == nil, firstBadSequence: flaw, firstSequence: first)
            )
        }
        router.post("api/v1/backup") { request, context in
            _ = try requests.operatorName(request, context)
            let backups = FleetBackups(
                database: requests.fleet.database,
                kept: requests.fleet.settings.backupsKept
            )
            let path = try await requests.perform { _, _, _ in try backups.make(at: Date()) }
            return try JSONReply.response(["path": path], status: .created)
        }
    }

    private func page(_ request: Request) async throws -> Response {
        struct Page: Encodable {
            var entries: [AuditEntry]
            /// Of the next page; nil on the last.
            var after: Int?
        }
        let settings = requests.fleet.settings
        let pageMax = settings.pageMax
        let count = try FleetRequests.number("limit", request, in: 1...pageMax, fallback: 100)
        let after = try FleetRequests.number("after", request, in: 0...Int.max, fallback: 0)
        let database = requests.fleet.database
        if request.uri.queryParameters["before"] != nil {
            let before = try FleetRequests.number("before", request, in: 0...Int.max, fallback: 0)
            let entries = try await requests.perform { _, _, _ in
                try database.audit(before: before, countMax: count)
            }
            return try JSONReply.response(Page(entries: entries))
        }
        let entries = try await requests.perform { _, _, _ in
            try database.audit(after: after, countMax: count)
        }
        return try JSONReply.response(
            Page(entries: entries, after: entries.count == count ? entries.last?.sequence : nil)
        )
    }
}

/// Copies of the database in `<data>/backups`.
struct FleetBackups: Sendable {
    let database: FleetDatabase
    let kept: Int

    private var directory: String { Self.directory(in: CatalogFiles.parent(of: database.path)) }
    private static func directory(in dataDirectory: String) -> String { dataDirectory + "/backups" }

    /// The path of the newest; nil when there is none.
    static func newest(in dataDirectory: String) -> String? {
        let directory = directory(in: dataDirectory)
        return copies(in: directory).last.map { "\(directory)/\($0.name)" }
    }

    /// The oldest first. Numbers say which is older, whatever the clock said when one was made.
    private static func copies(in directory: String) -> [(number: Int, name: String)] {
        CatalogFiles.names(in: directory)
            .compactMap { name in number(of: name).map { (number: $0, name: name) } }
            .sorted { $0.number < $1.number }
    }

    /// Makes one, and removes the oldest when there are more than are kept.
    func make(at time: Date) throws -> String {
        try CatalogFiles.makeDirectory(directory)
        let partial = "\(directory)/.partial"
        CatalogFiles.remove(partial)
        do {
            try database.backUp(to: partial)
        } catch {
            throw APIError(
                status: APIError.insufficientStorage,
                code: "backup-failed",
                message: "cannot write a copy to \(directory): "
                    + FleetDatabase.explained(error, partial).message
            )
        }
        let copies = Self.copies(in: directory)
        let number = "\((copies.last?.number ?? 0) + 1)"
        let zeros = String(repeating: "0", count: max(0, 6 - number.count))
        let stamp = FleetDatabase.text(time).filter { $0 != ":" && $0 != "-" }
        let path = "\(directory)/catalog-\(zeros)\(number)-\(stamp).sqlite"
        try CatalogFiles.publish(partial, as: path)
        for old in copies.dropLast(kept - 1) { CatalogFiles.remove("\(directory)/\(old.name)") }
        return path
    }
    /// Nil for files that are no copies.
    private static func number(of name: String) -> Int? {
        let parts = name.split(separator: "-")
        guard parts.count == 3, parts[0] == "catalog", name.hasSuffix(".sqlite") else { return nil }
        return Int(parts[1])
    }
}
