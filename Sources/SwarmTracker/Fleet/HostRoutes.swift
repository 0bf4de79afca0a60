internal import Hummingbird
internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime

/// Hosts: what they report and are told (`POST …/sync`, open like an announce), and what is known
/// of them.
struct HostRoutes: Sendable {
    let requests: FleetRequests
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
