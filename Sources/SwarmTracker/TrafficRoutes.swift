internal import Foundation
internal import Hummingbird
internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime

/// `POST /api/v1/swarms/SWARM/traffic`: a peer's ledger of the swarm, as sums since it joined.
struct TrafficRoutes: Sendable {
    let traffic: TrafficDriver
    let reportByteCountMax: Int
    let counters: TrackerCounters

    func add(to router: Router<TrackerContext>) {
        router.post("api/v1/swarms/:swarm/traffic") { request, context in
            counters.reports.add(1)
            do {
                let swarm = try SwarmRoutes.swarm(context)
                let report = try await report(request)
                return try reply(traffic.enter(report, in: swarm))
            } catch {
                counters.refusedReports.add(1)
                throw error
            }
        }
    }

    private func report(_ request: Request) async throws -> TrafficReport {
        let bytes = try await traffic.withPlace { try await collected(request) }
        guard let bytes else {
            throw APIError(
                status: .serviceUnavailable,
                code: "busy",
                message: "the tracker is receiving other reports; try again in some seconds",
                headers: [.retryAfter: "5"]
            )
        }
        do {
            let report = try JSONDecoder().decode(TrafficReport.self, from: Data(bytes))
            guard let flaw = report.flaw else { return report }
            throw Self.bad(flaw)
        } catch let error as DecodingError {
            throw Self.bad(error.keyAndReason)
        }
    }

    private static func bad(_ reason: String) -> APIError {
        APIError(
            status: .badRequest,
            code: "bad-report",
            message: "the body is no report of traffic: \(reason)"
        )
    }

    private func collected(_ request: Request) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await buffer in request.body {
            guard bytes.count + buffer.readableBytes <= reportByteCountMax else {
                throw APIError(
                    status: .contentTooLarge,
                    code: "body-too-large",
                    message: "a report of traffic may have \(reportByteCountMax) bytes"
                )
            }
            bytes += buffer.readableBytesView
        }
        return bytes
    }

    private func reply(_ outcome: TrafficBook.Outcome) throws -> Response {
        switch outcome {
        case .entered(let next):
            return try JSONReply.response(
                TrafficReceipt(intervalSeconds: Int(next.inSeconds.rounded(.up)))
            )
        case .tooSoon(let wait):
            throw APIError(
                status: .tooManyRequests,
                code: "too-soon",
                message: "this peer reported a moment ago; report sums, less often",
                headers: [.retryAfter: "\(Int(wait.inSeconds.rounded(.up)))"]
            )
        case .full(let wait):
            throw APIError(
                status: .serviceUnavailable,
                code: "book-full",
                message: "the tracker has no room for the traffic of further peers",
                headers: [.retryAfter: "\(Int(wait.inSeconds.rounded(.up)))"]
            )
        }
    }
}
