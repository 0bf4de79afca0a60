/// A small deterministic random generator (SplitMix64, Steele, Lea and Flood 2014): the only source
/// of chance in the pure targets, so that one seed replays one run.
package struct SeededRandom: RandomNumberGenerator, Sendable, Hashable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A duration spread evenly over `duration` ± `fraction` of it.
    package mutating func jittered(_ duration: Duration, by fraction: Double) -> Duration {
        let factor = 1 + fraction * (2 * Double.random(in: 0..<1, using: &self) - 1)
        return .nanoseconds(Int64(Double(duration.nanoseconds) * factor))
    }

    /// A number that can be used as the seed of an independent generator.
    package mutating func fork() -> SeededRandom { SeededRandom(seed: next()) }
}
