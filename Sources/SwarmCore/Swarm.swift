import OrderedCollections
package import SwarmModel

/// Everything one peer decides about one swarm: the root machine. It composes the small ones
/// (sessions, picker, exchanges, audits, book) and holds no rule of its own beyond their order.
///
/// Events come in through ``handle(_:at:into:)``, actions are appended, and ``deadline`` says when
/// to send a tick. It names bytes and never holds any.
package struct Swarm: Sendable {
    // First, beside each other, what is looked at at every event: when something is due.

    /// When to send a tick at the latest.
    package private(set) var deadline: Instant?
    var housekeepingAt: Instant
    var rechokeAt: Instant
    /// No blocks are asked for before then: the disk refused a write.
    package internal(set) var pausedUntil: Instant?
    /// When imports may begin; nil when they may.
    var settledAt: Instant?
    /// When the neighbours hear of what is untold; nil when nothing is.
    var gossipAt: Instant?
    /// When duties are to be found anew; nil while nothing has changed.
    var dutiesDueAt: Instant?
    /// A block became free that some other peer may be asked for.
    var mustRefill = false
    /// A connection has come or gone, or is of duty now, since the last count.
    var connectionsChanged = true
    /// Whether it chooses whom to be connected to, and does not take anybody.
    var isSelective = false
    /// Members are still coming, and it has heard of the first of them only.
    var isRosterPartial = false
    private(set) var isPart = false
    /// Connections that are still to be made, as of the last count.
    var connectionsLacking = 0
    /// Those of them that are not of duty.
    var besidesLacking = 0
    var commits: CommitQueue
    var layers: LayerExchange
    var metadata: MetadataExchange
    var audits: [PieceAudit] = []

    // Then what most events change.

    // Of the content: on its own, so that reading it copies nothing else.
    package private(set) var geometry: PieceGeometry?
    var sessions = SessionTable()
    package internal(set) var picker: PiecePicker?
    var intents: IntentBook
    /// Pieces and withdrawn intents that the neighbours have not heard of.
    var havesUntold: [PieceIndex] = []
    var withdrawals: [(piece: Int, level: Int)] = []
    var gossipedAt: Instant?
    var begunAt: OrderedDictionary<PieceIndex, Instant> = [:]
    var pieceTime = Duration.zero
    var importTime = Duration.zero
    /// Of the oldest import under way.
    var importAge = Duration.zero
    /// Imports that may be under way at once: one more for each that is done, so that a host whose
    /// downlink is narrow has not promised hundreds by the time that it knows.
    var importsMax = SchedulerSettings.importsAtStart
    /// Since when nothing is asked of anybody; nil while something is.
    var idleSince: Instant?
    /// How long it was so before, since something last came.
    var idleBefore = Duration.zero
    /// What the neighbours have heard of this host's uplink.
    var pace = SelfPace()
    let limits: RequestLimits
    package internal(set) var domains: Domains
    /// Ranges asked of a second peer in the endgame and not yet here: at most one for each peer.
    var copies: [EndgameCopy] = []
    /// Bytes that were asked of a second peer in the endgame, of all of them, ever.
    var hedgedBytes = 0
    /// Connections with requests of which none is with the transport.
    var uploadsWaiting: OrderedSet<ConnectionID> = []
    var slots: UploadSlots
    var uplink: UplinkMeter
    package internal(set) var ledger: Ledger
    var doubts = DoubtBook()
    var files = FileProgress()

    // And then the rest.

    package let me: PeerID
    package internal(set) var content: SwarmContent? {
        didSet {
            geometry = content?.geometry
            isPart = content?.isPart ?? false
        }
    }
    package internal(set) var pauseReason: String?
    var reader: OriginReader
    package internal(set) var book: PeerBook
    package internal(set) var roster: Roster
    /// Nil until the pieces are known.
    var duty: ImportDuty?
    /// Keys of the peers that it needs to be connected to, when it chooses.
    var dutyKeys: OrderedSet<UInt64> = []
    var dutiesFoundAt: Instant?
    /// Connections by the key of their peer, of ours only.
    var connectionOf: OrderedDictionary<UInt64, ConnectionID> = [:]
    var whereabouts: Whereabouts
    /// Files whose piece layer is not known yet: none of their pieces may be begun.
    var layersAwaited: [FileIndex] = []
    var departed = DepartedSenders()
    /// Where the next round of patience begins.
    var patienceCursor = 0
    /// Pieces imported although others came before, because they did not.
    package internal(set) var promotionCount = 0
    var random: SeededRandom
    package let settings: SwarmSettings

    /// How often sessions are looked over for silence, snubs and endgame.
    package static let housekeepingInterval = Duration.milliseconds(500)

    /// `content` is nil when the metainfo must come from peers (BEP 9).
    package init(
        me: PeerID,
        settings: SwarmSettings,
        random: SeededRandom,
        at now: Instant
    ) {
        var random = random
        self.me = me
        self.settings = settings
        limits = RequestLimits(settings)
        ledger = Ledger(at: settings.locality)
        book = PeerBook(settings: settings, random: random.fork())
        whereabouts = Whereabouts(countMax: settings.knownPeersMax)
        layers = LayerExchange([], settings: settings)
        metadata = MetadataExchange(settings: settings)
        commits = CommitQueue(settings: settings)
        // Takes nothing from the others' chances: seeds that found faults stay what they were.
        var spare = random
        _ = spare.next()
        reader = OriginReader(settings: settings.origin, random: spare.fork())
        self.random = random
        roster = Roster(me: me, settings: settings.scheduler)
        slots = Self.slots(settings)
        uplink = UplinkMeter(at: now)
        intents = IntentBook(holdMax: settings.scheduler.intentHoldMax)
        domains = Domains(mine: settings.locality, myKey: Roster.key(of: me))
        housekeepingAt = now + Self.housekeepingInterval
        rechokeAt = now + settings.rechokeInterval
    }

    /// Payload bytes sent to peers.
    package var uploadedBytes: Int { ledger.sent.totalBytes }
    package var isComplete: Bool { picker?.isComplete ?? false }
    /// Nothing is wanted of anybody: it is complete, or holds a part and no more.
    package var isSatisfied: Bool { isComplete || isPart }
    /// Every file is sealed: the view may appear.
    package var isSealed: Bool { content != nil && files.isAllSealed }

    package mutating func handle(
        _ event: SwarmEvent,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        switch event {
        case .connectionOpened, .dialFailed, .connectionClosed, .peersLearned, .rosterUpdated:
            handleConnection(event, at: now, into: &actions)
        case .received(let message, let id):
            receive(message, from: id, at: now, into: &actions)
        case .havesReceived(let numbers, let id):
            let isNotable = receiveHaves(numbers, from: id, at: now, into: &actions)
            // They come by the million, and most change nothing of what is to be done and when.
            if !isNotable, let deadline, now < deadline { return }
        case .blockArrived(let raw, let id, let result):
            blockArrived(raw, from: id, result, at: now, into: &actions)
        case .pieceVerified(let piece): pieceVerified(piece, at: now, into: &actions)
        case .pieceFailed(let piece, let senders):
            pieceFailed(piece, senders: senders, at: now, into: &actions)
        case .pieceAudited(let piece, let wrong):
            pieceAudited(piece, wrongBlocks: wrong, at: now, into: &actions)
        case .blockSent(let raw, let id):
            uploadFinished(raw, to: id, wasSent: true, at: now, into: &actions)
        case .blockUnreadable(let raw, let id):
            uploadFinished(raw, to: id, wasSent: false, at: now, into: &actions)
        case .hashesChecked, .layerCompleted, .hashesServed, .metadataArrived, .metadataRefuted,
            .contentKnown:
            handleContent(event, at: now, into: &actions)
        case .committed, .sealed, .damaged, .storageFailed:
            handleStorage(event, at: now, into: &actions)
        case .originsKnown, .leaseAnswered, .leaseRenewed, .originReadEnded:
            handleOrigin(event, at: now, into: &actions)
        case .tick: break
        }
        if now >= nextDeadline() ?? now { runTimers(at: now, into: &actions) }
        if mustRefill { refillAll(at: now, into: &actions) }
        if let due = gossipAt, due <= now { gossip(at: now, into: &actions) }
        reviewDuties(at: now)
        dialMore(at: now, into: &actions)
        deadline = nextDeadline()
    }

    /// The open connections, in the order of opening.
    package var connections: [PeerSession] { Array(sessions.values) }
    package var connectionCount: Int { sessions.count }

    /// Mutating, so that nothing is copied to find it.
    private mutating func nextDeadline() -> Instant? {
        var next = sessions.isEmpty ? nil : min(housekeepingAt, rechokeAt)
        next = earlier(next, commits.deadline)
        next = earlier(next, layers.deadline)
        next = earlier(next, metadata.deadline)
        next = earlier(next, pausedUntil)
        next = earlier(next, settledAt)
        next = earlier(next, gossipAt)
        next = earlier(next, dutiesDueAt)
        for audit in audits { next = earlier(next, audit.deadline) }
        next = earlier(next, originDeadline())
        return earlier(next, dialsDueAt())
    }

    /// Sends a message and notes that the connection is alive.
    mutating func send(
        _ message: PeerMessage,
        to id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        sessions.with(id) { $0.lastSentAt = now }
        actions.append(.send(message, to: id))
    }

    /// Commits what is verified, whatever its age: before the process ends.
    package mutating func flush(at now: Instant, into actions: inout [SwarmAction]) {
        if let pieces = commits.take(at: now, force: true) { actions.append(.commit(pieces)) }
        deadline = nextDeadline()
    }
}

