package import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
package import SwarmModel

/// Reports traffic to a tracker, and reads the sums of a swarm from it.
package struct TrafficClient: Sendable {
    /// Longest answer, in bytes: the matrix of a large swarm.
    private static let responseByteCountMax = 32 << 20

    private let http: HTTPRequests

    /// `timeout` is for one whole request.
    package init(client: HTTPClient, timeout: Duration = .seconds(10)) {
        http = HTTPRequests(
            client: client,
            timeout: timeout,
            responseByteCountMax: Self.responseByteCountMax
        )
    }

    package func report(
        _ report: TrafficReport,
        in swarm: SwarmID,
        to tracker: TrackerAddress
    ) async throws -> TrafficReceipt {
        var request = HTTPClientRequest(url: tracker.trafficURL(swarm))
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(report)))
        return try await http.decoded(request)
    }

    /// The members and the traffic of a swarm.
    package func swarm(_ swarm: SwarmID, at tracker: TrackerAddress) async throws -> SwarmView {
        try await http.decoded(HTTPClientRequest(url: tracker.swarmURL(swarm)))
    }
}

/// What a tracker shows of a swarm: `GET /api/v1/swarms/SWARM`, without the members.
package struct SwarmView: Hashable, Sendable, Codable {
    package var swarm: String
    package var seeds: Int
    package var leeches: Int
    /// Announces of completion.
    package var completed: Int
    /// Nil while no peer has reported any.
    package var traffic: TrafficView?
}
