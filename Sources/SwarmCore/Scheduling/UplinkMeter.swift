package import SwarmModel

/// What this host can send, measured while it could have sent more: what it sends to peers that
/// want little says nothing.
package struct UplinkMeter: Sendable {
    private var rate: TransferRate
    private var smoothed: Int?
    private var sampleCount = 0
    /// Samples before anything is said: the first seconds of a transfer are of it, and not of the
    /// uplink, and each new rating changes ranks.
    private static let samplesMin = 10

    /// The same for neighbours, of whom only one far slower than the others is ranked anew.
    private static let samplesEarly = 3

    package var bytesPerSecond: Int? { sampleCount < Self.samplesMin ? nil : smoothed }
    package var earlyBytesPerSecond: Int? { sampleCount < Self.samplesEarly ? nil : smoothed }

    package init(at now: Instant) { rate = TransferRate(at: now) }

    package mutating func sent(_ bytes: Int, at now: Instant) { rate.add(bytes, at: now) }

    /// To be called regularly; `isSaturated` when requests wait for their turn.
    package mutating func sample(isSaturated: Bool, at now: Instant) {
        guard isSaturated else { return }
        let current = Int(rate.bytesPerSecond(at: now))
        guard current > 0 else { return }
        sampleCount = min(sampleCount + 1, Self.samplesMin)
        smoothed = smoothed.map { $0 + (current - $0) / 4 } ?? current
    }
}
