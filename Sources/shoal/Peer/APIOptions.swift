import ArgumentParser
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import SwarmModel
import SwarmPeer
import SwarmRuntime

/// How a command reaches the local peer.
struct APIOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The local peer's API; also from SHOAL_API.",
            discussion: "By default \(Peer.defaultAPI).",
            valueName: "host:port|unix:path"
        )
    )
    var api: String?

    static func parse(_ text: String?) throws(CommandFailure) -> PeerAPI.Address? {
        guard let text else { return nil }
        guard let address = PeerAPI.Address(text) else {
            throw CommandFailure(
                .usage,
                "--api is '\(text)'",
                remedy: "--api HOST:PORT or unix:PATH"
            )
        }
        return address
    }

    func address() throws(CommandFailure) -> PeerAPI.Address {
        let text = api ?? ProcessInfo.processInfo.environment["SHOAL_API"] ?? Peer.defaultAPI
        return try Self.parse(text) ?? .tcp(host: "127.0.0.1", port: 7072)
    }
}

/// A client of the local peer's API.
struct PeerClient: Sendable {
    let http: HTTPClient
    let address: PeerAPI.Address

    /// Longest answer: the status of 10,000 versions.
    private static let answerByteCountMax = 16 << 20

    /// Runs `body` with a client that is shut down afterwards.
    static func with<R: Sendable>(
        _ options: APIOptions,
        _ body: (PeerClient) async throws -> R
    ) async throws -> R {
        let address = try options.address()
        return try await TrackerRequests.withClient { http in
            try await body(PeerClient(http: http, address: address))
        }
    }

    func status() async throws -> PeerNodeStatus { try await get("v1/status") }

    func status(of reference: ModelReference) async throws -> SwarmStatus {
        try await get(Self.path(reference))
    }

    func join(_ reference: ModelReference, torrent: [UInt8]) async throws -> SwarmStatus {
        try await decoded(.POST, Self.path(reference), body: torrent)
    }

    func remove(_ reference: ModelReference) async throws {
        let _: [String: String] = try await decoded(.DELETE, Self.path(reference))
    }

    func host() async throws -> HostStatus { try await get("v1/host") }

    func activate(_ reference: ModelReference) async throws -> HostStatus.ModelStatus {
        try await decoded(.POST, Self.path(reference) + "/activate")
    }

    func adopt(_ reference: ModelReference, _ order: AdoptOrder) async throws -> AdoptReport {
        let body = Array(try JSONEncoder().encode(order))
        return try await decoded(.POST, Self.path(reference) + "/adopt", body: body)
    }

    func pin(_ reference: ModelReference, isPinned: Bool) async throws -> HostStatus {
        try await decoded(isPinned ? .PUT : .DELETE, Self.path(reference) + "/pin")
    }

    /// The steps of a verification, as they come.
    func verify(
        _ reference: ModelReference,
        onStep: (Verification.Step) -> Void
    ) async throws {
        let response = try await send(.POST, Self.path(reference) + "/verify", body: [])
        var rest: [UInt8] = []
        for try await part in response.body {
            rest += part.readableBytesView
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                onStep(try Self.decode(Array(rest[..<end])))
                rest.removeSubrange(...end)
            }
            guard rest.count < Self.answerByteCountMax else {
                throw CommandFailure(.failure, "the peer at \(address) sent a line without end")
            }
        }
    }

    private static func path(_ reference: ModelReference) -> String {
        let name = reference.name
        let parts = [name.organisation, name.model, reference.version].map {
            $0.replacing("+", with: "%2B")
        }
        return "v1/versions/" + parts.joined(separator: "/")
    }

    private func get<T: Decodable>(_ path: String) async throws -> T {
        try await decoded(.GET, path)
    }

    private func decoded<T: Decodable>(
        _ method: HTTPMethod,
        _ path: String,
        body: [UInt8] = []
    ) async throws -> T {
        let response = try await send(method, path, body: body)
        let buffer = try await response.body.collect(upTo: Self.answerByteCountMax)
        return try Self.decode(Array(buffer.readableBytesView))
    }

    private static func decode<T: Decodable>(_ bytes: [UInt8]) throws -> T {
        do {
            return try JSONDecoder().decode(T.self, from: Data(bytes))
        } catch {
            let text = String(decoding: bytes.prefix(80), as: UTF8.self)
            throw CommandFailure(
                .failure,
                "the API answered something else than a peer does: \(Terminal.safe(text))",
                remedy: "check that --api names a shoal peer"
            )
        }
    }

    private func send(
        _ method: HTTPMethod,
        _ path: String,
        body: [UInt8]
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: url(path))
        request.method = method
        if !body.isEmpty { request.body = .bytes(ByteBuffer(bytes: body)) }
        let response: HTTPClientResponse
        do {
            response = try await http.execute(request, deadline: .distantFuture)
        } catch {
            throw CommandFailure(
                .unreachable,
                "no peer answers at \(address): \(error)",
                remedy: "start one with 'shoal peer', or name its API with --api"
            )
        }
        guard response.status.code / 100 == 2 else { throw try await refusal(response) }
        return response
    }

    private func refusal(_ response: HTTPClientResponse) async throws -> CommandFailure {
        let buffer = try await response.body.collect(upTo: Self.answerByteCountMax)
        let body = try? JSONDecoder().decode(
            APIErrorBody.self,
            from: Data(buffer.readableBytesView)
        )
        return CommandFailure(
            response.status.code == 404 ? .notFound : .failure,
            body?.error.message ?? "the peer at \(address) answered status \(response.status.code)"
        )
    }

    private func url(_ path: String) -> String {
        switch address {
        case .tcp: return "http://\(address)/\(path)"
        case .unixSocket(let file):
            let escaped = file.utf8.map { byte in
                "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
            return "http+unix://\(escaped.joined())/\(path)"
        }
    }
}
