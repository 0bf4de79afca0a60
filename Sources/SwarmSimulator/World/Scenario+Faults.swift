import SwarmModel

/// The schedule of faults, and when all of it must be over.
extension Scenario {
    mutating func drawFaults() {
        let during = plan.faults.during.duration(using: &random)
        faultsEnd = .origin + during
        for timed in plan.faults.timeline { schedule(timed) }
        for _ in 0..<plan.faults.crashes.count(using: &random) { crashSomebody() }
        for _ in 0..<plan.faults.pauses.count(using: &random) { pauseSomebody() }
        for _ in 0..<plan.faults.slowdowns.count(using: &random) { slowSomebody() }
        for _ in 0..<plan.faults.cuts.count(using: &random) { add(.cut, at: someTime()) }
        for _ in 0..<plan.faults.bitRot.count(using: &random) {
            add(.rot(host: someHost()), at: someTime())
        }
        for _ in 0..<plan.faults.partitions.count(using: &random) { partitionSomething() }
        for _ in 0..<plan.faults.trackerOutages.count(using: &random) { loseTracker() }
        for _ in 0..<plan.faults.trackerRestarts.count(using: &random) {
            add(.trackerRestart, at: someTime())
        }
        faults.sort { $0.at < $1.at }
        let last = hosts.map(\.joinsAt).max() ?? .origin
        let limit = plan.expect.completeWithin.duration(using: &random)
        deadline = max(faultsEnd, last) + limit
    }

    private mutating func add(_ kind: Fault.Kind, at: Instant) {
        faults.append(Fault(at: at, kind: kind))
    }

    private mutating func someTime() -> Instant {
        Instant(nanoseconds: Int64.random(in: 0...max(1, faultsEnd.nanoseconds), using: &random))
    }

    private mutating func someHost() -> Int { Int.random(in: 0..<hosts.count, using: &random) }

    private mutating func wait(_ seconds: Double) -> Duration {
        Draw(0.01, seconds).duration(using: &random)
    }

    // MARK: Drawn faults

    private mutating func crashSomebody() {
        let host = someHost()
        let at = someTime()
        let share = plan.faults.staysDead.value(using: &random)
        let comesBack = Double.random(in: 0..<1, using: &random) >= share
        add(.crash(host: host, silently: Bool.random(using: &random)), at: at)
        if comesBack { add(.start(host: host), at: at + wait(60)) }
    }

    private mutating func pauseSomebody() {
        let host = someHost()
        let at = someTime()
        add(.pause(host: host), at: at)
        add(.resume(host: host), at: min(faultsEnd, at + wait(40)))
    }

    private mutating func slowSomebody() {
        let host = someHost()
        let at = someTime()
        let factor = Draw(0.001, 0.5).value(using: &random)
        add(.slow(host: host, factor: factor), at: at)
        add(.restore(host: host), at: min(faultsEnd, at + wait(60)))
    }

    private mutating func partitionSomething() {
        let place = places[Int.random(in: 0..<places.count, using: &random)].locality
        let domain = place.ancestor(level: Int.random(in: 1...3, using: &random))
        let at = someTime()
        add(.partition(place: domain), at: at)
        add(.heal(place: domain), at: min(faultsEnd, at + wait(90)))
    }

    private mutating func loseTracker() {
        let at = someTime()
        add(.trackerDown, at: at)
        add(.trackerUp, at: min(faultsEnd, at + wait(120)))
    }

    // MARK: The timeline

    private mutating func schedule(_ timed: Plan.Faults.Timed) {
        let at = Instant.origin + timed.at.duration(using: &random)
        let end = timed.lasts.map { at + $0.duration(using: &random) }
        faultsEnd = max(faultsEnd, end ?? at)
        let count = timed.count.count(using: &random)
        let factor = timed.factor.value(using: &random)
        switch timed.kind {
        case .crash, .sourceOutage:
            let hosts = chooseHosts(count, timed.domain, sources: timed.kind == .sourceOutage)
            for host in hosts {
                add(.crash(host: host, silently: false), at: at)
                if let end { add(.start(host: host), at: end) }
            }
        case .pause, .slow, .bitRot:
            for host in chooseHosts(count, timed.domain, sources: false) {
                schedule(timed.kind, host, factor, at: at, end)
            }
        case .cut: for _ in 0..<count { add(.cut, at: at) }
        case .partition:
            guard let domain = timed.domain else { return }
            add(.partition(place: domain), at: at)
            if let end { add(.heal(place: domain), at: end) }
        case .trackerOutage:
            add(.trackerDown, at: at)
            if let end { add(.trackerUp, at: end) }
        case .trackerRestart: add(.trackerRestart, at: at)
        }
    }

    private mutating func schedule(
        _ kind: Plan.Faults.Timed.Kind,
        _ host: Int,
        _ factor: Double,
        at: Instant,
        _ end: Instant?
    ) {
        switch kind {
        case .pause:
            add(.pause(host: host), at: at)
            if let end { add(.resume(host: host), at: end) }
        case .slow:
            add(.slow(host: host, factor: factor), at: at)
            if let end { add(.restore(host: host), at: end) }
        default: add(.rot(host: host), at: at)
        }
    }

    private mutating func chooseHosts(_ count: Int, _ domain: Locality?, sources: Bool) -> [Int] {
        var candidates = hosts.indices.filter { index in
            let isInside = domain?.contains(places[hosts[index].place].locality) ?? true
            return isInside && (hosts[index].start == .seed) == sources
        }
        candidates.shuffle(using: &random)
        return candidates.prefix(count).sorted()
    }
}
