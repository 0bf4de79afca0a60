import SwarmCore
import SwarmModel

/// Nothing unverified is exposed or served again (reliability S1, S5): a host sends, seals and
/// publishes only pieces that are on its disk and were checked there.
extension Simulation {
    mutating func checkServing(_ list: ArraySlice<SwarmAction>, _ node: Int) {
        guard nodes[node].vice == .none, !list.isEmpty else { return }
        for action in list {
            switch action {
            case .sendBlock(let range, _):
                if !nodes[node].disk.verified[range.piece] {
                    checks.fail(.safety, "exposure", node, "serves \(range.piece), which it lacks")
                } else if !nodes[node].disk.intact[range.piece], !checks.hasRotted[node] {
                    checks.fail(
                        .safety,
                        "exposure",
                        node,
                        "serves \(range.piece), whose bytes on disk are wrong"
                    )
                }
            case .seal(let file):
                for piece in scenario.geometry.pieces(of: file)
                where !nodes[node].disk.verified[piece] {
                    checks.fail(.safety, "exposure", node, "seals \(file) without \(piece)")
                }
            case .publishView:
                if !nodes[node].swarm.isSealed {
                    checks.fail(.safety, "exposure", node, "publishes before all is sealed")
                }
            default: break
            }
        }
    }

    /// A file is sealed: nothing of it may be other than it should be on the medium.
    mutating func checkSealed(_ pieces: [PieceIndex], _ node: Int) {
        checks.now = now
        for piece in pieces where !nodes[node].disk.intact[piece] {
            checks.fail(.safety, "exposure", node, "seals \(piece), whose bytes are wrong")
        }
    }

    /// The view is visible: every file is complete, sealed and right.
    mutating func checkPublished(_ node: Int) {
        checks.now = now
        let disk = nodes[node].disk
        for file in scenario.geometry.files where !disk.isSealed[file.number] {
            checks.fail(.safety, "exposure", node, "shows \(file), which is not sealed")
        }
        for piece in scenario.geometry.pieces
        where !(disk.verified[piece] && (disk.intact[piece] || checks.hasRotted[node])) {
            checks.fail(.safety, "exposure", node, "shows \(piece), which is wrong or missing")
        }
    }
}
