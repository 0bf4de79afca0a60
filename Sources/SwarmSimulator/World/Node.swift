import SwarmCore
import SwarmModel

/// One host: the machines of its process, what their driver keeps beside them, and its disk.
struct Node {
    let host: Scenario.Host
    // Of the host, beside it because they are asked for at every packet.
    let vice: Plan.Vice
    let hasBadDisk: Bool
    let place: Int
    var swarm: Swarm
    var announcer: Announcer {
        didSet { announceAt = announcer.deadline }
    }
    /// When it wants to be asked next: looked up at every packet.
    private(set) var announceAt: Instant?
    var peer: PeerID
    /// Counts processes; what was meant for an earlier one is dropped.
    var life: Int32 = 0
    var isAlive = false
    var isPaused = false
    var tickAt: Instant?
    /// When its half last let it tick: of several planned for one moment the first counts.
    var tickedAt: Instant?
    /// What came while the process was paused.
    var backlog: [Due] = []
    /// When the last fact for the driver's queue arrives.
    var lastMailAt = Instant.origin

    var board = AssemblyBoard()
    var disk: Disk
    /// Indices of open connections, in no order.
    var connections: [Int32] = []
    /// Of stores, under way.
    var reads: [StoreRead] = []
    var rosterEpoch = RosterEpoch.none
    /// The hashes that came with the message at hand do not prove.
    var areHashesAtHandWrong = false

    var wantedSince: Instant?
    /// The last piece was verified.
    var completedAt: Instant?
    var isPublished = false
    var connectionsPeak = 0

    init(_ host: Scenario.Host, swarm: Swarm, announcer: Announcer, disk: Disk) {
        self.host = host
        vice = host.vice
        hasBadDisk = host.hasBadDisk
        place = host.place
        peer = swarm.me
        self.swarm = swarm
        self.announcer = announcer
        announceAt = announcer.deadline
        self.disk = disk
    }

    /// Nothing is left to do for it.
    var isFinished: Bool { isAlive && isPublished && swarm.isComplete && swarm.isSealed }

    // Mutating, so that the node is looked at where it is: it is large.

    /// What its machine learns of an answer of the tracker.
    mutating func facts(_ response: AnnounceResponse, isAfterFaults: Bool) -> [SwarmEvent] {
        guard case .success(let success) = response else { return [] }
        var facts: [SwarmEvent] = []
        let keepsStale = host.hasStaleRoster && rosterEpoch != .none && !isAfterFaults
        if let roster = success.roster, !keepsStale {
            rosterEpoch = roster.epoch
            facts.append(.rosterUpdated(roster))
        }
        facts.append(.peersLearned(success.peers))
        return facts
    }

    /// Whether its announcer has anything to hear or to do.
    mutating func mustPoll(at now: Instant) -> Bool {
        guard !host.isStore else { return false }
        if let announceAt, announceAt <= now { return true }
        return announcer.wantsPeersSooner != (swarm.connectionCount == 0 && !swarm.isComplete)
    }

    /// Tells the announcer whether there is nobody to ask.
    mutating func lookForPeers() {
        announcer.wantsPeersSooner = swarm.connectionCount == 0 && !swarm.isComplete
    }

    /// Nothing more is waited for: it has finished, needs nothing, or is dead for good.
    mutating func isSettled() -> Bool {
        !host.isWanter || isFinished || (wantedSince != nil && !isAlive)
    }
}

/// A fact on its way through a driver: it arrives a moment after what it tells of.
enum Mail {
    case event(SwarmEvent)
    case blockStored(RawBlock, BlockRange, ConnectionID, AssemblyBoard.Stored)
    case leavesChecked(HashRange, ConnectionID, attempt: Int?, areWrong: Bool)
    case hashesArrived(HashRange, ConnectionID, areWrong: Bool)
    case hashesWanted(HashRange, ConnectionID)
    case committed([PieceIndex])
    case sealed(FileIndex)
    case published
    case announceAnswered(AnnounceResponse)
    case announceFailed
    case scrub
    /// The request for a read is with the store.
    indirect case readBegins(OriginRead)

    /// Needs no more than the machine, so that it may be taken in beside what other nodes take in.
    var isForMachine: Bool {
        switch self {
        case .event, .announceAnswered: true
        default: false
        }
    }
}

/// What is on the agenda.
enum Due {
    case delivery(Delivery)
    /// Everything that arrives in one step of a wheel.
    case bucket(Int)
    case mail(node: Int32, life: Int32, Mail)
    case tick(node: Int32, life: Int32)
    case networkStep
    case blockLeft(connection: Int32, end: UInt8)
    case dialled(from: Int32, life: Int32, Endpoint)
    case start(node: Int32)
    case fault(Int)
    case faultsEnd
    case announce(node: Int32, life: Int32, AnnounceRequest)
    case trackerExpires
    indirect case leaseWord(LeaseWord, node: Int32, life: Int32, peer: PeerID)
    case sample
}
