/// The limits and times of a ``TrafficBook``: all that reports can make grow.
package struct TrafficBookSettings: Hashable, Sendable {
    /// Swarms with sums. Past it the one that was silent for longest is forgotten.
    package var swarmsMax = 4096
    /// Pairs of localities kept apart in a swarm, some 40 bytes each; further traffic is counted as
    /// other. A thousand racks that fetch from sixteen each.
    package var entriesPerSwarmMax = 16_384
    /// Lives of peers whose last report is kept, of all swarms together.
    package var reportersMax = 65_536
    /// Entries of all those reports: 64 MiB.
    package var entriesMax = 1 << 20
    /// A report that comes sooner after the same peer's last one is refused.
    package var spacingMin = Duration.seconds(1)
    /// What peers are told to wait between two reports. Shorter shows traffic sooner and costs
    /// requests.
    package var intervalMin = Duration.seconds(5)
    /// Reports a second that the intervals are made for: one takes some 100 µs to read.
    package var reportsPerSecondMax = 100
    /// A peer that was silent for so long may be forgotten when room is needed. Longer than ten
    /// heartbeats, so that a peer that lives is never counted twice.
    package var silenceMax = Duration.seconds(900)
    /// The same for one that said it leaves: its last report may still come a second time.
    package var goneMin = Duration.seconds(60)
    /// Different sizes of a version that are remembered: all but one are lies.
    package var sizesMax = 8
    /// Localities of the peers that a version spread from.
    package var sourcesMax = 64

    package init() {}
}
