import SwarmCore
import SwarmModel

/// A swarm in virtual time: the real machines of every peer and of the tracker, joined by a network
/// and standing on disks that are modelled. One scenario is one run, to the last event.
///
/// Two phases. Until ``Scenario/faultsEnd`` anything may go wrong, and only safety is checked.
/// Then what was broken is healed, dead hosts stay dead and liars go on lying, and every host that
/// still can must complete.
package struct Simulation {
    package let scenario: Scenario
    package let options: Options
    var now = Instant.origin
    var random: SeededRandom
    var agenda = Agenda<Due>()
    var wheel: DeliveryWheel
    /// Of the step at hand.
    var byNode = NodeOrder()
    var network: Network
    var nodes = NodeTable()
    var connections: [Connection] = []
    /// Both ends of each connection, one after the other.
    var ends: [Connection.End] = []
    var tracker: TrackerNode
    /// Domains that are cut off from the rest, with the time of their healing.
    var partitions: [Partition] = []
    /// Packets that wait for a partition to end, in order.
    var held: [Delivery] = []
    var actions: [SwarmAction] = []
    var tally: Tally
    var checks: Checks
    var fingerprint = Fingerprint()
    package internal(set) var eventCount = 0
    var isAfterFaults = false
    /// Dead hosts that come back later.
    var startsPending = 0
    /// Something happened after which the run may be over.
    var mayBeSettled = false
    var transcript = Transcript()

    package struct Options: Sendable {
        /// A bug to plant, to see that it is found.
        package var mutation: Mutation?
        /// Keep what happens, for a failed run that is repeated.
        package var isRecording = false
        /// Faults of the scenario left out, by index, when a failing run is made shorter.
        package var faultsLeftOut: [Int] = []
        /// Where the machines run. What they do is the same on any.
        package var cores: any Cores = OneCore()

        package init(mutation: Mutation? = nil) { self.mutation = mutation }
    }

    struct Partition {
        var domain: Locality
        /// The places inside of it.
        var isInside: [Bool]
    }

    /// Where every peer listens.
    static let port: UInt16 = 7000
    /// More events than these are a run that goes round in circles.
    static let eventsMax = 400_000_000
    static let trackerURL = "http://tracker/announce"

    var isFlow: Bool { scenario.plan.fidelity == .flow }

    package init(_ scenario: Scenario, options: Options = Options()) {
        self.scenario = scenario
        self.options = options
        var random = scenario.random
        let isFlow = scenario.plan.fidelity == .flow
        wheel = DeliveryWheel(step: isFlow ? .milliseconds(2) : nil)
        network = Network(
            capacity: scenario.links.capacity,
            step: isFlow ? .milliseconds(10) : .milliseconds(1)
        )
        tracker = TrackerNode(scenario, random: &random)
        tally = Tally(scenario)
        checks = Checks(scenario, options)
        self.random = random
        for (index, host) in scenario.hosts.enumerated() {
            nodes.append(makeNode(mutated(host, index)))
        }
        for (index, host) in scenario.hosts.enumerated() {
            if host.isStore {
                nodes[index].isAlive = true
                continue
            }
            agenda.add(.start(node: Int32(index)), at: host.start == .seed ? .origin : host.joinsAt)
        }
        for (index, fault) in scenario.faults.enumerated()
        where !options.faultsLeftOut.contains(index) {
            agenda.add(.fault(index), at: fault.at)
            if case .start = fault.kind { startsPending += 1 }
        }
        agenda.add(.faultsEnd, at: scenario.faultsEnd)
        agenda.add(.sample, at: .origin)
    }

    /// With the planted bug, when it is one of the machine's settings.
    private func mutated(_ host: Scenario.Host, _ index: Int) -> Scenario.Host {
        var host = host
        switch options.mutation {
        case .impatient:
            host.settings.scheduler.patience = .zero
            host.settings.scheduler.patienceMax = .zero
        case .unsettled:
            host.settings.scheduler.settleTime = .zero
            host.settings.scheduler.rosterWait = .zero
        case .misplaced where index % 4 == 1:
            let other = (host.place + 1) % scenario.places.count
            host.settings.locality = scenario.places[other].locality
        default: break
        }
        return host
    }

    private mutating func makeNode(_ host: Scenario.Host) -> Node {
        let peer = PeerID(random: &random)
        var held = Bitfield(count: scenario.geometry.pieceCount)
        switch host.start {
        case .seed: held = Bitfield(fullCount: scenario.geometry.pieceCount)
        case .fresh: break
        case .partial:
            for piece in 0..<scenario.geometry.pieceCount
            where Int.random(in: 0..<3, using: &random) == 0 {
                held.insert(bit: piece)
            }
        }
        return Node(
            host,
            swarm: Swarm(me: peer, settings: host.settings, random: random.fork(), at: now),
            announcer: Announcer(tiers: [[Self.trackerURL]], random: random.fork()),
            disk: Disk(scenario.geometry, holding: held)
        )
    }

    // MARK: Running

    /// Runs to the end.
    package mutating func run() -> Outcome {
        while !checks.hasFailed, let (at, due) = agenda.next() {
            now = at
            if now > scenario.deadline {
                finish(at: scenario.deadline)
                break
            }
            perform(due)
            if eventCount > Self.eventsMax {
                checks.fail(.stall, "busy loop", nil, "still busy after \(eventCount) events")
            }
            if mayBeSettled, isSettled() { break }
            mayBeSettled = false
        }
        if !checks.hasFailed { checkEnd() }
        return outcome()
    }

    /// Every host that must complete has, and nothing more will be broken.
    private mutating func isSettled() -> Bool {
        guard isAfterFaults, startsPending == 0 else { return false }
        return nodes.indices.allSatisfy { nodes[$0].isSettled() }
    }

    /// The time is up.
    private mutating func finish(at time: Instant) {
        now = time
        checkLiveness()
    }

    private mutating func perform(_ due: Due) {
        switch due {
        case .delivery(let delivery): arrive(delivery)
        case .bucket(let number): arriveAll(number)
        case .mail(let node, let life, let mail): open(mail, Int(node), life)
        case .tick(let node, let life): tick(Int(node), life)
        case .networkStep: stepNetwork()
        case .blockLeft(let connection, let end): blockLeft(Int(connection), Int(end))
        case .dialled(let node, let life, let endpoint): dialled(Int(node), life, endpoint)
        case .start(let node): start(Int(node))
        case .fault(let index): inflict(scenario.faults[index].kind)
        case .faultsEnd: endFaults()
        case .announce(let node, let life, let request): announced(Int(node), life, request)
        case .trackerExpires: expireTracker()
        case .leaseWord(let word, let node, let life, let peer):
            hear(word, Int(node), life, peer)
        case .sample: sample()
        }
    }

    // MARK: Machines

    /// Gives an event to a node's machine, checks what it does, and does it.
    mutating func handle(_ event: SwarmEvent, _ node: Int) {
        actions.removeAll(keepingCapacity: true)
        nodes[node].swarm.handle(event, at: now, into: &actions)
        if options.isRecording { record(event, node) }
        if !isFlow { checkStep(event, node) }
        let turn = FleetHalf.Turn(event, actionsEnd: actions.count, nodes[node].swarm.deadline)
        var list: [SwarmAction] = []
        swap(&list, &actions)
        follow(turn, list[...], node)
        // The array is used again: most events have few actions, and there are millions.
        if actions.isEmpty { swap(&list, &actions) }
    }

    /// A machine has handled an event: what it does is checked, and done.
    mutating func follow(_ turn: FleetHalf.Turn, _ list: ArraySlice<SwarmAction>, _ node: Int) {
        eventCount += 1
        fingerprint.fold(now, node, turn.code, list)
        checks.now = now
        checkServing(list, node)
        for action in list { carryOut(action, node) }
        // A have that moved nothing moves no deadline either, and they come by the million.
        if list.isEmpty, isFlow, turn.isHave { return }
        plantTick(node, turn.deadline)
    }

    /// One timer for each process, at the earliest deadline of its machines.
    mutating func plantTick(_ node: Int) { plantTick(node, nodes[node].swarm.deadline) }

    private mutating func plantTick(_ node: Int, _ swarmDeadline: Instant?) {
        guard let due = earlier(swarmDeadline, nodes[node].announceAt) else { return }
        if options.mutation == .deafTimer, node % 3 == 1 { return }
        let at = wheel.step(of: max(due, now), now: now)
        if let planted = nodes[node].tickAt, planted <= at { return }
        nodes[node].tickAt = at
        let life = nodes[node].life
        if isFlow {
            post(Delivery(.tick(life: life), within: node), at: at)
        } else {
            agenda.add(.tick(node: Int32(node), life: life), at: at)
        }
    }

    mutating func tick(_ node: Int, _ life: Int32) {
        guard nodes[node].life == life, nodes[node].isAlive, nodes[node].tickAt == now else {
            return
        }
        guard !nodes[node].isPaused else {
            nodes[node].backlog.append(.tick(node: Int32(node), life: life))
            return
        }
        nodes[node].tickAt = nil
        handle(.tick, node)
        checkDeadline(nodes[node].swarm.deadline, node)
        pollAnnouncer(node)
        plantTick(node)
    }

    /// After a tick.
    mutating func checkDeadline(_ deadline: Instant?, _ node: Int) {
        guard let deadline, deadline <= now else { return }
        checks.fail(.stall, "timer", node, "the deadline does not move on after a tick")
    }

    mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }
}
