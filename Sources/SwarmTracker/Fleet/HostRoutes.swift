internal import Hummingbird
internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime

/// Hosts: what they report and are told (`POST …/sync`, open like an announce), and what is known
/// of them, and what single hosts are told to hold.
struct HostRoutes: Sendable {
    let requests: FleetRequests
    let catalog: CatalogDriver
    private var fleet: FleetDriver { requests.fleet }

    func add(to router: Router<TrackerContext>) {
        router.post("api/v1/hosts/:host/sync") { request, context in
            fleet.gauges.reports.add(1)
            do {
                return try JSONReply.response(try await sync(request, context))
            } catch {
                fleet.gauges.refusedReports.add(1)
                throw error
            }
        }
        router.get("api/v1/hosts") { request, _ in try await list(request) }
        router.get("api/v1/hosts/:host") { _, context in
            let name = try FleetRequests.host(context)
            let view = try await requests.perform { fleet, now, _ in
                guard let view = fleet.hostView(name, at: now) else { throw fleet.unknown(name) }
                return view
            }
            return try JSONReply.response(view)
        }
        router.delete("api/v1/hosts/:host") { request, context in
            let actor = try requests.operatorName(request, context)
            let name = try FleetRequests.host(context)
            try await requests.perform { fleet, now, actions in
                try fleet.removeHost(name, by: actor, at: now, into: &actions)
            }
            return try JSONReply.response(["removed": name.description])
        }
        let holds = "api/v1/hosts/:host/holds/:organisation/:model/:version"
        router.put("\(holds)") { request, context in try await hold(request, context) }
        router.delete("\(holds)") { request, context in try await release(request, context) }
    }

    // MARK: Holds

    private func hold(_ request: Request, _ context: TrackerContext) async throws -> Response {
        let reference = try CatalogRoutes.reference(context)
        // Before it is asked of the fleet: who may not change anything need not know the catalog.
        _ = try requests.operatorName(request, context)
        let hold = HostHold(
            model: reference.name,
            version: reference.version,
            infoHash: try await catalog.publishedInfoHash(of: reference)
        )
        return try await change(request, context) { fleet, host, actor, now, actions in
            try fleet.hold(hold, on: host, by: actor, at: now, into: &actions)
        }
    }

    private func release(_ request: Request, _ context: TrackerContext) async throws -> Response {
        let reference = try CatalogRoutes.reference(context)
        return try await change(request, context) { fleet, host, actor, now, actions in
            try fleet.release(reference, on: host, by: actor, at: now, into: &actions)
        }
    }

    private func change(
        _ request: Request,
        _ context: TrackerContext,
        _ body:
            @escaping @Sendable (
                inout Fleet, HostName, String, Instant, inout [FleetAction]
            ) throws -> Bool
    ) async throws -> Response {
        let actor = try requests.operatorName(request, context)
        let name = try FleetRequests.host(context)
        let answer = try await requests.perform { fleet, now, actions in
            let changed = try body(&fleet, name, actor, now, &actions)
            guard let view = fleet.hostView(name, at: now) else { throw fleet.unknown(name) }
            return HostHoldAnswer(host: view, changed: changed)
        }
        return try JSONReply.response(answer)
    }

    private func sync(_ request: Request, _ context: TrackerContext) async throws -> DesiredState {
        let name = try FleetRequests.host(context)
        let seconds = try FleetRequests.number(
            "wait",
            request,
            in: 0...Int(fleet.settings.waitMax.components.seconds),
            fallback: 0
        )
        let report: HostReport = try await requests.body(
            request,
            byteCountMax: fleet.settings.reportByteCountMax
        )
        guard report.host == name else {
            throw FleetRequests.bad(
                "the report is of host '\(report.host)', and it was sent as '\(name)'"
            )
        }
        if let flaw = report.flaw { throw FleetRequests.bad("the report: \(flaw)") }
        do {
            return try await fleet.sync(report, wait: .seconds(seconds))
        } catch let refusal as FleetRefusal {
            throw FleetRequests.answer(refusal)
        }
    }

    private func list(_ request: Request) async throws -> Response {
        struct List: Encodable {
            var hosts: [HostView]
            /// Of the next page; nil on the last.
            var after: HostName?
        }
        let pageMax = fleet.settings.pageMax
        let count = try FleetRequests.number("limit", request, in: 1...pageMax, fallback: pageMax)
        let after = try request.uri.queryParameters["after"].map { text in
            do { return try HostName(String(text)) } catch { throw FleetRequests.bad("\(error)") }
        }
        let hosts = try await requests.perform { fleet, now, _ in
            fleet.hostViews(after: after, countMax: count, at: now)
        }
        return try JSONReply.response(
            List(hosts: hosts, after: hosts.count == count ? hosts.last?.host : nil)
        )
    }
}
