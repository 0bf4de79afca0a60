/// A swarm's traffic and its bill, as a tracker shows them.
package struct TrafficView: Hashable, Sendable, Codable {
    /// Size of the version; nil while no peer that knows it has reported.
    package var modelBytes: Int?
    /// Lives of peers that have reported.
    package var reporters: Int
    /// As the receivers booked it, duplicates included.
    package var receivedBytes: Int
    /// As the senders booked it; origins book nothing.
    package var sentBytes: Int
    package var originBytes: Int
    /// Received more than once, or received and not kept.
    package var duplicateBytes: Int
    /// Part of ``receivedBytes`` whose ends are not kept apart.
    package var otherBytes: Int
    /// The matrix: what receivers booked.
    package var entries: [TrafficLedger.Entry]
    /// What crossed each boundary, wide ones first.
    package var domains: [ScenarioReport.Domain]
    /// Where the version spread from; the origin of ``costOriginOnlyUSD``.
    package var sources: [Locality]
    package var costUSD: Double
    /// Nil when no source is known.
    package var costOriginOnlyUSD: Double?
    package var unpricedBytes: Int
    package var prices: Prices

    /// Which prices the bill was made with.
    package struct Prices: Hashable, Sendable, Codable {
        package var source: String
        package var date: String
    }

    /// `members` are the localities of the hosts that are in the swarm now, for the count in each
    /// domain.
    package init(_ traffic: SwarmTraffic, members: [Locality], prices: EgressPrices) {
        let received = traffic.received
        let bill = received.bill(at: prices, sources: traffic.sources)
        modelBytes = traffic.modelBytes
        reporters = traffic.reporters
        receivedBytes = received.totalBytes
        sentBytes = traffic.sent.totalBytes
        originBytes = received.originBytes
        duplicateBytes = received.duplicateBytes
        duplicateBytes.addClamped(traffic.refetchedBytes)
        otherBytes = received.other.bytes
        entries = received.entries
        domains = received.domains(of: members, modelBytes: traffic.modelBytes ?? 0)
        sources = traffic.sources
        costUSD = bill.costUSD
        costOriginOnlyUSD = bill.costOriginOnlyUSD
        unpricedBytes = bill.unpricedBytes
        self.prices = Prices(source: prices.source, date: prices.date)
    }
}
