import AsyncHTTPClient
import Foundation
import Hummingbird
import Logging
import NIOCore
import SwarmCore
import SwarmHash
import SwarmModel
import SwarmRuntime
import SwarmStorage
import SwarmWire
import SystemPackage

@testable import SwarmPeer

/// Waits for something that nobody tells of, without keeping a core busy.
func eventually(_ condition: () async -> Bool) async {
    while await !condition() { await Bell().wait(for: .milliseconds(20)) }
}

/// A directory that goes with the test.
final class HostDirectory: Sendable {
    let path: String

    init() throws {
        path =
            FileManager.default.temporaryDirectory
            .appending(path: "shoal-host-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var data: FilePath { FilePath(path).appending("data") }
    func file(_ name: String) -> String { path + "/" + name }

    func text(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: file(name)) ?? Data(), as: UTF8.self)
    }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)))
    }
}

/// A version made up for a test, with the bytes of its one file.
struct HostVersion: Sendable {
    let reference: ModelReference
    let metainfo: Metainfo
    let bytes: [UInt8]

    static let pieceLength = 64 << 10

    init(_ text: String, seed: UInt64, pieces: Int = 3) throws {
        var random = SeededRandom(seed: seed)
        let bytes = (0..<pieces * Self.pieceLength - 77).map { _ in
            UInt8(truncatingIfNeeded: random.next())
        }
        let hashes = stride(from: 0, to: bytes.count, by: Self.pieceLength).map { start in
            let part = Array(bytes[start..<min(start + Self.pieceLength, bytes.count)])
            return MerkleTree.pieceHash(
                leaves: part.withUnsafeBytes { LeafHasher.leaves(of: $0) },
                pieceLength: Self.pieceLength,
                fileLength: bytes.count
            )
        }
        let root = MerkleTree.root(ofPieceLayer: hashes, pieceLength: Self.pieceLength)
        let info = try MetainfoCodec.makeInfo(
            name: "model",
            pieceLength: Self.pieceLength,
            files: [
                FileEntry(
                    path: ["weights"],
                    length: bytes.count,
                    piecesRoot: root,
                    isExecutable: false
                )
            ],
            isPrivate: false,
            hasher: SystemHasher()
        )
        reference = try ModelReference(text)
        metainfo = Metainfo(
            info: info,
            pieceLayers: [PieceLayer(root: root, hashes: hashes)],
            reference: reference
        )
        self.bytes = bytes
    }

    var infoHash: InfoHash { metainfo.info.infoHash }

    /// Puts the version into a data directory on which no peer runs.
    func put(into directory: FilePath) throws {
        let store = try Store.open(directory: directory)
        try store.saveTorrent(MetainfoCodec.encode(metainfo), for: infoHash, as: reference)
        let holding = try store.holding(of: metainfo.info, layers: metainfo.pieceLayers)
        let geometry = metainfo.info.geometry
        for piece in geometry.pieces {
            let start = geometry.offsetInFile(of: piece)
            let range = geometry.wholeRange(of: piece)
            try bytes[start..<start + range.length].withUnsafeBytes { part in
                try holding.write(part, to: range, sums: holding.sums(of: part))
            }
            try holding.commit([piece])
        }
        for file in geometry.files { _ = try holding.seal(file) }
        try holding.publishView(as: reference)
    }

    var wish: DesiredState.Version {
        DesiredState.Version(version: reference.version, infoHash: infoHash)
    }
}

