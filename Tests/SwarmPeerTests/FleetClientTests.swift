import Foundation
import SwarmModel
import Testing

@testable import SwarmRuntime

@Suite("Reports of hosts on the wire")
struct FleetClientTests {
    private func report(models: Int, versions: Int, problem: String) throws -> HostReport {
        let hash = InfoHash(Digest(lanes: SIMD4(repeating: .max)))
        return HostReport(
            host: try HostName(String(repeating: "h", count: HostName.byteCountMax)),
            locality: try Locality("aws/us-east-1/rack1"),
            labels: try Labels(parsing: ["pool=a"]),
            generation: 3,
            models: try (0..<models).map { number in
                HostReport.Model(
                    name: try ModelName("acme/model-\(number)"),
                    active: "0",
                    isHealthy: true,
                    fence: Fence(epoch: 1, step: 1),
                    failure: nil,
                    versions: (0..<versions).map { version in
                        HostReport.Version(
                            version: "\(version)",
                            infoHash: hash,
                            stage: .sealed,
                            pieceCount: 1,
                            piecesHeld: 1,
                            byteCount: 1,
                            bytesHeld: 1,
                            problem: problem
                        )
                    }
                )
            },
            disk: HostReport.Disk(budget: 3, used: 2, free: 1)
        )
    }

    @Test("a report is the same on the other side")
    func roundTrip() throws {
        let report = try report(models: 2, versions: 3, problem: "ä\n\"")
        let body = try FleetClient.body(report)
        #expect(try JSONDecoder().decode(HostReport.self, from: Data(body)) == report)
    }

    @Test("the longest report fits, by losing the versions that come last")
    func longest() throws {
        let report = try report(
            models: HostReport.modelCountMax,
            versions: HostReport.versionCountMax,
            problem: String(repeating: "x", count: 256)
        )
        let body = try FleetClient.body(report)
        #expect(body.count <= FleetClient.reportByteCountMax)
        let read = try JSONDecoder().decode(HostReport.self, from: Data(body))
        #expect(read.models.count == HostReport.modelCountMax)
        let kept = read.models[0].versions
        #expect(!kept.isEmpty)
        #expect(kept == Array(report.models[0].versions.prefix(kept.count)))
    }
}
