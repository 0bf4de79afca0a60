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
        let entry = RosterEntry(
            peer: request.peer,
            endpoints: [],
            locality: request.locality ?? .unknown,
            generation: request.generation ?? 0,
            isSeed: request.left == 0,
            isPart: request.left != 0 && request.part != nil
        )
        var peer = Peer(key: request.key, entry: entry, isOurs: isOurs, expiry: .origin)
        peer.rate = request.uplinkBytesPerSecond
        peer.part = request.part
        if let former {
            peer.entry.rating = former.entry.rating
            peer.ownWeight = former.entry.rating.weight
            peer.changedAt = former.changedAt
            peer.slot = former.slot
            if former.key == request.key, former.entry.generation == entry.generation {
                peer.observed = former.observed
                peer.hasCompleted = former.hasCompleted
                peer.page = former.page
            }
        }
        peer.observe(observed, port: request.port)
        peer.nameFurther(request.otherEndpoints, from: observed, countMax: otherEndpointsMax)
        return peer
    }
}

extension TrackerRegistry.Swarm {
    /// Members of one locality that are compared: enough for a median.
    private static let comparedMax = 64
    /// Fewer than this many measured ones say nothing of what is usual.
    private static let comparedMin = 3
    /// The usual rate is found anew at most this often: it looks at all members.
    private static let usualSpacing = Duration.seconds(10)

    /// How a member is rated by what it has said, and by how it was rated before.
    mutating func rating(of peer: TrackerRegistry.Peer, at now: Instant) -> UplinkRating {
        var rating = UplinkRating.unmeasured
        guard let rate = peer.rate else { return rating }
        if let usual = usualRate(at: now) {
            let former = peer.entry.rating.weight
            rating.weight = UplinkRating.weight(
                bytesPerSecond: rate,
                usual: usual,
                former: former
            )
        }
        rating.isSlow = isSlow(peer, rate: rate)
        return rating
    }

    /// The median of all that have been measured, in bytes a second.
    private mutating func usualRate(at now: Instant) -> UInt64? {
        if let usual, now - usual.foundAt < Self.usualSpacing { return usual.rate }
        let rate = median(peers.values.lazy.compactMap(\.rate))
        if let rate { usual = (rate, now) }
        return rate
    }

    private func median(_ rates: some Sequence<UInt64>) -> UInt64? {
        let sorted = rates.sorted()
        return sorted.count >= Self.comparedMin ? sorted[sorted.count / 2] : nil
    }

    /// Below a quarter of the median of those measured in its locality: such a host as importer
    /// would make all others wait.
    private func isSlow(_ peer: TrackerRegistry.Peer, rate: UInt64) -> Bool {
        guard let group = groups[peer.entry.locality] else { return false }
        let others = [group.leeches, group.seeds].flatMap { side in
            side.prefix(Self.comparedMax).filter { $0 != peer.entry.peer }
        }
        guard let median = median(others.lazy.compactMap { peers[$0]?.rate }) else { return false }
        return rate < median / 4
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
