internal import Foundation
internal import Hummingbird
internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime

/// Channels and rollouts: everybody may look, whoever has the token may change.
struct RolloutRoutes: Sendable {
    let requests: FleetRequests
    let catalog: CatalogDriver

    private var fleet: FleetDriver { requests.fleet }
    private var byteCountMax: Int { fleet.settings.requestByteCountMax }

    func add(to router: Router<TrackerContext>) {
        router.get("api/v1/channels") { _, _ in
            let channels = try await requests.perform { fleet, _, _ in fleet.channelViews }
            return try JSONReply.response(["channels": channels])
        }
        router.get("api/v1/channels/:channel") { _, context in
            let name = try context.parameters.require("channel")
            return try JSONReply.response(try await channel(name))
        }
        router.put("api/v1/channels/:channel") { request, context in
            try await putChannel(request, context)
        }
        router.delete("api/v1/channels/:channel") { request, context in
            let actor = try requests.operatorName(request, context)
            let name = try context.parameters.require("channel")
            try await requests.perform { fleet, now, actions in
                try fleet.removeChannel(name, by: actor, at: now, into: &actions)
            }
            return try JSONReply.response(["removed": name])
        }
        router.get("api/v1/rollouts") { request, _ in try await list(request) }
        router.post("api/v1/rollouts") { request, context in try await create(request, context) }
        router.get("api/v1/rollouts/:rollout") { _, context in
            try JSONReply.response(try await view(Self.id(context)))
        }
        for verb in RolloutVerb.allCases {
            router.post("api/v1/rollouts/:rollout/\(verb.rawValue)") { request, context in
                try await command(verb, request, context)
            }
        }
    }

    // MARK: Channels

    private func channel(_ name: String) async throws -> ChannelView {
        try await requests.perform { fleet, _, _ in
            guard let view = fleet.channelView(name) else { throw fleet.unknownChannel(name) }
            return view
        }
    }

    private func putChannel(_ request: Request, _ context: TrackerContext) async throws -> Response
    {
        let actor = try requests.operatorName(request, context)
        let name = try context.parameters.require("channel")
        let body: ChannelRequest = try await requests.body(request, byteCountMax: byteCountMax)
        try await requests.perform { fleet, now, actions in
            try fleet.putChannel(name, body, by: actor, at: now, into: &actions)
        }
        return try JSONReply.response(try await channel(name))
    }

    // MARK: Rollouts

    private static func id(_ context: TrackerContext) throws -> Int {
        let text = context.parameters.get("rollout") ?? ""
        guard let id = Int(text), id > 0 else {
            throw FleetRequests.bad("'\(text.prefix(72))' is no rollout; they have numbers from 1")
        }
        return id
    }

    private func list(_ request: Request) async throws -> Response {
        let pageMax = fleet.settings.pageMax
        let count = try FleetRequests.number("limit", request, in: 1...pageMax, fallback: 100)
        let database = fleet.database
        let rollouts = try await requests.perform { _, _, _ in
            try database.rollouts(countMax: count)
        }
        let lines = rollouts.map { RolloutLine($0) }
        return try JSONReply.response(["rollouts": lines])
    }

    /// Of a rollout that is not the newest of its channel, what was written down at its end.
    private func view(_ id: Int) async throws -> RolloutView {
        let database = fleet.database
        return try await requests.perform { fleet, _, _ in
            if let view = fleet.rolloutView(id) { return view }
            guard let old = try database.rollout(id) else {
                throw FleetRefusal(
                    .unknownRollout,
                    "there is no rollout \(id); see GET /api/v1/rollouts"
                )
            }
            return RolloutView(
                rollout: old,
                state: old.stateText,
                waitsFor: nil,
                hosts: HostCounts(),
                waves: [],
                domains: []
            )
        }
    }

    private func create(_ request: Request, _ context: TrackerContext) async throws -> Response {
        let actor = try requests.operatorName(request, context)
        let body: RolloutRequest = try await requests.body(request, byteCountMax: byteCountMax)
        if let key = body.key { try Self.check(key) }
        let model = try await channel(body.channel).channel.model
        let target = try await target(model, body.version)
        let database = fleet.database
        let rollout = try await requests.perform { fleet, now, actions in
            try fleet.createRollout(
                try database.lastRollout + 1,
                body,
                target: target,
                by: actor,
                at: now,
                into: &actions
            )
        }
        return try JSONReply.response(try await view(rollout.id), status: .created)
    }

    private static func check(_ key: String) throws {
        guard !key.isEmpty, key.utf8.count <= Rollout.keyByteCountMax else {
            throw FleetRequests.bad("a key has 1 to \(Rollout.keyByteCountMax) bytes")
        }
    }

    private func target(_ model: ModelName, _ version: String) async throws -> DesiredState.Version
    {
        let reference: ModelReference
        do {
            reference = try ModelReference(name: model, version: version)
        } catch {
            throw FleetRequests.bad("\(error)")
        }
        let infoHash = try await catalog.publishedInfoHash(of: reference)
        return DesiredState.Version(version: version, infoHash: infoHash)
    }

    private func command(
        _ verb: RolloutVerb,
        _ request: Request,
        _ context: TrackerContext
    ) async throws -> Response {
        let actor = try requests.operatorName(request, context)
        let id = try Self.id(context)
        let body: RolloutCommand = try await requests.body(request, byteCountMax: byteCountMax)
        if let key = body.key { try Self.check(key) }
        if let reason = body.reason, reason.utf8.count > RolloutPlan.textByteCountMax {
            throw FleetRequests.bad("a reason has at most \(RolloutPlan.textByteCountMax) bytes")
        }
        _ = try await requests.perform { fleet, now, actions in
            try fleet.command(verb, body, rollout: id, by: actor, at: now, into: &actions)
        }
        return try JSONReply.response(try await view(id))
    }
}
