import OrderedCollections
package import SwarmModel

/// A tracker's ledger: the reports of peers summed by swarm.
///
/// Peers report sums, so the book keeps the last report of each life of each peer and adds what a
/// new one has more: a repeated report, or one overtaken by a later one, changes nothing, and what
/// a departed peer moved stays in the sum. Soft state: after a restart of the tracker those that
/// are still there report their sums again, and only what departed before is gone.
///
/// Invariant: `entryCount` and `reporterCount` are the sums over all swarms.
package struct TrafficBook: Sendable {
    package let settings: TrafficBookSettings
    private var swarms: OrderedDictionary<SwarmID, Sums> = [:]
    package private(set) var reporterCount = 0
    /// Entries of the last reports of all reporters.
    package private(set) var entryCount = 0
    /// What all peers received since the tracker started, forgotten swarms included.
    package private(set) var levels = LevelBytes()
    private var lastSweep: Instant?

    package init(settings: TrafficBookSettings = .init()) { self.settings = settings }

    /// What became of a report.
    package enum Outcome: Hashable, Sendable {
        /// It is in the sums; the next one is welcome after this time.
        case entered(next: Duration)
        /// The same peer reported a moment ago; what it says now, it can say later.
        case tooSoon(retryAfter: Duration)
        /// There is no room for further reporters.
        case full(retryAfter: Duration)
    }

    struct ReporterID: Hashable, Sendable {
        var peer: PeerID
        var generation: UInt64
    }

    struct Reporter: Sendable {
        var received: TrafficLedger
        var sent: TrafficLedger
        var refetchedBytes: Int
        var hasSaidSize: Bool
        var reportedAt: Instant
        var isGone: Bool
        var entryCount: Int { received.entries.count + sent.entries.count }
    }

    struct Sums: Sendable {
        var received: TrafficLedger
        var sent: TrafficLedger
        var refetchedBytes = 0
        var reporters: OrderedDictionary<ReporterID, Reporter> = [:]
        var lives = 0
        var reportedAt: Instant
        var sizes: [SizeVote] = []
        var sources: [Locality] = []
    }

    /// How many lives of peers said that the version has this size: one that lies is outvoted.
    struct SizeVote: Hashable, Sendable {
        var bytes: Int
        var votes: Int
    }

    // MARK: Reports

    /// Enters a report that has no ``TrafficReport/flaw``.
    package mutating func enter(
        _ report: TrafficReport,
        in swarm: SwarmID,
        at now: Instant
    ) -> Outcome {
        let id = ReporterID(peer: report.peer, generation: report.generation)
        let known = swarms[swarm]?.reporters[id]
        if let known, !report.isLast, now < known.reportedAt + settings.spacingMin {
            return .tooSoon(retryAfter: known.reportedAt + settings.spacingMin - now)
        }
        let received = report.receivedLedger
        let sent = report.sentLedger
        let count = received.entries.count + sent.entries.count
        if !hasRoom(for: swarm, isNew: known == nil, entries: count - (known?.entryCount ?? 0)) {
            sweep(at: now)
            guard
                hasRoom(for: swarm, isNew: known == nil, entries: count - (known?.entryCount ?? 0))
            else { return .full(retryAfter: settings.silenceMax) }
        }
        if swarms[swarm] == nil { swarms[swarm] = makeSums(at: now) }
        add(report, id, received: received, sent: sent, in: swarm, at: now)
        return .entered(next: interval)
    }

    private func makeSums(at now: Instant) -> Sums {
        Sums(
            received: TrafficLedger(entriesMax: settings.entriesPerSwarmMax),
            sent: TrafficLedger(entriesMax: settings.entriesPerSwarmMax),
            reportedAt: now
        )
    }

    private mutating func add(
        _ report: TrafficReport,
        _ id: ReporterID,
        received: TrafficLedger,
        sent: TrafficLedger,
        in swarm: SwarmID,
        at now: Instant
    ) {
        let known = swarms[swarm]!.reporters[id]
        let more = received.increase(since: known?.received)
        levels.add(LevelBytes(more))
        swarms[swarm]!.received.add(more)
        swarms[swarm]!.sent.add(sent.increase(since: known?.sent))
        let refetched = max(0, report.refetchedBytes - (known?.refetchedBytes ?? 0))
        swarms[swarm]!.refetchedBytes.addClamped(refetched)
        swarms[swarm]!.reportedAt = now
        var reporter = Reporter(
            received: received,
            sent: sent,
            refetchedBytes: report.refetchedBytes,
            hasSaidSize: report.modelBytes != nil,
            reportedAt: now,
            isGone: report.isLast
        )
        if let known {
            // An old report that comes late must not make the next one count twice.
            reporter.received.raise(to: known.received)
            reporter.sent.raise(to: known.sent)
            reporter.refetchedBytes = max(reporter.refetchedBytes, known.refetchedBytes)
            reporter.isGone = reporter.isGone || known.isGone
            reporter.hasSaidSize = reporter.hasSaidSize || known.hasSaidSize
        } else {
            reporterCount += 1
            swarms[swarm]!.lives += 1
            if report.isSource { swarms[swarm]!.learn(source: report.locality, settings) }
        }
        if let size = report.modelBytes, known?.hasSaidSize != true {
            swarms[swarm]!.learn(size: size, settings)
        }
        entryCount += reporter.entryCount - (known?.entryCount ?? 0)
        swarms[swarm]!.reporters[id] = reporter
    }

    /// Longer when many report, so that the tracker reads a bounded number of reports a second.
    private var interval: Duration {
        let spread = Duration.seconds(1) * (reporterCount / settings.reportsPerSecondMax)
        return max(settings.intervalMin, spread)
    }

    // MARK: Room

    private func hasRoom(for swarm: SwarmID, isNew: Bool, entries: Int) -> Bool {
        (swarms[swarm] != nil || swarms.count < settings.swarmsMax)
            && (!isNew || reporterCount < settings.reportersMax)
            && (entries <= 0 || entryCount + entries <= settings.entriesMax)
    }

    /// Forgets the last reports of those that have gone or fallen silent, and then, if there are
    /// still as many swarms as may be, the one that was silent for longest. What they moved stays
    /// in the sums. Looks at everything, so it runs at most once a second.
    private mutating func sweep(at now: Instant) {
        if let lastSweep, now < lastSweep + .seconds(1) { return }
        lastSweep = now
        let settings = settings
        for id in swarms.keys {
            var (reporters, entries) = (0, 0)
            swarms[id]!.reporters.removeAll { _, known in
                let patience = known.isGone ? settings.goneMin : settings.silenceMax
                guard known.reportedAt + patience <= now else { return false }
                reporters += 1
                entries += known.entryCount
                return true
            }
            reporterCount -= reporters
            entryCount -= entries
        }
        guard swarms.count >= settings.swarmsMax,
            let oldest = swarms.min(by: { $0.value.reportedAt < $1.value.reportedAt }),
            oldest.value.reporters.isEmpty
        else { return }
        swarms.removeValue(forKey: oldest.key)
    }

    // MARK: Sums

    /// The traffic of a swarm since the tracker started; nil when nobody has reported any.
    package func traffic(of swarm: SwarmID) -> SwarmTraffic? {
        guard let sums = swarms[swarm] else { return nil }
        let size = sums.sizes.max { $0.votes < $1.votes }?.bytes
        return SwarmTraffic(
            modelBytes: size,
            received: sums.received,
            sent: sums.sent,
            refetchedBytes: sums.refetchedBytes,
            sources: sums.origins(modelBytes: size),
            reporters: sums.lives
        )
    }

    /// The swarms that have traffic, in the order of their first report.
    package var swarmIDs: [SwarmID] { Array(swarms.keys) }
}

