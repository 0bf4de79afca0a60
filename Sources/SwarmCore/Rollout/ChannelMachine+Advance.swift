internal import OrderedCollections
internal import SwarmModel

/// From phase to phase.
extension ChannelMachine {
    /// As far as it goes. Looks at sums only: its cost does not depend on the number of hosts,
    /// unless something changes for all of them.
    mutating func advance(_ turn: inout Turn) {
        while advanceOnce(&turn) {}
    }

    private mutating func advanceOnce(_ turn: inout Turn) -> Bool {
        guard let rollout = running else { return false }
        if rollout.isReturn { return endReturn(rollout, &turn) }
        if let reason = failureReason(rollout) {
            startReturn(reason, atOnce: false, &turn)
            return true
        }
        guard rollout.pause == nil else { return false }
        switch rollout.phase {
        case .seeding:
            guard holders >= 2 || (holders >= 1 && hasOrigin) else { return false }
            enter(.staging, wave: 0, &turn)
            return true
        case .staging:
            guard isStaged(rollout.wave) else { return false }
            enter(.activating, wave: rollout.wave, &turn)
            return true
        case .activating:
            guard isDone(rollout.wave) else { return false }
            enter(.baking, wave: rollout.wave, &turn)
            return true
        case .baking: return passGate(rollout, &turn)
        case .complete, .returning, .rolledBack, .rollbackDegraded: return false
        }
    }

    /// `text` is the line in the history and in the audit log.
    func changed(_ rollout: Rollout, _ text: String, _ turn: inout Turn) -> Rollout {
        var rollout = rollout
        rollout.revision += 1
        rollout.changes.append(Rollout.Change(revision: rollout.revision, text: text))
        if rollout.changes.count > Rollout.changesKept { rollout.changes.removeFirst() }
        turn.actions.append(.saveRollout(rollout))
        turn.audit("rollout", "\(rollout.id)", text)
        return rollout
    }

    private mutating func enter(_ phase: Rollout.Phase, wave: Int, _ turn: inout Turn) {
        guard var next = rollout else { return }
        let wasSeeding = next.phase == .seeding
        let wasPrefetched = next.plan.stagesAll
        next.phase = phase
        next.wave = wave
        next.gate = 0
        rollout = changed(next, next.stateText, &turn)
        lastProgress = turn.now
        soakSince = nil
        gateRun = nil
        gateAttempts = 0
        switch phase {
        case .staging: if wasSeeding || !wasPrefetched { desireAll(&turn) }
        case .activating: dispatchAll(&turn)
        case .complete: complete(&turn)
        default: break
        }
    }

    private mutating func complete(_ turn: inout Turn) {
        guard let rollout else { return }
        if let stable = channel.stable, stable != rollout.target {
            channel.history.removeAll { $0 == stable || $0 == rollout.target }
            channel.history.insert(stable, at: 0)
            channel.history.removeLast(max(0, channel.history.count - FleetChannel.keepMax))
        }
        channel.stable = rollout.target
        turn.actions.append(.saveChannel(channel))
        desireAll(&turn)
        dispatchAll(&turn)
    }

    // MARK: Conditions

    private func toleratesDead(_ tally: Tally, _ rollout: Rollout) -> Bool {
        let amount = rollout.plan.deadHostsMax
        let least = amount == .count(0) || amount == .percent(0) ? 0 : 1
        guard tally.dead <= max(least, amount.of(tally.members)) else { return false }
        // Somebody has to have tried.
        return tally.waited > 0 || tally.dead == 0
    }

    private func isStaged(_ wave: Int) -> Bool {
        guard let rollout else { return false }
        let tally = tallies[wave]
        return tally.staged == tally.waited && toleratesDead(tally, rollout)
    }

    /// Whether all hosts up to and including the wave serve the target.
    func isDone(_ wave: Int) -> Bool {
        guard let rollout else { return false }
        return tallies[...wave].allSatisfy { $0.done == $0.waited }
            && toleratesDead(tallies[wave], rollout)
    }

    /// More failures than the budget.
    private func failureReason(_ rollout: Rollout) -> String? {
        let failed = tallies.reduce(0) { $0 + $1.failed }
        guard failed > rollout.plan.failureBudget else { return nil }
        let failures = members.lazy.compactMap { host, member -> String? in
            guard member.standing.isFailed else { return nil }
            return "\(host): \(member.report?.failure?.reason ?? "failed")"
        }
        return "\(failed) activations failed, \(rollout.plan.failureBudget) are tolerated: "
            + failures.prefix(3).joined(separator: "; ")
    }

    // MARK: Gates

    private mutating func passGate(_ rollout: Rollout, _ turn: inout Turn) -> Bool {
        guard isDone(rollout.wave) else {
            // Not healthy all the time: it begins anew.
            soakSince = nil
            return false
        }
        let gates = rollout.plan.waves[rollout.wave].gates
        guard rollout.gate < gates.count, tallies[rollout.wave].members > 0 else {
            let next = rollout.wave + 1
            if next < rollout.plan.waves.count {
                enter(.staging, wave: next, &turn)
            } else {
                enter(.complete, wave: rollout.wave, &turn)
            }
            return true
        }
        switch gates[rollout.gate] {
        case .soak(let seconds):
            let since = soakSince ?? turn.now
            soakSince = since
            guard turn.now >= since + .seconds(seconds) else { return false }
            nextGate(&turn)
            return true
        case .approval: return false
        case .http, .command:
            guard gateRun == nil else { return false }
            gateAttempts += 1
            let run = GateRun(
                rollout: rollout.id,
                channel: channel.name,
                wave: rollout.wave,
                gate: rollout.gate,
                attempt: gateAttempts,
                target: try? ModelReference(name: rollout.model, version: rollout.target.version)
            )
            gateRun = run
            turn.actions.append(.runGate(run, gates[rollout.gate]))
            return false
        }
    }

