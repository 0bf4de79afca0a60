package import AsyncHTTPClient
package import Logging
import NIOCore
import NIOPosix
import SwarmCore
import SwarmHash
package import SwarmModel
import SwarmRuntime
package import SwarmStorage
import SwarmWire
package import SystemPackage

/// A peer process: the store, the listener, and one driver for each version that is open. Commands
/// and the local API act on it.
///
/// Versions run as child tasks of ``run()``, which ends after ``stop()``.
package actor PeerNode {
    package nonisolated let settings: PeerSettings
    package nonisolated let store: Store
    package nonisolated let peerID: PeerID
    /// Where other peers reach us, with the real port.
    package nonisolated let endpoint: Endpoint
    package nonisolated let startedAt: Instant

    private let group: MultiThreadedEventLoopGroup
    let threads: NIOThreadPool
    private let transport: TransportResources
    private let listener: PeerListener
    private let lookup: OpenSwarms
    let http: HTTPClient
    private let numbers = ConnectionNumbers()
    let logger: Logger
    private var random: SeededRandom
    private let generation: UInt64
    private var drivers: [SwarmID: SwarmDriver] = [:]
    private var isStopping = false
    private let starts = JobQueue<SwarmDriver>()

    private init(
        settings: PeerSettings,
        store: Store,
        group: MultiThreadedEventLoopGroup,
        threads: NIOThreadPool,
        transport: TransportResources,
        listener: PeerListener,
        lookup: OpenSwarms,
        http: HTTPClient,
        seed: UInt64,
        logger: Logger
    ) {
        self.settings = settings
        self.store = store
        self.group = group
        self.threads = threads
        self.transport = transport
        self.listener = listener
        self.lookup = lookup
        self.http = http
        self.logger = logger
        endpoint = listener.localEndpoint
        startedAt = MonotonicClock().now
        random = SeededRandom(seed: seed)
        generation = random.next() >> 1
        peerID = PeerID(random: &random)
    }

    /// Opens the store and listens. `seed` makes the peer's id and all its chances; take it from
    /// the system's generator.
    package static func start(
        settings: PeerSettings,
        http: HTTPClient,
        seed: UInt64,
        logger: Logger
    ) async throws -> PeerNode {
        let store = try Store.open(directory: settings.dataDirectory, settings: settings.store)
        for note in store.notes { logger.warning("\(note)") }
        let tls = try settings.tls.map { try PeerTLS($0, logger: logger) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: settings.eventLoopCount)
        let threads = NIOThreadPool(numberOfThreads: settings.storageThreadCount)
        threads.start()
        let transport = TransportResources(
            group: group,
            storeThreadCount: settings.eventLoopCount - 1,
            tls: tls,
            acceptsPlain: settings.transportPolicy.allowsPlain,
            tlsRefused: TLSRefusals(logger).report
        )
        let lookup = OpenSwarms()
        do {
            let listener = try await PeerListener.bind(
                host: settings.listenHost,
                port: settings.listenPort,
                resources: transport,
                lookup: lookup
            )
            logger.info("listening for peers", metadata: ["at": "\(listener.localEndpoint)"])
            return PeerNode(
                settings: settings,
                store: store,
                group: group,
                threads: threads,
                transport: transport,
                listener: listener,
                lookup: lookup,
                http: http,
                seed: seed,
                logger: logger
            )
        } catch {
            try? await threads.shutdownGracefully()
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Runs all versions until ``stop()``.
    package func run() async {
        let starts = starts
        await withDiscardingTaskGroup { group in
            for await driver in starts.stream { group.addTask { await driver.run() } }
        }
    }

    /// Stops listening and every version; ends ``run()``. What is verified is committed first.
    package func stop() async {
        guard !isStopping else { return }
        isStopping = true
        await listener.close()
        let stopping = Array(drivers.values)
        await withDiscardingTaskGroup { group in
            for driver in stopping { group.addTask { await driver.stop() } }
        }
        starts.finish()
    }

    /// Gives back threads and sockets, after ``run()`` has ended.
    package func shutDown() async {
        await transport.shutDown()
        try? await threads.shutdownGracefully()
        try? await group.shutdownGracefully()
    }

    // MARK: Versions

    /// Joins the swarm of a version to download and then serve it. Joining twice is no work.
    @discardableResult
    package func join(
        _ metainfo: Metainfo,
        as reference: ModelReference?,
        peers: [Endpoint] = []
    ) async throws -> SwarmDriver {
        let reference =
            reference ?? metainfo.reference ?? ModelReference(fallbackFor: metainfo.info)
        if let driver = try open(metainfo.info.infoHash) {
            await driver.add(reference)
            await driver.learn(peers)
            return driver
        }
        let (store, logger) = (store, logger)
        let files = try await onThread {
            let holding = try store.holding(of: metainfo.info, layers: metainfo.pieceLayers)
            if holding.mustRescan { try Self.rescan(holding, logger) }
            try store.saveTorrent(
                MetainfoCodec.encode(metainfo),
                for: metainfo.info.infoHash,
                as: reference
            )
            return VersionFiles(info: metainfo.info, holding: holding, layers: metainfo.pieceLayers)
        }
        return try await start(
            infoHash: metainfo.info.infoHash,
            reference: reference,
            trackers: metainfo.trackers,
            files: files,
            peers: peers,
            origins: metainfo.origins
        )
    }

    /// Reads what the lost journal vouched for, so that nothing of it is fetched again.
    private nonisolated static func rescan(_ holding: Holding, _ logger: Logger) throws {
        let name = "\(holding.info.name)"
        logger.warning("the journal was lost; reading what is here", metadata: ["of": "\(name)"])
        let found = try holding.rescan()
        logger.info("read", metadata: ["of": "\(name)", "right pieces": "\(found.count)"])
    }

    /// Takes over what a directory has of a version, before it is joined. A version that is open
    /// and not complete is closed for it.
    package func adopt(
        _ metainfo: Metainfo,
        from directory: FilePath
    ) async throws -> Adoption {
        let infoHash = metainfo.info.infoHash
        if let driver = try open(infoHash) {
            if case .complete = await driver.outcome { return Adoption() }
            try await close(driver)
        }
        let store = store
        return try await onThread {
            let holding = try store.holding(of: metainfo.info, layers: metainfo.pieceLayers)
            try holding.checkSpace()
            return try holding.adopt(from: directory)
        }
    }

    /// Brings back a version in which wrong bytes were found. What has them is not visible from the
    /// first moment on; what is right is kept, and the rest comes from other peers. Returns the
    /// versions that are affected.
    func repair(
        _ reference: ModelReference,
        damaged roots: [Digest]
    ) async throws -> [ModelReference] {
        var affected: [(metainfo: Metainfo, names: [ModelReference])] = []
        for driver in drivers.values {
            let (info, names) = (await driver.files?.info, await driver.names)
            guard let info, !driver.isServedInPlace,
                names.contains(reference)
                    || info.files.contains(where: { $0.piecesRoot.map(roots.contains) ?? false }),
                let bytes = try store.torrent(for: info.infoHash)
            else { continue }
            affected.append((try MetainfoCodec.decode(bytes, hasher: SystemHasher()), names))
            try await close(driver)
        }
        let store = store
        let taken = try await onThread { try store.quarantine(roots, viewOf: reference) }
        for (metainfo, names) in affected {
            try await onThread {
                _ = try store.holding(of: metainfo.info, layers: metainfo.pieceLayers).salvage()
            }
            for name in names { try await join(metainfo, as: name) }
        }
        return taken
    }

    private func close(_ driver: SwarmDriver) async throws {
        let swarm = driver.infoHash.swarmID
        drivers[swarm] = nil
        lookup.remove(swarm)
        await driver.stop()
        await driver.ended()
        // This function and its callers have the driver until they return.
        await driver.letGo()
        await release(of: driver.infoHash)
    }

    /// Joins a swarm of which only the info-hash is known; the rest comes from peers (BEP 9).
    package func join(
        _ infoHash: InfoHash,
        trackers: [[String]],
        as reference: ModelReference?,
        peers: [Endpoint]
    ) async throws -> SwarmDriver {
        if let driver = try open(infoHash) { return driver }
        if let kept = try store.torrent(for: infoHash),
            let metainfo = try? MetainfoCodec.decode(kept, hasher: SystemHasher())
        {
            return try await join(metainfo, as: reference, peers: peers)
        }
        return try await start(
            infoHash: infoHash,
            reference: reference,
            trackers: trackers,
            files: nil,
            peers: peers
        )
    }

    /// Serves a version from the directory that it was published from, without copying a byte: all
    /// of it, or one of several parts, whose files have the paths in `paths`.
    package func serve(
        _ metainfo: Metainfo,
        as reference: ModelReference?,
        from directory: FilePath,
        part: PartNumber = .whole,
        paths: Set<[String]>? = nil
    ) async throws -> SwarmDriver {
        if let driver = try open(metainfo.info.infoHash) { return driver }
        let store = store
        let holding = try await onThread {
            try store.holding(
                of: metainfo.info,
                layers: metainfo.pieceLayers,
                seedingFrom: directory,
                isHere: { entry in paths.map { $0.contains(entry.path) } ?? true }
            )
        }
        return try await start(
            infoHash: metainfo.info.infoHash,
            reference: reference ?? metainfo.reference,
            trackers: metainfo.trackers,
            files: VersionFiles(
                info: metainfo.info,
                holding: holding,
                layers: metainfo.pieceLayers
            ),
            peers: [],
            publishes: part
        )
    }

    /// Opens again what an earlier process held: complete versions are served, partial ones go on.
    package func resume() async throws {
        var isEveryOneOpen = true
        let store = store
        let kept = try await onThread { try store.torrents() }
        for (infoHash, reference) in kept {
            do {
                let metainfo = try await onThread {
                    try store.torrent(for: infoHash).map {
                        try MetainfoCodec.decode($0, hasher: SystemHasher())
                    }
                }
                guard let metainfo else { continue }
                try await join(metainfo, as: reference)
            } catch {
                isEveryOneOpen = false
                logger.error(
                    "a version cannot be opened",
                    metadata: ["info-hash": "\(infoHash)", "reason": "\(error)"]
                )
            }
        }
        // A version that is not open could still need what nobody refers to.
        guard isEveryOneOpen else { return }
        let count = try await onThread { try store.removeOrphans() }
        if count > 0 { logger.info("removed files of no version", metadata: ["count": "\(count)"]) }
    }

    /// Stops a version and deletes what is here of it.
    package func remove(_ reference: ModelReference) async throws {
        let stored = try store.versions().first { $0.reference == reference }
        guard let stored else {
            throw PeerError(
                .unknownVersion,
                "no version \(reference) in '\(settings.dataDirectory)'; "
                    + "`shoal list` shows what is there"
            )
        }
        try store.requireInactive(reference)
        let swarm = stored.infoHash.swarmID
        var info: VersionInfo?
        if let bytes = try store.torrent(for: stored.infoHash) {
            info = try? MetainfoCodec.decode(bytes, hasher: SystemHasher()).info
        }
        if let driver = drivers[swarm] { try await close(driver) }
        let store = store
        let discarded = info
        try await onThread {
            if stored.state == .complete {
                try store.remove(reference)
            } else if let discarded {
                try store.discard(discarded)
            } else {
                try store.removeTorrent(stored.infoHash)
            }
        }
        logger.info("removed", metadata: ["version": "\(reference)"])
    }

    /// Waits until connections have let go of a version's files, for ``releaseTimeout`` at most: a
    /// removal that finds them in use says so.
    private func release(of infoHash: InfoHash) async {
        let closing = store.closing(of: infoHash)
        await withTaskGroup { group in
            group.addTask { for await _ in closing {} }
            group.addTask { try? await Task.sleep(for: Self.releaseTimeout) }
            await group.next()
            group.cancelAll()
        }
    }

    private static let releaseTimeout = Duration.seconds(2)

    package func statuses() async -> [SwarmStatus] {
        var result: [SwarmStatus] = []
        for driver in drivers.values { result.append(await driver.status) }
        return result.sorted { ($0.name, $0.version) < ($1.name, $1.version) }
    }

    func progress() async -> [VersionProgress] {
        var result: [VersionProgress] = []
        for driver in drivers.values { result.append(await driver.progress) }
        return result
    }

    var openDrivers: [SwarmDriver] { Array(drivers.values) }
    nonisolated var transportGauges: TransportGauges { transport.gauges }

    package func driver(of infoHash: InfoHash) -> SwarmDriver? { drivers[infoHash.swarmID] }

    // MARK: Starting

    private func open(_ infoHash: InfoHash) throws -> SwarmDriver? {
        guard !isStopping else { throw PeerError(.stopped, "the peer is stopping") }
        guard let driver = drivers[infoHash.swarmID] else { return nil }
        guard driver.infoHash == infoHash else {
            throw PeerError(
                .conflict,
                "the info-hash \(infoHash) begins with the same 20 bytes as \(driver.infoHash)"
            )
        }
        return driver
    }

    private func start(
        infoHash: InfoHash,
        reference: ModelReference?,
        trackers: [[String]],
        files: VersionFiles?,
        peers: [Endpoint],
        origins: [OriginLocation] = [],
        publishes part: PartNumber? = nil
    ) async throws -> SwarmDriver {
        let store = store
        let own = settings.trackers.compactMap { TrackerAddress($0)?.announceURL }
        let driver = SwarmDriver(
            infoHash: infoHash,
            reference: reference,
            trackers: (own.isEmpty ? [] : [own]) + trackers,
            files: files,
            publishes: part,
            origins: accesses(to: origins, of: infoHash, trackers: trackers),
            around: surroundings(),
            makeFiles: { info in
                let holding = try store.holding(of: info, layers: [])
                return VersionFiles(info: info, holding: holding, layers: [])
            }
        )
        drivers[infoHash.swarmID] = driver
        lookup.add(infoHash.swarmID, driver.context)
        starts.add(driver)
        if !peers.isEmpty { await driver.learn(peers) }
        return driver
    }

    private func surroundings() -> SwarmDriver.Surroundings {
        var swarm = settings.swarm
        swarm.listenPort = endpoint.port
        swarm.locality = settings.locality
        swarm.generation = generation
        var usual = TrackerClient.Settings()
        usual.localAddress = dialAddress.map { Endpoint(address: $0, port: 0).addressText }
        var short = usual
        short.timeout = .seconds(1)
        return SwarmDriver.Surroundings(
            me: peerID,
            settings: swarm,
            group: group,
            transport: transport,
            threads: threads,
            trackers: TrackerClient(client: http, settings: usual),
            farewells: TrackerClient(client: http, settings: short),
            traffic: TrafficClient(client: http),
            lastTraffic: TrafficClient(client: http, timeout: .seconds(1)),
            store: store,
            localAddress: dialAddress,
            connectionNumbers: numbers,
            logger: logger,
            seed: random.next()
        )
    }

    /// A peer that listens on one address dials from it too, so that others see one host.
    private var dialAddress: Endpoint.Address? {
        switch endpoint.address {
        case .v4(0), .v6(0, 0): nil
        default: endpoint.address
        }
    }

    private func onThread<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T
    {
        try await threads.runIfActive(work)
    }
}

/// The swarms that this process serves, as the listener looks them up.
final class OpenSwarms: SwarmLookup {
    private let contexts = Locked<[SwarmID: ConnectionContext]>([:])

    func add(_ swarm: SwarmID, _ context: ConnectionContext) {
        contexts.withLock { $0[swarm] = context }
    }

    func remove(_ swarm: SwarmID) { contexts.withLock { $0[swarm] = nil } }

    func context(for swarm: SwarmID) -> ConnectionContext? { contexts.withLock { $0[swarm] } }
}