extension TrafficBook.Sums {
    fileprivate mutating func learn(size: Int, _ settings: TrafficBookSettings) {
        if let index = sizes.firstIndex(where: { $0.bytes == size }) {
            sizes[index].votes += 1
        } else if sizes.count < settings.sizesMax {
            sizes.append(TrafficBook.SizeVote(bytes: size, votes: 1))
        }
    }

    /// Origins if any were read. Else those who had the version whole when they came, but not when
    /// their cloud took in a good part of it first: then they only came back.
    fileprivate func origins(modelBytes: Int?) -> [Locality] {
        let origins = received.origins
        if !origins.isEmpty { return origins }
        let clouds = received.coarsened(toLevel: 1)
        let known = sources.filter { $0 != .unknown }
        let first = known.filter { source in
            let cloud = source.ancestor(level: 1)
            let entered = clouds.bytes { $0.to == cloud && $0.from != cloud }
            return entered <= (modelBytes ?? 0) / 2
        }
        return first.isEmpty ? known : first
    }

    fileprivate mutating func learn(source: Locality, _ settings: TrafficBookSettings) {
        guard !sources.contains(source), sources.count < settings.sourcesMax else { return }
        sources.append(source)
    }
}

extension TrafficLedger {
    /// What each entry has more than in an earlier state.
    fileprivate func increase(since earlier: TrafficLedger?) -> TrafficLedger {
        guard let earlier else { return self }
        var more = TrafficLedger(entriesMax: entriesMax)
        for var entry in entries {
            let before = earlier.entry(like: entry)
            entry.bytes = max(0, entry.bytes - (before?.bytes ?? 0))
            let duplicates = entry.duplicateBytes - (before?.duplicateBytes ?? 0)
            entry.duplicateBytes = max(0, duplicates)
            if entry.bytes > 0 || entry.duplicateBytes > 0 { more.add(entry) }
        }
        more.addOther(
            Amount(
                bytes: max(0, other.bytes - earlier.other.bytes),
                duplicateBytes: max(0, other.duplicateBytes - earlier.other.duplicateBytes)
            )
        )
        return more
    }

    /// Makes every entry at least as large as in an earlier state.
    fileprivate mutating func raise(to earlier: TrafficLedger) {
        add(earlier.increase(since: self))
    }
}
