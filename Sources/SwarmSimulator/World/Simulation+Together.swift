import OrderedCollections
import SwarmCore
import SwarmModel

/// The packets of one step, taken in by all machines at once; what they do is done in the order of
/// the packets. The outcome is that of taking in one after the other: see ``FleetHalf``.
extension Simulation {
    mutating func arriveTogether(_ deliveries: [Delivery]) {
        nodes.work(
            Step(
                now: now,
                deliveries: deliveries,
                ends: ends,
                connections: connections,
                geometry: scenario.geometry
            ),
            on: options.cores
        )
        let made = nodes.takeTurns()
        var readers = [TurnReader(), TurnReader()]
        for delivery in deliveries {
            let node = Int(ends[Int(delivery.connection) * 2 + Int(delivery.end)].node)
            perform(delivery, node, made[node & 1], &readers[node & 1])
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
        _ node: Int,
        _ made: FleetHalf.Turns,
        _ reader: inout TurnReader
    ) {
        let count = made.counts[reader.packet]
        reader.packet += 1
        guard count > 0 else {
            arrive(delivery)
            return
        }
        var range: BlockRange?
        if case .block(let raw, _) = delivery.packet {
            range = scenario.geometry.alignedRange(of: raw)
            let sender = Int(ends[Int(delivery.connection) * 2 + 1 - Int(delivery.end)].node)
            if let range { tally.book(range.length, from: sender, to: node, at: now) }
        }
        for _ in 0..<count {
            let turn = made.turns[reader.turn]
            actions.removeAll(keepingCapacity: true)
            actions.append(contentsOf: made.actions[reader.action..<turn.actionsEnd])
            follow(turn, node)
            reader.turn += 1
            reader.action = turn.actionsEnd
        }
        // Its machine did something by which the piece may have been begun anew.
        if count == 1, let piece = range?.piece,
            let assembly = nodes[node].board.assemblies[piece], assembly.isWhole
        {
            pieceArrived(piece, assembly.attempt, node)
        }
    }
}
