import Logging
import SwarmModel
import SwarmOrigin
import SwarmRuntime

/// From what a metainfo says of origins to what the operator allows.
extension PeerNode {
    func accesses(
        to locations: [OriginLocation],
        of infoHash: InfoHash,
        trackers: [[String]]
    ) -> SwarmDriver.Origins {
        var accesses: [OriginAccess] = []
        for location in locations {
            do {
                let access = try settings.origins.access(location, client: http, threads: threads)
                if !accesses.contains(where: { $0.facts.id == access.facts.id }) {
                    accesses.append(access)
                }
            } catch {
                // Of no matter to those who use no origins at all.
                let level: Logger.Level = settings.origins.isEmpty ? .debug : .info
                logger.log(level: level, "origin not used: \(error)")
            }
        }
        // Everybody of a fleet must come to the same tracker, so the operator's come first, in
        // their order, and no order is drawn.
        var addresses = settings.trackers.compactMap { TrackerAddress($0) }
        for address in trackers.joined().compactMap({ TrackerAddress($0) })
        where !addresses.contains(address) { addresses.append(address) }
        let leases = LeaseClient(
            client: http,
            trackers: addresses,
            swarm: infoHash.swarmID,
            peer: peerID
        )
        return SwarmDriver.Origins(accesses: accesses, leases: leases, locations: locations)
    }
}
