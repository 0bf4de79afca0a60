/// How a tracker rates the uplink of a member, so that all members rank it alike.
package struct UplinkRating: Hashable, Sendable {
    /// A power of two, in units of 32 MiB a second: a member imports in proportion to it. Coarse,
    /// since each change of it changes everybody's ranks.
    package var weight: UInt32
    /// Much slower than the others of its rack: never to import.
    package var isSlow: Bool

    package init(weight: UInt32, isSlow: Bool = false) {
        self.weight = weight
        self.isSlow = isSlow
    }

    package static let weights: ClosedRange<UInt32> = 1...1024
    package static let bytesPerSecondUnit: UInt64 = 32 << 20
    /// Of a member that has not been measured: 2 Gbit/s.
    package static let unmeasured = UplinkRating(weight: 8)

    /// The weight of a measured rate. Keeps the former one while the rate is within its reach, so
    /// that a rate between two weights does not go to and fro.
    package static func weight(bytesPerSecond rate: UInt64, former: UInt32?) -> UInt32 {
        let scaled = rate / (bytesPerSecondUnit / 16)
        if let former, scaled * 10 > UInt64(former) * 96, scaled * 10 < UInt64(former) * 272 {
            return former
        }
        var weight = weights.lowerBound
        // 1.4 lies half way between two powers of two.
        while weight < weights.upperBound, scaled * 10 > UInt64(weight) * 224 { weight *= 2 }
        return weight
    }
}
