import OrderedCollections
import SwarmCore
import SwarmModel

/// What is known of the run for its checkers.
struct RolloutChecks: Findings {
    var violations: [Violation] = []
    var now = Instant.origin
    var sights: [(name: String, count: Int)] = []

    let plan: RolloutPlan
    var domains: Domains
    /// To which command each fence was given: one, for all time.
    var fences: OrderedDictionary<Fence, HostCommand> = [:]
    var lastFence: OrderedDictionary<HostName, Fence> = [:]
    /// The newest fence that each host obeyed.
    var obeyed: OrderedDictionary<Int, Fence> = [:]
    var place: Place?
    /// Waves that an operator has approved, with repetitions.
    var approved: [Int] = []
    var abort = AbortReach()
    var createdAt = Instant.origin
    var endedAt: Instant?
    var servedAfter: OrderedDictionary<Int, Double> = [:]
    var commandCount = 0
    /// Hosts that were away for so long that they counted as dead, until they are in service.
    var strayed: OrderedSet<Int> = []

    /// Where a rollout stands, as numbers that only grow.
    struct Place: Hashable, Comparable {
        var wave: Int
        var phase: Int
        var gate: Int

        init(_ rollout: Rollout) {
            let isOver = rollout.isReturn || rollout.phase == .complete
            wave = isOver ? rollout.plan.waves.count : rollout.wave
            gate = isOver ? 0 : rollout.gate
            phase =
                switch rollout.phase {
                case .seeding: -1
                case .staging, .complete: 0
                case .activating, .returning: 1
                case .baking, .rolledBack, .rollbackDegraded: 2
                }
        }

        static func < (a: Self, b: Self) -> Bool {
            (a.wave, a.phase, a.gate) < (b.wave, b.phase, b.gate)
        }
    }

    init(_ plan: RolloutPlan) {
        self.plan = plan
        domains = Domains(plan)
    }

    mutating func returned(_ host: Int) {
        see("host that counted as dead is back")
        strayed.append(host)
    }

    mutating func epochTaken(_ epoch: Int, after last: Int) {
        if epoch <= last { fail(.safety, "epoch", nil, "a tracker begins with \(epoch) again") }
    }
}

/// How many hosts of each rack, region and cloud are out of service.
struct Domains {
    private struct Entry {
        var hosts = 0
        var out = 0
        var most = 0
        let amount: RolloutPlan.Amount

        /// The checker's own reading of `Docs/Rollouts.md`.
        var limit: Int { max(1, amount.of(hosts)) }
    }

    private let plan: RolloutPlan
    /// By level, then by place: 0 racks, 1 regions, 2 clouds.
    private var entries: [OrderedDictionary<Locality, Entry>] = [[:], [:], [:]]
    private var outside: OrderedSet<Int> = []

    init(_ plan: RolloutPlan) { self.plan = plan }

    static func around(_ place: Locality) -> [Locality] {
        [place, place.ancestor(level: 2), place.ancestor(level: 1)]
    }

    mutating func join(_ places: [Locality]) {
        let amounts = [
            plan.maxUnavailable,
            plan.regionLimit ?? .percent(100),
            plan.cloudLimit ?? .percent(100),
        ]
        for (level, place) in places.enumerated() {
            entries[level][place, default: Entry(amount: amounts[level])].hosts += 1
        }
    }

    func isOut(_ host: Int) -> Bool { outside.contains(host) }

    /// Returns the places where more are out than may be, `isBounded` provided.
    mutating func set(
        _ host: Int,
        in places: [Locality],
        isOut: Bool,
        isBounded: Bool
    ) -> [Locality] {
        guard isOut != outside.contains(host) else { return [] }
        if isOut { outside.append(host) } else { outside.remove(host) }
        var over: [Locality] = []
        for (level, place) in places.enumerated() {
            entries[level][place]!.out += isOut ? 1 : -1
            let entry = entries[level][place]!
            guard isBounded, isOut else { continue }
            if entry.out > entry.limit { over.append(place) }
            entries[level][place]!.most = max(entry.most, entry.out)
        }
        return over
    }

    func outside(in place: Locality, _ locality: (Int) -> Locality) -> [Int] {
        outside.filter { place.contains(locality($0)) }
    }

    func limit(level: Int, _ place: Locality) -> Int? { entries[level][place]?.limit }

    /// Of the domain that came nearest to its limit: the most that were out, and the limit.
    func worst(level: Int) -> (most: Int, limit: Int) {
        let worst = entries[level].values.max {
            $0.most * $1.limit < $1.most * $0.limit
        }
        return worst.map { ($0.most, $0.limit) } ?? (0, 0)
    }
}

/// How long live hosts take to hear of an abort.
struct AbortReach {
    private(set) var beganAt: Instant?
    private var waiting: OrderedSet<Int> = []
    private(set) var seconds: [Double] = []
    /// The tracker was away about then.
    var isDisturbed = false

    var missing: Int { waiting.count }

    mutating func begin(_ hosts: [Int], at now: Instant) {
        beganAt = now
        waiting = OrderedSet(hosts)
    }

    mutating func heard(_ host: Int, leadsToTarget: Bool, at now: Instant) {
        guard let beganAt, !leadsToTarget, waiting.remove(host) != nil else { return }
        seconds.append((now - beganAt).inSeconds)
    }

    /// It does not live any more.
    mutating func forget(_ host: Int) { waiting.remove(host) }
}
