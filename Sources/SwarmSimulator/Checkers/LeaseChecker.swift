import SwarmCore
import SwarmModel

/// Which leases the tracker has given, kept beside its own book.
struct LeaseState {
    struct Grant {
        var claim: LeaseClaim
        var node: Int
        /// The process of the host.
        var life: Int32
        var peer: PeerID
        var until: Instant
        var isOver = false
    }
    var grants: [Grant] = []
    /// Somebody asked and was not answered: from then on hosts may read on their own.
    var trackerWasDown = false
}

/// Leases (reliability R1): a piece is leased to one host at a time, nobody reads an origin without
/// a lease while the tracker answers, and no origin has more readers than it may have.
extension Simulation {
    mutating func checkGrant(
        _ claim: LeaseClaim,
        _ node: Int,
        _ life: Int32,
        until: Instant
    ) {
        checks.see("lease")
        checks.leases.grants.removeAll { $0.isOver || $0.until <= now }
        let other = checks.leases.grants.first {
            $0.claim.pieces.overlaps(claim.pieces) && isReading($0)
        }
        if let other {
            checks.fail(
                .safety,
                "lease",
                node,
                "is given pieces \(claim.pieces), of which host \(other.node) has "
                    + "\(other.claim.pieces) for another "
                    + "\((other.until - now).inSeconds) s"
            )
        }
        checks.leases.grants.append(
            LeaseState.Grant(
                claim: claim,
                node: node,
                life: life,
                peer: nodes[node].peer,
                until: until
            )
        )
    }

    /// The holder can renew what it holds: of one that cannot, a new tracker does not hear.
    private func isReading(_ grant: LeaseState.Grant) -> Bool {
        let holder = nodes[grant.node]
        return holder.isAlive && holder.life == grant.life && !holder.isPaused
    }

    mutating func leaseHeld(_ claim: LeaseClaim, _ node: Int, _ life: Int32, until: Instant) {
        let index = checks.leases.grants.firstIndex { $0.claim == claim && $0.life == life }
        guard let index else { return }
        checks.leases.grants[index].until = until
    }

    mutating func leaseEnded(_ claim: LeaseClaim, _ node: Int, _ life: Int32) {
        let index = checks.leases.grants.firstIndex {
            $0.claim == claim && $0.node == node && $0.life == life
        }
        if let index { checks.leases.grants[index].isOver = true }
    }

    /// A read begins: under a lease, unless no tracker answers.
    mutating func checkRead(_ order: OriginRead, _ node: Int) {
        checks.see("read of a store")
        let first = scenario.geometry.pieceNumbers(of: order.file).lowerBound
        let piece = first + order.bytes.lowerBound / scenario.geometry.pieceLength
        let isLeased = checks.leases.grants.contains {
            $0.node == node && $0.life == nodes[node].life && $0.claim.pieces.contains(piece)
        }
        guard !isLeased else { return }
        checks.see("read without a lease")
        if !checks.leases.trackerWasDown {
            checks.fail(
                .safety,
                "lease",
                node,
                "reads piece \(piece) without a lease, and the tracker has always answered"
            )
        }
    }

    /// No storm: readers of a store are bounded by the tracker's leases, whatever the fleet's size.
    mutating func checkStoreLoad(_ store: Int) {
        let settings = OriginLeaseSettings()
        let limit = settings.leasesPerOriginMax * OriginSettings().readsMax
        let readers = nodes[store].connections.count
        guard readers > limit, !checks.leases.trackerWasDown else { return }
        checks.fail(.safety, "lease", store, "\(readers) reads at once, more than \(limit)")
    }
}
