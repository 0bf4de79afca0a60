import SwarmModel

@testable import SwarmCore

/// The origins of a mini swarm's version, and the tracker's leases on them. The last origin is
/// always sound.
struct MiniOrigins {
    struct Origin {
        enum Vice: CaseIterable { case none, corrupts, fails, cutsShort, stalls, changes, refuses }

        let facts: OriginFacts
        let vice: Vice
        let bytesPerSecond: Int
    }

    /// What takes time.
    enum Job {
        case answer(LeaseAnswer)
        case renewal(UInt64, Duration?)
        case block(ConnectionID, RawBlock, wrong: Bool)
        case end(ConnectionID, OriginFault?)
    }

    var all: [Origin] = []
    var leases: OriginLeases
    var random: SeededRandom
    /// Payload bytes that left origins.
    var bytesRead = 0

    /// None.
    init() {
        random = SeededRandom(seed: 0)
        leases = OriginLeases(
            settings: .init(),
            firstNumber: 1,
            hasPredecessor: false,
            at: .origin
        )
    }

    init(seed: UInt64, isPresent: Bool, plan: inout MiniPlan) {
        random = SeededRandom(seed: seed &* 0x9E37_79B9_7F4A_7C15)
        leases = OriginLeases(
            settings: .init(),
            firstNumber: 1,
            hasPredecessor: false,
            at: .origin
        )
        guard isPresent else { return }
        let count = Int.random(in: 1...3, using: &random)
        for index in 0..<count {
            let isLast = index == count - 1
            let vice = Origin.Vice.allCases.randomElement(using: &random) ?? .none
            all.append(
                Origin(
                    facts: OriginFacts(id: OriginID("origin-\(index)")!, readsMax: 1 + index),
                    vice: isLast ? .none : vice,
                    bytesPerSecond: 100_000 << Int.random(in: 0...7, using: &random)
                )
            )
        }
        let keepsSeeds = Int.random(in: 0..<4, using: &random) == 0
        for role in plan.roles.indices {
            // Those who hold a piece and never give it are for the scheduler to see through.
            if [.stalls, .dawdles].contains(plan.roles[role].vice) {
                plan.roles[role].vice = .none
            }
            if !keepsSeeds, [.seed, .partial].contains(plan.roles[role].start) {
                plan.roles[role].start = .fresh
            }
            if plan.roles[role].supportsExtensions == false { plan.roles[role].start = .fresh }
        }
    }
}

extension MiniSwarm {
    /// What a driver does with an action about origins.
    func atOrigin(_ action: SwarmAction, _ node: MiniNode) {
        switch action {
        case .askLease(let wish): ask(wish, node)
        case .renewLease(let claim):
            guard !isTrackerSilent else { return }
            let swarm = Self.swarmID
            let lifetime = origins.leases.renew(claim, in: swarm, by: node.peerID, at: now)
            later(.renewal(claim.number, lifetime), node, after: pause(1...200))
        case .endLease(let claim, let end):
            guard !isTrackerSilent else { return }
            origins.leases.end(claim, end, in: Self.swarmID, by: node.peerID, at: now)
        case .readOrigin(let order): read(order, node)
        case .cancelRead(let id): node.reads.removeAll { $0 == id }
        default: preconditionFailure("not about origins")
        }
    }

    private static var swarmID: SwarmID { SwarmID(Array(repeating: 7, count: 20))! }

    private func pause(_ milliseconds: ClosedRange<Int64>) -> Duration {
        .milliseconds(Int64.random(in: milliseconds, using: &origins.random))
    }

    private func later(_ job: MiniOrigins.Job, _ node: MiniNode, after delay: Duration) {
        agenda.add(.origin(node: node.index, life: node.life, job), at: now + delay)
    }

    private func ask(_ wish: LeaseWish, _ node: MiniNode) {
        guard !isTrackerSilent else {
            later(.answer(.unanswered), node, after: .seconds(5))
            return
        }
        let answer = origins.leases.ask(wish, in: Self.swarmID, by: node.peerID, at: now)
        later(.answer(answer), node, after: pause(1...200))
    }

    private func read(_ order: OriginRead, _ node: MiniNode) {
        node.reads.append(order.id)
        guard let origin = origins.all.first(where: { $0.facts.id == order.origin }) else {
            checker.fail("node \(node.index) reads from \(order.origin), which nobody named")
            return
        }
        let blocks = plan.geometry.blocks(of: order.file, order.bytes, lengthMax: 64 << 10)
        let isBad = now < plan.faultsEnd || origin.vice == .corrupts
        let vice = isBad ? origin.vice : .none
        var delay = pause(2...300)
        switch vice {
        case .fails where Int.random(in: 0..<3, using: &origins.random) > 0:
            let wait: Duration? = Bool.random(using: &origins.random) ? pause(0...3000) : nil
            later(.end(order.id, .busy(status: 503, retryAfter: wait)), node, after: delay)
            return
        case .refuses:
            later(.end(order.id, .denied("x")), node, after: delay)
            return
        case .changes:
            later(.end(order.id, .changed("x")), node, after: delay)
            return
        default: break
        }
        let stopsAt =
            vice == .cutsShort || vice == .stalls
            ? Int.random(in: 0...blocks.count, using: &origins.random) : blocks.count
        for (index, block) in blocks.enumerated() where index < stopsAt {
            let nanoseconds = Double(block.length) / Double(origin.bytesPerSecond) * 1e9
            delay += .nanoseconds(Int64(nanoseconds))
            later(.block(order.id, block, wrong: vice == .corrupts), node, after: delay)
        }
        if stopsAt < blocks.count {
            guard vice == .cutsShort else { return }
            later(.end(order.id, .cutShort(received: 0, of: 1)), node, after: delay)
        } else {
            later(.end(order.id, nil), node, after: delay + .milliseconds(1))
        }
    }

    func perform(_ job: MiniOrigins.Job, _ node: MiniNode) {
        switch job {
        case .answer(let answer): handle(.leaseAnswered(answer), node)
        case .renewal(let number, let lifetime):
            handle(.leaseRenewed(number: number, lifetime: lifetime), node)
        case .block(let id, let raw, let wrong):
            guard node.reads.contains(id), let range = node.geometry.alignedRange(of: raw) else {
                return
            }
            origins.bytesRead += range.length
            let isRefused = node.role.hasBadDisk && now < plan.faultsEnd && chance(150)
            let stored = isRefused ? .failed : node.board.store(range, wrong: wrong, from: id)
            deliver(.blockStored(raw, range, id, stored), to: node)
        case .end(let id, let fault):
            guard node.reads.contains(id) else { return }
            node.reads.removeAll { $0 == id }
            handle(.originReadEnded(id, fault), node)
        }
    }
}
