import SwarmModel

@testable import SwarmCore

/// Several swarm machines in virtual time, joined by links with a latency and kept company by
/// faults. One seed is one run. See `MiniPlan` for what is drawn, `MiniNode` for what the drivers
/// do, and `MiniChecker` for what must hold.
final class MiniSwarm {
    /// What travels over a link.
    enum Packet {
        case message(PeerMessage)
        case block(RawBlock, wrong: Bool)
        case metadata(piece: UInt32, totalSize: UInt32, wrong: Bool)
        case hashes(HashRange, wrong: Bool)
        case end
    }

    /// One TCP connection. Each end has its own id, as each process numbers its own.
    final class Link {
        struct End {
            let node: Int
            let life: Int
            var isOpen = true
            /// Arrival of the last packet toward this end: the order is kept.
            var lastArrival = Instant.origin
        }

        let number: UInt64
        var ends: [End]
        let latency: Duration
        /// The network lost it and tells nobody.
        var isSilent = false

        init(number: UInt64, ends: [End], latency: Duration) {
            self.number = number
            self.ends = ends
            self.latency = latency
        }

        func id(_ end: Int) -> ConnectionID { ConnectionID(number * 2 + UInt64(end)) }
    }

    /// What is on the agenda.
    enum Due {
        case arrival(Link, end: Int, Packet)
        case mail(node: Int, life: Int, MiniNode.Mail)
        case tick(node: Int, life: Int)
        case blockWritten(Link, end: Int, ServedRange)
        case dialled(from: Int, life: Int, to: Int, Endpoint)
        case fault(MiniPlan.Fault)
        case tracker
        case start(node: Int)
        case origin(node: Int, life: Int, MiniOrigins.Job)
    }

    var plan: MiniPlan
    var random: SeededRandom
    var now = Instant.origin
    var agenda = MiniAgenda<Due>()
    var nodes: [MiniNode] = []
    var links: [Link] = []
    var linkCount: UInt64 = 0
    var checker: MiniChecker
    var isTrackerSilent = false
    /// A fingerprint of everything that happened: the same for the same seed.
    var fingerprint: UInt64 = 0xCBF2_9CE4_8422_2325
    var eventCount = 0
    /// Kept only when a failed run is repeated.
    var transcript: [String] = []
    let isRecording: Bool

    /// The origins of the version; none in most runs.
    var origins: MiniOrigins

    convenience init(seed: UInt64, hasOrigins: Bool = false, isRecording: Bool = false) {
        var plan = MiniPlan(seed: seed)
        let origins = MiniOrigins(seed: seed, isPresent: hasOrigins, plan: &plan)
        self.init(plan, origins: origins, isRecording: isRecording)
    }

    init(_ plan: MiniPlan, origins: MiniOrigins? = nil, isRecording: Bool = false) {
        self.plan = plan
        self.origins = origins ?? MiniOrigins()
        self.isRecording = isRecording
        random = self.plan.random.fork()
        checker = MiniChecker(plan)
        for (index, role) in plan.roles.enumerated() {
            nodes.append(MiniNode(index, role, plan, &random))
            let at =
                Instant.origin
                + .milliseconds(Int64.random(in: 0...plan.startMilliseconds, using: &random))
            agenda.add(.start(node: index), at: index == 0 ? .origin : at)
        }
        for (at, fault) in plan.faults { agenda.add(.fault(fault), at: at) }
        agenda.add(.tracker, at: .origin + .seconds(1))
    }

    static func endpoint(_ node: Int) -> Endpoint {
        Endpoint(address: .v4(0x0A00_0001 + UInt32(node)), port: 7000 + UInt16(node))
    }

    /// The most events of one run: beyond, something goes round in circles.
    static let eventsMax = 3_000_000

    // MARK: Running

