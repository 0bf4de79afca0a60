package import AsyncHTTPClient
internal import Foundation
internal import NIOHTTP1
package import SwarmModel

/// Asks trackers for leases on origins. The trackers are asked in their order until one answers, so
/// that a fleet with the same list has one that grants.
package struct LeaseClient: Sendable {
    private let http: HTTPRequests
    private let trackers: [TrackerAddress]
    private let swarm: SwarmID
    private let peer: PeerID

    /// From the question to the answer: a lease is worth nothing late.
    private static let timeout = Duration.seconds(5)

    package init(
        client: HTTPClient,
        trackers: [TrackerAddress],
        swarm: SwarmID,
        peer: PeerID
    ) {
        http = HTTPRequests(
            client: client,
            timeout: Self.timeout,
            responseByteCountMax: LeaseBodies.byteCountMax
        )
        self.trackers = trackers
        self.swarm = swarm
        self.peer = peer
    }

    package var hasTracker: Bool { !trackers.isEmpty }

    package func ask(_ wish: LeaseWish) async -> LeaseAnswer {
        let body = LeaseBodies.Ask(wish, swarm: swarm, peer: peer)
        for tracker in trackers {
            let answer: LeaseBodies.Answer? = await post(body, to: tracker.leasesURL)
            if let value = answer?.value { return value }
        }
        return .unanswered
    }

    package enum Renewal: Hashable, Sendable {
        case renewed(Duration)
        case lost
        case unanswered
    }

    package func renew(_ claim: LeaseClaim) async -> Renewal {
        let word = LeaseBodies.Word(claim, swarm: swarm, peer: peer)
        for tracker in trackers {
            let answer: LeaseBodies.Renewal? = await post(word, to: tracker.leasesURL + "/renew")
            if let answer { return answer.lifetime.map { .renewed($0) } ?? .lost }
        }
        return .unanswered
    }

    /// Nobody waits for the answer: a word that is lost is made up for by the lease's expiry.
    package func end(_ claim: LeaseClaim, _ end: LeaseEnd) async {
        let word = LeaseBodies.Word(claim, end: end, swarm: swarm, peer: peer)
        for tracker in trackers {
            let answer: [String: String]? = await post(word, to: tracker.leasesURL + "/end")
            if answer != nil { return }
        }
    }

    /// Nil when there is no answer of the form expected.
    private func post<Answer: Decodable>(
        _ body: some Encodable,
        to url: String
    ) async -> Answer? {
        guard let bytes = try? JSONEncoder().encode(body) else { return nil }
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(Array(bytes))
        guard let answer = try? await http.send(request, named: url), answer.status == 200 else {
            return nil
        }
        return try? JSONDecoder().decode(Answer.self, from: Data(answer.body))
    }
}
