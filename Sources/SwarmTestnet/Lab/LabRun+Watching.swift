import Foundation
import SwarmModel

/// What is heard of the hosts.
extension LabRun {
    /// Asks every receiver that runs where it stands, and lets those join that have come up.
    mutating func look() async {
        for (host, since) in unjoined {
            var problem = "does not answer"
            do {
                if answers(host) { try join(host) }
            } catch {
                // It may just not listen yet, or be too busy; the patience ends that.
                problem = "\(error)"
            }
            if unjoined[host] != nil, clock.now - since > Self.startPatience {
                violations.append("\(name(host)) was started and never joined: \(problem)")
                unjoined[host] = nil
            }
        }
        for host in scenario.receivers where unjoined[host] == nil { hear(host) }
        lookAtRollout()
    }

    /// Takes down what a receiver says of itself.
    mutating func hear(_ host: Int) {
        guard let record = records[host], record.isRunning, !record.isPaused,
            let joinedAt = record.joinedAt, let status = status(host)
        else { return }
        let isAsked = record.earlier.isEmpty && scenario.channel == nil
        // A later life counts its seconds from its own start, and one that fetches what a tracker
        // wants of it from when it heard so.
        let reference = isAsked ? joinedAt : elapsed - .seconds(status.seconds)
        records[host]?.heard(status, joinedAt: reference)
        if status.state == "failed" {
            violations.append("\(name(host)) failed: \(status.problem ?? "no reason given")")
        }
    }

    private func status(_ host: Int) -> HostStatus? {
        if scenario.scripted.contains(host) { return scriptStatus(host) }
        return try? api(host).status(of: Self.modelName, version: version)
    }

    /// What a script wrote. It knows addresses, not localities.
    func scriptStatus(_ host: Int) -> HostStatus? {
        guard
            let data = FileManager.default.contents(atPath: "\(folder(host))/status.json"),
            var status = try? JSONDecoder().decode(HostStatus.self, from: data)
        else { return nil }
        for index in status.from.indices {
            let sender = topology.hosts.indices.first { address($0) == status.from[index].domain }
            // A peer with the port of its connection, or a server.
            status.from[index].domain =
                sender.map { topology.locality(ofHost: $0).description } ?? ""
        }
        return status
    }
}
