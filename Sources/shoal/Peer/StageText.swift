import SwarmModel
import SwarmPeer

/// How far versions are towards serving, for people.
enum StageText {
    static func of(_ name: String, _ version: String, _ host: HostStatus) -> String {
        guard let reference = try? ModelReference("\(name)@\(version)") else { return "" }
        return of(host.stage(of: reference), isPinned: host.isPinned(reference))
    }

    static func of(_ stage: VersionStage?, isPinned: Bool) -> String {
        (stage?.rawValue ?? "") + (isPinned ? ", pinned" : "")
    }

    /// What is to be known of the host's models beside the table of versions.
    static func notes(_ host: HostStatus) -> [String] {
        var lines: [String] = []
        for model in host.models {
            let report = model.report
            if let active = report.active {
                let health = report.isHealthy.map { $0 ? ", healthy" : ", NOT healthy" } ?? ""
                let previous = model.previous.map { ", before it \($0)" } ?? ""
                lines.append("\(report.name): \(active) serves\(health)\(previous)")
            }
            if let failure = report.failure {
                lines.append("\(report.name): \(failure.version) failed: \(failure.reason)")
            }
            for version in report.versions {
                guard let problem = version.problem else { continue }
                lines.append("\(report.name)@\(version.version): \(problem)")
            }
        }
        if let disk = host.disk {
            lines.append(
                "disk: \(ByteCount(disk.used)) of \(ByteCount(disk.budget)) used, "
                    + "\(ByteCount(disk.free)) free"
            )
        }
        if let problem = host.syncProblem { lines.append("fleet: \(problem)") }
        return lines
    }
}
