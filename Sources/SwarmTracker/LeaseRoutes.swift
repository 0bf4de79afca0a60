internal import Foundation
internal import Hummingbird
internal import NIOCore
internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime

/// Leases on origins: `POST /api/v1/leases` asks, `…/renew` keeps, `…/end` gives back. Like an
/// announce it is open to whoever reaches the tracker; a lease opens no door, it only keeps others
/// from the same work for a while.
struct LeaseRoutes: Sendable {
    let leases: LeaseDriver

    func add(to router: Router<TrackerContext>) {
        router.post("api/v1/leases") { request, _ in try await ask(request) }
        router.post("api/v1/leases/renew") { request, _ in try await renew(request) }
        router.post("api/v1/leases/end") { request, _ in try await end(request) }
    }

    private func ask(_ request: Request) async throws -> Response {
        let ask: LeaseBodies.Ask = try await Self.body(of: request)
        let (swarm, peer) = try Self.holder(ask.swarm, ask.peer)
        guard let wish = ask.wish else {
            throw Self.refusal(
                "bad-wish",
                "a wish names an origin by its id, 1 to \(LeaseWish.runsMax) runs of pieces, "
                    + "and a countMax of at least 1"
            )
        }
        return try JSONReply.response(
            LeaseBodies.Answer(leases.ask(wish, in: swarm, by: peer))
        )
    }

    private func renew(_ request: Request) async throws -> Response {
        let word: LeaseBodies.Word = try await Self.body(of: request)
        let (swarm, peer) = try Self.holder(word.swarm, word.peer)
        let lifetime = leases.renew(try Self.claim(word), in: swarm, by: peer)
        return try JSONReply.response(LeaseBodies.Renewal(lifetime: lifetime))
    }

    private func end(_ request: Request) async throws -> Response {
        let word: LeaseBodies.Word = try await Self.body(of: request)
        let (swarm, peer) = try Self.holder(word.swarm, word.peer)
        guard let end = word.end.flatMap({ LeaseEnd(rawValue: $0) }) else {
            throw Self.refusal("bad-end", "a lease ends as done, failed or abandoned")
        }
        leases.end(try Self.claim(word), end, in: swarm, by: peer)
        return try JSONReply.response(["status": "ok"])
    }

    // MARK: Reading requests

    private static func body<T: Decodable>(of request: Request) async throws -> T {
        let bytes = try await request.body.collect(upTo: LeaseBodies.byteCountMax)
        do {
            return try JSONDecoder().decode(T.self, from: Data(bytes.readableBytesView))
        } catch {
            throw refusal("bad-body", "the body is not the JSON object that this route reads")
        }
    }

    private static func holder(_ swarm: String, _ peer: String) throws -> (SwarmID, PeerID) {
        guard let swarm = LeaseBodies.swarm(swarm), let peer = LeaseBodies.peer(peer) else {
            throw refusal("bad-holder", "swarm and peer are 40 hexadecimal digits each")
        }
        return (swarm, peer)
    }

    private static func claim(_ word: LeaseBodies.Word) throws -> LeaseClaim {
        guard let claim = word.lease.claim else {
            throw refusal("bad-lease", "a lease has a number, an origin and a run of pieces")
        }
        return claim
    }

    private static func refusal(_ code: String, _ message: String) -> APIError {
        APIError(status: .badRequest, code: code, message: message)
    }
}
