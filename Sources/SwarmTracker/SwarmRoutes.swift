internal import Hummingbird
internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime

/// The swarms as JSON, for people and dashboards: `/api/v1/swarms` and one swarm with its members.
struct SwarmRoutes: Sendable {
    let registry: RegistryDriver

    func add(to router: Router<TrackerContext>) {
        router.get("api/v1/swarms") { _, _ in
            try JSONReply.response(SwarmList(swarms: registry.snapshot().map(SwarmCounts.init)))
        }
        router.get("api/v1/swarms/:swarm") { _, context in
            let text = try context.parameters.require("swarm")
            guard let id = Self.swarm(text) else {
                throw APIError(
                    status: .badRequest,
                    code: "bad-swarm",
                    message:
                        "a swarm is named by the 40 hexadecimal digits of its truncated info-hash"
                        + " or by all 64 of the info-hash"
                )
            }
            guard let found = registry.members(of: id) else {
                throw APIError(
                    status: .notFound,
                    code: "no-such-swarm",
                    message: "no peer is in swarm \(id) now"
                )
            }
            return try JSONReply.response(
                SwarmView(
                    counts: SwarmCounts(found.counts),
                    members: found.members.map(Member.init)
                )
            )
        }
    }

    private static func swarm(_ text: String) -> SwarmID? {
        guard text.utf8.count == 40 || text.utf8.count == 64 else { return nil }
        return Hex.decode(text).flatMap { SwarmID($0.prefix(20)) }
    }

    // MARK: The JSON

    private struct SwarmList: Encodable { var swarms: [SwarmCounts] }

    private struct SwarmCounts: Encodable {
        var swarm: String
        var seeds: Int
        var leeches: Int
        var completed: Int

        init(_ entry: ScrapeEntry) {
            swarm = entry.swarm.description
            seeds = entry.complete
            leeches = entry.incomplete
            completed = entry.downloaded
        }
    }

    private struct SwarmView: Encodable {
        var counts: SwarmCounts
        var members: [Member]

        private enum Keys: String, CodingKey { case members }

        func encode(to encoder: any Encoder) throws {
            try counts.encode(to: encoder)
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode(members, forKey: .members)
        }
    }

    private struct Member: Encodable {
        /// The peer id with unprintable bytes as dots, and exactly.
        var peer: String
        var peerHex: String
        var endpoints: [String]
        var locality: String
        var generation: UInt64
        var isSeed: Bool
        /// Sends our keys.
        var isShoal: Bool
        var expiresInSeconds: Double

        init(_ member: TrackerMember) {
            peer = member.entry.peer.description
            peerHex = Hex.encode(member.entry.peer.bytes)
            endpoints = member.entry.endpoints.map(\.description)
            locality = member.entry.locality.description
            generation = member.entry.generation
            isSeed = member.entry.isSeed
            isShoal = member.isOurs
            expiresInSeconds = (member.remaining.inSeconds * 10).rounded() / 10
        }
    }
}
