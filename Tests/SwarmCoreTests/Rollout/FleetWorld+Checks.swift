import OrderedCollections
import SwarmCore
import SwarmModel
import SwarmSimulator

/// The invariants S9 to S12 and L5 of a fleet, against what hosts really do.
extension FleetWorld {
    mutating func violate(_ text: String) {
        if violations.count < 10 { violations.append(text) }
    }

    /// S9: a fence is given once, by one owner. S10: no command to the target after the return has
    /// begun.
    mutating func check(_ actions: [FleetAction]) {
        checkFences(actions)
        for action in actions {
            switch action {
            case .saveRollout(let rollout) where rollout.isReturn:
                if !returned.contains(rollout.target) { returned.append(rollout.target) }
            case .saveCommand(let command) where returned.contains(command.version):
                violate("S10: \(command.host) is told to serve \(command.version.version)")
            default: break
            }
        }
        if let rollout, !rollout.phase.isFinal,
            owner.fleet.rolloutView(rollout.id)?.waitsFor?.isEmpty ?? true
        {
            violate("L5: \(rollout.stateText) waits for nothing")
        }
    }

    mutating func checkFences(_ actions: [FleetAction]) {
        for case .saveCommand(let command) in actions {
            if let other = fences[command.fence], other != command {
                violate("S9: fence \(command.fence) is of two commands")
            }
            fences[command.fence] = command
        }
    }

    /// After every event.
    mutating func checkHosts() {
        for host in hosts {
            for (one, next) in zip(host.obeyed, host.obeyed.dropFirst())
            where one.fence > next.fence {
                violate("S9: \(host.name) obeyed \(one.fence), then \(next.fence)")
            }
        }
        settleLost()
        // With two owners each keeps to the budget for itself, until one has found out.
        guard former == nil, let rollout else { return }
        checkBudget(rollout)
        checkReadiness(rollout)
    }

    private mutating func settleLost() {
        for host in hosts
        where host.isUp && !host.isActivating && host.pending == nil
            && host.lastSync + .seconds(60) > now
        {
            lostInSwitch.removeAll { $0 == host.name }
        }
    }

    private mutating func checkBudget(_ rollout: Rollout) {
        if rollout.returnsAtOnce { return }
        let plan = rollout.plan
        checkBudget(of: Set(hosts.map(\.locality)), plan.maxUnavailable)
        checkBudget(
            of: Set(hosts.map { $0.locality.ancestor(level: 2) }),
            plan.regionLimit ?? .percent(100)
        )
        checkBudget(
            of: Set(hosts.map { $0.locality.ancestor(level: 1) }),
            plan.cloudLimit ?? .percent(100)
        )
    }

    private mutating func checkBudget(of domains: Set<Locality>, _ amount: RolloutPlan.Amount) {
        for domain in domains {
            let inside = hosts.filter { domain.contains($0.locality) }
            let out = inside.filter {
                $0.isUp && $0.isOut && !lostInSwitch.contains($0.name)
                    && $0.lastSync + .seconds(60) > now
            }
            let known = inside.count { owner.store.hosts[$0.name] != nil }
            if !out.isEmpty { see("out \(out.count) of \(inside.count)") }
            if out.count > max(1, amount.of(known)) {
                violate("S11: \(out.map(\.name)) of \(domain) are out of service")
            }
        }
    }

    private mutating func checkReadiness(_ rollout: Rollout) {
        guard let previous = rollout.previous, rollout.phase != .rolledBack,
            rollout.phase != .rollbackDegraded
        else { return }
        for host in hosts where host.active == rollout.target && !host.isActivating {
            if !host.holds(previous) {
                violate("S12: \(host.name) serves \(rollout.target.version) without the one before")
            }
        }
    }

    /// L5, L6: when nothing goes wrong any more, a rollout ends, or says what a person must do.
    mutating func checkEnd(isSeeded: Bool) {
        for index in hosts.indices {
            hosts[index].isUp = true
            hosts[index].isHealthy = true
        }
        former = nil
        inFlight = []
        late = []
        // Twice the deadline, so that one who waits in vain must have said so.
        for _ in 0..<75 {
            pass(.seconds(20))
            if isSeeded { seed(holders: 2) }
            finishGates(.passed)
            for index in hosts.indices {
                for _ in 0..<3 { hosts[index].work(succeeds: true) }
                sync(index)
            }
        }
        guard let rollout else { return }
        let waitsForPerson =
            rollout.pause != nil
            || (rollout.phase == .baking
                && rollout.gate < rollout.plan.waves[rollout.wave].gates.count
                && rollout.plan.waves[rollout.wave].gates[rollout.gate] == .approval)
        see("ends \(rollout.pause == nil ? rollout.phase.rawValue : "paused")")
        guard rollout.phase.isFinal else {
            if !waitsForPerson { violate("L5: \(rollout.stateText) for ever") }
            return
        }
        let stable = owner.store.channels[Self.channel]?.stable
        for host in hosts where host.failure == nil && host.active != stable {
            violate(
                "L1: \(host.name) serves \(host.active?.version ?? "nothing") and not "
                    + "\(stable?.version ?? "nothing") after \(rollout.stateText)"
            )
        }
    }
}
