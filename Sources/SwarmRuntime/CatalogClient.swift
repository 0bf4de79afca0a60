package import AsyncHTTPClient
internal import Foundation
internal import NIOHTTP1
package import SwarmModel
internal import SwarmWire

/// A tracker as people name it: with or without `/announce` at the end.
package struct TrackerAddress: Hashable, Sendable, CustomStringConvertible {
    /// Without a slash at the end.
    private let base: String

    /// Nil when the text is not an HTTP URL.
    package init?(_ text: String) {
        guard TrackerURL.isHTTP(text), !text.contains("?"), !text.contains("#") else { return nil }
        var base = Substring(text)
        while base.hasSuffix("/") { base.removeLast() }
        if base.hasSuffix("/announce") { base.removeLast("/announce".count) }
        self.base = String(base)
    }

    package var announceURL: String { base + "/announce" }
    package var modelsURL: String { base + "/api/v1/models" }
    package func apiURL(_ path: String) -> String { base + "/api/v1/" + path }
    package var leasesURL: String { base + "/api/v1/leases" }
    package func swarmURL(_ swarm: SwarmID) -> String { base + "/api/v1/swarms/\(swarm)" }
    package func trafficURL(_ swarm: SwarmID) -> String { swarmURL(swarm) + "/traffic" }
    package var description: String { base }

    package func url(of reference: ModelReference) -> String {
        // Names have no character that a URL's path would need escaped.
        "\(modelsURL)/\(reference.name)/\(reference.version)"
    }
}

/// A version in a tracker's catalog.
package struct CatalogEntry: Hashable, Sendable, Codable {
    /// `ORG/MODEL`.
    package var name: ModelName
    package var version: String
    /// Nil when the tracker cannot read the file any more.
    package var infoHash: InfoHash?
    /// Length of the `.torrent` file; nil in the answer to a put.
    package var bytes: Int?
    /// Whether a put made it; nil in a list.
    package var created: Bool?
}

/// Publishes `.torrent` files to a tracker's catalog and reads them from it.
package struct CatalogClient: Sendable {
    package struct Settings: Hashable, Sendable {
        /// For one whole request: a large file over a slow link takes a while.
        package var timeout: Duration = .seconds(60)
        /// Longest answer, in bytes: the longest `.torrent` file that our reader takes.
        package var responseByteCountMax: Int = 32 << 20

        package init() {}
    }

    let tracker: TrackerAddress
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

    /// Publishes a `.torrent` file. A version that is there with the same info-hash stays as it is.
    package func put(_ reference: ModelReference, _ torrent: [UInt8]) async throws -> CatalogEntry {
        try await put(torrent, to: tracker.url(of: reference))
    }

    func put<T: Decodable>(_ torrent: [UInt8], to url: String) async throws -> T {
        var request = HTTPClientRequest(url: url)
        request.method = .PUT
        request.headers.add(name: "content-type", value: "application/x-bittorrent")
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        request.body = .bytes(torrent)
        return try await decoded(request)
    }

    /// The `.torrent` file of a version.
    package func get(_ reference: ModelReference) async throws -> [UInt8] {
        try await send(HTTPClientRequest(url: tracker.url(of: reference)))
    }

    /// Everything published.
    package func list() async throws -> [CatalogEntry] {
        struct List: Decodable { var models: [CatalogEntry] }
        let list: List = try await decoded(HTTPClientRequest(url: tracker.modelsURL))
        return list.models
    }

    // MARK: Requests

    func decoded<T: Decodable>(_ request: HTTPClientRequest) async throws -> T {
        try await http.decoded(request)
    }

    private func send(_ request: HTTPClientRequest) async throws -> [UInt8] {
        try await http.body(request)
    }
}

extension HTTPRequests {
    /// The answer of a JSON API of ours, as a value.
    func decoded<T: Decodable>(_ request: HTTPClientRequest) async throws -> T {
        let body = try await body(request)
        do {
            return try JSONDecoder().decode(T.self, from: Data(body))
        } catch {
            throw TrackerClientError(
                code: .badAnswer,
                url: request.url,
                message: "\(request.url) answered something else than a tracker does; "
                    + "check the tracker's address"
            )
        }
    }

    /// The body of a success; any other status is an error with the server's own words.
    func body(_ request: HTTPClientRequest) async throws -> [UInt8] {
        let answer = try await send(request, named: request.url)
        guard (200...299).contains(answer.status) else {
            throw TrackerClientError(
                code: .status(answer.status),
                url: request.url,
                message: "\(request.url) answered with status \(answer.status)"
                    + Self.explanation(answer)
            )
        }
        return answer.body
    }

    /// The server's message when it is ours, and otherwise what to check.
    private static func explanation(_ answer: Answer) -> String {
        struct Refusal: Decodable {
            struct Content: Decodable { var message: String }
            var error: Content
        }
        if let refusal = try? JSONDecoder().decode(Refusal.self, from: Data(answer.body)) {
            return ": " + refusal.error.message
        }
        return "; check that this is the address of a shoal tracker"
    }
}
