internal import OrderedCollections
internal import SwarmModel

extension TrackerRegistry.Swarm {
    /// The endpoints to give to a peer in the plain list: nearest localities first, chance within a
    /// level. A quarter of them is drawn from everybody, since a swarm of racks that know only
    /// themselves would fall apart. A seed has no use for seeds. Each peer gives one endpoint of
    /// each family.
    ///
    /// Looks at each locality once, and at about as many peers as it returns: a fleet's announces
    /// all come through here.
    func neighbours(of asker: PeerID, count: Int, random: inout SeededRandom) -> [Endpoint] {
        guard count > 0, let entry = peers[asker]?.entry else { return [] }
        var chosen: OrderedSet<PeerID> = [asker]
        var pools = pools(around: entry)
        let nearCountMax = count - count / 4
        for level in pools.indices.reversed() {
            let room = nearCountMax + 1 - chosen.count
            chosen.append(contentsOf: Self.draw(room, from: &pools[level], random: &random))
        }
        addAnybody(to: &chosen, upTo: count + 1, isSeed: entry.isSeed, random: &random)
        return chosen.dropFirst().flatMap { peers[$0]?.observed ?? [] }
    }

    /// The groups with at least one level in common, as many of the nearest as may be drawn from,
    /// by how many levels: index 0 is one level.
    private func pools(around entry: RosterEntry) -> [[PeerID]] {
        var pools: [[PeerID]] = Array(repeating: [], count: entry.locality.labels.count)
        for (locality, group) in groups {
            let level = locality.commonLevels(with: entry.locality)
            guard level > 0 else { continue }
            pools[level - 1] += group.leeches
            if !entry.isSeed { pools[level - 1] += group.seeds }
        }
        if !pools.isEmpty { pools[pools.count - 1].removeAll { $0 == entry.peer } }
        return pools
    }

    /// Draws from all peers. Tries at random first; where that finds too few, because most are
    /// chosen or of no use, goes through them all from a random place.
    private func addAnybody(
        to chosen: inout OrderedSet<PeerID>,
        upTo count: Int,
        isSeed: Bool,
        random: inout SeededRandom
    ) {
        let all = peers.values
        func consider(_ peer: TrackerRegistry.Peer) {
            if peer.isListed, !(isSeed && peer.entry.isSeed) { chosen.append(peer.entry.peer) }
        }
        if all.count > 4 * count {
            for _ in 0..<2 * count where chosen.count < count {
                consider(all[Int.random(in: 0..<all.count, using: &random)])
            }
        }
        let start = Int.random(in: 0..<all.count, using: &random)
        // In a fleet that has finished, a seed finds nobody of use, and need not look at everybody.
        let most = isSeed ? min(count, 1 + all.count - seedCount) : count
        for step in 0..<all.count {
            guard chosen.count < most else { return }
            consider(all[(start + step) % all.count])
        }
    }

    private static func draw(
        _ count: Int,
        from pool: inout [PeerID],
        random: inout SeededRandom
    ) -> ArraySlice<PeerID> {
        let count = min(max(0, count), pool.count)
        for index in 0..<count {
            pool.swapAt(index, Int.random(in: index..<pool.count, using: &random))
        }
        return pool[..<count]
    }
}
