/// What is known of a swarm's traffic: the sums of its peers' ledgers.
package struct SwarmTraffic: Hashable, Sendable {
    /// Size of the version; nil when no peer that knows it has reported.
    package var modelBytes: Int?
    /// As the receivers booked it: what copies and cost are computed from.
    package var received: TrafficLedger
    /// As the senders booked it. Less than received where a sender has not reported yet, more where
    /// a receiver has not or is another client.
    package var sent: TrafficLedger
    package var refetchedBytes: Int
    /// Where the version spread from: origins if any were read, else those who had it whole.
    package var sources: [Locality]
    /// Lives of peers that reported.
    package var reporters: Int

    package init(
        modelBytes: Int?,
        received: TrafficLedger,
        sent: TrafficLedger,
        refetchedBytes: Int,
        sources: [Locality],
        reporters: Int
    ) {
        self.modelBytes = modelBytes
        self.received = received
        self.sent = sent
        self.refetchedBytes = refetchedBytes
        self.sources = sources
        self.reporters = reporters
    }
}
