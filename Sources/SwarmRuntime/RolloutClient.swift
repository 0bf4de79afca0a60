package import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
package import SwarmModel

/// Steers channels and rollouts of a tracker, and looks at them.
package struct RolloutClient: Sendable {
    package struct Settings: Hashable, Sendable {
        /// For one whole request.
        package var timeout: Duration = .seconds(30)
        /// Longest answer, in bytes: a rollout over many racks.
        package var responseByteCountMax: Int = 32 << 20

        package init() {}
    }

    private let tracker: TrackerAddress
    private let token: String?
    private let http: HTTPRequests

    package init(
        client: HTTPClient,
        tracker: TrackerAddress,
        token: String? = nil,
        settings: Settings = .init()
    ) {
        self.tracker = tracker
        self.token = token
        http = HTTPRequests(
            client: client,
            timeout: settings.timeout,
            responseByteCountMax: settings.responseByteCountMax
        )
    }

    // MARK: Channels

    package func putChannel(_ name: String, _ body: ChannelRequest) async throws -> ChannelView {
        try await send(.PUT, "channels/\(Self.escaped(name))", body)
    }

    package func channels() async throws -> [ChannelView] {
        struct List: Decodable { var channels: [ChannelView] }
        let list: List = try await send(.GET, "channels")
        return list.channels
    }

    package func removeChannel(_ name: String) async throws {
        struct Removed: Decodable { var removed: String }
        let _: Removed = try await send(.DELETE, "channels/\(Self.escaped(name))")
    }

    // MARK: Rollouts

    package func create(_ body: RolloutRequest) async throws -> RolloutView {
        try await send(.POST, "rollouts", body)
    }

    package func rollout(_ id: Int) async throws -> RolloutView {
        try await send(.GET, "rollouts/\(id)")
    }

    package func rollouts() async throws -> [RolloutLine] {
        struct List: Decodable { var rollouts: [RolloutLine] }
        let list: List = try await send(.GET, "rollouts")
        return list.rollouts
    }

    package func command(
        _ verb: RolloutVerb,
        _ id: Int,
        _ body: RolloutCommand
    ) async throws -> RolloutView {
        try await send(.POST, "rollouts/\(id)/\(verb.rawValue)", body)
    }

    // MARK: Requests

    private func send<Answer: Decodable>(
        _ method: HTTPMethod,
        _ path: String,
        _ body: (some Encodable)? = String?.none
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: tracker.apiURL(path))
        request.method = method
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
        }
        return try await http.decoded(request)
    }

    private static func escaped(_ name: String) -> String {
        name.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? name
    }
}
