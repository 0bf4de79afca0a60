internal import SwarmModel

/// The limits and times of a ``TrackerRegistry``. All that a client can make grow has a limit here;
/// a peer costs about half a kilobyte.
package struct TrackerRegistrySettings: Hashable, Sendable {
    /// Time between two announces of a peer. Shorter finds a lost host sooner and costs requests:
    /// 4,000 peers at 30 s are 133 a second.
    package var interval: Duration = .seconds(30)
    /// The interval in each answer is spread by this share to either side, so that a fleet that
    /// started together does not announce together for ever.
    package var intervalJitter: Double = 0.1
    /// The soonest that a peer should announce again without an event.
    package var intervalMin: Duration = .seconds(10)
    /// The interval that a peer of ours is given while the swarm grows and the answer names members
    /// that are new to it: hosts that start together know of each other a moment later, and not
    /// half a minute. Shorter tells them sooner and costs as many announces.
    package var intervalGrowing: Duration = .seconds(1)
    /// A swarm grows while at least this share of its members has come within ``Growth/window``.
    package var growingShare: Double = 1.0 / 16
    /// A peer is forgotten when it was silent for this many intervals: two lost announces are
    /// forgiven.
    package var lifetimeIntervals: Double = 2.5
    /// Swarms at once. The next one is refused: more would let one client fill the memory.
    package var swarmCountMax: Int = 4096
    /// Peers in one swarm. Bounds the time of one announce, which looks at each peer at worst.
    package var peersPerSwarmMax: Int = 16_384
    /// Peers of all swarms together: 64 Ki of them are about 32 MiB.
    package var peerCountMax: Int = 65_536
    /// Peers in one answer, however many were asked for. A compact one is 6 or 18 bytes.
    package var peersPerResponseMax: Int = 200
    /// Peers in an answer to a client that does not say how many it wants (BEP 3).
    package var peersPerResponseDefault: Int = 50
    /// Roster entries in one answer, about 130 bytes each. A longer roster comes in pages, one for
    /// each announce, and the interval of all pages but the last is ``intervalMin``.
    package var rosterEntriesPerResponseMax: Int = 4096
    /// Departures remembered in a swarm beyond one for each member. A peer that knows an older
    /// roster gets the whole of it: by then it is no longer than the delta.
    package var departuresKeptMin: Int = 64
    /// Further addresses that a peer may name for itself. They are not verified, so few.
    package var otherEndpointsMax: Int = 2
    /// Swarms in one scrape.
    package var swarmsPerScrapeMax: Int = 256

    package init() {}

    package var lifetime: Duration {
        .nanoseconds(Int64(Double(interval.nanoseconds) * lifetimeIntervals))
    }
}
