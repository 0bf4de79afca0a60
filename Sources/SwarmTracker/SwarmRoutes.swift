internal import Hummingbird
internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime

/// The swarms as JSON, for people and dashboards: `/api/v1/swarms`, and one swarm with its members,
/// its traffic and what that cost.
struct SwarmRoutes: Sendable {
    let registry: RegistryDriver
    let traffic: TrafficDriver
    let prices: EgressPrices

    func add(to router: Router<TrackerContext>) {
        router.get("api/v1/swarms") { _, _ in
            try JSONReply.response(SwarmList(swarms: registry.snapshot().map(SwarmCounts.init)))
        }
        router.get("api/v1/swarms/:swarm") { _, context in
            try JSONReply.response(try view(Self.swarm(context)))
        }
    }

    /// A swarm has members, traffic, or both: what was moved is shown after everybody has left.
    private func view(_ id: SwarmID) throws -> SwarmView {
        let found = registry.members(of: id)
        let sums = traffic.traffic(of: id)
        guard found != nil || sums != nil else {
            throw APIError(
                status: .notFound,
                code: "no-such-swarm",
                message: "no peer is in swarm \(id) now, and none has reported traffic"
            )
        }
        let members = found?.members ?? []
        let none = ScrapeEntry(swarm: id, complete: 0, incomplete: 0, downloaded: 0)
        return SwarmView(
            counts: SwarmCounts(found?.counts ?? none),
            members: members.map(Member.init),
            traffic: sums.map {
                TrafficView($0, members: members.map(\.entry.locality), prices: prices)
            }
        )
    }

    /// The swarm in a request's path.
    static func swarm(_ context: TrackerContext) throws -> SwarmID {
        let text = try context.parameters.require("swarm")
        guard text.utf8.count == 40 || text.utf8.count == 64,
            let id = Hex.decode(text).flatMap({ SwarmID($0.prefix(20)) })
        else {
            throw APIError(
                status: .badRequest,
                code: "bad-swarm",
                message:
                    "a swarm is named by the 40 hexadecimal digits of its truncated info-hash"
                    + " or by all 64 of the info-hash"
            )
        }
        return id
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
        var traffic: TrafficView?

        private enum Keys: String, CodingKey { case members, traffic }

        func encode(to encoder: any Encoder) throws {
            try counts.encode(to: encoder)
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode(members, forKey: .members)
            try container.encodeIfPresent(traffic, forKey: .traffic)
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
        /// The part that it publishes, `K/N`; left out when it does not publish.
        var part: String?
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
            part = member.part?.description
            isShoal = member.isOurs
            expiresInSeconds = (member.remaining.inSeconds * 10).rounded() / 10
        }
    }
}
