import SwarmCore
import SwarmModel

/// Life and death of hosts, and what else breaks.
extension Simulation {
    mutating func inflict(_ fault: Scenario.Fault.Kind) {
        if options.isRecording { note("fault: \(fault)", nil) }
        mayBeSettled = true
        if let store = fault.host, nodes[store].host.isStore {
            inflict(fault, onStore: store)
            return
        }
        switch fault {
        case .crash(let host, let silently): crash(host, silently: silently)
        case .start(let host):
            startsPending -= 1
            start(host)
        case .pause(let host): pause(host)
        case .resume(let host): resume(host)
        case .slow(let host, let factor): setSpeed(host, factor)
        case .restore(let host): setSpeed(host, 1)
        case .cut: cutSomething()
        case .partition(let place): partition(place)
        case .heal(let place):
            partitions.removeAll { $0.domain == place }
            releaseHeld()
        case .trackerDown: tracker.isDown = true
        case .trackerUp: tracker.isDown = false
        case .trackerRestart: tracker.restart(at: now)
        case .rot(let host): rot(host)
        }
    }

    /// Object storage has no process: it is there or not, and is as fast as its link.
    private mutating func inflict(_ fault: Scenario.Fault.Kind, onStore store: Int) {
        switch fault {
        case .crash: closeStore(store)
        case .start:
            startsPending -= 1
            nodes[store].isAlive = true
        case .slow(_, let factor): setSpeed(store, factor)
        case .pause: setSpeed(store, 1e-6)
        case .restore, .resume: setSpeed(store, 1)
        default: break
        }
    }

    /// Nothing breaks any more, and what can be mended is.
    mutating func endFaults() {
        if options.isRecording { note("faults end", nil) }
        partitions = []
        releaseHeld()
        tracker.isDown = false
        for node in nodes.indices {
            if nodes[node].isPaused { resume(node) }
            if nodes[node].host.isStore { nodes[node].isAlive = true }
            setSpeed(node, 1)
        }
        isAfterFaults = true
        mayBeSettled = true
    }

    // MARK: Life

    mutating func start(_ node: Int) {
        guard !nodes[node].isAlive else { return }
        if options.isRecording { note("starts", node) }
        nodes[node].wantedSince = nodes[node].wantedSince ?? now
        nodes[node].isAlive = true
        nodes[node].life += 1
        nodes[node].peer = PeerID(random: &random)
        var settings = nodes[node].host.settings
        settings.generation = UInt64(nodes[node].life)
        nodes[node].swarm = Swarm(
            me: nodes[node].peer,
            settings: settings,
            random: random.fork(),
            at: now
        )
        nodes[node].announcer = Announcer(tiers: [[Self.trackerURL]], random: random.fork())
        nodes[node].board = AssemblyBoard()
        nodes[node].connections = []
        nodes[node].reads = []
        nodes[node].backlog = []
        nodes[node].rosterEpoch = .none
        nodes[node].tickAt = nil
        nodes[node].lastMailAt = now
        nodes[node].disk.freeAt = now
        nodes[node].isPublished = false
        checkStart(node)
        handle(.contentKnown(content(node)), node)
        if !scenario.stores.isEmpty {
            handle(.originsKnown(scenario.stores.map(\.facts), hasTracker: true), node)
        }
        pollAnnouncer(node)
        plantTick(node)
    }

    /// What the journal lets a new process believe.
    private func content(_ node: Int) -> SwarmContent {
        let geometry = scenario.geometry
        let disk = nodes[node].disk
        let verified = disk.journaled
        let urgent = geometry.pieceCount > 3 ? geometry.piece(2).map { [$0] } ?? [] : []
        return SwarmContent(
            geometry: geometry,
            verified: verified,
            sealed: geometry.files.filter { file in
                disk.isSealed[file.number]
                    && geometry.pieces(of: file).allSatisfy { verified[$0] }
            },
            urgent: urgent,
            roots: geometry.files.map { Self.root(of: $0) }
        )
    }

    private mutating func crash(_ node: Int, silently: Bool) {
        guard nodes[node].isAlive else { return }
        nodes[node].isAlive = false
        nodes[node].isPaused = false
        for connection in nodes[node].connections {
            let number = Int(connection)
            let end = Int(ends[number * 2].node) == node ? 0 : 1
            guard ends[number * 2 + end].isOpen else { continue }
            detach(number, end)
            if silently {
                connections[number].isSilent = true
            } else {
                send(.end, number, from: end)
            }
        }
        nodes[node].connections = []
        if options.mutation == .trustUnsynced {
            nodes[node].disk.trustUnsynced(scenario.geometry)
        }
        nodes[node].disk.crash(scenario.geometry)
        checks.crashed(node, nodes[node].disk)
        tally.crashCount += 1
        setSpeed(node, 1)
    }

    // MARK: Grey failures

    private mutating func pause(_ node: Int) {
        guard nodes[node].isAlive, !nodes[node].isPaused else { return }
        nodes[node].isPaused = true
        setRates(node, 1)
    }

    private mutating func resume(_ node: Int) {
        guard nodes[node].isPaused else { return }
        nodes[node].isPaused = false
        setSpeed(node, 1)
        let backlog = nodes[node].backlog
        nodes[node].backlog = []
        nodes[node].tickAt = nil
        for due in backlog {
            switch due {
            // One tick stands for all that were missed.
            case .tick: break
            case .delivery(let delivery): takeIn(delivery)
            case .mail(let node, let life, let item): open(item, Int(node), life)
            default: break
            }
        }
        if nodes[node].isAlive { handle(.tick, node) }
        pollAnnouncer(node)
        plantTick(node)
    }

    private mutating func setSpeed(_ node: Int, _ factor: Double) {
        guard !nodes[node].isPaused else { return }
        setRates(node, factor)
    }

    private mutating func setRates(_ node: Int, _ factor: Double) {
        // A paused host still has a trickle, so that nothing is divided by zero.
        let share = nodes[node].isPaused ? 1e-6 : factor
        network.setCapacity(nodes[node].host.up, nodes[node].host.upRate * share)
        network.setCapacity(nodes[node].host.down, nodes[node].host.downRate * share)
        planStep()
    }

    // MARK: The network

    private mutating func cutSomething() {
        let open = connections.indices.filter {
            ends[$0 * 2].isOpen || ends[$0 * 2 + 1].isOpen
        }
        guard let connection = open.randomElement(using: &random) else { return }
        cut(connection)
    }

    private mutating func releaseHeld() {
        let waiting = held
        held = []
        for delivery in waiting { arrive(delivery) }
    }

    private mutating func partition(_ domain: Locality) {
        partitions.append(
            Partition(
                domain: domain,
                isInside: scenario.places.map { domain.contains($0.locality) }
            )
        )
    }
}

extension Disk {
    /// A restarted process that believes what it wrote and did not sync.
    mutating func trustUnsynced(_ geometry: PieceGeometry) {
        for piece in geometry.pieces where verified[piece] && !journaled[piece] {
            journaled.insert(piece)
            intact.remove(piece)
        }
    }
}
