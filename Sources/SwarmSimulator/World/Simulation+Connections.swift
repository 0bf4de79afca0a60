import SwarmCore
import SwarmModel

/// Dialling, closing, and packets on their way.
extension Simulation {
    /// A connect that nobody answers is given up after this long.
    static let connectTimeout = Duration.seconds(10)

    func endpoint(_ node: Int) -> Endpoint {
        Endpoint(address: .v4(0x0A00_0001 + UInt32(node)), port: Self.port)
    }

    private func node(at endpoint: Endpoint) -> Int? {
        guard case .v4(let number) = endpoint.address, endpoint.port == Self.port,
            number >= 0x0A00_0001
        else { return nil }
        let node = Int(number - 0x0A00_0001)
        return nodes.indices.contains(node) ? node : nil
    }

    /// How many levels two hosts have in common, of cloud, region and rack.
    func commonLevels(_ a: Int, _ b: Int) -> Int {
        let (one, other) = (nodes[a].place, nodes[b].place)
        if one == other { return 3 }
        let (near, far) = (scenario.places[one], scenario.places[other])
        guard near.cloud == far.cloud, near.cloud >= 0 else { return 0 }
        return near.region == far.region && near.region >= 0 ? 2 : 1
    }

    func isCut(_ a: Int, _ b: Int) -> Bool {
        partitions.contains { partition in
            partition.isInside[nodes[a].place] != partition.isInside[nodes[b].place]
        }
    }

    // MARK: Dialling

    mutating func dial(_ endpoint: Endpoint, _ from: Int) {
        var delay = Duration.milliseconds(1)
        if let to = node(at: endpoint) {
            delay = scenario.latency[commonLevels(from, to)] * 2 + .microseconds(100)
            if isCut(from, to) { delay = Self.connectTimeout }
        }
        if !isFlow { delay += .microseconds(Int64.random(in: 0...5000, using: &random)) }
        agenda.add(
            .dialled(from: Int32(from), life: nodes[from].life, endpoint),
            at: now + delay
        )
    }

    mutating func dialled(_ from: Int, _ life: Int32, _ endpoint: Endpoint) {
        guard nodes[from].isAlive, nodes[from].life == life else { return }
        guard let to = node(at: endpoint), nodes[to].isAlive, !isCut(from, to),
            nodes[to].connections.count < Self.acceptedMax
        else {
            mail(.event(.dialFailed(endpoint)), from, after: .zero)
            return
        }
        let common = commonLevels(from, to)
        var latency = scenario.latency[common]
        if !isFlow { latency = random.jittered(latency, by: 0.3) }
        let number = connections.count
        connections.append(
            Connection(latency: latency, loss: scenario.loss[common])
        )
        ends.append(Connection.End(node: Int32(from), life: life))
        ends.append(Connection.End(node: Int32(to), life: nodes[to].life))
        for (end, here, there) in [(0, from, to), (1, to, from)] {
            nodes[here].connections.append(Int32(number))
            nodes[here].connectionsPeak = max(
                nodes[here].connectionsPeak,
                nodes[here].connections.count
            )
            let port: UInt16 = end == 0 ? Self.port : 50_000
            let facts = ConnectionFacts(
                id: Connection.id(number, end),
                peer: nodes[there].peer,
                endpoint: Endpoint(address: self.endpoint(there).address, port: port),
                isIncoming: end == 1
            )
            let delay = end == 0 ? latency : .zero
            ends[number * 2 + end].lastArrival = now + delay
            mail(.event(.connectionOpened(facts)), here, after: delay)
        }
    }

    /// Sockets that a process takes, before the core says how many it wants.
    private static let acceptedMax = 4096

    // MARK: Closing

    /// We close: the other end learns of it, and what is on its way in either direction is lost.
    mutating func close(_ id: ConnectionID, _ node: Int) {
        let (connection, end) = id.place
        guard ends[connection * 2 + end].isOpen, Int(ends[connection * 2 + end].node) == node
        else { return }
        detach(connection, end)
        if !connections[connection].isSilent { send(.end, connection, from: end) }
        if !isFlow, chance(2) {
            mail(.event(.connectionClosed(id, .us)), node, after: .milliseconds(1))
        }
    }

