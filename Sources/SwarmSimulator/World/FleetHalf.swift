import SwarmCore
import SwarmModel

/// What arrives at one moment, and what is to be known to take it in.
struct Step: Sendable {
    let now: Instant
    let deliveries: [Delivery]
    let order: NodeOrder
    let ends: [Connection.End]
    let connections: [Connection]
    let geometry: PieceGeometry
}

/// Half of the nodes. In a step of the wheel every node hears what has arrived for it, and what it
/// answers arrives in the next step at the earliest: so machines of different nodes depend on
/// nothing but what was before the step, and only what they do has an order.
///
/// The machines run here, by themselves. What they do is kept as turns, in the order of the
/// arrivals, and done by the simulation afterwards. An arrival whose taking in needs more than its
/// node (a connection's end, wrong bytes, a disk that fails) is left to the simulation, with all
/// that come after it for that node.
package struct FleetHalf: Sendable {
    /// What a machine made of one event.
    struct Turn {
        /// The event, as it goes into the fingerprint.
        var code: UInt64
        var isHave: Bool
        /// Where its actions end; they begin where those of the turn before end.
        var actionsEnd: Int
        /// Of the machine, after the event.
        var deadline: Instant?
        /// After a tick: the announcer of its node must be asked.
        var mustPoll = false

        init(_ event: SwarmEvent, actionsEnd: Int, _ deadline: Instant?) {
            code = Fingerprint.code(event)
            isHave = event.isHave
            self.actionsEnd = actionsEnd
            self.deadline = deadline
        }
    }

    struct Turns {
        /// For each arrival of this half, how many turns there were; none when it was left.
        var counts: [UInt8] = []
        var turns: [Turn] = []
        var actions: [SwarmAction] = []
    }

    private let parity: Int
    var nodes: [Node] = []
    private var made = Turns()
    private var isLeft: [Bool] = []
    /// The nodes of which that is true.
    private var left: [Int] = []

    package init(parity: Int) { self.parity = parity }

    mutating func append(_ node: Node) {
        nodes.append(node)
        isLeft.append(false)
    }

    mutating func takeTurns() -> Turns {
        var taken = Turns()
        swap(&taken, &made)
        return taken
    }

    mutating func recycle(_ turns: consuming Turns) {
        turns.counts.removeAll(keepingCapacity: true)
        turns.turns.removeAll(keepingCapacity: true)
        turns.actions.removeAll(keepingCapacity: true)
        made = turns
    }

    // MARK: A step

    mutating func work(_ step: Step) {
        for node in left { isLeft[node] = false }
        left.removeAll(keepingCapacity: true)
        for index in step.order.half(parity) {
            let delivery = step.deliveries[Int(index)]
            let before = made.turns.count
            take(delivery, Int(delivery.node) >> 1, step)
            made.counts.append(UInt8(made.turns.count - before))
        }
    }

    private mutating func take(_ delivery: Delivery, _ node: Int, _ step: Step) {
        guard !isLeft[node] else { return }
        // What comes for it concerns nobody else and needs no chance.
        guard nodes[node].vice == .none, !nodes[node].isPaused, !nodes[node].hasBadDisk else {
            leave(node)
            return
        }
        switch delivery.packet {
        case .mail(let item, let life): open(item, life, node, step)
        case .tick(let life): tick(life, node, step)
        default: receive(delivery, node, step)
        }
    }

    private mutating func open(_ item: Mail, _ life: Int32, _ node: Int, _ step: Step) {
        guard nodes[node].life == life, nodes[node].isAlive else { return }
        switch item {
        case .event(let event): turn(event, node, step)
        case .announceAnswered(let response) where !nodes[node].host.hasStaleRoster:
            for fact in nodes[node].facts(response, isAfterFaults: false) {
                turn(fact, node, step)
            }
            // Its announcer hears of it too.
            leave(node)
        default: leave(node)
        }
    }

    private mutating func tick(_ life: Int32, _ node: Int, _ step: Step) {
        guard nodes[node].life == life, nodes[node].isAlive, nodes[node].tickAt == step.now,
            nodes[node].tickedAt != step.now
        else { return }
        nodes[node].tickedAt = step.now
        turn(.tick, node, step)
        guard nodes[node].mustPoll(at: step.now) else { return }
        made.turns[made.turns.count - 1].mustPoll = true
        leave(node)
    }

    private mutating func receive(_ delivery: Delivery, _ node: Int, _ step: Step) {
        let place = Int(delivery.connection) * 2 + Int(delivery.end)
        guard step.ends[place].isOpen else { return }
        let id = Connection.id(Int(delivery.connection), Int(delivery.end))
        switch delivery.packet {
        case .have(let piece): turn(.received(.have(piece), from: id), node, step)
        case .haves(let pieces): turn(.havesReceived(pieces, from: id), node, step)
        case .request(let block): turn(.received(.request(block), from: id), node, step)
        case .message(let message): turn(.received(message, from: id), node, step)
        case .block(let raw, let isWrong):
            let from = step.connections[Int(delivery.connection)].read ?? id
            guard !isWrong, let range = step.geometry.alignedRange(of: raw),
                nodes[node].board.isSound(range.piece)
            else {
                leave(node)
                return
            }
            store(raw, range, from: from, node, step)
        case .hashes, .end, .mail, .tick: leave(node)
        }
    }

    /// A sound block, for a piece of which all that is here is sound.
    private mutating func store(
        _ raw: RawBlock,
        _ range: BlockRange,
        from id: ConnectionID,
        _ node: Int,
        _ step: Step
    ) {
        let stored = nodes[node].board.store(range, isWrong: false, from: id)
        guard case .stored(let attempt, let isWhole) = stored else {
            turn(.blockArrived(raw, from: id, .discarded), node, step)
            return
        }
        let counts = nodes[node].board.holds(range, attempt: attempt)
        turn(.blockArrived(raw, from: id, counts ? .stored : .discarded), node, step)
        guard isWhole, !isLeft[node], nodes[node].board.isWhole(range.piece, attempt: attempt)
        else { return }
        nodes[node].disk.store(range.piece)
        turn(.pieceVerified(range.piece), node, step)
        _ = nodes[node].board.finish(range.piece)
    }

    private mutating func turn(_ event: SwarmEvent, _ node: Int, _ step: Step) {
        let begin = made.actions.count
        nodes[node].swarm.handle(event, at: step.now, into: &made.actions)
        let end = made.actions.count
        let deadline = nodes[node].swarm.deadline
        made.turns.append(Turn(event, actionsEnd: end, deadline))
        if made.actions[begin..<end].contains(where: \.isFelt) { leave(node) }
    }

    private mutating func leave(_ node: Int) {
        guard !isLeft[node] else { return }
        isLeft[node] = true
        left.append(node)
    }
}

extension SwarmEvent {
    fileprivate var isHave: Bool {
        switch self {
        case .received(.have, _), .havesReceived: true
        default: false
        }
    }
}

extension SwarmAction {
    /// Done, it changes how the next packet for the same node is taken in.
    fileprivate var isFelt: Bool {
        switch self {
        case .closeConnection, .abandonPiece, .restartPiece, .cancelRead: true
        default: false
        }
    }
}
