internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime

/// Drives the leases: hands the machine the time and keeps requests apart.
struct LeaseDriver: Sendable {
    private let leases: Locked<OriginLeases>
    private let clock = MonotonicClock()

    /// `firstNumber` is above those of earlier processes, which there may have been if
    /// `hasPredecessor`.
    init(settings: OriginLeaseSettings, firstNumber: UInt64, hasPredecessor: Bool) {
        leases = Locked(
            OriginLeases(
                settings: settings,
                firstNumber: firstNumber,
                hasPredecessor: hasPredecessor,
                at: MonotonicClock().now
            )
        )
    }

    func ask(_ wish: LeaseWish, in swarm: SwarmID, by peer: PeerID) -> LeaseAnswer {
        let now = clock.now
        return leases.withLock { $0.ask(wish, in: swarm, by: peer, at: now) }
    }

    func renew(_ claim: LeaseClaim, in swarm: SwarmID, by peer: PeerID) -> Duration? {
        let now = clock.now
        return leases.withLock { $0.renew(claim, in: swarm, by: peer, at: now) }
    }

    func end(_ claim: LeaseClaim, _ end: LeaseEnd, in swarm: SwarmID, by peer: PeerID) {
        let now = clock.now
        leases.withLock { $0.end(claim, end, in: swarm, by: peer, at: now) }
    }
}
