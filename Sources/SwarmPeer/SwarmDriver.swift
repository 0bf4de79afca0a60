package import Logging
package import NIOCore
package import NIOPosix
package import SwarmCore
package import SwarmModel
package import SwarmRuntime
package import SwarmStorage

/// One swarm of this process: the shell around the machine ``Swarm``. It turns what connections,
/// the disk and the tracker report into events, and carries out the actions. It decides nothing.
///
/// Pinned to one event loop; facts of connections on other loops come in batches, one hop for each
/// read burst. Blocking work (commits, seals, hash serving) and requests to the tracker run in
/// child tasks of ``run()`` and report back.
package actor SwarmDriver {
    /// What a driver is given by its node.
    package struct Surroundings: Sendable {
        package var me: PeerID
        package var settings: SwarmSettings
        package var group: any EventLoopGroup
        package var transport: TransportResources
        package var threads: NIOThreadPool
        package var trackers: TrackerClient
        /// For the last announce: waits a second at most.
        package var farewells: TrackerClient
        package var traffic: TrafficClient
        /// For the last report: waits a second at most.
        package var lastTraffic: TrafficClient
        package var store: Store
        /// Where dials come from; nil lets the system choose.
        package var localAddress: Endpoint.Address?
        package var connectionNumbers: ConnectionNumbers
        package var logger: Logger
        package var seed: UInt64

        package init(
            me: PeerID,
            settings: SwarmSettings,
            group: any EventLoopGroup,
            transport: TransportResources,
            threads: NIOThreadPool,
            trackers: TrackerClient,
            farewells: TrackerClient,
            traffic: TrafficClient,
            lastTraffic: TrafficClient,
            store: Store,
            localAddress: Endpoint.Address?,
            connectionNumbers: ConnectionNumbers,
            logger: Logger,
            seed: UInt64
        ) {
            self.me = me
            self.settings = settings
            self.group = group
            self.transport = transport
            self.threads = threads
            self.trackers = trackers
            self.farewells = farewells
            self.traffic = traffic
            self.lastTraffic = lastTraffic
            self.store = store
            self.localAddress = localAddress
            self.connectionNumbers = connectionNumbers
            self.logger = logger
            self.seed = seed
        }
    }

    package nonisolated let infoHash: InfoHash
    nonisolated let loop: any EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.executor.asUnownedSerialExecutor()
    }

    let around: Surroundings
    let clock = MonotonicClock()
    let gate: VersionGate
    var logger: Logger

    var swarm: Swarm
    var announcer: Announcer
    var reporter: TrafficReporter
    /// The roster epoch last seen from each tracker.
    var rosterEpochs: [String: RosterEpoch] = [:]
    var transports: [ConnectionID: any PieceTransport] = [:]
    /// What a message carries beyond its value, kept while the core decides about the message.
    var hashesAtHand: [Digest] = []
    var metadataAtHand: [UInt8] = []
    var metadata: [UInt8] = []

    /// The names under which the version is visible here; the first is the one it is shown under.
    /// One is made up when the metainfo brings none.
    var names: [ModelReference]
    let makeFiles: @Sendable (VersionInfo) throws -> VersionFiles
    var files: VersionFiles? { gate.files }
    let origins: Origins
    /// Ends the reads that are under way.
    var readStops: [ConnectionID: AsyncStream<Void>.Continuation] = [:]
    /// What this peer publishes of the version, from its directory; nil when it fetches.
    let publishes: PartNumber?
    nonisolated var isServedInPlace: Bool { publishes != nil }

    var outcome: Outcome = .running
    private let outcomes = AsyncStream.makeStream(of: Outcome.self)
    let startedAt: Instant
    var finishedAt: Instant?
    var resumedBytes = 0
    /// Everything is sealed, and the disk had no room for the view.
    var isViewDue = false
    var trackerProblem: String?
    var counters = DriverCounters()

    /// Nearly always the one event that is being handled.
    private var eventsDue: [SwarmEvent] = []
    private var isInTurn = false
    private var isHandling = false
    private var timer: Scheduled<Void>?
    private var timerDue: Instant?
    private(set) var isStopping = false
    private var hasEnded = false
    private var endWaiters: [CheckedContinuation<Void, Never>] = []

    let jobs: Jobs

    /// How far the swarm got.
    package enum Outcome: Hashable, Sendable {
        case running
        /// Every file is sealed; the view is at the path, when the version has one.
        case complete(path: String?)
        case failed(String)
    }

    /// `files` is nil when the metainfo must come from peers; `makeFiles` opens the version then.
    package init(
        infoHash: InfoHash,
        reference: ModelReference?,
        trackers: [[String]],
        files: VersionFiles?,
        publishes part: PartNumber?,
        origins: Origins = Origins(),
        around: Surroundings,
        makeFiles: @escaping @Sendable (VersionInfo) throws -> VersionFiles
    ) {
        var random = SeededRandom(seed: around.seed)
        let now = MonotonicClock().now
        self.infoHash = infoHash
        names = reference.map { [$0] } ?? []
        self.around = around
        self.makeFiles = makeFiles
        publishes = part
        self.origins = origins
        loop = around.group.next()
        logger = around.logger
        logger[metadataKey: "swarm"] = "\(infoHash.swarmID.description.prefix(12))"
        gate = VersionGate(files)
        swarm = Swarm(
            me: around.me,
            settings: around.settings,
            random: random.fork(),
            at: now
        )
        announcer = Announcer(tiers: trackers, random: random.fork())
        reporter = TrafficReporter(random: random.fork())
        jobs = Jobs()
        startedAt = now
    }

    // MARK: Life

    /// Runs until ``stop()`` is called.
    package func run() async {
        if let files { begin(files) }
        beginOrigins()
        pollAnnouncer()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.runDisk() }
            group.addTask { await self.runHashServing() }
            group.addTask { await self.runAnnounces() }
            group.addTask { await self.runReports() }
            group.addTask { await self.runDials() }
            group.addTask { await self.runLeases() }
            group.addTask { await self.runReads() }
        }
        hasEnded = true
        for waiter in endWaiters { waiter.resume() }
        endWaiters = []
    }

    /// Waits until ``run()`` has ended, so that nothing uses the version's files any more.
    package func ended() async {
        guard !hasEnded else { return }
        await withCheckedContinuation { endWaiters.append($0) }
    }

    /// Lets go of the version's files, after ``ended()``.
    func letGo() { gate.close() }

    /// Commits what is verified, tells the tracker, closes the connections and ends ``run()``.
    package func stop() async {
        guard !isStopping else { return }
        isStopping = true
        timer?.cancel()
        var actions: [SwarmAction] = []
        swarm.flush(at: clock.now, into: &actions)
        perform(actions)
        for transport in transports.values { transport.close(.localRequest("stopping")) }
        for stop in readStops.values { stop.finish() }
        jobs.reads.finish()
        jobs.leases.finish()
        jobs.dials.finish()
        jobs.hashServes.finish()
        jobs.disk.finish()
        jobs.reports.finish()
        announcer.stop()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.sayLastFigures() }
            group.addTask { await self.sayGoodbye() }
        }
        resolve(.failed("stopped"))
    }

    func resolve(_ result: Outcome) {
        guard outcome == .running else { return }
        outcome = result
        outcomes.continuation.yield(result)
        outcomes.continuation.finish()
    }

    /// Waits until the version is complete or can never be, or the task is cancelled, which gives
    /// `.running`. For one caller.
    package func result() async -> Outcome {
        for await result in outcomes.stream { return result }
        return outcome
    }

    /// The version's files are open: the core learns what is here.
    func begin(_ files: VersionFiles) {
        if names.isEmpty { names = [ModelReference(fallbackFor: files.info)] }
        let content = files.content()
        resumedBytes = Self.bytes(content.verified, content.geometry)
        handle(.contentKnown(content))
        if content.verified.isFull { finishedAt = startedAt }
    }

    static func bytes(_ pieces: Bitfield, _ geometry: PieceGeometry) -> Int {
        pieces.members.reduce(0) { sum, number in
            sum + (geometry.piece(number).map { geometry.length(of: $0) } ?? 0)
        }
    }

    // MARK: Events and time

    /// Gives the core an event and carries out what it answers. An event that comes from carrying
    /// out an action (hashes that were checked) waits until all actions of its list are done.
    func handle(_ event: SwarmEvent) {
        if case .committed = event { counters.journalCommits += 1 }
        eventsDue.append(event)
        guard !isHandling else { return }
        isHandling = true
        while !eventsDue.isEmpty {
            var actions: [SwarmAction] = []
            swarm.handle(eventsDue.removeFirst(), at: clock.now, into: &actions)
            perform(actions)
        }
        isHandling = false
        retryView()
        if !isInTurn { schedule() }
    }

    /// Handles what came together. Its actions are carried out event by event; the timer, which no
    /// time passes for in between, is set once.
    func inOneTurn(_ body: () -> Void) {
        isInTurn = true
        body()
        isInTurn = false
        schedule()
    }

    /// Makes the version visible under a further name: the same bytes may be published as two
    /// versions.
    package func add(_ name: ModelReference) {
        guard !names.contains(name) else { return }
        names.append(name)
        if case .complete = outcome { jobs.disk.add(.publishView) }
    }

    /// Peers from elsewhere than a tracker, such as the command line.
    package func learn(_ endpoints: [Endpoint]) { handle(.peersLearned(endpoints)) }

    /// One timer, at the earliest of the machines' deadlines.
    func schedule() {
        guard !isStopping else { return }
        let due = earlier(earlier(swarm.deadline, announcer.deadline), reporter.deadline)
        guard due != timerDue || timer == nil else { return }
        timer?.cancel()
        timerDue = due
        guard let due else {
            timer = nil
            return
        }
        timer = loop.assumeIsolated().scheduleTask(deadline: NIODeadline(due)) {
            self.assumeIsolated { $0.timerFired() }
        }
    }

    private func timerFired() {
        timer = nil
        timerDue = nil
        handle(.tick)
        pollAnnouncer()
        pollReporter()
        schedule()
    }
}

/// Numbers connections of the whole process.
package final class ConnectionNumbers: Sendable {
    private let last = Locked<UInt64>(0)
    package init() {}
    package func next() -> ConnectionID {
        ConnectionID(
            last.withLock {
                $0 += 1
                return $0
            }
        )
    }
}
