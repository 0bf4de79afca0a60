internal import DequeModule
internal import OrderedCollections
internal import SwarmModel

extension TrackerRegistry {
    /// What a tracker remembers of one peer in one swarm.
    struct Peer: Sendable {
        var key: UInt32?
        /// Where its announces came from, with its port: at most one endpoint of each family. Empty
        /// when it does not listen.
        var observed: [Endpoint] = []
        var entry: RosterEntry
        /// Sends our keys, so it is on the roster and gets one.
        var isOurs: Bool
        /// What it has said that it can send, in bytes a second.
        var rate: UInt64?
        /// Set when it publishes: the part that it holds.
        var part: PartNumber?
        /// The weight that it is told of itself: that of its last announce. It ranks itself by the
        /// new one when the others have heard of it.
        var ownWeight = UplinkRating.unmeasured.weight
        var hasCompleted = false
        var expiry: Instant
        /// The change in which its entry became what it is.
        var changedAt: UInt64 = 0
        /// Its place in its group.
        var slot = 0
        /// How far a roster that takes several answers has been sent to it.
        var page: RosterPage?

        /// Who is slow hears so at once: what it imports until then everybody waits for.
        var ownRating: UplinkRating {
            UplinkRating(weight: ownWeight, isSlow: entry.rating.isSlow)
        }

        var isListed: Bool { !observed.isEmpty }
        var isOnRoster: Bool { isOurs && isListed }

        /// Whether going from one to the other leaves groups and roster as they are.
        func hasSamePlace(as other: Peer) -> Bool {
            entry == other.entry && observed == other.observed && isOnRoster == other.isOnRoster
        }
    }

    /// The end of the last page of a roster sent to a peer: entries changed after `end` are still
    /// to come, departures up to `departures` are known.
    struct RosterPage: Hashable, Sendable {
        var end: UInt64
        var departures: UInt64
    }

    struct Departure: Hashable, Sendable {
        var change: UInt64
        var peer: PeerID
    }

    /// The listed peers of one locality.
    struct Group: Sendable {
        var seeds: [PeerID] = []
        var leeches: [PeerID] = []
        var isEmpty: Bool { seeds.isEmpty && leeches.isEmpty }
    }

    /// One swarm. Each listed peer is in exactly one group, at the place that its `slot` says.
    struct Swarm: Sendable {
        private(set) var peers: OrderedDictionary<PeerID, Peer> = [:]
        private(set) var groups: OrderedDictionary<Locality, Group> = [:]
        /// The peer that listed itself last at each first endpoint.
        private var owners: OrderedDictionary<Endpoint, PeerID> = [:]
        private(set) var seedCount = 0
        /// `completed` events, one for each peer.
        private(set) var completions = 0
        /// The last members that left, oldest first.
        private(set) var departures: Deque<Departure> = []
        /// Departures up to this change may be missing from ``departures``.
        private(set) var forgottenThrough: UInt64
        private(set) var lastChange: UInt64
        private var growth = Growth()
        /// The rate of the usual member, in bytes a second.
        var usual: (rate: UInt64, foundAt: Instant)?

        init(createdAt change: UInt64) {
            forgottenThrough = change
            lastChange = change
        }

        /// Whether a share of the members has come lately.
        mutating func isGrowing(byShare share: Double, at now: Instant) -> Bool {
            Double(growth.recentJoins(at: now)) >= Double(peers.count) * share
        }

        func owner(of endpoint: Endpoint) -> PeerID? { owners[endpoint] }

        var expiryEarliest: Instant? {
            peers.values.lazy.map(\.expiry).min()
        }

        func expired(at now: Instant) -> [PeerID] {
            peers.elements.lazy.filter { $0.value.expiry <= now }.map(\.key)
        }

        mutating func setPage(_ page: RosterPage?, of peer: PeerID) {
            if peers[peer]?.page != page { peers[peer]?.page = page }
        }

        /// Enters or renews a peer. True when the roster changed, which is then change number
        /// `change`.
        mutating func enter(
            _ request: AnnounceRequest,
            from observed: Endpoint,
            at now: Instant,
            change: UInt64,
            settings: TrackerRegistrySettings
        ) -> Bool {
            let former = peers[request.peer]
            if former == nil { growth.joined(at: now) }
            var peer = TrackerRegistry.record(
                of: request,
                from: observed,
                former: former,
                otherEndpointsMax: settings.otherEndpointsMax
            )
            peer.expiry = now + settings.lifetime
            peer.entry.rating = rating(of: peer, at: now)
            if request.event == .completed, !peer.hasCompleted {
                peer.hasCompleted = true
                completions += 1
            }
            if let former, former.hasSamePlace(as: peer) {
                peers[request.peer] = peer
                return false
            }
            if let former { unlist(former) }
            list(&peer)
            let wasOnRoster = former?.isOnRoster == true
            let changesRoster = peer.isOnRoster || wasOnRoster
            if changesRoster {
                peer.changedAt = change
                lastChange = change
            }
            peers[request.peer] = peer
            if wasOnRoster, !peer.isOnRoster {
                depart(request.peer, change: change, keptMin: settings.departuresKeptMin)
            }
            return changesRoster
        }

        /// Removes a peer that is in the swarm. True when that changed the roster.
        mutating func remove(_ id: PeerID, change: UInt64, departuresKeptMin: Int) -> Bool {
            guard let peer = peers[id] else { return false }
            unlist(peer)
            peers.swapRemove(id)
            guard peer.isOnRoster else { return false }
            lastChange = change
            depart(id, change: change, keptMin: departuresKeptMin)
            return true
        }

        private mutating func depart(_ peer: PeerID, change: UInt64, keptMin: Int) {
            departures.append(Departure(change: change, peer: peer))
            while departures.count > keptMin + peers.count {
                forgottenThrough = departures.removeFirst().change
            }
        }

        // MARK: Groups

        private mutating func list(_ peer: inout Peer) {
            if peer.entry.isSeed { seedCount += 1 }
            guard let endpoint = peer.observed.first else { return }
            owners[endpoint] = peer.entry.peer
            let side: WritableKeyPath<Group, [PeerID]> =
                peer.entry.isSeed ? \.seeds : \.leeches
            let locality = peer.entry.locality
            peer.slot = groups[locality]?[keyPath: side].count ?? 0
            groups[locality, default: Group()][keyPath: side].append(peer.entry.peer)
        }

        private mutating func unlist(_ peer: Peer) {
            if peer.entry.isSeed { seedCount -= 1 }
            guard let endpoint = peer.observed.first else { return }
            if owners[endpoint] == peer.entry.peer { owners.swapRemove(endpoint) }
            let side: WritableKeyPath<Group, [PeerID]> =
                peer.entry.isSeed ? \.seeds : \.leeches
            let locality = peer.entry.locality
            groups[locality]![keyPath: side].swapAt(
                peer.slot,
                groups[locality]![keyPath: side].count - 1
            )
            groups[locality]![keyPath: side].removeLast()
            if peer.slot < groups[locality]![keyPath: side].count {
                peers[groups[locality]![keyPath: side][peer.slot]]!.slot = peer.slot
            }
            if groups[locality]!.isEmpty { groups.swapRemove(locality) }
        }
    }
}
