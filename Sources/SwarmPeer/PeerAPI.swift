import Foundation
import Hummingbird
package import Logging
import NIOCore
import ServiceLifecycle
import SwarmHash
import SwarmModel
package import SwarmRuntime
import SwarmStorage
import SwarmWire

/// The local JSON API of a peer, for `shoal status`, `list`, `pull --api`, `remove` and `verify`.
///
/// It has no authorisation: it listens on loopback or on a Unix socket, whose file permissions
/// decide.
package struct PeerAPI: Service {
    package enum Address: Hashable, Sendable, CustomStringConvertible {
        case tcp(host: String, port: Int)
        case unixSocket(path: String)

        /// Parses `HOST:PORT` or `unix:PATH`.
        package init?(_ text: String) {
            if text.hasPrefix("unix:") {
                let path = String(text.dropFirst(5))
                guard !path.isEmpty, path.utf8.count < 104 else { return nil }
                self = .unixSocket(path: path)
                return
            }
            guard let colon = text.lastIndex(of: ":"),
                let port = UInt16(text[text.index(after: colon)...])
            else { return nil }
            var host = String(text[..<colon])
            if host.hasPrefix("["), host.hasSuffix("]") {
                host = String(host.dropFirst().dropLast())
            } else if host.contains(":") {
                return nil
            }
            guard !host.isEmpty else { return nil }
            self = .tcp(host: host, port: Int(port))
        }

        package var description: String {
            switch self {
            case .tcp(let host, let port):
                host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
            case .unixSocket(let path): "unix:\(path)"
            }
        }
    }

    /// Longest metainfo accepted by the API.
    static let torrentByteCountMax = 32 << 20

    let node: PeerNode
    let host: HostDriver
    let catalogs: [CatalogClient]
    private let address: Address
    private let logger: Logger
    private let onListening: @Sendable (String) async -> Void

    /// `catalogs` are asked for the metainfo of versions by name. `onListening` is told the address
    /// with the real port.
    package init(
        node: PeerNode,
        host: HostDriver,
        catalogs: [CatalogClient],
        address: Address,
        logger: Logger,
        onListening: @escaping @Sendable (String) async -> Void = { _ in }
    ) {
        self.node = node
        self.host = host
        self.catalogs = catalogs
        self.address = address
        self.logger = logger
        self.onListening = onListening
    }

    package func run() async throws {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let bind: BindAddress =
            switch address {
            case .tcp(let host, let port): .hostname(host, port: port)
            case .unixSocket(let path): .unixDomainSocket(path: path)
            }
        let application = Application(
            router: router(),
            server: .stoppable(),
            configuration: ApplicationConfiguration(address: bind, serverName: "shoal"),
            onServerRunning: { channel in
                let port = channel.localAddress?.port
                await onListening(named(port: port))
            },
            logger: quiet
        )
        do {
            try await application.run()
        } catch let error as IOError {
            throw PeerError(
                .conflict,
                "the API cannot listen on \(address): \(error); choose another with --api"
            )
        }
    }

    private func named(port: Int?) -> String {
        guard case .tcp(let host, _) = address, let port else { return address.description }
        return Address.tcp(host: host, port: port).description
    }

    private func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.add(middleware: PeerErrors())
        router.add(middleware: OwnSiteMiddleware())
        router.get("healthz") { _, _ in try JSONReply.response(["status": "ok"]) }
        router.get("readyz") { _, _ in try await readiness() }
        router.get("metrics") { _, _ in
            var text = await node.metrics()
            HostMetrics.add(await host.status, await host.counters, to: &text)
            return text.response
        }
        router.get("v1/status") { _, _ in try JSONReply.response(await nodeStatus()) }
        let one: RouterPath = "v1/versions/:organisation/:model/:version"
        router.get(one) { _, context in
            try JSONReply.response(try await status(of: Self.reference(context)))
        }
        router.post(one) { request, context in
            let reference = try Self.reference(context)
            return try JSONReply.response(try await join(reference, request))
        }
        router.delete(one) { _, context in
            let reference = try Self.reference(context)
            try await host.remove(reference)
            return try JSONReply.response(["removed": reference.description])
        }
        router.post("v1/versions/:organisation/:model/:version/verify") { _, context in
            try await verify(Self.reference(context))
        }
        addHost(to: router)
        return router
    }

    /// What concerns the host: which version serves, and which stay.
    private func addHost(to router: Router<BasicRequestContext>) {
        let one = "v1/versions/:organisation/:model/:version"
        router.get("v1/host") { _, _ in try JSONReply.response(await host.status) }
        router.post("\(one)/activate") { _, context in
            try JSONReply.response(try await host.activate(Self.reference(context)))
        }
        router.post("\(one)/adopt") { request, context in
            try JSONReply.response(try await adopt(Self.reference(context), request))
        }
        router.put("\(one)/pin") { _, context in
            try JSONReply.response(try await host.pin(Self.reference(context), isPinned: true))
        }
        router.delete("\(one)/pin") { _, context in
            try JSONReply.response(try await host.pin(Self.reference(context), isPinned: false))
        }
    }

    private static func reference(_ context: BasicRequestContext) throws -> ModelReference {
        let parts = try ["organisation", "model", "version"].map {
            try context.parameters.require($0)
        }
        do {
            return try ModelReference("\(parts[0])/\(parts[1])@\(parts[2])")
        } catch {
            throw APIError(status: .badRequest, code: "bad-name", message: "\(error)")
        }
    }
}

/// What `GET /v1/status` shows.
package struct PeerNodeStatus: Codable, Hashable, Sendable {
    package var peer: String
    package var listen: String
    package var locality: String
    package var dataDirectory: String
    package var trackers: [String]
    package var versions: [SwarmStatus]
    /// Which versions serve and stay.
    package var host: HostStatus
}

/// Errors of the node as refusals.
struct PeerErrors: RouterMiddleware {
    typealias Context = BasicRequestContext

    func handle(
        _ request: Request,
        context: BasicRequestContext,
        next: @concurrent (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            return try Self.refusal(error).response(from: request, context: context)
        }
    }

    static func refusal(_ error: any Error) -> APIError {
        switch error {
        case let error as APIError: error
        case let error as PeerError:
            APIError(
                status: error.code == .unknownVersion ? .notFound : .conflict,
                code: error.code.rawValue,
                message: error.message
            )
        case let error as StorageError:
            APIError(
                status: error.code == .unknownVersion
                    ? .notFound : error.code == .inUse ? .conflict : .internalServerError,
                code: "storage",
                message: error.message
            )
        case let error as any HTTPResponseError:
            APIError(
                status: error.status,
                code: "bad-request",
                message: error.status.reasonPhrase
            )
        default:
            APIError(status: .internalServerError, code: "internal", message: "\(error)")
        }
    }
}