    /// Runs to the end; the violations found.
    func run() -> [String] {
        while let (at, due) = agenda.next() {
            now = at
            perform(due)
            eventCount += 1
            if !checker.violations.isEmpty { break }
            if eventCount > Self.eventsMax {
                checker.fail(
                    "still busy after \(eventCount) events at \(now.nanoseconds / 1_000_000) ms"
                )
                break
            }
            if now > plan.faultsEnd, isFinished { break }
            if now > plan.deadline {
                reportUnfinished()
                break
            }
        }
        if checker.violations.isEmpty { checker.finish(nodes, at: now) }
        return checker.violations
    }

    private var isFinished: Bool { nodes.allSatisfy { !$0.role.mustFinish || $0.isFinished } }

    private func reportUnfinished() {
        for node in nodes where node.role.mustFinish && !node.isFinished {
            checker.fail("node \(node.index) is not finished: \(node.condition)")
        }
    }

    private func perform(_ due: Due) {
        switch due {
        case .start(let index): start(nodes[index])
        case .origin(let index, let life, let job):
            guard nodes[index].life == life, nodes[index].isAlive else { return }
            perform(job, nodes[index])
        case .tick(let index, let life):
            let node = nodes[index]
            guard node.life == life, node.isAlive else { return }
            if node.tickAt == now { node.tickAt = nil }
            handle(.tick, node)
        case .mail(let index, let life, let mail):
            guard nodes[index].life == life, nodes[index].isAlive else { return }
            deliver(mail, to: nodes[index])
        case .arrival(let link, let end, let packet): arrive(packet, link, end)
        case .blockWritten(let link, let end, let range): blockWritten(range, link, end)
        case .dialled(let from, let life, let to, let endpoint):
            dialled(from: nodes[from], life: life, to: nodes[to], endpoint)
        case .fault(let fault): inflict(fault)
        case .tracker: announce()
        }
    }

    /// Gives an event to a machine, checks what it does, and does it.
    func handle(_ event: SwarmEvent, _ node: MiniNode) {
        var actions: [SwarmAction] = []
        note(event, node)
        node.swarm.handle(event, at: now, into: &actions)
        fold(UInt64(bitPattern: now.nanoseconds))
        fold(UInt64(node.index))
        fold(UInt64(actions.count))
        checker.check(event, actions, node, at: now)
        for action in actions { carryOut(action, node) }
        if plan.isCheckedThroughout { checker.checkState(node, at: now) }
        plantTick(node)
    }

    private func fold(_ number: UInt64) {
        fingerprint = (fingerprint ^ number) &* 0x0000_0100_0000_01B3
    }

    private func plantTick(_ node: MiniNode) {
        guard let deadline = node.swarm.deadline else { return }
        guard deadline > now else {
            checker.fail("node \(node.index): the deadline does not move on: \(node.condition)")
            return
        }
        if let planted = node.tickAt, planted <= deadline { return }
        node.tickAt = deadline
        agenda.add(.tick(node: node.index, life: node.life), at: deadline)
    }

    // MARK: Life and death

    private func start(_ node: MiniNode) {
        guard !node.isAlive else { return }
        let content = node.begin(at: now, random: &random)
        checker.began(node)
        if let content { handle(.contentKnown(content), node) }
        if !origins.all.isEmpty, node.role.start != .magnet {
            handle(.originsKnown(origins.all.map(\.facts), hasTracker: true), node)
        }
        learnPeers(node, share: plan.rosters == .right ? 1 : 2)
    }

    private func learnPeers(_ node: MiniNode, share: Int) {
        var known: [Endpoint] = []
        for other in nodes where Int.random(in: 0..<share, using: &random) == 0 {
            known.append(Self.endpoint(other.index))
        }
        handle(.peersLearned(known), node)
        if plan.rosters != .none { handle(.rosterUpdated(roster(for: node)), node) }
    }

