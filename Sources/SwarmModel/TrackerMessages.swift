/// Why a peer announces (BEP 3; `paused` is BEP 21).
package enum AnnounceEvent: String, Hashable, Sendable {
    case started, completed, stopped, paused
}

/// An announce, as a client sends it (BEP 3, 7, 21, 23) with our keys.
package struct AnnounceRequest: Hashable, Sendable {
    package var swarm: SwarmID
    package var peer: PeerID
    /// Where the sender listens.
    package var port: UInt16
    package var uploaded: UInt64
    package var downloaded: UInt64
    /// Bytes still missing. Other clients count padding, so only zero or not is used.
    package var left: UInt64
    package var event: AnnounceEvent?
    /// Peers wanted; nil when the client does not say.
    package var peersWanted: Int?
    /// The client's secret by which it is known when its address changes (`key`).
    package var key: UInt32?
    package var wantsCompact: Bool
    /// Further addresses of the sender (`ipv4`, `ipv6`, BEP 7).
    package var otherEndpoints: [Endpoint]
    // Ours: shoal_loc, shoal_gen, shoal_epoch.
    package var locality: Locality?
    package var generation: UInt64?
    /// What the sender can send, in bytes a second; nil when it has not been measured (`shoal_up`).
    package var uplinkBytesPerSecond: UInt64?
    /// Set by those that publish: which part of the version they hold, and that they will never
    /// fetch the rest (`shoal_part`).
    package var part: PartNumber?
    /// The roster epoch that the sender has; nil when it wants no roster.
    package var rosterEpoch: RosterEpoch?

    package init(
        swarm: SwarmID,
        peer: PeerID,
        port: UInt16,
        uploaded: UInt64 = 0,
        downloaded: UInt64 = 0,
        left: UInt64,
        event: AnnounceEvent? = nil,
        peersWanted: Int? = nil,
        key: UInt32? = nil,
        wantsCompact: Bool = true,
        otherEndpoints: [Endpoint] = [],
        locality: Locality? = nil,
        generation: UInt64? = nil,
        uplinkBytesPerSecond: UInt64? = nil,
        part: PartNumber? = nil,
        rosterEpoch: RosterEpoch? = nil
    ) {
        self.swarm = swarm
        self.peer = peer
        self.port = port
        self.uploaded = uploaded
        self.downloaded = downloaded
        self.left = left
        self.event = event
        self.peersWanted = peersWanted
        self.key = key
        self.wantsCompact = wantsCompact
        self.otherEndpoints = otherEndpoints
        self.locality = locality
        self.generation = generation
        self.uplinkBytesPerSecond = uplinkBytesPerSecond
        self.part = part
        self.rosterEpoch = rosterEpoch
    }
}

/// A version of a swarm's roster: the tracker's life and a counter within it, so that an epoch of a
/// tracker that has restarted is never taken for one of its successor. `none` asks for the whole
/// roster.
package struct RosterEpoch: Hashable, Sendable {
    /// Drawn anew by each tracker process.
    package var life: UInt64
    package var counter: UInt64
    package static let none = RosterEpoch(life: 0, counter: 0)
    package init(life: UInt64, counter: UInt64) {
        self.life = life
        self.counter = counter
    }
}

/// One member of a swarm as the tracker shows it.
package struct RosterEntry: Hashable, Sendable {
    package var peer: PeerID
    package var endpoints: [Endpoint]
    package var locality: Locality
    package var generation: UInt64
    /// Has every piece.
    package var isSeed: Bool
    /// Has some of the pieces and will never fetch the others.
    package var isPart: Bool
    package var rating: UplinkRating

    package init(
        peer: PeerID,
        endpoints: [Endpoint],
        locality: Locality,
        generation: UInt64,
        isSeed: Bool,
        isPart: Bool = false,
        rating: UplinkRating = .unmeasured
    ) {
        self.rating = rating
        self.peer = peer
        self.endpoints = endpoints
        self.locality = locality
        self.generation = generation
        self.isSeed = isSeed
        self.isPart = isPart
    }
}

/// What changed in a roster since the epoch that the peer named, or all of it.
package struct RosterUpdate: Hashable, Sendable {
    package var epoch: RosterEpoch
    /// `joined` is the whole roster and replaces what the peer had.
    package var isWhole: Bool
    /// New and changed members.
    package var joined: [RosterEntry]
    package var left: [PeerID]
    /// How everybody else rates the receiver, which is not among `joined`.
    package var ownRating: UplinkRating
    /// Members are coming just now, and a later answer will name more.
    package var isGrowing: Bool

    package init(
        epoch: RosterEpoch,
        isWhole: Bool,
        joined: [RosterEntry],
        left: [PeerID],
        ownRating: UplinkRating = .unmeasured,
        isGrowing: Bool = false
    ) {
        self.ownRating = ownRating
        self.isGrowing = isGrowing
        self.epoch = epoch
        self.isWhole = isWhole
        self.joined = joined
        self.left = left
    }
}

/// The answer to an announce.
package enum AnnounceResponse: Hashable, Sendable {
    /// `failure reason`, with BEP 31's `retry in`.
    case failure(reason: String, retry: AnnounceRetry?)
    case success(AnnounceSuccess)
}

/// BEP 31: when to try a refused announce again.
package enum AnnounceRetry: Hashable, Sendable {
    case never
    case minutes(Int)
}

package struct AnnounceSuccess: Hashable, Sendable {
    /// Seconds until the next announce.
    package var intervalSeconds: Int
    /// Seconds before which none may come.
    package var intervalSecondsMin: Int?
    package var seeds: Int?
    package var leeches: Int?
    package var peers: [Endpoint]
    package var warning: String?
    package var trackerID: [UInt8]?
    package var roster: RosterUpdate?

    package init(
        intervalSeconds: Int,
        intervalSecondsMin: Int? = nil,
        seeds: Int? = nil,
        leeches: Int? = nil,
        peers: [Endpoint] = [],
        warning: String? = nil,
        trackerID: [UInt8]? = nil,
        roster: RosterUpdate? = nil
    ) {
        self.intervalSeconds = intervalSeconds
        self.intervalSecondsMin = intervalSecondsMin
        self.seeds = seeds
        self.leeches = leeches
        self.peers = peers
        self.warning = warning
        self.trackerID = trackerID
        self.roster = roster
    }
}

/// Counts of one swarm, as scrape shows them (BEP 48).
package struct ScrapeEntry: Hashable, Sendable {
    package var swarm: SwarmID
    package var complete: Int
    package var incomplete: Int
    /// `completed` events seen.
    package var downloaded: Int

    package init(swarm: SwarmID, complete: Int, incomplete: Int, downloaded: Int) {
        self.swarm = swarm
        self.complete = complete
        self.incomplete = incomplete
        self.downloaded = downloaded
    }
}
