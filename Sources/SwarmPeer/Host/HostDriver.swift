package import AsyncHTTPClient
import Foundation
package import Logging
import NIOPosix
import SwarmCore
import SwarmHash
import SwarmModel
package import SwarmRuntime
import SwarmStorage
import SwarmWire

/// The models of this host: the shell around the machine ``HostModels``. It tells it of versions,
/// the tracker's wish and the operator's, and carries out what it answers: on the disk, by hooks
/// and probes, and by joining swarms. It decides nothing.
package actor HostDriver {
    let node: PeerNode
    let settings: HostSettings
    let http: HTTPClient
    let logger: Logger
    let catalogs: [CatalogClient]
    let trackers: [TrackerAddress]
    let clock = MonotonicClock()

    private(set) var machine: HostModels
    /// Versions that can be read under `models/`.
    private(set) var visible: Set<ModelReference> = []
    private var hookEnds: [ModelName: Bell] = [:]
    /// Why the tracker and this host do not talk; nil when they do.
    var syncProblem: String?
    /// For metrics.
    var counters = HostCounters()
    /// What was found of the disk last.
    var diskUse: HostReport.Disk?
    private(set) var isStopping = false

    /// In their order: at most one record for each event, and one switch for each model.
    private let disk = JobQueue<DiskJob>()
    /// At most one hook and one probe for each model, and a fetch for each version wanted.
    private let jobs = JobQueue<Job>()
    private let timer = Bell()
    private let watch = Bell()
    /// There is something that the tracker should hear.
    let news = Bell()
    let scrubs = Bell()
    /// The version to read next, because somebody found it damaged.
    var scrubFirst: ModelReference?
    /// One version at a time is given room.
    let admission = Turnstile()

    private enum DiskJob: Sendable {
        case record(HostRecord, sequence: Int)
        case current(ModelName, version: String?)
    }

    private enum Job: Sendable {
        case hook(ModelName, HookCall, end: Bell)
        case probe(ModelName, version: String, number: Int)
        case fetch(ModelReference, InfoHash)
    }

    /// Reads what the host remembers. `catalogs` are asked for the metainfo of versions by name.
    ///
    /// - Throws: `PeerError` when the record is there and cannot be read: a host that forgot which
    ///   commands it obeyed could obey an old one again.
    package init(
        node: PeerNode,
        catalogs: [CatalogClient],
        http: HTTPClient,
        logger: Logger
    ) throws {
        self.node = node
        self.catalogs = catalogs
        self.http = http
        self.logger = logger
        settings = node.settings.host
        trackers = node.settings.trackers.compactMap { TrackerAddress($0) }
        machine = HostModels(try Self.record(of: node.store), settings: settings.machine)
    }

    private static func record(of store: Store) throws -> HostRecord {
        guard let bytes = try store.hostRecord() else { return HostRecord() }
        let flaw: String
        do {
            let record = try JSONDecoder().decode(HostRecord.self, from: Data(bytes))
            guard let found = record.flaw else { return record }
            flaw = found
        } catch {
            flaw = "\(error)"
        }
        throw PeerError(
            .storage,
            "'\(store.layout.hostRecord)' is damaged: \(flaw). It says which versions serve "
                + "and which commands were obeyed: restore it from a backup, or move it away, "
                + "after which the host obeys the tracker's present commands anew"
        )
    }

    // MARK: Life

    /// Goes on where an earlier process ended, and runs until ``stop()``. The node's versions have
    /// been opened.
    package func run() async {
        for name in machine.modelNames {
            await HookNote.endLeftover(node.store.layout.hook(name))
        }
        do {
            visible = Set(
                try node.store.versions().filter { $0.state == .complete }.compactMap(\.reference)
            )
            for name in Set(visible.map(\.name) + machine.modelNames) {
                handle(.currentSeen(name, version: try node.store.current(of: name)))
            }
        } catch {
            logger.error("the versions here cannot be listed", metadata: ["reason": "\(error)"])
        }
        await look()
        handle(.started)
        await withDiscardingTaskGroup { group in
            group.addTask { await self.runDisk() }
            group.addTask { await self.runJobs() }
            group.addTask { await self.runTimer() }
            group.addTask { await self.runWatch() }
            group.addTask { await self.runSync() }
            group.addTask { await self.runScrub() }
        }
    }

    /// Ends ``run()``. A hook that runs is ended; the next process runs it again.
    package func stop() {
        guard !isStopping else { return }
        isStopping = true
        for end in hookEnds.values { end.ring() }
        disk.finish()
        jobs.finish()
        for bell in [timer, watch, news, scrubs] { bell.ring() }
    }

    func handle(_ event: HostModels.Event) {
        guard !isStopping else { return }
        var actions: [HostModels.Action] = []
        machine.handle(event, at: clock.now, into: &actions)
        for action in actions { perform(action) }
        timer.ring()
    }

    private func perform(_ action: HostModels.Action) {
        switch action {
        case .keepRecord(let record, let sequence): disk.add(.record(record, sequence: sequence))
        case .switchCurrent(let name, let version): disk.add(.current(name, version: version))
        case .fetch(let reference, let infoHash): jobs.add(.fetch(reference, infoHash))
        case .runHook(let name, let call):
            let end = Bell()
            hookEnds[name] = end
            jobs.add(.hook(name, call, end: end))
        case .endHook(let name): hookEnds[name]?.ring()
        case .probe(let name, let version, let number):
            jobs.add(.probe(name, version: version, number: number))
        case .report: news.ring()
        }
    }

    private func runTimer() async {
        while !isStopping {
            let now = clock.now
            if let due = machine.deadline, due <= now {
                handle(.tick)
                // The rings of that tick itself; a deadline that stays due is looked at again soon.
                await timer.wait(for: .milliseconds(1))
            } else if let due = machine.deadline {
                await timer.wait(for: due - now)
            } else {
                await timer.wait()
            }
        }
    }

    // MARK: Versions

    /// How often the versions are looked at, while any is on its way and otherwise.
    private static let watchPeriod = Duration.milliseconds(500)
    private static let restPeriod = Duration.seconds(5)
    /// Between two looks at how full the disk is.
    private static let tidyPeriod = Duration.seconds(30)
    /// Between two reports of nothing but progress.
    private static let progressPeriod = Duration.seconds(5)

    private func runWatch() async {
        var reportedAt = clock.now
        var reported = 0
        var tidyAt = clock.now
        while !isStopping {
            let isBusy = await look()
            let held = machine.bytesHeld
            if clock.now >= tidyAt {
                await tidy()
                tidyAt = clock.now + Self.tidyPeriod
            }
            if held != reported, clock.now - reportedAt >= Self.progressPeriod {
                reported = held
                reportedAt = clock.now
                news.ring()
            }
            await watch.wait(for: isBusy ? Self.watchPeriod : Self.restPeriod)
        }
    }

    /// Tells the machine of every version. True when some are on their way.
    @discardableResult
    func look() async -> Bool {
        var isBusy = false
        for progress in await node.progress() {
            for reference in progress.names {
                if progress.state == .seeding { visible.insert(reference) }
                let stage = stage(of: reference, progress)
                if stage == .fetching || stage == .sealing { isBusy = true }
                handle(.versionSeen(reference, progress.fact(of: reference, stage)))
            }
        }
        return isBusy
    }

    private func stage(of reference: ModelReference, _ progress: VersionProgress) -> VersionStage {
        if visible.contains(reference) { return .sealed }
        return switch progress.state {
        case .metadata, .downloading, .paused: .fetching
        case .sealing, .seeding: .sealing
        case .failed: .failed
        }
    }

    /// Something was joined: look at once.
    func lookSoon() { watch.ring() }

    /// The version was taken off this host.
    func removed(_ reference: ModelReference) {
        visible.remove(reference)
        handle(.versionGone(reference))
    }

    /// The versions are not visible any more, and being repaired.
    func hidden(_ references: [ModelReference]) async {
        visible.subtract(references)
        await look()
        for reference in references {
            let current = try? node.store.current(of: reference.name)
            handle(.currentSeen(reference.name, version: current))
        }
        lookSoon()
    }

    func isVisible(_ reference: ModelReference) -> Bool { visible.contains(reference) }

    private func fetch(_ reference: ModelReference, _ infoHash: InfoHash) async {
        do {
            let bytes: [UInt8]
            if let kept = try node.store.torrent(for: infoHash) {
                bytes = kept
            } else {
                bytes = try await catalogs.torrent(of: reference)
            }
            let metainfo = try MetainfoCodec.decode(bytes, hasher: SystemHasher())
            guard metainfo.info.infoHash == infoHash else {
                throw PeerError(
                    .conflict,
                    "the catalog has \(metainfo.info.infoHash) as \(reference), and the rollout "
                        + "means \(infoHash)"
                )
            }
            try await join(metainfo, as: reference)
        } catch {
            logger.warning(
                "a version cannot be fetched",
                metadata: ["version": "\(reference)", "reason": "\(error)"]
            )
            let isFinal = error is PeerError || error is MetainfoError
            handle(.fetchFailed(reference, reason: "\(error)", isFinal: isFinal))
        }
    }

    // MARK: Work

    private func runDisk() async {
        let store = node.store
        for await job in disk.stream {
            switch job {
            case .record(let record, let sequence):
                do {
                    let bytes = try Array(JSONEncoder().encode(record))
                    try await node.threads.runIfActive { try store.saveHostRecord(bytes) }
                    handle(.recordKept(sequence: sequence))
                } catch {
                    logger.error("the host's record is not kept", metadata: ["why": "\(error)"])
                    handle(.recordRefused(sequence: sequence, reason: "\(error)"))
                }
            case .current(let name, let version):
                do {
                    try await node.threads.runIfActive {
                        try store.switchCurrent(of: name, to: version)
                    }
                    logger.info(
                        "switched",
                        metadata: ["model": "\(name)", "to": "\(version ?? "nothing")"]
                    )
                    counters.switches += 1
                    handle(.switched(name, failure: nil))
                } catch {
                    logger.error("cannot switch", metadata: ["why": "\(error)"])
                    handle(.switched(name, failure: "\(error)"))
                }
            }
        }
    }

    private func runJobs() async {
        await withDiscardingTaskGroup { group in
            for await job in jobs.stream { group.addTask { await self.run(job) } }
        }
    }

    private func run(_ job: Job) async {
        switch job {
        case .fetch(let reference, let infoHash): await fetch(reference, infoHash)
        case .hook(let name, let call, let end):
            let failure = await runHook(name, call, end: end)
            hookEnds[name] = nil
            counters.hooks.add(isFailure: failure != nil)
            handle(.hookEnded(name, failure: failure))
        case .probe(let name, let version, let number):
            let failure = await runProbe(name, version)
            counters.probes.add(isFailure: failure != nil)
            handle(.probed(name, number: number, failure: failure))
        }
    }
}

extension VersionProgress {
    func fact(of reference: ModelReference, _ stage: VersionStage) -> HostReport.Version {
        HostReport.Version(
            version: reference.version,
            infoHash: infoHash,
            stage: stage,
            pieceCount: pieceCount,
            piecesHeld: piecesHeld,
            byteCount: byteCount,
            bytesHeld: bytesHeld,
            problem: stage == .sealed
                ? nil : problem.map { String($0.prefix(HostReport.textByteCountMax / 4)) }
        )
    }
}