/// A range that is asked of a peer although the picker knows it as asked of another.
struct EndgameCopy: Hashable, Sendable {
    var range: BlockRange
    var peer: ConnectionID
}

/// How far each file is: pieces still missing, and whether it is sealed.
struct FileProgress: Hashable, Sendable {
    private(set) var missing: [Int] = []
    private(set) var sealed: [Bool] = []
    private var unsealedCount = 0

    init() {}

    init(_ content: SwarmContent) {
        let geometry = content.geometry
        for file in geometry.files {
            let numbers = geometry.pieceNumbers(of: file)
            missing.append(numbers.count { !content.verified[bit: $0] })
            sealed.append(false)
            unsealedCount += 1
        }
        for file in content.sealed {
            markSealed(file)
            for copy in content.duplicates where copy.original == file { markSealed(copy.file) }
        }
        for file in geometry.files where geometry.length(of: file) == 0 { markSealed(file) }
    }

    var isAllSealed: Bool { unsealedCount == 0 }

    /// True when this was the last piece of the file.
    mutating func pieceVerified(in file: FileIndex) -> Bool {
        missing[file.number] -= 1
        return missing[file.number] == 0
    }

    mutating func pieceLost(in file: FileIndex) {
        missing[file.number] += 1
        markUnsealed(file)
    }

