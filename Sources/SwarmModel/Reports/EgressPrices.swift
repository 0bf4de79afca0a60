/// What a gigabyte (10⁹ bytes) costs that leaves a rack, region or cloud, in USD. The sender pays,
/// so the price is that of the sender's cloud.
package struct EgressPrices: Hashable, Sendable {
    /// The list of one cloud.
    package struct Cloud: Hashable, Sendable {
        /// First label of a locality.
        package var name: String
        /// Between racks or zones of one region.
        package var withinRegion: Double
        package var betweenRegions: Double
        package var toOtherClouds: Double

        package init(
            _ name: String,
            withinRegion: Double,
            betweenRegions: Double,
            toOtherClouds: Double
        ) {
            self.name = name
            self.withinRegion = withinRegion
            self.betweenRegions = betweenRegions
            self.toOtherClouds = toOtherClouds
        }
    }

    package var clouds: [Cloud]
    /// For clouds that are not in the list.
    package var other: Cloud

    package init(clouds: [Cloud], other: Cloud) {
        self.clouds = clouds
        self.other = other
    }

    /// List prices of 2026 for the first tier, the United States. Bills have tiers, discounts and
    /// exceptions: these tell one design from another and are no invoice.
    package static let defaults = EgressPrices(
        clouds: [
            Cloud("aws", withinRegion: 0, betweenRegions: 0.02, toOtherClouds: 0.09),
            Cloud("gcp", withinRegion: 0, betweenRegions: 0.02, toOtherClouds: 0.12),
            Cloud("azure", withinRegion: 0, betweenRegions: 0.02, toOtherClouds: 0.087),
            Cloud("coreweave", withinRegion: 0, betweenRegions: 0, toOtherClouds: 0),
            Cloud("nebius", withinRegion: 0, betweenRegions: 0, toOtherClouds: 0),
            Cloud("oci", withinRegion: 0, betweenRegions: 0, toOtherClouds: 0.0085),
        ],
        other: Cloud("", withinRegion: 0, betweenRegions: 0.02, toOtherClouds: 0.09)
    )

    /// USD for each gigabyte from one place to another. Unknown places are free: nothing is
    /// claimed of what was not measured.
    package func perGigabyte(from: Locality, to: Locality) -> Double {
        guard let sender = from.labels.first, !to.labels.isEmpty else { return 0 }
        let cloud = clouds.first { $0.name == sender } ?? other
        switch from.commonLevels(with: to) {
        case 0: return cloud.toOtherClouds
        case 1: return cloud.betweenRegions
        case 2: return cloud.withinRegion
        default: return 0
        }
    }

    package func cost(ofBytes bytes: Int, from: Locality, to: Locality) -> Double {
        Double(bytes) / 1e9 * perGigabyte(from: from, to: to)
    }
}
