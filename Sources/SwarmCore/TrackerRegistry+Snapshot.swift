internal import OrderedCollections
package import SwarmModel

/// One peer as the tracker's JSON view shows it.
package struct TrackerMember: Hashable, Sendable {
    package var entry: RosterEntry
    /// Sends our keys; other clients do not.
    package var isOurs: Bool
    /// The part of the version that it publishes; nil when it does not publish.
    package var part: PartNumber?
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
                    part: peer.part,
                    remaining: max(.zero, peer.expiry - now)
                )
            }
            .sorted { $0.entry.peer < $1.entry.peer }
    }

    /// How many peers have each piece, as far as they have said so: those that are complete, and
    /// those that publish parts as often as all parts of one division are there.
    package func holderCount(of swarm: SwarmID) -> Int {
        guard let swarm = swarms[swarm] else { return 0 }
        let parts = swarm.peers.values.lazy.filter(\.entry.isPart).compactMap(\.part).sorted()
        var whole = 0
        var rest = parts[...]
        while let first = rest.first {
            let division = rest.prefix { $0.count == first.count }
            rest = rest[division.endIndex...]
            let copies = (1...first.count).map { number in
                division.count { $0.number == number }
            }
            whole += copies.min() ?? 0
        }
        return swarm.seedCount + whole
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
