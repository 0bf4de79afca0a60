import ArgumentParser
import SwarmModel
import SwarmRuntime

/// What `shoal status --tracker` asks and shows.
enum SwarmAtTracker {
    /// The swarm of a version, by its name in the tracker's catalog or by its info-hash.
    static func swarm(_ text: String, at tracker: TrackerAddress, client: CatalogClient)
        async throws -> SwarmID
    {
        if [40, 64].contains(text.utf8.count),
            let id = Hex.decode(text).flatMap({ SwarmID($0.prefix(20)) })
        {
            return id
        }
        let reference: ModelReference
        do {
            reference = try ModelReference(text)
        } catch {
            throw CommandFailure(
                .usage,
                "\(error)",
                remedy: "ORG/MODEL@VERSION, or the version's info-hash"
            )
        }
        let found = try await client.list().first {
            $0.name == reference.name && $0.version == reference.version
        }
        guard let hash = found?.infoHash else {
            throw CommandFailure(
                .notFound,
                "\(reference) is not published at \(tracker)",
                remedy: "the name of a version there, or an info-hash"
            )
        }
        return hash.swarmID
    }

    static func view(_ text: String, at tracker: TrackerAddress) async throws -> SwarmView {
        do {
            return try await TrackerRequests.withClient { http in
                let catalog = CatalogClient(client: http, tracker: tracker)
                let swarm = try await swarm(text, at: tracker, client: catalog)
                return try await TrafficClient(client: http).swarm(swarm, at: tracker)
            }
        } catch let error as TrackerClientError {
            throw CommandFailure(error)
        }
    }
}
