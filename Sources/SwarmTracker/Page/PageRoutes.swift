internal import Hummingbird
internal import NIOCore
internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime

/// The page at `/`, its files, and what it asks for beside the API that everybody uses.
struct PageRoutes: Sendable {
    let streams: PageStreams

    func add(to router: Router<TrackerContext>) {
        router.get("/") { _, _ in Self.response(PageFiles.index) }
        router.get("page/:file") { _, context in
            let name = context.parameters.get("file") ?? ""
            guard let file = PageFiles.named[name] else {
                throw APIError(
                    status: .notFound,
                    code: "no-such-file",
                    message: "the page has no file of that name; it is at /"
                )
            }
            return Self.response(file)
        }
        router.get("api/v1/page/events") { request, context in
            guard let connection = context.connection else {
                throw FleetRequests.bad("a stream needs a connection")
            }
            return try await Self.refusing {
                try await streams.response(channel: Self.channel(request), on: connection)
            }
        }
        router.get("api/v1/page/hosts") { request, _ in
            let levelsMax = Locality.levelCountMax
            let levels = try FleetRequests.number(
                "levels",
                request,
                in: 0...levelsMax,
                fallback: levelsMax
            )
            let place = try Self.place(request)
            let hosts = try await Self.refusing {
                try await streams.sights.hosts(
                    at: place,
                    levels: levels,
                    channel: Self.channel(request)
                )
            }
            return try JSONReply.response(["hosts": hosts])
        }
    }

    private static func refusing<R>(_ body: () async throws -> R) async throws -> R {
        do {
            return try await body()
        } catch let refusal as FleetRefusal {
            throw FleetRequests.answer(refusal)
        }
    }

    /// Nil for all hosts.
    private static func channel(_ request: Request) -> String? {
        let name = request.uri.queryParameters["channel"].map { String($0) } ?? ""
        return name.isEmpty ? nil : name
    }

    private static func place(_ request: Request) throws -> Locality {
        do {
            return try Locality(request.uri.queryParameters["place"].map { String($0) } ?? "")
        } catch {
            throw FleetRequests.bad("'place' has \(error)")
        }
    }

    /// Nothing from elsewhere, no script but ours, and no text that becomes one: names and reasons
    /// on the page come from whoever reaches the tracker.
    static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        + "require-trusted-types-for 'script'; trusted-types 'none'"

    private static func response(_ file: PageFiles.File) -> Response {
        return Response(
            status: .ok,
            headers: [
                .contentType: file.type, .cacheControl: "no-cache",
                .contentSecurityPolicy: policy, .xContentTypeOptions: "nosniff",
            ],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: file.bytes))
        )
    }
}

/// The files of the page: in `Files` beside this one, embedded when the target is built.
enum PageFiles {
    struct File: Sendable {
        var type: String
        var bytes: [UInt8]
    }

    static let index = File(type: "text/html; charset=utf-8", bytes: PackageResources.index_html)

    /// By the name under `/page/`.
    static let named: [String: File] = [
        "page.css": File(type: "text/css; charset=utf-8", bytes: PackageResources.page_css),
        "page.js": script(PackageResources.page_js),
        "stream.js": script(PackageResources.stream_js),
        "fleet.js": script(PackageResources.fleet_js),
        "cells.js": script(PackageResources.cells_js),
        "rollouts.js": script(PackageResources.rollouts_js),
        "traffic.js": script(PackageResources.traffic_js),
        "history.js": script(PackageResources.history_js),
        "commands.js": script(PackageResources.commands_js),
        "text.js": script(PackageResources.text_js),
    ]

    private static func script(_ bytes: [UInt8]) -> File {
        File(type: "text/javascript; charset=utf-8", bytes: bytes)
    }
}
