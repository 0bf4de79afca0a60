internal import Hummingbird
internal import SwarmModel
internal import SwarmRuntime
internal import SwarmWire

/// `GET /announce` (BEP 3) and `GET /scrape` (BEP 48). Refusals are bencoded with status 200, since
/// clients show a `failure reason` and drop the body of any other status.
struct AnnounceRoutes: Sendable {
    let registry: RegistryDriver
    let counters: TrackerCounters

    func add(to router: Router<TrackerContext>) {
        router.get("announce") { request, context in
            counters.announces.add(1)
            return announce(request, context)
        }
        router.get("scrape") { request, _ in scrape(request) }
    }

    private func announce(_ request: Request, _ context: TrackerContext) -> Response {
        guard let client = context.client else {
            counters.refusedAnnounces.add(1)
            return failure("the tracker does not know the address of this connection")
        }
        do throws(AnnounceRequestError) {
            let query = request.uri.query ?? ""
            let announce = try AnnounceCodec.decodeRequest(query: query)
            let response = registry.announce(announce, from: client)
            if case .failure = response { counters.refusedAnnounces.add(1) }
            return reply(
                AnnounceCodec.encodeResponse(response, isCompact: announce.wantsCompact)
            )
        } catch {
            counters.refusedAnnounces.add(1)
            return failure(error.description)
        }
    }

    private func scrape(_ request: Request) -> Response {
        do throws(AnnounceRequestError) {
            let swarms = try AnnounceCodec.decodeScrapeRequest(query: request.uri.query ?? "")
            return reply(AnnounceCodec.encodeScrapeResponse(registry.scrape(Self.unique(swarms))))
        } catch {
            return failure(error.description)
        }
    }

    /// Each swarm once: the answer is a dictionary.
    private static func unique(_ swarms: [SwarmID]) -> [SwarmID] {
        var result: [SwarmID] = []
        for swarm in swarms where !result.contains(swarm) { result.append(swarm) }
        return result
    }

    private func failure(_ reason: String) -> Response {
        reply(
            AnnounceCodec.encodeResponse(.failure(reason: reason, retry: nil), isCompact: true)
        )
    }

    private func reply(_ bytes: [UInt8]) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "text/plain"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        )
    }
}