    /// What the tracker says of the membership: the whole of it each time.
    private func roster(for node: MiniNode) -> RosterUpdate {
        let isWrong = plan.rosters == .wrong && now <= plan.faultsEnd
        var listed = nodes.filter { $0.isAlive && $0 !== node && $0.role.supportsExtensions }
        if isWrong { listed.removeAll { _ in chance(3) } }
        var entries = listed.map { other in
            RosterEntry(
                peer: other.peerID,
                endpoints: [Self.endpoint(other.index)],
                locality: other.role.settings.locality,
                generation: UInt64(other.life),
                isSeed: other.swarm.isComplete
            )
        }
        if plan.rosters == .wrong, let locality = entries.first?.locality {
            entries.append(
                RosterEntry(
                    peer: PeerID(random: &random),
                    endpoints: [],
                    locality: chance(2) ? locality : node.role.settings.locality,
                    generation: 0,
                    isSeed: chance(4)
                )
            )
        }
        let epoch = RosterEpoch(life: 1, counter: UInt64(now.nanoseconds / 1_000_000))
        return RosterUpdate(epoch: epoch, isWhole: true, joined: entries, left: [])
    }

    private func announce() {
        if now > plan.faultsEnd { isTrackerSilent = false }
        if !isTrackerSilent {
            for node in nodes where node.isAlive {
                learnPeers(node, share: now >= plan.faultsEnd ? 1 : 2)
            }
        }
        let seconds = Int64.random(in: plan.trackerSeconds, using: &random)
        agenda.add(.tracker, at: now + .seconds(seconds))
    }

    private func inflict(_ fault: MiniPlan.Fault) {
        switch fault {
        case .cut:
            guard
                let link = links.filter({ $0.ends.contains(where: \.isOpen) }).randomElement(
                    using: &random
                )
            else { return }
            cut(link)
        case .crash(let silently):
            guard let node = nodes.filter(\.isAlive).randomElement(using: &random) else { return }
            crash(node, silently: silently)
        case .losePieces:
            guard
                let node = nodes.filter({ $0.isAlive && $0.role.hasBadDisk })
                    .randomElement(using: &random)
            else { return }
            damage(node)
        case .trackerSilent: isTrackerSilent.toggle()
        }
    }

    private func cut(_ link: Link) {
        for end in 0...1 where link.ends[end].isOpen {
            link.ends[end].isOpen = false
            let delay = Duration.milliseconds(Int64.random(in: 0...500, using: &random))
            mail(.event(.connectionClosed(link.id(end), .remote)), to: link.ends[end], after: delay)
        }
        links.removeAll { $0 === link }
    }

    private func crash(_ node: MiniNode, silently: Bool) {
        if isRecording { record("node \(node.index) crashes\(silently ? " silently" : "")") }
        for link in links {
            for end in 0...1 where link.ends[end].node == node.index && link.ends[end].isOpen {
                link.ends[end].isOpen = false
                if silently { link.isSilent = true } else { send(.end, link, from: end) }
            }
        }
        node.crash(&random)
        let wait = Duration.milliseconds(Int64.random(in: 10...60_000, using: &random))
        agenda.add(.start(node: node.index), at: now + wait)
    }

    /// A scrub finds that a file on the medium is not what was verified.
    private func damage(_ node: MiniNode) {
        let sealed = node.files.filter {
            node.isSealed[$0.number] && plan.geometry.length(of: $0) > 0
        }
        guard let file = sealed.randomElement(using: &random)
        else { return }
        node.isPublished = false
        node.lose(file, in: self)
    }

    // MARK: Links

    func dial(_ endpoint: Endpoint, _ node: MiniNode) {
        let to = Int(endpoint.port) - 7000
        let delay = Duration.milliseconds(Int64.random(in: 2...400, using: &random))
        agenda.add(
            .dialled(from: node.index, life: node.life, to: to, endpoint),
            at: now + delay
        )
    }

