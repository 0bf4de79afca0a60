import SwarmCore
import SwarmModel

/// Who was which peer, and who is to be banned after the event at hand.
struct BlameState {
    var names: [(peer: PeerID, host: Int)] = []
    var expected: [(host: Int, guilty: ConnectionID)] = []
}

/// Blame (reliability S16): who sent wrong bytes is banned by the one it sent them to, at the
/// latest when they are traced; nobody else ever is.
extension Simulation {
    mutating func checkBlame(_ event: SwarmEvent, _ node: Int) {
        if case .contentKnown = event {
            checks.blame.names.append((nodes[node].swarm.me, node))
        }
        for action in actions {
            guard case .trace(.peerBanned(let peer, _, let reason)) = action else { continue }
            checks.see("banned")
            guard let name = checks.blame.names.last(where: { $0.peer == peer }) else { continue }
            if !nodes[name.host].host.sendsWrongBytes, !checks.hasRotted[name.host] {
                checks.fail(
                    .safety,
                    "blame",
                    node,
                    "bans host \(name.host), which is honest: \(reason)"
                )
            }
        }
        guard !checks.blame.expected.isEmpty else { return }
        let expected = checks.blame.expected
        checks.blame.expected = []
        for item in expected where item.host == node {
            let (connection, end) = item.guilty.place
            let other = Int(ends[connection * 2 + 1 - end].node)
            let isBanned = checks.blame.names.contains { name in
                name.host == other
                    && nodes[node].swarm.book.isBanned(peer: name.peer, endpoint: nil, at: now)
            }
            if !isBanned {
                checks.fail(
                    .safety,
                    "blame",
                    node,
                    "does not ban host \(other), which sent it wrong bytes"
                )
            }
        }
    }

    /// A piece failed: when all of it came from one peer, that one is known at once.
    mutating func checkFailedPiece(
        _ assembly: AssemblyBoard.Assembly,
        _ senders: [ConnectionID],
        _ node: Int
    ) {
        guard let first = senders.first else { return }
        let isSingle = senders.allSatisfy { $0 == first }
        checks.see(isSingle ? "piece failed, one sender" : "piece failed, several senders")
        if isSingle, first.originIndex == nil { checks.blame.expected.append((node, first)) }
    }

    /// The wrong blocks of a piece are known, and with them who sent them.
    mutating func checkAudit(_ piece: PieceIndex, _ wrong: [Int], _ node: Int) {
        checks.see("audited")
    }
}
