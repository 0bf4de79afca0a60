package import AsyncHTTPClient
internal import Foundation
internal import NIOHTTP1
package import SwarmModel

extension TrackerAddress {
    /// Where a host says what it has, and hears what it should.
    package func syncURL(_ host: HostName, wait: Duration) -> String {
        // A host's name has no character that a URL's path would need escaped.
        "\(self)/api/v1/hosts/\(host)/sync?wait=\(wait.components.seconds)"
    }
}

/// Reports a host to a tracker, and brings back what the tracker wants of it.
package struct FleetClient: Sendable {
    private let http: HTTPRequests

    /// Longest a tracker may be asked to hold a report.
    package static let waitMax = Duration.seconds(60)
    /// Longest report that a tracker takes, in bytes.
    package static let reportByteCountMax = 256 << 10
    /// Longest answer: as many versions of as many models as a host can report.
    private static let answerByteCountMax = 2 << 20
    /// Beyond the time that the tracker was asked to wait.
    private static let patience = Duration.seconds(15)

    package init(client: HTTPClient) {
        http = HTTPRequests(
            client: client,
            timeout: Self.waitMax + Self.patience,
            responseByteCountMax: Self.answerByteCountMax
        )
    }

    /// One exchange. The tracker answers when it wants something else than `report.generation`
    /// says, or after `wait`.
    package func sync(
        _ report: HostReport,
        with tracker: TrackerAddress,
        wait: Duration
    ) async throws -> DesiredState {
        var request = HTTPClientRequest(url: tracker.syncURL(report.host, wait: wait))
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(try Self.body(report))
        return try await http.decoded(request)
    }

    /// The report as JSON. One that is too long loses the versions that matter least, which are
    /// last.
    static func body(_ report: HostReport) throws -> [UInt8] {
        var body = try JSONEncoder().encode(report)
        var report = report
        var limit = HostReport.versionCountMax
        while body.count > reportByteCountMax, limit > 0 {
            limit /= 2
            for index in report.models.indices {
                report.models[index].versions = Array(report.models[index].versions.prefix(limit))
            }
            body = try JSONEncoder().encode(report)
        }
        return Array(body)
    }
}
