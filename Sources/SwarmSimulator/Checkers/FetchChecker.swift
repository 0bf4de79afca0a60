import SwarmCore
import SwarmModel

/// No verified piece is fetched again (reliability S6), however often processes die: what the
/// journal has is never asked for, and what was verified in this life neither, unless it was lost.
extension Simulation {
    mutating func checkFetching(_ node: Int) {
        for action in actions {
            switch action {
            case .openPiece(let piece):
                if nodes[node].disk.verified[piece] {
                    checks.fail(.safety, "refetch", node, "fetches \(piece), which it has")
                }
            case .send(.request(let raw), _):
                guard let piece = scenario.geometry.piece(raw.piece) else { continue }
                if nodes[node].disk.verified[piece] {
                    checks.fail(.safety, "refetch", node, "asks for \(piece), which it has")
                }
            default: break
            }
        }
    }
}
