package import SwarmModel

/// The domains around this host, nested: level 0 is the fleet, 1 its cloud, and so on to ``top``,
/// its rack. The level of another host is that of the narrowest domain that both are in.
package struct Domains: Hashable, Sendable {
    package let mine: Locality
    /// Labels that count: all, or one for a small version.
    private let labelsMax: Int
    /// Into how many synthetic sub-domains the narrowest domain is split: a power of two.
    package let bucketCount: Int
    private let myKey: UInt64

    package init(mine: Locality, labelsMax: Int = .max, bucketCount: Int = 1, myKey: UInt64) {
        precondition(bucketCount.nonzeroBitCount == 1, "buckets are a power of two")
        self.mine = mine
        self.labelsMax = labelsMax
        self.bucketCount = bucketCount
        self.myKey = myKey
    }

    /// The level of the narrowest domain with a label of its own.
    package var leaf: Int { min(mine.labels.count, labelsMax) }
    /// The level of the narrowest domain: within it every transfer is allowed.
    package var top: Int { leaf + (bucketCount > 1 ? 1 : 0) }

    /// The level of a host. A host of unknown locality shares only the fleet with others; to one of
    /// unknown locality everybody is near, since it cannot tell.
    package func level(of locality: Locality, key: UInt64) -> Int {
        let common = min(mine.commonLevels(with: locality), leaf)
        guard common == leaf, bucketCount > 1 else { return common }
        return bucket(of: key) == bucket(of: myKey) ? leaf + 1 : leaf
    }

    private func bucket(of key: UInt64) -> UInt64 {
        key >> UInt64(64 - bucketCount.trailingZeroBitCount)
    }
}
