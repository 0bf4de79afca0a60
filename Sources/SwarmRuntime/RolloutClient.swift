package import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
package import SwarmModel

/// Steers channels, rollouts and single hosts of a tracker, and looks at them.
package struct RolloutClient: Sendable {
    /// For one whole request.
    private static let timeout = Duration.seconds(30)
    /// Longest answer, in bytes: a rollout over many racks.
    private static let responseByteCountMax = 32 << 20
    /// Hosts that a list is read up to, whatever the tracker says: more than it may know.
    private static let hostsMax = 65_536

    private let tracker: TrackerAddress
    private let token: String?
    private let http: HTTPRequests
    private let traffic: TrafficClient

    package init(client: HTTPClient, tracker: TrackerAddress, token: String? = nil) {
        self.tracker = tracker
        self.token = token
        http = HTTPRequests(
            client: client,
            timeout: Self.timeout,
            responseByteCountMax: Self.responseByteCountMax
        )
        traffic = TrafficClient(client: client)
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

    /// What the peers of the rollout's version have reported; nil while none has.
    package func traffic(of rollout: Rollout) async throws -> TrafficView? {
        let swarm = rollout.target.infoHash.swarmID
        return try await traffic.swarm(swarm, at: tracker).traffic
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

    // MARK: Hosts

    /// All of them, by name.
    package func hosts() async throws -> [HostView] {
        struct Page: Decodable {
            var hosts: [HostView]
            var after: HostName?
        }
        var all: [HostView] = []
        var query = ""
        while true {
            let page: Page = try await send(.GET, "hosts" + query)
            all += page.hosts
            guard let after = page.after, all.count < Self.hostsMax else { return all }
            query = "?after=\(after)"
        }
    }

    package func host(_ name: HostName) async throws -> HostView {
        try await send(.GET, "hosts/\(name)")
    }

    /// Tells a host to hold a version until it is released.
    package func hold(
        _ version: ModelReference,
        on host: HostName
    ) async throws -> HostHoldAnswer {
        try await send(.PUT, Self.path(of: version, on: host))
    }

    package func release(
        _ version: ModelReference,
        on host: HostName
    ) async throws -> HostHoldAnswer {
        try await send(.DELETE, Self.path(of: version, on: host))
    }

    private static func path(of version: ModelReference, on host: HostName) -> String {
        // Neither name has a character that a URL's path would need escaped.
        "hosts/\(host)/holds/\(version.name)/\(version.version)"
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
