internal import OrderedCollections
internal import SwarmModel

extension TrackerRegistry {
    /// What an announce says of its sender, on top of what was known of the same client.
    static func record(
        of request: AnnounceRequest,
        from observed: Endpoint,
        former: Peer?,
        otherEndpointsMax: Int
    ) -> Peer {
        let isOurs =
            request.generation != nil || request.locality != nil || request.rosterEpoch != nil
        var entry = RosterEntry(
            peer: request.peer,
            endpoints: [],
            locality: request.locality ?? .unknown,
            generation: request.generation ?? 0,
            isSeed: request.left == 0
        )
        entry.rating.weight = weight(of: request, former: former)
        var peer = Peer(key: request.key, entry: entry, isOurs: isOurs, expiry: .origin)
        if let former {
            peer.changedAt = former.changedAt
            peer.slot = former.slot
            if former.key == request.key, former.entry.generation == entry.generation {
                peer.observed = former.observed
                peer.hasCompleted = former.hasCompleted
                peer.page = former.page
            }
        }
        peer.isMeasured = request.uplinkBytesPerSecond != nil
        peer.observe(observed, port: request.port)
        peer.nameFurther(request.otherEndpoints, from: observed, countMax: otherEndpointsMax)
        return peer
    }

    private static func weight(of request: AnnounceRequest, former: Peer?) -> UInt32 {
        guard let rate = request.uplinkBytesPerSecond else {
            return UplinkRating.unmeasured.weight
        }
        let before = former?.isMeasured == true ? former?.entry.rating.weight : nil
        return UplinkRating.weight(bytesPerSecond: rate, former: before)
    }
}

extension TrackerRegistry.Swarm {
    /// Members of one locality that are compared: enough for a median.
    private static let comparedMax = 64
    /// Fewer than this many measured ones say nothing of what is usual.
    private static let comparedMin = 3

    /// Below a quarter of the median of those measured in its locality: such a host as importer
    /// would make all others wait.
    func isSlow(_ peer: TrackerRegistry.Peer) -> Bool {
        guard peer.isMeasured, let group = groups[peer.entry.locality] else { return false }
        var weights: [UInt32] = []
        for side in [group.leeches, group.seeds] {
            for id in side.prefix(Self.comparedMax) where id != peer.entry.peer {
                guard let other = peers[id], other.isMeasured else { continue }
                weights.append(other.entry.rating.weight)
            }
        }
        guard weights.count >= Self.comparedMin else { return false }
        weights.sort()
        return peer.entry.rating.weight * 4 < weights[weights.count / 2]
    }
}

extension TrackerRegistry.Peer {
    /// A dual-stack client announces once from each family with one key; both addresses are kept.
    fileprivate mutating func observe(_ source: Endpoint, port: UInt16) {
        guard port != 0 else {
            observed = []
            return
        }
        // The families may have ports of their own, as libtorrent's do when the system chooses
        // them.
        observed.removeAll { $0.isV4 == source.isV4 }
        observed.append(Endpoint(address: source.address, port: port))
        // One order for both families, or each announce of such a client would change the roster.
        observed.sort { $0.isV4 && !$1.isV4 }
    }

    fileprivate mutating func addEndpoint(_ endpoint: Endpoint) {
        if !entry.endpoints.contains(endpoint) { entry.endpoints.append(endpoint) }
    }

    /// Adds the addresses that the client names for itself (`ipv4`, `ipv6`, BEP 7), after those
    /// seen.
    fileprivate mutating func nameFurther(
        _ endpoints: [Endpoint],
        from source: Endpoint,
        countMax: Int
    ) {
        observed.forEach { addEndpoint($0) }
        guard isListed else { return }
        let isHost = { (endpoint: Endpoint) in
            endpoint.namesHost && (!endpoint.isLoopback || source.isLoopback)
        }
        endpoints.prefix(countMax).filter(isHost).forEach { addEndpoint($0) }
    }
}

extension Endpoint {
    var isLoopback: Bool {
        switch address {
        case .v4(let number): number >> 24 == 127
        case .v6(let high, let low): high == 0 && low == 1
        }
    }

    /// Whether one host in a routed network can have this endpoint: a port, and no unspecified,
    /// multicast, broadcast, reserved or link-local address.
    var namesHost: Bool {
        guard port != 0 else { return false }
        return switch address {
        case .v4(let number): number >> 24 != 0 && number < 224 << 24 && number >> 16 != 0xA9FE
        case .v6(let high, let low):
            (high != 0 || low > 0xFFFF_FFFF_FFFF || low == 1)
                && high >> 56 != 0xFF && high >> 54 != 0xFE80 >> 6
        }
    }
}
