import OrderedCollections
import SwarmCore
import SwarmModel

/// What arrives in one step, taken in by all machines at once; what they do is done in the order of
/// ``NodeOrder``. The outcome is that of taking in one after the other: see ``FleetHalf``.
extension Simulation {
    mutating func arriveTogether(_ deliveries: [Delivery]) {
        let order = byNode
        nodes.work(
            Step(
                now: now,
                deliveries: deliveries,
                order: order,
                ends: ends,
                connections: connections,
                geometry: scenario.geometry
            ),
            on: options.cores
        )
        let made = nodes.takeTurns()
        for parity in made.indices {
            var reader = TurnReader()
            for index in order.half(parity) {
                perform(deliveries[Int(index)], made[parity], &reader)
            }
        }
        nodes.recycle(made)
    }

    /// How far the turns of a half have been done.
    private struct TurnReader {
        var packet = 0
        var turn = 0
        var action = 0
    }

    private mutating func perform(
        _ delivery: Delivery,
        _ made: FleetHalf.Turns,
        _ reader: inout TurnReader
    ) {
        let node = Int(delivery.node)
        let count = made.counts[reader.packet]
        reader.packet += 1
        guard count > 0 else {
            arrive(delivery)
            return
        }
        var range: BlockRange?
        switch delivery.packet {
        case .block(let raw, _):
            range = scenario.geometry.alignedRange(of: raw)
            let sender = Int(ends[Int(delivery.connection) * 2 + 1 - Int(delivery.end)].node)
            if let range { tally.book(range.length, from: sender, to: node, at: now) }
        case .tick: nodes[node].tickAt = nil
        default: break
        }
        for _ in 0..<count {
            let turn = made.turns[reader.turn]
            follow(turn, made.actions[reader.action..<turn.actionsEnd], node)
            reader.turn += 1
            reader.action = turn.actionsEnd
        }
        switch delivery.packet {
        case .block:
            // Its machine did something by which the piece may have been begun anew.
            if count == 1, let piece = range?.piece,
                let assembly = nodes[node].board.assemblies[piece], assembly.isWhole
            {
                pieceArrived(piece, assembly.attempt, node)
            }
        case .tick: ticked(made.turns[reader.turn - 1], node)
        case .mail(.announceAnswered(let response), _): afterAnnounce(response, node)
        default: break
        }
    }

    private mutating func ticked(_ turn: FleetHalf.Turn, _ node: Int) {
        checkDeadline(turn.deadline, node)
        guard turn.mustPoll else { return }
        pollAnnouncer(node)
        plantTick(node)
    }
}
