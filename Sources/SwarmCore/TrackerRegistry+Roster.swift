internal import DequeModule
internal import OrderedCollections
internal import SwarmModel

extension TrackerRegistry.Swarm {
    /// What a member must be told that knows the roster of change `known` of this life, nil when of
    /// another one. The member itself is left out.
    ///
    /// A delta is the entries that changed since and the members that left since. It cannot be
    /// given when a departure may have been forgotten. Where more than `entriesMax` entries are
    /// due, the first by change are sent, and the epoch is that of the last one: the next announce
    /// fetches the following page. The life in the epoch is for the caller to fill in.
    mutating func rosterUpdate(
        for asker: PeerID,
        since known: UInt64?,
        entriesMax: Int
    ) -> RosterUpdate {
        let page = peers[asker]?.page
        let departuresKnown = page?.end == known ? page?.departures : known
        var isWhole = true
        var since: UInt64 = 0
        if let known, let departuresKnown, known <= lastChange,
            departuresKnown >= forgottenThrough
        {
            isWhole = false
            since = known
        }
        var due = entries(changedAfter: since, for: asker)
        let isCut = due.count > entriesMax
        if isCut {
            due.sort { $0.change < $1.change }
            due.removeLast(due.count - entriesMax)
        }
        let end = isCut ? due.last?.change ?? since : lastChange
        setPage(
            isCut ? TrackerRegistry.RosterPage(end: end, departures: lastChange) : nil,
            of: asker
        )
        return RosterUpdate(
            epoch: RosterEpoch(life: 0, counter: end),
            isWhole: isWhole,
            joined: due.map(\.entry),
            left: isWhole ? [] : departed(after: departuresKnown ?? 0)
        )
    }

    private func entries(
        changedAfter change: UInt64,
        for asker: PeerID
    ) -> [(change: UInt64, entry: RosterEntry)] {
        // The usual case in a quiet swarm, and the one that must not look at each member.
        if change == lastChange { return [] }
        var result: [(change: UInt64, entry: RosterEntry)] = []
        for peer in peers.values
        where peer.changedAt > change && peer.isOnRoster && peer.entry.peer != asker {
            result.append((peer.changedAt, peer.entry))
        }
        return result
    }

    /// Members that left after a change and have not come back.
    private func departed(after change: UInt64) -> [PeerID] {
        var result: [PeerID] = []
        for departure in departures.reversed() {
            if departure.change <= change { break }
            if peers[departure.peer]?.isOnRoster != true { result.append(departure.peer) }
        }
        return result.reversed()
    }
}
