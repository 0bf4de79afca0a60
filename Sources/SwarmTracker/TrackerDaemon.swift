internal import Foundation
package import Logging
internal import ServiceLifecycle
package import SwarmModel
internal import Hummingbird
internal import NIOCore
internal import SwarmRuntime

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The tracker: announce and scrape over HTTP, the JSON API, and the catalog of published versions.
///
/// Stops within ``TrackerSettings/shutdownGrace`` of being asked to, and at once when cancelled.
package struct TrackerDaemon: Service {
    private let settings: TrackerSettings
    private let logger: Logger
    private let registry: RegistryDriver
    private let leases: LeaseDriver
    private let catalog: CatalogDriver
    private let traffic: TrafficDriver
    private let fleet: FleetDriver
    private let pages: PageStreams
    private let counters = TrackerCounters()
    private let connections = ConnectionGroups()
    private let onListening: @Sendable (Endpoint) async -> Void

    /// Prepares the data directory. `onListening` is told the endpoint with the real port once
    /// requests are taken.
    package init(
        settings: TrackerSettings,
        hasher: any MerkleHashing,
        logger: Logger,
        onListening: @escaping @Sendable (Endpoint) async -> Void = { _ in }
    ) throws(TrackerError) {
        self.settings = settings
        self.logger = logger
        self.onListening = onListening
        registry = RegistryDriver(
            settings: settings.registry,
            seed: UInt64.random(in: 0...UInt64.max)
        )
        traffic = TrafficDriver(
            settings: settings.traffic,
            placesMax: settings.trafficReportsMax
        )
        let store = CatalogStore(
            dataDirectory: settings.dataDirectory,
            versionsMax: settings.versionsMax,
            hasher: hasher
        )
        try store.prepare()
        leases = LeaseDriver(
            settings: settings.leases,
            firstNumber: Self.leaseNumber(at: Date()),
            // Nobody has a lease of a version that was never published.
            hasPredecessor: store.hasVersions
        )
        let remark = try FleetDatabase.remark(
            onLossIn: settings.dataDirectory,
            hasVersions: store.hasVersions
        )
        if let remark { logger.warning("\(remark)") }
        catalog = CatalogDriver(store: store, uploadsMax: settings.uploadsMax)
        fleet = try FleetDriver(
            database: FleetDatabase(dataDirectory: settings.dataDirectory, hasher: hasher),
            settings: settings.fleet
        )
        pages = PageStreams(
            sights: PageSights(
                settings: settings.page,
                fleet: fleet,
                traffic: traffic,
                prices: settings.prices
            ),
            requiresToken: settings.publishToken != nil
        )
    }

    /// Grows with the wall clock, by a million for each second, so that a process that starts later
    /// begins above all that an earlier one gave.
    private static func leaseNumber(at date: Date) -> UInt64 {
        UInt64(max(0, date.timeIntervalSince1970) * 1e6)
    }

    package func run() async throws {
        checkOpenFiles()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await serve() }
            group.addTask {
                await registry.expirePeers()
                throw CancellationError()
            }
            group.addTask {
                await fleet.run(logger: logger) {
                    registry.holderCount(of: $0.swarmID)
                } hasOrigin: {
                    await catalog.hasOrigin($0)
                }
                throw CancellationError()
            }
            group.addTask {
                await GateRunner(
                    fleet: fleet,
                    directory: settings.dataDirectory + "/gates",
                    logger: logger
                ).run()
                throw CancellationError()
            }
            group.addTask {
                await pages.dropStalled()
                throw CancellationError()
            }
            group.addTask {
                try await gracefulShutdown()
                fleet.desks.close()
                pages.close()
                try await Task.sleep(for: settings.shutdownGrace)
                logger.notice("connections that were still open are closed")
            }
            // The server's end, its error, or the end of its grace: whichever is first.
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Clients that find no descriptor left wait, and nothing tells them why: so it is said here.
    private func checkOpenFiles() {
        guard let files = OpenFileLimit.raise() else { return }
        let connections = files - settings.otherFilesMax
        guard connections < settings.connectionsMax else { return }
        logger.warning(
            "fewer connections fit than a large fleet needs",
            metadata: [
                "connections": "\(max(0, connections))",
                "wanted": "\(settings.connectionsMax)",
                "remedy": """
                raise the hard limit of open files to \
                \(settings.connectionsMax + settings.otherFilesMax): LimitNOFILE= in a systemd \
                unit, or ulimit -n
                """,
            ]
        )
    }

    private func serve() async throws {
        do {
            try await connections.serve { try await application().run() }
        } catch let error as IOError {
            throw explained(error)
        } catch let error as SocketAddressError.UnknownHost {
            throw TrackerError(
                code: .listenFailed,
                message: "cannot listen on \(settings.listen): \(error); "
                    + "give an address of this host with --listen"
            )
        }
    }

    private func explained(_ error: IOError) -> TrackerError {
        let isInUse = error.errnoCode == EADDRINUSE
        let remedy =
            isInUse
            ? "another process listens there; stop it or choose another port with --listen"
            : "\(error); choose another address with --listen"
        return TrackerError(
            code: isInUse ? .addressInUse : .listenFailed,
            message: "cannot listen on \(settings.listen): \(remedy)"
        )
    }

    private func application() -> some ApplicationProtocol {
        Application(
            router: router(),
            server: .stoppable(
                configuration: .init(
                    idleTimeout: .nanoseconds(settings.idleTimeout.nanoseconds),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: settings.headerByteCountMax,
                        maxHeaderListSize: settings.headerByteCountMax,
                        maxHeaderFieldCount: 64
                    )
                ),
                groups: connections
            ),
            configuration: ApplicationConfiguration(
                address: .hostname(settings.listen.host, port: settings.listen.port),
                serverName: "shoal",
                backlog: 1024,
                availableConnectionsDelegate: .maximum(
                    settings.connectionsMax,
                    logger: serverLogger
                )
            ),
            onServerRunning: { channel in await announceListening(channel) },
            logger: serverLogger
        )
    }

    /// The server's own remarks are of use only when it is debugged.
    private var serverLogger: Logger {
        var server = logger
        server.logLevel = max(logger.logLevel, .warning)
        return server
    }

    private func announceListening(_ channel: any Channel) async {
        guard let endpoint = channel.localAddress.flatMap({ Endpoint($0) }) else { return }
        logger.info("tracker listening", metadata: ["address": "\(endpoint)"])
        await onListening(endpoint)
    }

    private func router() -> Router<TrackerContext> {
        let router = Router(context: TrackerContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: ErrorMiddleware(uriByteCountMax: settings.uriByteCountMax))
        router.add(middleware: OwnSiteMiddleware())
        AnnounceRoutes(registry: registry, counters: counters).add(to: router)
        LeaseRoutes(leases: leases).add(to: router)
        SwarmRoutes(registry: registry, traffic: traffic, prices: settings.prices)
            .add(to: router)
        TrafficRoutes(
            traffic: traffic,
            reportByteCountMax: settings.trafficReportByteCountMax,
            counters: counters
        ).add(to: router)
        let requests = FleetRequests(fleet: fleet, token: settings.publishToken)
        HostRoutes(requests: requests, catalog: catalog).add(to: router)
        RolloutRoutes(requests: requests, catalog: catalog).add(to: router)
        AuditRoutes(requests: requests).add(to: router)
        PageRoutes(streams: pages).add(to: router)
        let metrics = TrackerMetrics(
            registry: registry,
            traffic: traffic,
            fleet: fleet,
            pages: pages,
            counters: counters
        )
        router.get("metrics") { _, _ in metrics.text.response }
        let versions = CatalogRoutes(
            catalog: catalog,
            token: settings.publishToken,
            metainfoByteCountMax: settings.metainfoByteCountMax
        )
        versions.add(to: router)
        PartRoutes(uploads: versions).add(to: router)
        router.get("healthz") { _, _ in try JSONReply.response(["status": "ok"]) }
        router.get("readyz") { _, _ in
            if let failure = fleet.gauges.failure {
                throw APIError(
                    status: .serviceUnavailable,
                    code: "catalog-unusable",
                    message: failure
                )
            }
            guard try await catalog.isUsable else {
                throw APIError(
                    status: .serviceUnavailable,
                    code: "catalog-unusable",
                    message: "the catalog's directory cannot be written; check the data directory"
                )
            }
            return try JSONReply.response(["status": "ready"])
        }
        return router
    }
}
