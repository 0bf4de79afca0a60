import OrderedCollections
import SwarmCore
import SwarmModel
import SwarmSimulator

/// What happens by chance.
extension FleetWorld {
    mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &random) < percent
    }

    mutating func someHost() -> Int { Int.random(in: hosts.indices, using: &random) }

    mutating func step(allowsTwo: Bool) {
        switch Int.random(in: 0..<200, using: &random) {
        case 0..<80: for _ in 0..<3 { sync(someHost()) }
        case 80..<140: for _ in 0..<3 { work(someHost()) }
        case 140..<158: pass(.seconds(Int.random(in: 1...8, using: &random)))
        case 158..<164: sendLate()
        case 164..<167: toggleHost()
        case 167..<171: restart()
        case 171..<172: if allowsTwo { replace() }
        case 172..<180: seed(holders: Int.random(in: 0...3, using: &random))
        case 180..<186: finishGates(nil)
        case 186..<187: if chance(30) { pass(.seconds(700)) }
        case 187..<188: joinHost()
        case 188..<189: if chance(50) { hosts[someHost()].isHealthy = false }
        default: operate()
        }
        checkHosts()
    }

    private mutating func work(_ index: Int) {
        guard hosts[index].isUp else { return }
        let isBad = badVersions.contains(hosts[index].active?.version ?? "")
        hosts[index].work(succeeds: !isBad && !chance(1))
    }

    /// A report or an answer that arrives long after it was sent, perhaps twice.
    private mutating func sendLate() {
        let index = someHost()
        if chance(50) { inFlight.append(hosts[index].report) }
        if chance(50) { late.append((index, owner.fleet.desired(of: hosts[index].name))) }
        if let former, chance(50), hosts[index].isUp {
            var former = former
            let report = hosts[index].report
            let turn = try? former.turn { [now] fleet, actions in
                try fleet.reported(report, at: now, into: &actions)
            }
            checkFences(turn?.actions ?? [])
            hosts[index].apply(former.fleet.desired(of: hosts[index].name))
            self.former = former
        }
        if let report = inFlight.randomElement(using: &random), chance(60) {
            see("late report")
            deliver(report)
            if chance(50) { inFlight.removeAll { $0 == report } }
        }
        if let (host, desired) = late.randomElement(using: &random), hosts[host].isUp {
            see("late answer")
            hosts[host].apply(desired)
        }
    }

    private mutating func toggleHost() {
        // Those that are down come back sooner than others go.
        let down = chance(70) ? hosts.firstIndex { !$0.isUp } : nil
        let index = down ?? someHost()
        hosts[index].isUp.toggle()
        see(hosts[index].isUp ? "host back" : "host down")
    }

    private mutating func joinHost() {
        guard hosts.count < 30 else { return }
        see("late host")
        let place = hosts[someHost()].locality
        hosts.append(ObedientHost("late-\(hosts.count)", at: "\(place)"))
        if bug == .ignoresFences { hosts[hosts.count - 1].flaw = .ignoresFences }
        if bug == .losesPrevious { hosts[hosts.count - 1].flaw = .losesPrevious }
    }

    mutating func seed(holders: Int) {
        for rollout in owner.fleet.seeding {
            let turn = owner.turn { [now] fleet, actions in
                fleet.seedingChanged(
                    rollout: rollout.id,
                    channel: rollout.channel,
                    holders: holders,
                    hasOrigin: false,
                    at: now,
                    into: &actions
                )
            }
            check(turn.actions)
        }
    }

    /// Results of gates, some of them late or twice.
    mutating func finishGates(_ result: GateResult?) {
        for run in owner.gates {
            let result = result ?? .some(chance(80) ? .passed : .inconclusive("a test"))
            guard let result else { continue }
            let final: GateResult =
                chance(3) && self.bug == nil && rollout?.phase == .baking
                    && result != .passed ? .failed("a test") : result
            see("gate result")
            let turn = owner.turn { [now] fleet, actions in
                fleet.gateFinished(run, final, at: now, into: &actions)
            }
            check(turn.actions)
        }
        if owner.gates.count > 3 { owner.gates.removeFirst(owner.gates.count - 3) }
    }

    // MARK: Operators

    private mutating func operate() {
        guard let rollout, !rollout.phase.isFinal else {
            if chance(40) { create() } else if chance(10) { command(.rollback) }
            return
        }
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<4: command(.pause)
        case 4..<60: if rollout.pause != nil { command(.resume) }
        case 60..<90: command(.approve)
        case 90..<92: command(.abort)
        case 92..<93: command(.rollback)
        default: create()
        }
    }

    private mutating func command(_ verb: RolloutVerb) {
        guard let rollout else { return }
        var command = RolloutCommand()
        if chance(60) { command.ifRevision = rollout.revision - (chance(20) ? 1 : 0) }
        if chance(20) { command.key = "k\(Int.random(in: 0..<3, using: &random))" }
        if verb == .approve { command.wave = rollout.wave + 1 }
        if chance(5) { command.atOnce = true }
        for _ in 0..<(chance(30) ? 2 : 1) {
            do {
                let turn = try owner.turn { [now] fleet, actions in
                    try fleet.command(
                        verb,
                        command,
                        rollout: rollout.id,
                        by: "test",
                        at: now,
                        into: &actions
                    )
                }
                check(turn.actions)
                see("\(verb)")
            } catch let refusal as FleetRefusal {
                see("refused: \(refusal.code.rawValue)")
            } catch {
                violate("\(error)")
            }
        }
    }

    private mutating func create() {
        let version = Self.version(nextVersion)
        var plan = RolloutPlan(waves: [
            RolloutPlan.Wave(hosts: .count(1), gates: chance(50) ? [.soak(seconds: 20)] : []),
            RolloutPlan.Wave(
                hosts: .percent(50),
                gates: chance(30) ? [.approval] : [.http(url: "http://t/", timeoutSeconds: 5)]
            ),
            RolloutPlan.Wave(hosts: .percent(100)),
        ])
        plan.maxUnavailable = chance(50) ? .count(1) : .percent(50)
        plan.maxUnavailablePerRegion = chance(30) ? .percent(100) : nil
        plan.maxUnavailablePerCloud = chance(30) ? .count(2) : nil
        plan.failureBudget = chance(30) ? 2 : 0
        plan.stagesAll = chance(50)
        plan.abortsAtDeadline = chance(20)
        do {
            let (id, rollout) = (nextRollout, version)
            let turn = try owner.turn { [now] fleet, actions in
                try fleet.createRollout(
                    id,
                    RolloutRequest(
                        channel: Self.channel,
                        version: rollout.version,
                        plan: plan,
                        key: nil
                    ),
                    target: rollout,
                    by: "test",
                    at: now,
                    into: &actions
                )
            }
            nextRollout += 1
            nextVersion += 1
            if chance(15) { badVersions.append(version.version) }
            check(turn.actions)
            see("created")
        } catch let refusal as FleetRefusal {
            see("refused: \(refusal.code.rawValue)")
        } catch {
            violate("\(error)")
        }
    }
}
