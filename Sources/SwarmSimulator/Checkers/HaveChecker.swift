import SwarmCore
import SwarmModel

/// Have-soundness (reliability S4): what a machine believes to have, its disk has; what it tells
/// others, it believes. Losses are told to the machine at once; rot is found by a scrub.
extension Simulation {
    mutating func checkHaves(_ node: Int) {
        guard nodes[node].isAlive, let verified = nodes[node].swarm.picker?.verified else { return }
        let missing = nodes[node].disk.verified.lackCount(of: verified)
        if missing > 0 {
            checks.fail(
                .safety,
                "have-soundness",
                node,
                "believes to have \(missing) pieces that its disk lacks"
            )
        }
        if !checks.hasRotted[node], nodes[node].disk.intact.lackCount(of: verified) > 0 {
            checks.fail(
                .safety,
                "have-soundness",
                node,
                "believes in \(nodes[node].disk.intact.lackCount(of: verified)) pieces whose "
                    + "bytes on disk are wrong"
            )
        }
    }

    /// A process starts: what the journal names is on the medium.
    mutating func checkStart(_ node: Int) {
        checks.now = now
        let disk = nodes[node].disk
        let wrong = disk.intact.lackCount(of: disk.journaled)
        if wrong > 0, !checks.hasRotted[node] {
            checks.fail(
                .safety,
                "have-soundness",
                node,
                "restarts with \(wrong) pieces in the journal whose bytes are not on disk"
            )
        }
    }

    /// Haves on the wire are of verified pieces.
    mutating func checkAnnounced(_ number: UInt32, _ node: Int) {
        guard nodes[node].vice == .none, let piece = scenario.geometry.piece(number) else { return }
        if !nodes[node].disk.verified[piece] {
            checks.fail(.safety, "have-soundness", node, "announces \(piece), which it lacks")
        }
    }
}
