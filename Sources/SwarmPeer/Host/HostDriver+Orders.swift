package import Foundation
import SwarmCore
package import SwarmModel
package import SwarmStorage

/// What `GET /v1/host` shows, and `GET /v1/status` beside the swarms.
package struct HostStatus: Codable, Hashable, Sendable {
    /// Its name in the fleet; nil for a peer that is in none.
    package var name: String?
    package var labels: Labels
    /// The newest generation of the tracker's wish that was seen.
    package var generation: Int
    /// Why the tracker is not told of this host; nil when it is, or there is none to tell.
    package var syncProblem: String?
    package var models: [ModelStatus]
    /// `ORG/MODEL@V`.
    package var pinned: [String]
    package var disk: HostReport.Disk?

    package struct ModelStatus: Codable, Hashable, Sendable {
        package var report: HostReport.Model
        /// The version that a rollback goes to; nil when there is none.
        package var previous: String?
        /// An activation is under way.
        package var isActivating: Bool
    }

    /// How far a version is, in the words of the fleet; nil when nothing is known of it.
    package func stage(of reference: ModelReference) -> VersionStage? {
        models.first { $0.report.name == reference.name }?.report.versions
            .first { $0.version == reference.version }?.stage
    }

    package func isPinned(_ reference: ModelReference) -> Bool {
        pinned.contains(reference.description)
    }
}

/// What `POST /v1/versions/…/adopt` takes.
package struct AdoptOrder: Codable, Hashable, Sendable {
    /// On the peer's host, from the root.
    package var directory: String
    /// The metainfo; nil to ask the trackers for it.
    package var torrent: Data?

    package init(directory: String, torrent: Data?) {
        self.directory = directory
        self.torrent = torrent
    }
}

/// What came of it.
package struct AdoptReport: Codable, Hashable, Sendable {
    package var name: String
    package var version: String
    package var infoHash: InfoHash
    /// Of the whole version.
    package var bytes: Int
    /// Found in the directory, and right.
    package var adoptedBytes: Int
    /// Files of the directory that are not what the version has; what is missing by them is
    /// fetched.
    package var problems: [Adoption.Problem]
}

/// Orders of the host's own operator.
extension HostDriver {
    package var status: HostStatus {
        HostStatus(
            name: settings.name?.description,
            labels: settings.labels,
            generation: machine.desired.generation,
            syncProblem: syncProblem,
            models: machine.reports.map(status),
            pinned: machine.pins.map(\.description),
            disk: diskUse
        )
    }

    private func status(of report: HostReport.Model) -> HostStatus.ModelStatus {
        HostStatus.ModelStatus(
            report: report,
            previous: machine.previous(of: report.name),
            isActivating: !machine.isAtRest(report.name)
        )
    }

    /// Begins with the activation of a version that is here.
    ///
    /// - Throws: `PeerError` when it is not complete on this host.
    func activate(_ reference: ModelReference) async throws -> HostStatus.ModelStatus {
        try await requireVisible(reference)
        handle(.activationOrdered(reference))
        return status(of: machine.report(of: reference.name))
    }

    /// - Throws: `PeerError` when a version is to be pinned that is not complete on this host.
    func pin(_ reference: ModelReference, isPinned: Bool) async throws -> HostStatus {
        if isPinned {
            try await requireVisible(reference)
            handle(.pinned(reference))
        } else {
            handle(.unpinned(reference))
        }
        return status
    }

    private func requireVisible(_ reference: ModelReference) async throws {
        // It may have become complete this moment.
        if !isVisible(reference) { await look() }
        guard !isVisible(reference) else { return }
        throw PeerError(
            .unknownVersion,
            "\(reference) is not complete on this host; `shoal prefetch \(reference)` fetches it"
        )
    }

    /// Somebody asked for the version.
    func used(_ reference: ModelReference) {
        handle(.used(reference))
        lookSoon()
    }

    /// Stops a version and deletes what is here of it.
    ///
    /// - Throws: `StorageError` when it is the one that serves.
    func remove(_ reference: ModelReference) async throws {
        try await node.remove(reference)
        removed(reference)
    }
}
