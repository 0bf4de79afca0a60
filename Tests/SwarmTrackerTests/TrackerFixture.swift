import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import SwarmModel
import SwarmRuntime
import SwarmTracker
import SwarmWire

/// Stands in for SHA-256: what these tests need is that other bytes have another digest.
struct FowlerHasher: MerkleHashing {
    func sha256(_ bytes: UnsafeRawBufferPointer) -> Digest {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Digest(lanes: SIMD4(hash, ~hash, hash &* 3, hash &* 5))
    }

    func root(ofPieceLayer layer: [Digest], pieceLength: Int) -> Digest { layer[0] }
}

/// A directory that is gone when the test is over.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "shoal-tracker-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A tracker on a loopback socket of its own, for the length of a test.
struct TrackerFixture: Sendable {
    let endpoint: Endpoint
    let group: ServiceGroup

    var url: String { "http://\(endpoint)" }
    var address: TrackerAddress { TrackerAddress(url)! }
    var client: TrackerClient {
        var settings = TrackerClient.Settings()
        settings.timeout = Self.patience
        return TrackerClient(client: Self.http, settings: settings)
    }
    func catalog(token: String? = nil) -> CatalogClient {
        CatalogClient(client: Self.http, tracker: address, token: token)
    }

    /// How long a request may take on a machine that has much else to do.
    static let patience = Duration.seconds(60)

    static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration.shoal
        configuration.timeout.connect = .seconds(60)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    static var quietLogger: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }

    /// Runs `body` against a tracker, and stops the tracker gracefully afterwards.
    static func run<R: Sendable>(
        in directory: TemporaryDirectory,
        _ change: (inout TrackerSettings) -> Void = { _ in },
        _ body: @escaping @Sendable (TrackerFixture) async throws -> R
    ) async throws -> R {
        var settings = TrackerSettings(dataDirectory: directory.path + "/data")
        settings.listen = ListenAddress(host: "127.0.0.1", port: 0)
        change(&settings)
        let (endpoints, continuation) = AsyncStream<Endpoint>.makeStream()
        let daemon = try TrackerDaemon(
            settings: settings,
            hasher: FowlerHasher(),
            logger: quietLogger
        ) { continuation.yield($0) }
        let services = ServiceGroup(
            configuration: .init(services: [daemon], logger: quietLogger)
        )
        return try await withThrowingTaskGroup(of: R?.self) { group in
            group.addTask {
                defer { continuation.finish() }
                try await services.run()
                return nil
            }
            group.addTask {
                for await endpoint in endpoints {
                    return try await body(TrackerFixture(endpoint: endpoint, group: services))
                }
                return nil
            }
            var result: R?
            while let next = try await group.next() {
                if let next { result = next }
                await services.triggerGracefulShutdown()
            }
            guard let result else { throw DidNotStart() }
            return result
        }
    }

    struct DidNotStart: Error {}

    // MARK: Requests

    struct Answer: Sendable {
        var status: Int
        var type: String?
        var headers: HTTPHeaders
        var body: [UInt8]
        var text: String { String(decoding: body, as: UTF8.self) }

        /// The code of an error of the JSON API.
        var errorCode: String? {
            let object = try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]
            let error = object?["error"] as? [String: Any]
            guard let message = error?["message"] as? String, !message.isEmpty else { return nil }
            return error?["code"] as? String
        }
    }

    func send(
        _ method: String = "GET",
        _ target: String,
        headers: [(String, String)] = [],
        body: HTTPClientRequest.Body? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url + target)
        request.method = HTTPMethod(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        request.body = body
        let response = try await Self.http.execute(request, timeout: .seconds(60))
        let collected = try await response.body.collect(upTo: 64 << 20)
        return Answer(
            status: Int(response.status.code),
            type: response.headers.first(name: "content-type"),
            headers: response.headers,
            body: Array(collected.readableBytesView)
        )
    }

    func json(_ target: String) async throws -> NSDictionary {
        let answer = try await send("GET", target)
        let object = try JSONSerialization.jsonObject(with: Data(answer.body))
        return object as? NSDictionary ?? [:]
    }

    // MARK: Values

    static let swarm = SwarmID(Array(repeating: 0xA1, count: 20))!

    static func request(
        _ number: UInt8,
        left: UInt64 = 1,
        event: AnnounceEvent? = nil,
        epoch: RosterEpoch? = nil
    ) -> AnnounceRequest {
        AnnounceRequest(
            swarm: swarm,
            peer: PeerID(Array("-SH0001-".utf8) + Array(repeating: number, count: 12))!,
            port: 7000 + UInt16(number),
            left: left,
            event: event,
            key: UInt32(number),
            locality: try? Locality("aws/east/r\(number % 4)"),
            generation: 1,
            rosterEpoch: epoch
        )
    }

    /// A `.torrent` file of one small file whose root is `content`.
    static func torrent(
        content: UInt8 = 1,
        comment: String? = nil,
        reference: ModelReference? = nil
    ) throws -> [UInt8] {
        let root = Digest(Array(repeating: content, count: 32))
        let info = try MetainfoCodec.makeInfo(
            name: "v1",
            pieceLength: 65_536,
            files: [FileEntry(path: ["config.json"], length: 100, piecesRoot: root)],
            isPrivate: true,
            hasher: FowlerHasher()
        )
        return MetainfoCodec.encode(
            Metainfo(info: info, pieceLayers: [], comment: comment, reference: reference)
        )
    }
}
