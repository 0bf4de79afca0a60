import SwarmModel
import SwarmRuntime

/// Registers a finished version with trackers.
enum PublishCatalog {
    /// Asks each tracker for the version before any hashing, so that a tracker that does not answer
    /// is not found out about after hours of work. Whether the version is there does not matter
    /// yet.
    static func check(
        _ reference: ModelReference,
        at trackers: [TrackerAddress]
    ) async throws {
        // No client either, and none of its threads: a short run is mostly its start.
        guard !trackers.isEmpty else { return }
        try await TrackerRequests.withClient { client in
            for tracker in trackers {
                do {
                    _ = try await CatalogClient(client: client, tracker: tracker).get(reference)
                } catch let error as TrackerClientError where error.code == .status(404) {
                    continue
                } catch let error as TrackerClientError {
                    throw CommandFailure(error)
                }
            }
        }
    }

    /// Puts the `.torrent` file into each tracker's catalog. Ends at the first that refuses; doing
    /// it all again is harmless.
    static func register(
        _ torrent: [UInt8],
        as reference: ModelReference,
        at trackers: [TrackerAddress],
        token: String?
    ) async throws -> [PublishReport.Tracker] {
        guard !trackers.isEmpty else { return [] }
        return try await TrackerRequests.withClient { client in
            var reports: [PublishReport.Tracker] = []
            for tracker in trackers {
                let catalog = CatalogClient(client: client, tracker: tracker, token: token)
                do {
                    let entry = try await catalog.put(reference, torrent)
                    reports.append(.init(url: "\(tracker)", isNew: entry.created ?? true))
                } catch let error as TrackerClientError {
                    throw CommandFailure(error)
                }
            }
            return reports
        }
    }
}