    /// One end is no more: nothing is sent from it or toward it.
    mutating func detach(_ connection: Int, _ end: Int) {
        ends[connection * 2 + end].isOpen = false
        for direction in 0...1 {
            ends[connection * 2 + direction].outgoing.removeAll()
            stopFlow(connection, direction)
        }
        let node = Int(ends[connection * 2 + end].node)
        if let index = nodes[node].connections.firstIndex(of: Int32(connection)) {
            nodes[node].connections.swapAt(index, nodes[node].connections.count - 1)
            nodes[node].connections.removeLast()
        }
    }

    /// The network ends a connection; both ends hear of it within half a second.
    mutating func cut(_ connection: Int) {
        if connections[connection].read != nil {
            breakRead(connection)
            return
        }
        for end in 0...1 where ends[connection * 2 + end].isOpen {
            detach(connection, end)
            let delay = Duration.milliseconds(Int64.random(in: 1...500, using: &random))
            mail(
                .event(.connectionClosed(Connection.id(connection, end), .remote)),
                Int(ends[connection * 2 + end].node),
                after: delay
            )
        }
    }

    // MARK: Packets

    mutating func send(_ packet: Packet, _ connection: Int, from end: Int) {
        // Field by field: a copy of the whole connection would count references of its queues.
        let latency = connections[connection].latency
        let loss = connections[connection].loss
        var arrival = now + latency
        if !isFlow { arrival = arrival + .microseconds(Int64.random(in: 0...2000, using: &random)) }
        if loss > 0 {
            // Sent again after a wait that doubles (RFC 6298); what comes behind waits with it.
            var wait = Duration.milliseconds(200) + latency * 2
            while Double.random(in: 0..<1, using: &random) < loss {
                arrival = arrival + wait
                wait *= 2
            }
        }
        arrival = max(arrival, ends[connection * 2 + 1 - end].lastArrival)
        ends[connection * 2 + 1 - end].lastArrival = arrival
        let delivery = Delivery(
            packet,
            connection: Int32(connection),
            end: UInt8(1 - end),
            node: ends[connection * 2 + 1 - end].node
        )
        post(delivery, at: arrival)
    }

    mutating func post(_ delivery: Delivery, at: Instant) {
        switch wheel.add(delivery, at: at, now: now) {
        case .added: break
        case .opened(let bucket, let due): agenda.add(.bucket(bucket), at: due)
        case .refused: agenda.add(.delivery(delivery), at: at)
        }
    }

    mutating func arriveAll(_ bucket: Int) {
        let deliveries = wheel.take(bucket)
        byNode.sort(deliveries, nodeCount: nodes.count)
        if partitions.isEmpty, options.mutation == nil, !options.isRecording {
            arriveTogether(deliveries)
        } else {
            let order = byNode.order
            for index in order { arrive(deliveries[Int(index)]) }
        }
        wheel.recycle(deliveries)
    }

    mutating func arrive(_ delivery: Delivery) {
        switch delivery.packet {
        case .mail(let item, let life):
            open(item, Int(delivery.node), life)
            return
        case .tick(let life):
            tick(Int(delivery.node), life)
            return
        default: break
        }
        let connection = Int(delivery.connection)
        if !partitions.isEmpty,
            isCut(
                Int(ends[connection * 2].node),
                Int(ends[connection * 2 + 1].node)
            )
        {
            // Sent again and again until the network is whole.
            held.append(delivery)
            return
        }
        takeIn(delivery)
    }

    /// A packet is with the system of the host that it is for. What waited there while the process
    /// was paused is not held up by a partition that came later: it would change places with what
    /// was sent after it.
    mutating func takeIn(_ delivery: Delivery) {
        let (connection, end) = (Int(delivery.connection), Int(delivery.end))
        let node = Int(ends[connection * 2 + end].node)
        guard ends[connection * 2 + end].isOpen else {
            // Nobody is there: the sender gets a reset, unless the network swallows it.
            if case .end = delivery.packet { return }
            if !connections[connection].isSilent, ends[connection * 2 + 1 - end].isOpen {
                send(.end, connection, from: end)
            }
            return
        }
        guard !nodes[node].isPaused else {
            nodes[node].backlog.append(.delivery(delivery))
            return
        }
        if case .end = delivery.packet {
            detach(connection, end)
            if connections[connection].read != nil {
                readEnded(connection, end, nil)
                return
            }
            mail(
                .event(.connectionClosed(Connection.id(connection, end), .remote)),
                node,
                after: .zero
            )
        } else {
            receive(delivery.packet, connection, end, node)
        }
    }
}
