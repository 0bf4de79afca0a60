internal import OrderedCollections
package import SwarmModel

/// One peer as the tracker's JSON view shows it.
package struct TrackerMember: Hashable, Sendable {
    package var entry: RosterEntry
    /// Sends our keys; other clients do not.
    package var isOurs: Bool
    /// Until it is forgotten, unless it announces.
    package var remaining: Duration
}

extension TrackerRegistry {
    /// Counts of the swarms asked for, those unknown left out (BEP 48). An empty list asks for all
    /// of them. At most `swarmsPerScrapeMax` are answered.
    package func scrape(_ asked: [SwarmID]) -> [ScrapeEntry] {
        guard !asked.isEmpty else {
            return swarms.keys.prefix(settings.swarmsPerScrapeMax).compactMap(counts)
        }
        return asked.prefix(settings.swarmsPerScrapeMax).compactMap(counts)
    }

    /// All swarms, in no order that means anything.
    package func snapshot() -> [ScrapeEntry] { swarms.keys.compactMap(counts) }

    /// The members of a swarm by peer id; nil when there is no such swarm.
    package func members(of swarm: SwarmID, at now: Instant) -> [TrackerMember]? {
        swarms[swarm]?.peers.values
            .map { peer in
                TrackerMember(
                    entry: peer.entry,
                    isOurs: peer.isOurs,
                    remaining: max(.zero, peer.expiry - now)
                )
            }
            .sorted { $0.entry.peer < $1.entry.peer }
    }

    /// The counts of one swarm; nil when there is no such swarm.
    package func counts(of swarm: SwarmID) -> ScrapeEntry? {
        swarms[swarm].map {
            ScrapeEntry(
                swarm: swarm,
                complete: $0.seedCount,
                incomplete: $0.peers.count - $0.seedCount,
                downloaded: $0.completions
            )
        }
    }
}
