import SwarmCore
import SwarmModel

/// What a host says to the tracker of leases.
enum LeaseWord {
    case ask(LeaseWish)
    case renew(LeaseClaim)
    case end(LeaseClaim, LeaseEnd)
}

/// A read of a store, as its reader's driver knows it.
struct StoreRead {
    var order: OriginRead
    /// Nil until the store has the request.
    var connection: Int?
}

/// Object storage and the leases to read it: the tracker's and the hosts' real machines, with what
/// lies between them.
extension Simulation {
    // MARK: Leases

    mutating func say(_ word: LeaseWord, _ node: Int) {
        let delay = scenario.trackerLatency + .microseconds(500)
        let (life, peer) = (nodes[node].life, nodes[node].peer)
        agenda.add(.leaseWord(word, node: Int32(node), life: life, peer: peer), at: now + delay)
    }

    /// A word is with the tracker. One of a process that has died since is heard all the same.
    mutating func hear(_ word: LeaseWord, _ node: Int, _ life: Int32, _ peer: PeerID) {
        if options.mutation == .keepLeases { keepLeasesOfTheDead() }
        let answer: SwarmEvent?
        switch word {
        case .ask(let wish): answer = .leaseAnswered(ask(wish, node, life, peer))
        case .renew(let claim):
            guard !tracker.isDown else { return }
            let lifetime = tracker.leases.renew(claim, in: Self.swarm, by: peer, at: now)
            if let lifetime { leaseHeld(claim, node, life, until: now + lifetime) }
            answer = .leaseRenewed(number: claim.number, lifetime: lifetime)
        case .end(let claim, let end):
            guard !tracker.isDown else { return }
            tracker.leases.end(claim, end, in: Self.swarm, by: peer, at: now)
            leaseEnded(claim, node, life)
            answer = nil
        }
        guard let answer, nodes[node].life == life, nodes[node].isAlive else { return }
        mail(.event(answer), node, after: scenario.trackerLatency + .microseconds(500))
    }

    private mutating func ask(
        _ wish: LeaseWish,
        _ node: Int,
        _ life: Int32,
        _ peer: PeerID
    ) -> LeaseAnswer {
        if tracker.isDown {
            checks.leases.trackerWasDown = true
            return .unanswered
        }
        if options.mutation == .leaseTwice, chance(4) { tracker.forgetLeases() }
        let answer = tracker.leases.ask(wish, in: Self.swarm, by: peer, at: now)
        if case .granted(let claim, let lifetime) = answer {
            checkGrant(claim, node, life, until: now + lifetime)
        }
        return answer
    }

    /// The planted bug: a lease lives on when its holder does not.
    private mutating func keepLeasesOfTheDead() {
        for grant in checks.leases.grants where !grant.isOver {
            let holder = nodes[grant.node]
            guard holder.life != grant.life || !holder.isAlive else { continue }
            _ = tracker.leases.renew(grant.claim, in: Self.swarm, by: grant.peer, at: now)
        }
    }

    // MARK: Reads

    private func store(_ origin: OriginID) -> Int? {
        scenario.stores.first { $0.facts.id == origin }?.host
    }

    mutating func request(_ order: OriginRead, _ node: Int) {
        guard let store = store(order.origin) else {
            checks.fail(.safety, "driver", node, "reads \(order.origin), of which nobody told it")
            return
        }
        checkRead(order, node)
        nodes[node].reads.append(StoreRead(order: order))
        var delay = scenario.latency[commonLevels(store, node)] * 2 + .microseconds(100)
        if isCut(store, node) { delay = Self.connectTimeout }
        mail(.readBegins(order), node, after: delay)
    }

    mutating func beginRead(_ order: OriginRead, _ node: Int) {
        guard let index = nodes[node].reads.firstIndex(where: { $0.order.id == order.id }),
            let store = store(order.origin)
        else { return }
        guard nodes[store].isAlive, !isCut(store, node) else {
            nodes[node].reads.remove(at: index)
            let fault = OriginFault.unreachable("no answer")
            handle(.originReadEnded(order.id, fault), node)
            return
        }
        let common = commonLevels(store, node)
        let number = connections.count
        var connection = Connection(
            latency: scenario.latency[common],
            loss: scenario.loss[common]
        )
        connection.read = order.id
        connections.append(connection)
        ends.append(Connection.End(node: Int32(store), life: nodes[store].life))
        ends.append(Connection.End(node: Int32(node), life: nodes[node].life))
        for here in [store, node] { nodes[here].connections.append(Int32(number)) }
        nodes[node].reads[index].connection = number
        checkStoreLoad(store)
        let unit = nodes[node].host.settings.requestLength
        for block in scenario.geometry.blocks(of: order.file, order.bytes, lengthMax: unit) {
            transmit(Connection.Outgoing(block: block, isWrong: false), number, 0)
        }
    }

    mutating func cancelRead(_ id: ConnectionID, _ node: Int) {
        guard let index = nodes[node].reads.firstIndex(where: { $0.order.id == id }) else { return }
        let read = nodes[node].reads.remove(at: index)
        if let connection = read.connection { for end in 0...1 { detachIfOpen(connection, end) } }
    }

    /// The last packet of a read, or of its reader's host, has arrived at an end.
    mutating func readEnded(_ connection: Int, _ end: Int, _ fault: OriginFault?) {
        guard let id = connections[connection].read else { return }
        detachIfOpen(connection, 1 - end)
        let node = Int(ends[connection * 2 + 1].node)
        guard let index = nodes[node].reads.firstIndex(where: { $0.connection == connection })
        else { return }
        nodes[node].reads.remove(at: index)
        mail(.event(.originReadEnded(id, fault)), node, after: .zero)
    }

    /// The network or the store ends a read before its time.
    mutating func breakRead(_ connection: Int) {
        for end in 0...1 { detachIfOpen(connection, end) }
        readEnded(connection, 1, .cutShort(received: 0, of: 1))
    }

    mutating func closeStore(_ store: Int) {
        guard nodes[store].isAlive else { return }
        nodes[store].isAlive = false
        for connection in nodes[store].connections { breakRead(Int(connection)) }
    }

    private mutating func detachIfOpen(_ connection: Int, _ end: Int) {
        if ends[connection * 2 + end].isOpen { detach(connection, end) }
    }
}
