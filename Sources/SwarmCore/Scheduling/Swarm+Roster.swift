import OrderedCollections
import SwarmModel

/// The domains around this host, who is in them, and what it has to import.
extension Swarm {
    // MARK: What trackers and connections say

    mutating func rosterUpdated(_ update: RosterUpdate, at now: Instant) {
        for peer in update.left {
            guard let member = roster.member(peer), member.connection == nil else { continue }
            for endpoint in member.entry.endpoints { book.forget(endpoint) }
        }
        let wasKnown = roster.isKnown
        let rating = roster.ownRating
        apply(roster.apply(update, at: now), at: now)
        if roster.ownRating != rating { rankAll() }
        if wasKnown { rosterIsWhole(at: now) }
        if !isDutyBound {
            let others = update.joined.flatMap { [me] in $0.peer == me ? [] : $0.endpoints }
            book.learn(others, at: now)
        }
        if !wasKnown, let until = settledAt {
            // In a small fleet all connect to all, and need nobody to tell them who is there.
            let isPartial =
                update.isGrowing && roster.members.count >= settings.connectionsWanted / 2
            let scheduler = settings.scheduler
            let wait = isPartial ? scheduler.settleTimeGrowing : scheduler.settleTime
            settledAt = min(until, now + wait)
            isRosterPartial = isPartial
        }
    }

    /// It has heard of the others too, or has waited for that long enough.
    private mutating func rosterIsWhole(at now: Instant) {
        guard isRosterPartial else { return }
        isRosterPartial = false
        dutiesDueAt = now
    }

    /// A peer has said in its extended handshake where it is: only ours do.
    mutating func localityKnown(_ id: ConnectionID, at now: Instant) {
        guard let session = sessions[id] else { return }
        if session.isOurs {
            connectionOf[session.key] = id
            apply(roster.connected(session.facts.peer, id, session.locality), at: now)
        }
        let level = level(of: session)
        sessions[id]?.level = level
        updatePlacement(id, at: now)
    }

    /// A peer that closes before it has said what it has has no room for us: that says nothing of
    /// its health.
    mutating func leaveRoster(_ session: PeerSession, wasLost: Bool, at now: Instant) {
        if connectionOf[session.key] == session.id { connectionOf[session.key] = nil }
        let isLost = wasLost && session.hasSaidAvailability
        apply(roster.disconnected(session.facts.peer, session.id, wasLost: isLost), at: now)
    }

    func level(of session: PeerSession) -> Int {
        let listed = roster.member(session.facts.peer)?.entry.locality
        let locality = session.extended?.locality ?? listed ?? .unknown
        let level = domains.level(of: locality, key: session.key)
        return min(level, picker?.scopes.top ?? domains.top)
    }

    mutating func apply(_ changes: [Roster.Change], at now: Instant) {
        guard !changes.isEmpty, duty != nil else { return }
        if changes.count > Roster.changesMax {
            rankAll()
            _ = reviewDomains(at: now)
        } else {
            for change in changes { rank(change) }
        }
        mustRefill = true
        dutiesChanged(at: now)
    }

    // MARK: Ranks

    private mutating func rank(_ change: Roster.Change) {
        var changed: [Int] = []
        if let before = change.before, let standing = before.standing {
            let level = level(of: before)
            changed += duty?.remove(standing, level: level) ?? []
        }
        if let after = change.after, let standing = after.standing {
            let level = level(of: after)
            changed += duty?.add(standing, level: level) ?? []
        }
        for piece in changed {
            if let reach = duty?.reach(piece) { picker?.scopes.setReach(piece, UInt8(reach)) }
        }
    }

    private func level(of member: Roster.Member) -> Int {
        domains.level(of: member.entry.locality, key: member.key)
    }

    mutating func rankAll() {
        let me = myStanding
        duty?.replace(me: me, byLevel: roster.standings(in: domains))
        if let duty { picker?.scopes.setReach(duty.reach) }
    }

    private var myStanding: Standing {
        let rating = roster.ownRating
        return Standing(
            key: Roster.key(of: me),
            weight: rating.weight,
            order: rating.isSlow || pace.isSlow ? .slow : .able
        )
    }

    // MARK: Domains

