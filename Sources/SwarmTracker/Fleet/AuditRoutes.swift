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
            }
            let database = requests.fleet.database
            let flaw = try await requests.perform { _, _, _ in try database.auditFlaw() }
            return try JSONReply.response(Check(ok: flaw == nil, firstBadSequence: flaw))
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

    private var directory: String {
        CatalogFiles.parent(of: database.path) + "/backups"
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
        // Names that sort by age, also of two in one second.
        let stamp = FleetDatabase.text(time).filter { $0 != ":" && $0 != "-" }
        var path = "\(directory)/catalog-\(stamp).sqlite"
        var number = 2
        while CatalogFiles.length(path) != nil {
            path = "\(directory)/catalog-\(stamp)-\(number).sqlite"
            number += 1
        }
        try CatalogFiles.publish(partial, as: path)
        for old in CatalogFiles.names(in: directory).filter({ $0.hasPrefix("catalog-") })
            .dropLast(kept)
        {
            CatalogFiles.remove("\(directory)/\(old)")
        }
        return path
    }
}
