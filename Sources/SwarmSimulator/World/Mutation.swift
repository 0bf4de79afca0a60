/// Bugs that the simulator plants between the machines and their world, to see that its checkers
/// find them. They are made in the simulated driver, disk and tracker, so that production code has
/// none of them.
package enum Mutation: String, Sendable, CaseIterable {
    /// A piece counts as verified whatever its blocks are.
    case skipVerification
    /// A piece is announced when it is begun.
    case announceEarly
    /// The journal names pieces before their data is synced.
    case journalBeforeData
    /// A restarted process believes what it wrote and did not sync.
    case trustUnsynced
    /// A failed piece is put down to a peer that sent nothing of it.
    case blameNeighbour
    /// The connection of a banned peer stays open.
    case keepBanned
    /// Now and then a whole piece is forgotten before the core hears of it.
    case forgetPiece
    /// An unchoke is lost now and then.
    case loseUnchoke
    /// Each request is sent twice.
    case askTwice
    /// The view appears when the first file is sealed.
    case publishEarly
    /// A file is sealed without reading it back.
    case sealUnread
    /// Damage that a scrub finds is not told to the core.
    case hideDamage
    /// One host in three never hears its timer.
    case deafTimer
    /// The tracker forgets nobody who falls silent.
    case rememberTheDead
    /// No host hears what another is about to import.
    case forgetIntents
    /// A host waits for no importer once it is idle.
    case impatient
    /// Imports begin before those that started together have heard of each other.
    case unsettled
    /// One host in four takes itself for a member of another rack.
    case misplaced
    /// A lease lives on when its holder has died.
    case keepLeases
    /// The tracker forgets now and then what it has leased.
    case leaseTwice

    // Of rollouts.

    /// A tracker that starts takes the epoch of the one before.
    case keepEpoch
    /// Commands are shown to hosts, and not written down.
    case loseCommands
    /// An abort is obeyed, and not written down.
    case loseReturns
    /// A host counts its record as durable before it is.
    case trustUnwritten
    /// A host begins without the record of its last life.
    case forgetRecord
    /// Twice as many hosts of a domain may be out of service.
    case doubleBudget
    /// Regions and clouds have no limit of their own.
    case racksOnly
    /// An approval is taken for the wave at hand, whichever was meant.
    case approveWhatever
    /// A host that waits at the tracker is not told of news.
    case deafDesks
    /// The tracker never hears its timer.
    case deafTracker

    /// Whether it is one of rollouts, and not of swarms.
    package var isOfRollouts: Bool {
        switch self {
        case .keepEpoch, .loseCommands, .loseReturns, .trustUnwritten, .forgetRecord,
            .doubleBudget, .racksOnly, .approveWhatever, .deafDesks, .deafTracker:
            true
        default: false
        }
    }
}
