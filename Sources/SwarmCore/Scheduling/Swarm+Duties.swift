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
        if !roster.members.isEmpty { dutiesFoundAt = now }
        _ = reviewDomains(at: now)
        dutyKeys = isDutyBound ? keysOfDuty() : []
        dutyEndpoints = []
        connectionsChanged = true
        for id in sessions.keys {
            guard let key = sessions[id]?.key else { continue }
            sessions[id]?.isDuty = dutyKeys.contains(key)
        }
        guard !dutyKeys.isEmpty else { return }
        for member in roster.members.values
        where member.connection == nil && !member.isLost && dutyKeys.contains(member.key) {
            if let endpoint = member.entry.endpoints.first { dutyEndpoints.append(endpoint) }
        }
        book.learn(dutyEndpoints, at: now)
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

    /// How many more dials may be under way.
    var dialRoom: Int {
        guard !isSatisfied, pausedUntil == nil else { return 0 }
        return min(settings.dialsMax, connectionsLacking) - book.diallingCount
    }

    /// Counts the connections that are still to be made. It looks at every one that there is, so it
    /// is done when one has come or gone and not at every event.
    mutating func countConnections() {
        guard connectionsChanged else { return }
        connectionsChanged = false
        var wanted = settings.connectionsWanted
        var have = sessions.count
        if !dutyKeys.isEmpty {
            // What others have dialled for their own duties takes no room from ours, nor does what
            // was dialled before duties were known.
            let besides = settings.scheduler.connectionsBesides
            wanted = dutyKeys.count + besides
            have = sessions.count(where: \.isDuty)
            have += min(besides, sessions.count { !$0.isDuty && !$0.isIncoming })
        }
        connectionsLacking = min(wanted - have, settings.connectionsMax - sessions.count)
    }

    mutating func dialMore(at now: Instant, into actions: inout [SwarmAction]) {
        countConnections()
        guard let due = book.deadline, due <= now else { return }
        let room = dialRoom
        guard room > 0 else { return }
        for endpoint in book.nextDials(room, preferring: dutyEndpoints, at: now) {
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