    mutating func markUnsealed(_ file: FileIndex) {
        guard sealed[file.number] else { return }
        sealed[file.number] = false
        unsealedCount += 1
    }

    /// All pieces are here, and the file is not sealed.
    func awaitsSeal(_ file: FileIndex) -> Bool {
        missing[file.number] == 0 && !sealed[file.number]
    }

    mutating func markSealed(_ file: FileIndex) {
        guard !sealed[file.number] else { return }
        sealed[file.number] = true
        unsealedCount -= 1
    }
}

/// Who was behind connections that have closed, so that a piece that fails later still has its
/// senders.
struct DepartedSenders: Hashable, Sendable {
    struct Sender: Hashable, Sendable {
        var id: ConnectionID
        var peer: PeerID
        var endpoint: Endpoint?
        var locality: Locality
    }
    private var senders: [Sender] = []
    /// Connections remembered: more than ever feed the pieces in progress at once.
    static let countMax = 1024

    mutating func remember(_ session: PeerSession) {
        if senders.count >= Self.countMax { senders.removeFirst() }
        senders.append(
            Sender(
                id: session.id,
                peer: session.facts.peer,
                endpoint: session.listenEndpoint,
                locality: session.locality
            )
        )
    }

    func sender(_ id: ConnectionID) -> Sender? { senders.last { $0.id == id } }
}
