import OrderedCollections
import SwarmCore
import SwarmModel

/// A rollout over a fleet in virtual time: the real `Fleet` of the tracker and the real
/// `HostModels` of every host, joined by requests and answers as their drivers exchange them.
///
/// Bytes are not simulated: fetching and sealing a version takes a drawn time. Until `faultsEnd`
/// hosts and the tracker crash, messages are lost and activations fail; then every live host must
/// come to serve what the rollout ended with.
package struct RolloutSimulation {
    package let scenario: Scenario
    let trial: Plan.Rollout
    let mutation: Mutation?
    var now = Instant.origin
    var random: SeededRandom
    var agenda = Agenda<Due>()
    var hosts: [SimulatedHost] = []
    var indexes: OrderedDictionary<HostName, Int> = [:]
    var tracker: SimulatedTracker
    var staff: Staff
    var checks: RolloutChecks
    var fingerprint = Fingerprint()
    var eventCount = 0
    var isAfterFaults = false
    var isOver = false

    enum Due {
        case start(host: Int)
        case crash(host: Int, away: Duration?)
        case fact(HostModels.Event, host: Int, life: Int)
        case recordWritten(HostRecord, sequence: Int, host: Int, life: Int)
        case recordOnDisk(HostRecord, host: Int, life: Int)
        case linkSwitched(version: String?, host: Int, life: Int)
        case pieceFetched(ModelReference, InfoHash, host: Int, life: Int)
        case hookEnded(failure: String?, number: Int, host: Int, life: Int)
        case hostTick(host: Int, life: Int)
        case sync(number: Int, host: Int, life: Int)
        case requestArrived(HostReport, exchange: Int, host: Int, life: Int)
        case answerArrived(DesiredState?, exchange: Int, host: Int, life: Int)
        case deskTimeout(token: Int, host: Int, life: Int)
        case trackerTick(life: Int)
        case trackerKill
        case trackerStart
        case commandArrived(RolloutVerb, RolloutCommand)
        case look(operator: Int)
        case faultsEnd
    }

    static let model: ModelName = {
        guard let name = try? ModelName("acme/llama") else { preconditionFailure("a bad name") }
        return name
    }()
    static let channel = "prod"

    static func version(_ number: Int) -> DesiredState.Version {
        DesiredState.Version(
            version: "v\(number)",
            infoHash: InfoHash(Digest(Array(repeating: UInt8(number & 255), count: 32)) ?? .zero)
        )
    }

    /// A run that goes round in circles.
    private static let eventsMax = 200_000_000
    /// Hosts report within this time of the start, and the rollout begins after it.
    static let gatheringTime = Duration.seconds(30)

    package init?(_ scenario: Scenario, mutation: Mutation? = nil) {
        guard let trial = scenario.plan.rollout else { return nil }
        self.scenario = scenario
        self.trial = trial
        self.mutation = mutation
        var random = scenario.random
        tracker = SimulatedTracker()
        staff = Staff(trial, random: &random)
        checks = RolloutChecks(trial.rolloutPlan)
        self.random = random
        for host in scenario.hosts where host.start != .seed {
            let place = scenario.places[host.place].locality
            let index = hosts.count
            guard let name = try? HostName("h\(index)") else { continue }
            hosts.append(SimulatedHost(name, at: place))
            indexes[name] = index
            checks.domains.join(Domains.around(place))
        }
        plan()
    }

    private mutating func plan() {
        tracker.store.losesCommands = mutation == .loseCommands
        tracker.store.losesReturns = mutation == .loseReturns
        agenda.add(.trackerStart, at: now)
        for index in hosts.indices {
            agenda.add(.start(host: index), at: now + Draw(0, 20).duration(using: &random))
        }
        for number in 0..<Staff.count {
            agenda.add(.look(operator: number), at: now + Self.gatheringTime + .seconds(number))
        }
        agenda.add(.faultsEnd, at: scenario.faultsEnd)
        let (start, end) = (Self.gatheringTime.inSeconds, scenario.faultsEnd.sinceOrigin.inSeconds)
        let faultTime = Draw(min(start, end), end)
        let failures = trial.hostFailures.value(using: &random) * Double(hosts.count)
        for _ in 0..<Int(failures.rounded()) {
            let staysDead =
                Double.random(in: 0..<1, using: &random)
                < scenario.plan.faults.staysDead.value(using: &random)
            agenda.add(
                .crash(
                    host: Int.random(in: hosts.indices, using: &random),
                    away: staysDead ? nil : trial.away.duration(using: &random)
                ),
                at: after(faultTime)
            )
        }
        for _ in 0..<trial.trackerKills.count(using: &random) {
            agenda.add(.trackerKill, at: after(faultTime))
        }
    }

    // MARK: Running

    /// Runs to the end.
    package mutating func run() -> Outcome {
        while !checks.hasFailed, !isOver, let (at, due) = agenda.next() {
            now = at
            checks.now = now
            if now > scenario.deadline || eventCount > Self.eventsMax {
                checkConverged()
                break
            }
            perform(due)
        }
        if !checks.hasFailed { checkAbort() }
        return outcome()
    }

    private mutating func perform(_ due: Due) {
        eventCount += 1
        fingerprint.fold(UInt64(bitPattern: now.nanoseconds))
        switch due {
        case .start(let host): start(host)
        case .crash(let host, let away): crash(host, away)
        case .fact(let event, let host, let life):
            if isAlive(host, life) { handle(event, host) }
        case .recordWritten(let record, let sequence, let host, let life):
            recordWritten(record, sequence, host, life)
        case .recordOnDisk(let record, let host, let life):
            if isAlive(host, life) { hosts[host].record = record }
        case .linkSwitched(let version, let host, let life): linkSwitched(version, host, life)
        case .pieceFetched(let name, let infoHash, let host, let life):
            if isAlive(host, life) { pieceFetched(name, infoHash, host) }
        case .hookEnded(let failure, let number, let host, let life):
            hookEnded(failure, number, host, life)
        case .hostTick(let host, let life): hostTick(host, life)
        case .sync(let number, let host, let life): sync(number, host, life)
        case .requestArrived(let report, let exchange, let host, let life):
            requestArrived(report, exchange, host, life)
        case .answerArrived(let state, let exchange, let host, let life):
            answerArrived(state, exchange, host, life)
        case .deskTimeout(let token, let host, let life):
            if tracker.life == life { deskTimeout(token, host) }
        case .trackerTick(let life): if tracker.life == life { trackerTick() }
        case .trackerKill: killTracker()
        case .trackerStart: startTracker()
        case .commandArrived(let verb, let command): commandArrived(verb, command)
        case .look(let number): look(number)
        case .faultsEnd: endFaults()
        }
    }

    private mutating func endFaults() {
        isAfterFaults = true
        for host in hosts.indices where !hosts[host].isUp && !hosts[host].staysDead {
            start(host)
        }
    }

    func isAlive(_ host: Int, _ life: Int) -> Bool {
        hosts[host].isUp && hosts[host].life == life
    }

    mutating func chance(_ share: Draw) -> Bool {
        !isAfterFaults && Double.random(in: 0..<1, using: &random) < share.value(using: &random)
    }

    mutating func chance(percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    mutating func after(_ draw: Draw) -> Instant { now + draw.duration(using: &random) }
}

extension Instant {
    fileprivate var sinceOrigin: Duration { self - .origin }
}
