package import SwarmModel

/// What this host can send, measured while it could have sent more: what it sends to peers that
/// want little says nothing.
package struct UplinkMeter: Sendable {
    private var rate: TransferRate
    package private(set) var bytesPerSecond: Int?

    package init(at now: Instant) { rate = TransferRate(at: now) }

    package mutating func sent(_ bytes: Int, at now: Instant) { rate.add(bytes, at: now) }

    /// To be called regularly; `isSaturated` when requests wait for their turn.
    package mutating func sample(isSaturated: Bool, at now: Instant) {
        guard isSaturated else { return }
        let current = Int(rate.bytesPerSecond(at: now))
        guard current > 0 else { return }
        guard let before = bytesPerSecond else {
            bytesPerSecond = current
            return
        }
        bytesPerSecond = before + (current - before) / 4
    }
}