/// A tracker as far as a host talks to it of its fleet, on a real socket: it keeps what it is
/// told, and answers by the contract of `POST /api/v1/hosts/{host}/sync`.
actor FleetTracker {
    private var desired = DesiredState.nothing
    private(set) var reports: [HostReport] = []
    private(set) var waits: [Int] = []
    private var waiters: [CheckedContinuation<Void, Never>] = []
    private var isStopped = false
    /// What is answered instead of the state.
    private var refusal: HTTPResponse.Status?

    func wish(_ state: DesiredState) {
        desired = state
        wake()
    }

    func refuse(_ status: HTTPResponse.Status?) { refusal = status }

    func stop() {
        isStopped = true
        wake()
    }

    private func wake() {
        for waiter in waiters { waiter.resume() }
        waiters = []
    }

    private func change() async { await withCheckedContinuation { waiters.append($0) } }

    func reply(to report: HostReport, wait: Int) async throws -> DesiredState {
        reports.append(report)
        waits.append(wait)
        wake()
        if let refusal { throw HTTPError(refusal) }
        let count = reports.count
        // A newer report ends the wait of an older one. The time is not waited for: what would end
        // it here comes first.
        while !isStopped, report.generation == desired.generation, reports.count == count {
            await change()
        }
        return desired
    }

    /// The first report, from now on or of those that came, with which `condition` holds.
    func report(where condition: (HostReport) -> Bool) async -> HostReport? {
        var seen = 0
        while !isStopped {
            while seen < reports.count {
                if condition(reports[seen]) { return reports[seen] }
                seen += 1
            }
            await change()
        }
        return nil
    }

    /// Runs `body` with the address of a tracker.
    static func run<R: Sendable>(
        _ body: @escaping @Sendable (FleetTracker, String) async throws -> R
    ) async throws -> R {
        let tracker = FleetTracker()
        let router = Router()
        router.post("api/v1/hosts/:host/sync") { request, context in
            let buffer = try await request.body.collect(upTo: FleetClient.reportByteCountMax)
            let report = try JSONDecoder().decode(
                HostReport.self,
                from: Data(buffer.readableBytesView)
            )
            guard try context.parameters.require("host") == "\(report.host)" else {
                throw HTTPError(.badRequest)
            }
            let wait = request.uri.queryParameters["wait"].flatMap { Int($0) } ?? -1
            return try JSONReply.response(try await tracker.reply(to: report, wait: wait))
        }
        let (ports, continuation) = AsyncStream<Int>.makeStream()
        let application = Application(
            router: router,
            server: .stoppable(),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { continuation.yield($0.localAddress?.port ?? 0) },
            logger: HostBench.logger
        )
        return try await withThrowingTaskGroup(of: R?.self) { group in
            group.addTask {
                try? await application.run()
                continuation.finish()
                return nil
            }
            group.addTask {
                for await port in ports {
                    return try await body(tracker, "http://127.0.0.1:\(port)")
                }
                return nil
            }
            while let next = try await group.next() {
                guard let next else { continue }
                await tracker.stop()
                group.cancelAll()
                return next
            }
            throw DidNotStart()
        }
    }

    struct DidNotStart: Error {}
}

/// A peer with its host, in this process.
enum HostBench {
    static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration.shoal
        configuration.timeout.connect = .seconds(60)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    static var logger: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }

    static func run<R: Sendable>(
        on directory: FilePath,
        trackers: [String] = [],
        _ change: (inout HostSettings) -> Void = { _ in },
        _ body: @escaping @Sendable (PeerNode, HostDriver) async throws -> R
    ) async throws -> R {
        var settings = PeerSettings(dataDirectory: directory, eventLoopCount: 1)
        settings.listenHost = "127.0.0.1"
        settings.listenPort = 0
        settings.trackers = trackers
        settings.host.name = try HostName("host-1")
        settings.host.activation.probeRetry = .milliseconds(20)
        change(&settings.host)
        let node = try await PeerNode.start(
            settings: settings,
            http: http,
            seed: 7,
            logger: logger
        )
        let catalogs = trackers.compactMap { TrackerAddress($0) }
            .map { CatalogClient(client: http, tracker: $0) }
        let host = try HostDriver(node: node, catalogs: catalogs, http: http, logger: logger)
        let result = Locked<Result<R, any Error>?>(nil)
        await withDiscardingTaskGroup { group in
            group.addTask { await node.run() }
            group.addTask {
                try? await node.resume()
                await withDiscardingTaskGroup { inner in
                    inner.addTask { await host.run() }
                    inner.addTask {
                        let found: Result<R, any Error>
                        do { found = .success(try await body(node, host)) } catch {
                            found = .failure(error)
                        }
                        result.withLock { $0 = found }
                        await host.stop()
                    }
                }
                await node.stop()
            }
        }
        await node.shutDown()
        guard let result = result.withLock({ $0 }) else { throw FleetTracker.DidNotStart() }
        return try result.get()
    }
}