    /// The domains as they should be for what is known now.
    private var wantedDomains: Domains {
        guard settings.scheduler.policy != .randomRarest, let content else {
            return Domains(mine: .unknown, myKey: Roster.key(of: me))
        }
        let isSmall = content.geometry.totalLength < settings.scheduler.smallModelBytes
        let whole = Domains(
            mine: settings.locality,
            labelsMax: isSmall ? 1 : .max,
            myKey: Roster.key(of: me)
        )
        guard !isSmall, let duty, domains.leaf == whole.leaf else { return whole }
        let direct = (whole.leaf...duty.top).reduce(0) { $0 + duty.members(at: $1).count }
        return Domains(
            mine: settings.locality,
            bucketCount: max(domains.bucketCount, buckets(for: direct + 1)),
            myKey: Roster.key(of: me)
        )
    }

    /// A power of two, so that hosts whose counts differ a little mostly agree. It never shrinks:
    /// each change ranks everything anew.
    private func buckets(for memberCount: Int) -> Int {
        var count = 1
        while memberCount > count * settings.scheduler.domainMembersMax, count < 1 << 16 {
            count *= 2
        }
        return count
    }

    /// The version is known: its pieces can be ranked.
    mutating func beginScheduling(at now: Instant) {
        rebuildDomains(at: now)
        _ = reviewDomains(at: now)
        dutiesChanged(at: now)
        guard domains.top > 0, settings.scheduler.policy == .nearestScope, !isSatisfied else {
            return
        }
        let wait =
            roster.isKnown ? settings.scheduler.settleTime : settings.scheduler.rosterWait
        settledAt = now + wait
        picker?.scopes.setSettling(true)
    }

    /// Splits the narrowest domain when it has grown too large; true when that changed the ranks.
    mutating func reviewDomains(at now: Instant) -> Bool {
        guard wantedDomains != domains else { return false }
        rebuildDomains(at: now)
        return true
    }

    private mutating func rebuildDomains(at now: Instant) {
        guard let content else { return }
        domains = wantedDomains
        duty = ImportDuty(
            me: myStanding,
            top: domains.top,
            pieceCount: content.geometry.pieceCount,
            groupCount: settings.scheduler.rankGroups,
            salt: content.rankSalt
        )
        if let scopes = picker?.scopes {
            picker?.scopes = scopes.rebuilt(top: domains.top, policy: settings.scheduler.policy)
        }
        expectAgain()
        for id in sessions.keys {
            guard let session = sessions[id] else { continue }
            let level = level(of: session)
            sessions[id]?.placement = nil
            sessions[id]?.level = level
            updatePlacement(id, at: now)
        }
        rankAll()
    }

    mutating func settle(at now: Instant) {
        guard let until = settledAt, until <= now else { return }
        settledAt = nil
        rosterIsWhole(at: now)
        picker?.scopes.setSettling(false)
        mustRefill = true
    }

    // MARK: Holders

    /// Counts a peer as a holder at its level while it serves, and only then.
    mutating func updatePlacement(_ id: ConnectionID, at now: Instant) {
        let chokeGrace = settings.scheduler.chokeGrace
        let trustsSlow = trustsSlow
        let change = sessions.with(id) { session in
            let wanted = session.wantedPlacement(
                chokeGrace: chokeGrace,
                trustsSlow: trustsSlow,
                at: now
            )
            return (wanted: wanted, isNew: wanted != session.placement)
        }
        guard picker != nil, let (wanted, isNew) = change, isNew, let session = sessions[id] else {
            return
        }
        removePlacement(of: session)
        sessions[id]?.placement = wanted
        guard let wanted, let pieces = session.pieces else { return }
        if wanted.isComplete {
            picker?.scopes.completeHolderJoined(at: wanted.level)
        } else {
            for number in pieces.members { picker?.scopes.holderGained(number, at: wanted.level) }
        }
        mustRefill = true
    }

    mutating func removePlacement(of session: PeerSession) {
        guard let placement = session.placement, let pieces = session.pieces else { return }
        sessions[session.id]?.placement = nil
        mustRefill = true
        if placement.isComplete {
            picker?.scopes.completeHolderLeft(at: placement.level)
        } else {
            for number in pieces.members { picker?.scopes.holderLost(number, at: placement.level) }
        }
    }
}

extension Domains {
    fileprivate func level(of member: Roster.Member) -> Int {
        level(of: member.entry.locality, key: member.key)
    }
}

extension SwarmContent {
    /// What sets the ranks of this version apart from those of others: the same for all that have
    /// the same content.
    fileprivate var rankSalt: UInt64 {
        var salt = UInt64(geometry.pieceLength)
        for root in roots {
            guard let root else { continue }
            for lane in 0..<4 {
                salt = RendezvousRank.mix(salt ^ UInt64(littleEndian: root.lanes[lane]))
            }
        }
        return salt
    }
}
