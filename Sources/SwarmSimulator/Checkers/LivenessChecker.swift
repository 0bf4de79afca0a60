import SwarmCore
import SwarmModel

/// Completion (reliability L1, L2): when the time is up, every live host that wants the model has
/// it; where a piece has no live honest holder, exactly those pieces may be missing.
extension Simulation {
    mutating func checkLiveness() {
        checks.now = now
        let available = piecesOfLiveHolders()
        for node in nodes.indices {
            let host = nodes[node]
            guard host.host.isWanter, host.isAlive, !host.isFinished else { continue }
            let verified = host.swarm.picker?.verified ?? Bitfield(count: available.count)
            let within = verified.lackCount(of: available)
            if within > 0 {
                checks.fail(.stall, "completion", node, stall(node, missing: within))
            } else if available.isFull {
                checks.fail(.stall, "completion", node, "has every piece and shows no view")
            } else {
                checks.see("waits for pieces that nobody has")
            }
        }
    }

    private func piecesOfLiveHolders() -> Bitfield {
        var available = Bitfield(count: scenario.geometry.pieceCount)
        for node in nodes where node.isAlive && node.host.isHonest {
            for number in node.disk.verified.members where node.disk.intact[bit: number] {
                available.insert(bit: number)
            }
        }
        return available
    }

    private func stall(_ node: Int, missing: Int) -> String {
        let swarm = nodes[node].swarm
        let holders = swarm.connections.count { ($0.pieces?.population ?? 0) > 0 }
        return "lacks \(missing) pieces that live hosts have; \(swarm.connections.count) "
            + "connections, \(holders) to holders, \(swarm.book.count) addresses, "
            + "\(swarm.picker?.activeCount ?? 0) pieces in progress"
            + (swarm.pausedUntil != nil ? ", paused: \(swarm.pauseReason ?? "")" : "")
    }
}
