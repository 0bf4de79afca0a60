import DequeModule
import SwarmCore
import SwarmModel

/// Blocks over the network.
extension Simulation {
    /// A block is handed to the system: it leaves when those before it have.
    mutating func transmit(_ outgoing: Connection.Outgoing, _ connection: Int, _ end: Int) {
        ends[connection * 2 + end].outgoing.append(outgoing)
        guard ends[connection * 2 + end].flow < 0 else { return }
        let from = Int(ends[connection * 2 + end].node)
        let to = Int(ends[connection * 2 + 1 - end].node)
        let (links, count) = route(from, to)
        let flow = Network.Flow(
            connection: Int32(connection),
            end: UInt8(end),
            linkCount: UInt8(count),
            links: links,
            most: scenario.connectionRate[commonLevels(from, to)],
            remaining: outgoing.bytes,
            updatedAt: now.nanoseconds
        )
        ends[connection * 2 + end].flow = network.add(flow, at: now)
        scheduleBlock(connection, end)
    }

    /// The links from one host to another: up, out of every domain that does not hold both, across,
    /// and down.
    private func route(_ from: Int, _ to: Int) -> (SIMD16<Int32>, Int) {
        var links = SIMD16<Int32>(repeating: -1)
        var count = 0
        func add(_ link: Int32) {
            guard link >= 0 else { return }
            links[count] = link
            count += 1
        }
        add(nodes[from].host.up)
        let (near, far) = (
            scenario.places[nodes[from].host.place], scenario.places[nodes[to].host.place]
        )
        let common = commonLevels(from, to)
        for level in stride(from: 2, through: common, by: -1) { add(near.egress[level]) }
        if common == 0, near.cloud >= 0, far.cloud >= 0, !scenario.links.betweenClouds.isEmpty {
            let place = near.cloud * scenario.links.cloudCount + far.cloud
            add(scenario.links.betweenClouds[place])
        }
        for level in stride(from: common, through: 2, by: 1) { add(far.ingress[level]) }
        add(nodes[to].host.down)
        return (links, count)
    }

    /// Notes when the block in transfer will have left, if that is known, and plans a step.
    private mutating func scheduleBlock(_ connection: Int, _ end: Int) {
        let flow = ends[connection * 2 + end].flow
        if let at = network.due(flow) {
            agenda.add(
                .blockLeft(connection: Int32(connection), end: UInt8(end)),
                at: at
            )
        }
        planStep()
    }

    mutating func planStep() {
        if let at = network.nextStep(at: now) { agenda.add(.networkStep, at: at) }
    }

    mutating func stepNetwork() {
        guard network.perform(at: now) else { return }
        let horizon = network.horizon
        var later = Int64.max
        for index in network.flows.indices {
            guard let at = network.finish(index) else { continue }
            guard at <= horizon else {
                later = min(later, at)
                continue
            }
            network.flows[index].dueAt = at
            let flow = network.flows[index]
            agenda.add(
                .blockLeft(connection: flow.connection, end: flow.end),
                at: Instant(nanoseconds: at)
            )
        }
        if later < .max, let at = network.planStep(at: later) {
            agenda.add(.networkStep, at: at)
        }
    }

    mutating func stopFlow(_ connection: Int, _ end: Int) {
        let index = ends[connection * 2 + end].flow
        guard index >= 0 else { return }
        ends[connection * 2 + end].flow = -1
        if let moved = network.remove(index) {
            ends[Int(moved.connection) * 2 + Int(moved.end)].flow = index
        }
        planStep()
    }

    /// The first block in the queue has left, unless that was planned before rates changed.
    mutating func blockLeft(_ connection: Int, _ end: Int) {
        let flow = ends[connection * 2 + end].flow
        guard flow >= 0, network.flows[Int(flow)].dueAt == now.nanoseconds,
            let outgoing = ends[connection * 2 + end].outgoing.popFirst()
        else { return }
        network.flows[Int(flow)].dueAt = nil
        send(.block(outgoing.block, isWrong: outgoing.isWrong), connection, from: end)
        if connections[connection].read != nil {
            if ends[connection * 2 + end].outgoing.isEmpty { send(.end, connection, from: end) }
            continueFlow(connection, end)
            return
        }
        let node = Int(ends[connection * 2 + end].node)
        // The core may have the next block at once; so the flow does not end before it was asked.
        if nodes[node].isPaused {
            nodes[node].backlog.append(
                .mail(
                    node: Int32(node),
                    life: nodes[node].life,
                    .event(.blockSent(outgoing.block, to: Connection.id(connection, end)))
                )
            )
        } else if isFlow {
            handle(.blockSent(outgoing.block, to: Connection.id(connection, end)), node)
        } else {
            mail(
                .event(.blockSent(outgoing.block, to: Connection.id(connection, end))),
                node,
                after: .zero
            )
        }
        continueFlow(connection, end)
    }

    private mutating func continueFlow(_ connection: Int, _ end: Int) {
        let flow = ends[connection * 2 + end].flow
        guard flow >= 0 else { return }
        if let next = ends[connection * 2 + end].outgoing.first {
            network.begin(next.bytes, flow, at: now)
            scheduleBlock(connection, end)
        } else {
            stopFlow(connection, end)
        }
    }
}
