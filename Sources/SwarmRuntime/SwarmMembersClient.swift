package import AsyncHTTPClient
package import SwarmModel

/// A member of a swarm, as a tracker shows it: what matters for counting copies.
package struct SwarmMember: Hashable, Sendable, Codable {
    /// The peer id, in hexadecimal digits.
    package var peerHex: String
    /// Has every piece.
    package var isSeed: Bool
    /// The part that it publishes, `K/N`; nil for whoever fetches.
    package var part: String?
}

/// Asks a tracker who is in a swarm.
package struct SwarmMembersClient: Sendable {
    /// Longest answer, in bytes: some twenty thousand members.
    private static let responseByteCountMax = 16 << 20

    private let http: HTTPRequests

    package init(client: HTTPClient, timeout: Duration = .seconds(10)) {
        http = HTTPRequests(
            client: client,
            timeout: timeout,
            responseByteCountMax: Self.responseByteCountMax
        )
    }

    /// Nobody when the tracker does not know the swarm.
    package func members(
        of swarm: SwarmID,
        at tracker: TrackerAddress
    ) async throws -> [SwarmMember] {
        struct Answer: Decodable { var members: [SwarmMember] }
        do {
            let answer: Answer = try await http.decoded(
                HTTPClientRequest(url: tracker.swarmURL(swarm))
            )
            return answer.members
        } catch let error as TrackerClientError where error.code == .status(404) {
            return []
        }
    }
}
