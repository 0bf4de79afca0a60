/// The knobs of the scheduler: which peer may fetch which piece over which boundary.
/// `Docs/Scheduling.md` explains the rules. Peers of one swarm should have the same values: where
/// they differ, a piece crosses a boundary twice now and then, and nothing stalls.
package struct SchedulerSettings: Hashable, Sendable {
    /// How a peer chooses among those that have a piece.
    package enum Policy: String, Hashable, Sendable, Codable, CaseIterable {
        /// One importer for each piece and boundary: the nearest holder, or wait for it.
        case nearestScope
        /// The nearest holder, and any other when there is none near: what locality-aware
        /// BitTorrent clients do. Sends several copies over each boundary.
        case localityBiased
        /// Rarest first, wherever it is: what BitTorrent does.
        case randomRarest
    }

    package var policy = Policy.nearestScope

    /// How long a peer that has nothing else to do waits for each member that should import before
    /// it: the least and most, and between them a multiple of the time an import takes. Shorter
    /// replaces a dead importer sooner and sends more copies when the source is slow; between 0.25
    /// s and 8 s it changed little in simulation.
    package var patience = Duration.seconds(1)
    package var patienceMax = Duration.seconds(30)
    package var patienceImportTimes = 4.0
    /// Members further back in the rank than this wait an even draw longer, up to
    /// ``patienceSpread`` times more, rather than for each one before them: a rank of 4,000 must
    /// not wait an hour when the roster is wrong.
    package var patienceRanks = 8
    package var patienceSpread = 24

    /// After the roster is here, how long no import is begun: those that start together learn of
    /// each other first, or the first of them would import everything. Costs that much at each
    /// start of a peer with a locality.
    package var settleTime = Duration.milliseconds(500)
    /// The same in a fleet too large for everybody to know everybody while members are coming: the
    /// tracker is asked again after a second (``TrackerRegistrySettings/intervalGrowing``), and who
    /// acted on the first answer would import what is another's.
    package var settleTimeGrowing = Duration.milliseconds(1500)
    /// How long a roster is waited for, from the start.
    package var rosterWait = Duration.seconds(2)

    /// Versions below this many bytes only mind the boundary of the cloud: nesting would cost more
    /// time in hops than a second copy within a cloud costs in transfer.
    package var smallModelBytes = 64 << 20
    /// Members of one rack, or of whatever the narrowest domain is, above which it is split into
    /// synthetic sub-domains by hash, so that the fan-out of a holder stays bounded.
    package var domainMembersMax = 256

    /// How long haves and intents are gathered before they are sent; nothing is slower below 200
    /// ms, and each burst is one write to each neighbour.
    package var gossipDelay = Duration.milliseconds(20)
    /// How long an intent holds others off at least; three times a piece's time when that is more.
    /// Repeated at half of it. Shorter imports twice when the source stutters; longer waits for
    /// an importer that died and left its connection open.
    package var intentLifetime = Duration.seconds(5)
    /// How long one host's intents may hold others off one piece, and then for how long not: at
    /// least, and as a multiple of the time that an import takes.
    package var intentHoldMax = Duration.seconds(60)
    package var intentHoldImportTimes = 8.0

    /// How long a holder that chokes still counts as one. Shorter imports a second copy when the
    /// near ones are busy; longer waits for a neighbour that never serves.
    package var chokeGrace = Duration.seconds(2)

    /// Pieces are ranked in so many groups. More spread imports more evenly over the members of a
    /// domain, fewer need fewer connections: a host of a rack of eight needs about `rankGroups / 8
    /// × dutyRanks` sources.
    package var rankGroups = 64

    /// Imports under way at once before any is done. Fewer begin slowly, more are held up by a
    /// host that is slow and does not know it yet.
    package static let importsAtStart = 8

    // MARK: Connections

    /// In a fleet larger than ``SwarmSettings/connectionsWanted``: for each group that this host
    /// imports, how many of the first ranks of the domain that they come from it connects to.
    /// One would do while nobody fails.
    package var dutyRanks = 3
    /// Connections beside those of duty: other clients, and a way out of a wrong roster.
    package var connectionsBesides = 8

    // MARK: Slots

    /// Peers sent to at once within the region and beyond it, while the uplink is not known. More
    /// make every piece slower, fewer leave a fast uplink idle.
    package var nearSlots = 16
    package var farSlots = 8
    /// What this host can send, in bytes a second, when it is known: the slots follow from it.
    package var uplinkBytesPerSecond: Int?
    /// This host's share of what its region can send, when that is known and less.
    package var regionEgressShare: Int?
    /// What one transfer gets of a link: 1.25 Gbit/s near and 0.5 Gbit/s far.
    package var nearSlotBytesPerSecond = 156_250_000
    package var farSlotBytesPerSecond = 62_500_000
    package var nearSlotsMin = 3
    package var nearSlotsMax = 40
    /// Bytes, or time, after which a peer gives its slot up to one that waits. Longer makes those
    /// that wait take the source for dead (``SwarmSettings/snubAfter``).
    package var turnBytes = 8 << 20
    package var turnTime = Duration.seconds(1)
    /// A peer that takes nothing for this long while others do gives its slot up, and after the
    /// longer time when no other does either.
    package var slotStall = Duration.seconds(1)
    package var slotStallMax = Duration.seconds(10)
    /// How often a peer that waits for its turn hears that it does: well below
    /// ``SwarmSettings/snubAfter``, after which it would take this host for dead.
    package var queuedNotice = Duration.milliseconds(500)
    /// For how long such notices are believed while no block comes: a multiple of the time that an
    /// import takes, at least and at most.
    package var queuedMin = Duration.seconds(30)
    package var queuedMax = Duration.seconds(300)

    // MARK: Hedging

    /// In the endgame, the share of the version, and at least so many bytes, that may be asked of a
    /// second peer. What is not needed of it arrives twice.
    package var hedgeShareMax = 0.005
    package var hedgeBytesMin = 1 << 20

    // MARK: Bounds

    /// Members kept of all rosters together: 8,192 are what a tracker keeps of a swarm.
    package var rosterMembersMax = 16_384
    /// A tracker silent for this long while others speak is forgotten with the members that only
    /// it lists; also how long the members of a tracker's earlier life are kept.
    package var rosterLifetime = Duration.seconds(300)

    package init() {}
}