    private func dialled(from: MiniNode, life: Int, to: MiniNode, _ endpoint: Endpoint) {
        guard from.isAlive, from.life == life else { return }
        guard to.isAlive else {
            mail(.event(.dialFailed(endpoint)), to: from, after: .milliseconds(1))
            return
        }
        linkCount += 1
        let latency = Duration.microseconds(Int64.random(in: 50...120_000, using: &random))
        let link = Link(
            number: linkCount,
            ends: [
                .init(node: from.index, life: from.life), .init(node: to.index, life: to.life),
            ],
            latency: latency
        )
        links.append(link)
        let fast = from.role.supportsFast && to.role.supportsFast
        let extensions = from.role.supportsExtensions && to.role.supportsExtensions
        for (end, other) in [(0, to), (1, from)] {
            let facts = ConnectionFacts(
                id: link.id(end),
                peer: other.peerID,
                endpoint: end == 0
                    ? endpoint : Endpoint(address: Self.endpoint(from.index).address, port: 50_000),
                isIncoming: end == 1,
                supportsFast: fast,
                supportsExtensions: extensions
            )
            let at = now + (end == 0 ? latency * 2 : latency)
            link.ends[end].lastArrival = at
            nodes[link.ends[end].node].links[link.id(end)] = (link, end)
            post(.event(.connectionOpened(facts)), to: link.ends[end], at: at)
        }
    }

    func send(_ packet: Packet, _ link: Link, from end: Int, at departure: Instant? = nil) {
        let jitter = Duration.microseconds(Int64.random(in: 0...2_000, using: &random))
        let arrival = max(
            (departure ?? now) + link.latency + jitter,
            link.ends[1 - end].lastArrival
        )
        link.ends[1 - end].lastArrival = arrival
        agenda.add(.arrival(link, end: 1 - end, packet), at: arrival)
    }

    private func arrive(_ packet: Packet, _ link: Link, _ end: Int) {
        guard link.ends[end].isOpen else {
            // Nobody is there: the sender gets a reset, unless the network swallows it.
            if case .end = packet { return }
            if !link.isSilent { send(.end, link, from: end) }
            return
        }
        let node = nodes[link.ends[end].node]
        if case .end = packet {
            link.ends[end].isOpen = false
            links.removeAll { $0 === link }
            mail(.event(.connectionClosed(link.id(end), .remote)), to: node, after: .zero)
        } else {
            receive(packet, link, end, node)
        }
    }

    func close(_ id: ConnectionID, _ node: MiniNode) {
        guard let (link, end) = node.links.removeValue(forKey: id) else { return }
        guard link.ends[end].isOpen else { return }
        link.ends[end].isOpen = false
        if !link.isSilent { send(.end, link, from: end) }
        if chance(2) { mail(.event(.connectionClosed(id, .us)), to: node, after: .milliseconds(1)) }
    }

    // MARK: Mail

    func mail(_ item: MiniNode.Mail, to end: Link.End, after delay: Duration) {
        guard nodes[end.node].life == end.life else { return }
        mail(item, to: nodes[end.node], after: delay)
    }

    private func post(_ item: MiniNode.Mail, to end: Link.End, at: Instant) {
        mail(item, to: end, after: at - now)
    }

    /// A fact for the driver's queue. What comes at once stays in order; what takes time goes its
    /// own way.
    func mail(_ item: MiniNode.Mail, to node: MiniNode, after delay: Duration) {
        var at = now + delay
        if delay == .zero {
            let hop = Duration.microseconds(Int64.random(in: 0...300, using: &random))
            at = max(now + hop, node.lastMailAt)
            node.lastMailAt = at
        }
        agenda.add(.mail(node: node.index, life: node.life, item), at: at)
    }

    func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

    // MARK: Transcript

    private func note(_ event: SwarmEvent, _ node: MiniNode) {
        guard isRecording else { return }
        record("node \(node.index) < \(MiniTranscript.text(event))")
    }

    func record(_ line: @autoclosure () -> String) {
        guard isRecording else { return }
        transcript.append("\(now.nanoseconds / 1_000) us  \(line())")
    }
}
