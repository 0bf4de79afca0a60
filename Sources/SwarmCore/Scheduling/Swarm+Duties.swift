import OrderedCollections
import SwarmModel

/// Whom to be connected to. In a small fleet everybody; in a large one those of the same rack, and
/// for each piece that this host imports the first few ranks of the domain that it comes from: they
/// hold it, or will hold it first. That is a few hundred connections of four thousand, few of them
/// far. Haves and intents then reach those that they concern, and nobody else.
extension Swarm {
    /// Duties are found anew at most this often: it costs about a hundred thousand hashes.
    private static let dutySpacing = Duration.seconds(2)

    /// Ranks have changed: soon the duties are looked at again.
    mutating func dutiesChanged(at now: Instant) {
        guard dutiesDueAt == nil else { return }
        dutiesDueAt = dutiesFoundAt.map { max(now, $0 + Self.dutySpacing) } ?? now
    }

    mutating func reviewDuties(at now: Instant) {
        if let due = dutiesDueAt, due <= now { findDuties(at: now) }
    }

    private mutating func findDuties(at now: Instant) {
        dutiesDueAt = nil
        // The first members to be known are not made to wait.
        if !roster.members.isEmpty, !isRosterPartial { dutiesFoundAt = now }
        _ = reviewDomains(at: now)
        isSelective = isDutyBound
        dutyKeys = isSelective ? keysOfDuty() : []
        connectionsChanged = true
        for id in sessions.keys {
            guard let key = sessions[id]?.key else { continue }
            sessions[id]?.isDuty = dutyKeys.contains(key)
        }
        guard isSelective else {
            book.prefer([], at: now)
            return
        }
        var endpoints: [Endpoint] = []
        let members = roster.members.values
        for index in members.indices
        where members[index].connection == nil && !members[index].isLost
            && dutyKeys.contains(members[index].key)
        {
            if let endpoint = members[index].entry.endpoints.first { endpoints.append(endpoint) }
        }
        book.prefer(endpoints, at: now)
    }

    /// The fleet is too large for everybody to know everybody.
    var isDutyBound: Bool {
        settings.scheduler.policy == .nearestScope && duty != nil && !isSatisfied
            && roster.members.count > settings.connectionsWanted
    }

    private func keysOfDuty() -> OrderedSet<UInt64> {
        guard let duty, let picker else { return [] }
        let countMax = settings.connectionsMax * 3 / 4
        let hasParts = duty.hasParts
        var keys = OrderedSet(duty.members(at: duty.top).prefix(countMax).map(\.key))
        // The ranks of half a fleet are not those of the fleet: of those that would come from them,
        // most would be of no use a second later, and stay.
        guard !isRosterPartial else { return keys }
        var isWanted = Array(repeating: false, count: duty.groupCount)
        for piece in picker.geometry.pieces where !picker.verified[piece] {
            isWanted[duty.group(of: piece.number)] = true
        }
        for group in isWanted.indices where isWanted[group] {
            let reach = duty.reach(ofGroup: group)
            // Of rank 0 in the whole fleet: it comes from an origin, or from one who publishes it.
            guard reach >= 1 || hasParts, reach <= duty.top else { continue }
            let sources = duty.sources(
                settings.scheduler.dutyRanks,
                ofGroup: group,
                inDomainAt: max(0, reach - 1)
            )
            for source in sources where keys.count < countMax { keys.append(source.key) }
        }
        return keys
    }

    // Mutating, so that nothing is copied to find them.

    /// How many more dials may be under way.
    private mutating func dialRoom() -> Int {
        guard !isSatisfied, pausedUntil == nil else { return 0 }
        return min(settings.dialsMax, connectionsLacking) - book.diallingCount
    }

    /// How many of them may be to peers that are not of duty: places that those of duty leave empty
    /// because they are full, or gone, are not for others to fill.
    private mutating func othersRoom() -> Int {
        let room = dialRoom()
        return isSelective ? min(room, besidesLacking - book.diallingOthersCount) : room
    }

    /// When the next peer may be dialled; nil when there is no room for one.
    mutating func dialsDueAt() -> Instant? {
        guard let due = book.deadline, dialRoom() > 0 else { return nil }
        return othersRoom() > 0 ? due : book.preferredDeadline
    }

    /// Counts the connections that are still to be made. It looks at every one that there is, so it
    /// is done when one has come or gone and not at every event.
    mutating func countConnections() {
        guard connectionsChanged else { return }
        connectionsChanged = false
        var wanted = settings.connectionsWanted
        var have = sessions.count
        besidesLacking = 0
        if isSelective {
            // What others have dialled for their own duties takes no room from ours, nor does what
            // was dialled before duties were known.
            let besides = settings.scheduler.connectionsBesides
            wanted = dutyKeys.count + besides
            have = sessions.count(where: \.isDuty)
            let others = min(besides, sessions.count { !$0.isDuty && !$0.isIncoming })
            besidesLacking = besides - others
            have += others
        }
        connectionsLacking = min(wanted - have, settings.connectionsMax - sessions.count)
    }

    mutating func dialMore(at now: Instant, into actions: inout [SwarmAction]) {
        countConnections()
        guard let due = dialsDueAt(), due <= now else { return }
        for endpoint in book.nextDials(dialRoom(), othersMax: othersRoom(), at: now) {
            actions.append(.dial(endpoint))
        }
    }

    /// All places are taken and one that this host needs has come: one that it does not need goes.
    mutating func makeRoom(
        for facts: ConnectionFacts,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard sessions.count >= settings.connectionsMax,
            dutyKeys.contains(Roster.key(of: facts.peer))
        else { return }
        let idle = sessions.values.first {
            !$0.isDuty && $0.pipeline.isEmpty && $0.uploads.isEmpty
        }
        if let idle { close(idle.id, .tooManyConnections, at: now, into: &actions) }
    }
}
