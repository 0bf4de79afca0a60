import SwarmModel

/// A rollout as people read it.
enum RolloutText {
    static func text(_ view: RolloutView, _ traffic: RolloutTraffic? = nil) -> String {
        let rollout = view.rollout
        var lines = [
            "rollout \(rollout.id)  \(rollout.model)@\(rollout.target.version) on "
                + "\(rollout.channel), revision \(rollout.revision)",
            "state      \(view.state)",
        ]
        if let previous = rollout.previous { lines.append("before     \(previous.version)") }
        if let reason = rollout.returnReason { lines.append("because    \(Terminal.safe(reason))") }
        if let waits = view.waitsFor { lines.append("waits for  \(Terminal.safe(waits))") }
        if let moved = traffic?.text { lines.append(moved) }
        if !view.waves.isEmpty { lines += ["", waves(view)] }
        if !view.domains.isEmpty { lines += ["", domains(view)] }
        return lines.joined(separator: "\n")
    }

    private static let heads = ["hosts", "staged", "active", "failed", "unhealthy", "silent"]

    private static func cells(_ hosts: HostCounts) -> [String] {
        [hosts.hosts, hosts.staged, hosts.active, hosts.failed, hosts.unhealthy, hosts.dead]
            .map { "\($0)" }
    }

    private static func waves(_ view: RolloutView) -> String {
        let isRunning = !view.rollout.phase.isFinal && !view.rollout.isReturn
        let rows = view.waves.enumerated().map { index, wave in
            let mark = isRunning && index == view.rollout.wave ? "> " : "  "
            return ["\(mark)\(index + 1)", "\(wave.scope)"] + cells(wave.hosts)
                + [view.rollout.plan.waves[index].gates.map(\.description).joined(separator: ", ")]
        }
        return TextTable(
            rows: [["  wave", "scope"] + heads + ["gates"]] + rows,
            rightAligned: [2, 3, 4, 5, 6, 7]
        ).text
    }

    private static func domains(_ view: RolloutView) -> String {
        let rows = view.domains.map { domain in
            let name = domain.domain.description
            return [name.isEmpty ? "(unknown)" : name] + cells(domain.hosts)
                + ["\(domain.hosts.unavailable) of \(domain.unavailableMax)"]
        }
        return TextTable(
            rows: [["domain"] + heads + ["out of service"]] + rows,
            rightAligned: [1, 2, 3, 4, 5, 6]
        ).text
    }

    /// One line, for logs and for where there is no terminal.
    static func line(_ view: RolloutView) -> String {
        let hosts = view.hosts
        return
            "rollout \(view.rollout.id): \(view.state); \(hosts.active) of \(hosts.hosts) active, "
            + "\(hosts.staged) staged, \(hosts.failed) failed, \(hosts.dead) silent"
    }

    /// With what status a command that watched it to its end does end.
    static func status(_ rollout: Rollout) -> ExitStatus? {
        switch rollout.phase {
        case .complete: return .success
        case .rolledBack, .rollbackDegraded: return .rolledBack
        default: return rollout.pause != nil && !rollout.isReturn ? .paused : nil
        }
    }
}