    mutating func nextGate(_ turn: inout Turn) {
        guard var next = rollout else { return }
        let passed = next.plan.waves[next.wave].gates[next.gate]
        next.gate += 1
        rollout = changed(next, "wave \(next.wave + 1) passed gate '\(passed)'", &turn)
        soakSince = nil
        gateRun = nil
        lastProgress = turn.now
    }

    mutating func gateFinished(_ run: GateRun, _ result: GateResult, _ turn: inout Turn) {
        guard let rollout = running, run == gateRun else { return }
        gateRun = nil
        // A result that came while it was paused is asked for again.
        guard rollout.pause == nil, !rollout.isReturn else { return }
        let gate = rollout.plan.waves[rollout.wave].gates[rollout.gate]
        switch result {
        case .passed: nextGate(&turn)
        case .failed(let reason):
            startReturn("gate '\(gate)' failed: \(reason)", atOnce: false, &turn)
        case .inconclusive(let reason):
            pause("gate '\(gate)' gave no answer: \(reason)", isByOperator: false, &turn)
        }
        advance(&turn)
    }

    mutating func seedingChanged(holders: Int, hasOrigin: Bool, _ turn: inout Turn) {
        if holders > self.holders { lastProgress = turn.now }
        self.holders = holders
        self.hasOrigin = hasOrigin
        advance(&turn)
    }

    // MARK: Going back

    /// The latch: from here on nothing leads to the target any more.
    mutating func startReturn(_ reason: String, atOnce: Bool, _ turn: inout Turn) {
        guard var next = rollout else { return }
        let wasComplete = next.phase == .complete
        next.phase = .returning
        next.pause = nil
        next.returnReason = reason
        if atOnce { next.returnsAtOnce = true }
        rollout = changed(
            next,
            "returns to \(next.previous?.version ?? "nothing"): \(reason)",
            &turn
        )
        if wasComplete {
            channel.stable = next.previous
            channel.history.removeAll { $0 == next.previous }
            turn.actions.append(.saveChannel(channel))
        }
        lastProgress = turn.now
        soakSince = nil
        gateRun = nil
        assessAll()
        desireAll(&turn)
        dispatchAll(&turn)
    }

    private mutating func endReturn(_ rollout: Rollout, _ turn: inout Turn) -> Bool {
        guard tallies.allSatisfy({ $0.unsettled == 0 }) else { return false }
        let stuck = members.values.count {
            !$0.isDead && ($0.standing.isFailed || $0.standing.isUnhealthy)
                && ($0.command?.version == rollout.previous || $0.standing.isOnTarget)
        }
        let onTarget = rollout.previous == nil ? tallies.reduce(0) { $0 + $1.onTarget } : 0
        if onTarget > 0 {
            endReturn(
                .rollbackDegraded,
                "no earlier version to return to: \(onTarget) hosts stay",
                &turn
            )
        } else if stuck > 0 {
            endReturn(
                .rollbackDegraded,
                "\(stuck) hosts do not serve: \(names { $0.standing.isFailed || $0.isUnhealthy })",
                &turn
            )
        } else {
            endReturn(.rolledBack, "all hosts that live are back", &turn)
        }
        return true
    }

    private mutating func endReturn(_ phase: Rollout.Phase, _ text: String, _ turn: inout Turn) {
        guard var next = rollout else { return }
        next.phase = phase
        rollout = changed(next, "\(next.stateText): \(text)", &turn)
        assessAll()
        desireAll(&turn)
        dispatchAll(&turn)
    }

    // MARK: Time

    /// When the next thing is due that no event brings.
    var deadline: Instant? {
        guard let rollout = running else { return nil }
        guard rollout.pause == nil || rollout.isReturn else { return nil }
        if rollout.phase == .baking, isDone(rollout.wave) {
            let gates = rollout.plan.waves[rollout.wave].gates
            guard rollout.gate < gates.count, case .soak(let seconds) = gates[rollout.gate] else {
                // A person, or a probe with a time limit of its own.
                return nil
            }
            return soakSince.map { $0 + .seconds(seconds) }
        }
        return lastProgress + .seconds(rollout.plan.progressDeadlineSeconds)
    }

    mutating func tick(_ turn: inout Turn) {
        advance(&turn)
        guard let rollout = running, let deadline, deadline <= turn.now else { return }
        if rollout.phase == .baking, isDone(rollout.wave) { return }
        let seconds = rollout.plan.progressDeadlineSeconds
        let reason = "no host has advanced for \(seconds) s; " + (waitsFor ?? "")
        if rollout.isReturn {
            endReturn(.rollbackDegraded, reason, &turn)
        } else if rollout.plan.abortsAtDeadline {
            startReturn(reason, atOnce: false, &turn)
            advance(&turn)
        } else {
            pause(reason, isByOperator: false, &turn)
        }
    }
}
