import OrderedCollections
package import SwarmModel

/// Who is in the swarm, as trackers and connections say: the members among which imports are
/// ranked.
///
/// Rosters of two peers may differ for a while, and one may be wrong: a piece then crosses a
/// boundary twice, and patience keeps anything from waiting for a member that is not there. What a
/// tracker lists counts until it says otherwise; a connected peer counts whatever a tracker says;
/// one that was connected and is gone, or cannot be reached, does not count until it is back.
package struct Roster: Sendable {
    package struct Member: Hashable, Sendable {
        package var entry: RosterEntry
        package let key: UInt64
        /// The tracker's life that lists it; nil for one that is only connected.
        package var listedBy: UInt64?
        package var connection: ConnectionID?
        /// It was there and is gone, or could not be reached.
        package var isLost = false
        /// It says so itself; a tracker's rating says the same later.
        package var saysItIsSlow = false

        var standing: Standing? {
            guard !isLost else { return nil }
            let order: Standing.Order =
                entry.isSeed
                ? .complete : entry.isPart ? .part : isSlow ? .slow : .able
            return Standing(key: key, weight: entry.rating.weight, order: order)
        }

        private var isSlow: Bool { entry.rating.isSlow || saysItIsSlow }

        /// A tracker lists it. True when it ranks otherwise, or elsewhere, than before.
        fileprivate mutating func isListed(as listed: RosterEntry, by life: UInt64) -> Bool {
            let (standing, locality) = (standing, entry.locality)
            if entry != listed { isLost = false }
            let wasSeed = entry.isSeed
            entry = listed
            // What a peer says of itself is newer than what its tracker repeats.
            if connection != nil {
                entry.locality = locality
                if wasSeed { entry.isSeed = true }
            }
            listedBy = life
            return standing != self.standing || locality != entry.locality
        }
    }

    /// Changes that are told one by one. When there are more, one more is told: everything has to
    /// be looked at anew then.
    package static let changesMax = 16

    /// A member as it was and as it is.
    package struct Change: Hashable, Sendable {
        package var before: Member?
        package var after: Member?
    }

    package let me: PeerID
    private(set) var members: OrderedDictionary<PeerID, Member> = [:]
    /// Trackers' lives in the order of their last word.
    private var lives: [(life: UInt64, heardAt: Instant)] = []
    /// How everybody else rates this host.
    package private(set) var ownRating = UplinkRating.unmeasured
    private let settings: SchedulerSettings

    package init(me: PeerID, settings: SchedulerSettings) {
        self.me = me
        self.settings = settings
    }

    /// A tracker has sent a roster.
    package var isKnown: Bool { !lives.isEmpty }
    package func member(_ peer: PeerID) -> Member? { members[peer] }

    package static func key(of peer: PeerID) -> UInt64 { RendezvousRank.key(peer.raw) }

    /// What ranks each member that counts, by the level of the domain that it shares.
    func standings(in domains: Domains) -> [[Standing]] {
        var byLevel: [[Standing]] = Array(repeating: [], count: domains.top + 1)
        // By index: a copy of a member would count the references in it, and there are thousands.
        for index in members.values.indices {
            guard let standing = members.values[index].standing else { continue }
            let level = domains.level(
                of: members.values[index].entry.locality,
                key: standing.key
            )
            byLevel[level].append(standing)
        }
        return byLevel
    }

    // MARK: What trackers say

    package mutating func apply(_ update: RosterUpdate, at now: Instant) -> [Change] {
        var changes: [Change] = []
        let life = update.epoch.life
        ownRating = update.ownRating
        lives.removeAll { $0.life == life }
        lives.append((life, now))
        if update.isWhole {
            for peer in members.keys where members[peer]?.listedBy == life {
                members[peer]?.listedBy = nil
            }
        }
        let expected = min(update.joined.count, settings.rosterMembersMax)
        if members.count < expected { members.reserveCapacity(expected) }
        for entry in update.joined where entry.peer != me { enter(entry, life, &changes) }
        for peer in update.left where members[peer]?.listedBy == life {
            members[peer]?.listedBy = nil
        }
        for old in lives where now - old.heardAt > settings.rosterLifetime {
            for peer in members.keys where members[peer]?.listedBy == old.life {
                members[peer]?.listedBy = nil
            }
        }
        lives.removeAll { now - $0.heardAt > settings.rosterLifetime }
        dropUnknown(&changes)
        return changes
    }

    private mutating func enter(_ entry: RosterEntry, _ life: UInt64, _ changes: inout [Change]) {
        let isFull = members.count >= settings.rosterMembersMax
        guard !isFull || members[entry.peer] != nil else { return }
        let isNoting = isNoting(changes)
        var isNew = false
        func newcomer() -> Member {
            isNew = true
            return Member(entry: entry, key: Self.key(of: entry.peer))
        }
        // Thousands come at once, each looked for once and changed where it is.
        let change = members.updateValue(forKey: entry.peer, default: newcomer()) { member in
            let before = isNoting && !isNew ? member : nil
            let hasMoved = member.isListed(as: entry, by: life)
            return isNoting && (isNew || hasMoved) ? Change(before: before, after: member) : nil
        }
        if let change { changes.append(change) }
    }

    /// Forgets members that nobody lists and that are not connected.
    private mutating func dropUnknown(_ changes: inout [Change]) {
        let gone = members.values.filter { $0.listedBy == nil && $0.connection == nil }
        guard !gone.isEmpty else { return }
        members.removeAll { $0.value.listedBy == nil && $0.value.connection == nil }
        for member in gone { note(Change(before: member, after: nil), &changes) }
    }

    private func isNoting(_ changes: [Change]) -> Bool { changes.count <= Self.changesMax }

    private func note(_ change: @autoclosure () -> Change, _ changes: inout [Change]) {
        if isNoting(changes) { changes.append(change()) }
    }

    private mutating func set(_ after: Member, _ before: Member?, _ changes: inout [Change]) {
        members[after.entry.peer] = after
        if before?.standing != after.standing || before?.entry.locality != after.entry.locality {
            note(Change(before: before, after: after), &changes)
        }
    }

    // MARK: What connections show

    /// One of our peers is connected and has said where it is.
    package mutating func connected(
        _ peer: PeerID,
        _ connection: ConnectionID,
        _ locality: Locality
    ) -> [Change] {
        let before = members[peer]
        guard before != nil || members.count < settings.rosterMembersMax else { return [] }
        let entry = RosterEntry(
            peer: peer,
            endpoints: [],
            locality: locality,
            generation: 0,
            isSeed: false
        )
        var after = before ?? Member(entry: entry, key: Self.key(of: peer))
        after.entry.locality = locality
        after.connection = connection
        after.isLost = false
        // It says so again when it still is.
        after.saysItIsSlow = false
        var changes: [Change] = []
        set(after, before, &changes)
        return changes
    }

    /// The connection is gone. `wasLost` when the other end left after it had taken part: a listed
    /// member is not counted on until it shows itself again.
    package mutating func disconnected(
        _ peer: PeerID,
        _ connection: ConnectionID,
        wasLost: Bool
    ) -> [Change] {
        guard let before = members[peer], before.connection == connection else { return [] }
        var after = before
        after.connection = nil
        if wasLost { after.isLost = true }
        var changes: [Change] = []
        set(after, before, &changes)
        dropUnknown(&changes)
        return changes
    }

    /// Whether it has every piece, by what it says itself.
    package mutating func completed(_ peer: PeerID) -> [Change] {
        guard let before = members[peer], !before.entry.isSeed else { return [] }
        var after = before
        after.entry.isSeed = true
        var changes: [Change] = []
        set(after, before, &changes)
        return changes
    }

    /// What it says of its own uplink.
    package mutating func said(_ peer: PeerID, isSlow: Bool) -> [Change] {
        guard let before = members[peer], before.saysItIsSlow != isSlow else { return [] }
        var after = before
        after.saysItIsSlow = isSlow
        var changes: [Change] = []
        set(after, before, &changes)
        return changes
    }

    /// Nobody answers at the address of a listed member, or it sent wrong bytes.
    package mutating func lost(_ endpoint: Endpoint) -> [Change] {
        var changes: [Change] = []
        for before in members.values
        where before.connection == nil && before.entry.endpoints.contains(endpoint) {
            var after = before
            after.isLost = true
            set(after, before, &changes)
        }
        return changes
    }
}
