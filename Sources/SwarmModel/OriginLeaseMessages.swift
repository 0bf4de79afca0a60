/// A peer's wish to read from an origin: which pieces it lacks and nobody near it has.
package struct LeaseWish: Hashable, Sendable {
    package var origin: OriginID
    /// Runs of pieces, the most wanted first.
    package var pieces: [Range<Int>]
    /// Most pieces in one lease.
    package var countMax: Int

    /// Most runs in one wish.
    package static let runsMax = 64

    package init(origin: OriginID, pieces: [Range<Int>], countMax: Int) {
        self.origin = origin
        self.pieces = pieces
        self.countMax = countMax
    }
}

/// The right to read a run of pieces from an origin until the lease's end. The number rises with
/// each lease, so an old one is never taken for a newer one.
package struct LeaseClaim: Hashable, Sendable {
    package var number: UInt64
    package var origin: OriginID
    package var pieces: Range<Int>

    package init(number: UInt64, origin: OriginID, pieces: Range<Int>) {
        self.number = number
        self.origin = origin
        self.pieces = pieces
    }
}

/// What the tracker says to a wish.
package enum LeaseAnswer: Hashable, Sendable {
    case granted(LeaseClaim, lifetime: Duration)
    /// Others are reading these pieces, or enough reads are under way; ask again after this.
    case wait(Duration)
    /// No tracker answered, or none that grants leases.
    case unanswered
}

/// How a lease ended.
package enum LeaseEnd: String, Hashable, Sendable {
    /// All its pieces were read and verified.
    case done
    /// The origin did not give them.
    case failed
    /// The holder has no use for it any more.
    case abandoned
}
