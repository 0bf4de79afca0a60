/// How a tracker rates the uplink of a member, so that all members rank it alike.
package struct UplinkRating: Hashable, Sendable {
    /// How much it can send beside the usual member of its swarm, whose weight is that of
    /// ``unmeasured``: a quarter, four times, and so on. A member imports in proportion to it.
    /// Coarse, since members hear of a change up to an interval apart, and until then disagree
    /// about the ranks of this member; among hosts of one kind there should be none.
    package var weight: UInt32
    /// Much slower than the others of its rack: never to import.
    package var isSlow: Bool

    package init(weight: UInt32, isSlow: Bool = false) {
        self.weight = weight
        self.isSlow = isSlow
    }

    package static let weights: ClosedRange<UInt32> = 1...1024
    /// Of a member that has not been measured: it is taken for usual.
    package static let unmeasured = UplinkRating(weight: 8)

    /// The weight of a measured rate, in bytes a second, beside the usual rate. Keeps the former
    /// one while the rate is within three times of what that stands for.
    package static func weight(
        bytesPerSecond rate: UInt64,
        usual: UInt64,
        former: UInt32?
    ) -> UInt32 {
        // Where the usual one is at 1024, and one of weight 1 at 128.
        let scaled = min(rate, 1 << 48) * 1024 / max(1, usual)
        func stands(for weight: UInt32, within factor: UInt64) -> Bool {
            let middle = UInt64(weight) * 1024 / UInt64(unmeasured.weight)
            return scaled <= middle * factor && scaled * factor >= middle
        }
        if let former, stands(for: former, within: 3) { return former }
        var weight: UInt32 = unmeasured.weight / 4
        // Twice lies half way between one and four times.
        while weight * 4 <= weights.upperBound, scaled > UInt64(weight) * 256 { weight *= 4 }
        return weight
    }
}
