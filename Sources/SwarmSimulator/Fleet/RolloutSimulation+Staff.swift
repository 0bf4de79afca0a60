import SwarmCore
import SwarmModel

/// The operators: they look now and then, and repeat what they say.
struct Staff {
    static let count = 2
    static let period = Draw(4, 6)
    /// Until a command is said once more.
    static let repetition = Draw(0.01, 300)

    /// The wave in which the rollout is aborted, and how long after its hosts begin to switch.
    var abortWave: Int?
    var abortDelay = Duration.zero
    var abortDueAt: Instant?

    init(_ trial: Plan.Rollout, random: inout SeededRandom) {
        let share = trial.abortShare.value(using: &random)
        let isAborted = Double.random(in: 0..<1, using: &random) < share
        let wave = Int.random(in: trial.waves.indices, using: &random)
        abortDelay = Draw(0, 30).duration(using: &random)
        if isAborted { abortWave = wave }
    }
}

extension RolloutSimulation {
    mutating func look(_ number: Int) {
        agenda.add(.look(operator: number), at: after(Staff.period))
        guard tracker.fleet != nil else { return }
        guard let rollout = tracker.rollout else { return adopt() }
        guard rollout.id == 2 else {
            if rollout.phase == .complete { create(2, trial.rolloutPlan) }
            return
        }
        if rollout.phase.isFinal {
            if isAfterFaults, isConverged { isOver = true }
            return
        }
        steer(rollout)
    }

    /// The channel, with version 1, which serves everywhere already.
    private mutating func adopt() {
        let request = ChannelRequest(model: Self.model, selector: .all, keep: 1)
        ask { (fleet, now, actions) throws(FleetRefusal) in
            try fleet.putChannel(Self.channel, request, by: "staff", at: now, into: &actions)
        }
        create(1, nil)
    }

    private mutating func create(_ number: Int, _ plan: RolloutPlan?) {
        var plan = plan
        if mutation == .doubleBudget, let amount = plan?.maxUnavailable {
            plan?.maxUnavailable = .percent(min(100, 2 * amount.of(100)))
        }
        if mutation == .racksOnly {
            plan?.maxUnavailablePerRegion = .percent(100)
            plan?.maxUnavailablePerCloud = .percent(100)
        }
        let request = RolloutRequest(
            channel: Self.channel,
            version: Self.version(number).version,
            plan: plan,
            key: "create \(number)"
        )
        if number == 2 { checks.createdAt = now }
        ask { (fleet, now, actions) throws(FleetRefusal) in
            _ = try fleet.createRollout(
                number,
                request,
                target: Self.version(number),
                by: "staff",
                at: now,
                into: &actions
            )
        }
    }

    private mutating func steer(_ rollout: Rollout) {
        if abortIsDue(rollout) {
            let atOnce = trial.abortsAtOnce ? true : nil
            say(.abort, RolloutCommand(atOnce: atOnce, reason: "drawn"))
        }
        if let pause = rollout.pause, !rollout.isReturn {
            checks.see(pause.isByOperator ? "pause by an operator" : "pause by the tracker")
            guard chance(percent: 30) else { return }
            say(.resume, RolloutCommand(ifRevision: rollout.revision))
            return
        }
        let gates = rollout.plan.waves[rollout.wave].gates
        if rollout.phase == .baking, rollout.gate < gates.count, gates[rollout.gate] == .approval {
            // People take their time, and what was said of another wave may arrive meanwhile.
            guard chance(percent: 30) else { return }
            checks.approved.append(rollout.wave)
            say(
                .approve,
                RolloutCommand(
                    ifRevision: chance(percent: 50) ? rollout.revision : nil,
                    key: chance(percent: 50) ? "wave \(rollout.wave)" : nil,
                    wave: rollout.wave + 1
                )
            )
        } else if !isAfterFaults, chance(percent: 1) {
            say(.pause, RolloutCommand(reason: "a look"))
        }
    }

    private mutating func abortIsDue(_ rollout: Rollout) -> Bool {
        guard !rollout.isReturn, rollout.wave == staff.abortWave, rollout.phase == .activating
        else { return false }
        let due = staff.abortDueAt ?? now + staff.abortDelay
        staff.abortDueAt = due
        return now >= due
    }

    /// Once, and perhaps again much later.
    private mutating func say(_ verb: RolloutVerb, _ command: RolloutCommand) {
        agenda.add(.commandArrived(verb, command), at: after(trial.latency))
        for _ in 0..<2 where chance(percent: 30) {
            agenda.add(.commandArrived(verb, command), at: after(Staff.repetition))
        }
    }

    mutating func commandArrived(_ verb: RolloutVerb, _ command: RolloutCommand) {
        // A command with no answer is said again, as people do.
        guard tracker.fleet != nil else {
            agenda.add(.commandArrived(verb, command), at: after(Draw(1, 5)))
            return
        }
        var command = command
        if mutation == .approveWhatever, verb == .approve, let rollout = tracker.rollout {
            command.wave = rollout.wave + 1
            command.ifRevision = nil
            command.key = nil
        }
        checks.commandCount += 1
        let said = command
        ask { (fleet, now, actions) throws(FleetRefusal) in
            _ = try fleet.command(verb, said, rollout: 2, by: "staff", at: now, into: &actions)
        }
    }

    /// What is refused is refused.
    private mutating func ask(
        _ body: (inout Fleet, Instant, inout [FleetAction]) throws(FleetRefusal) -> Void
    ) {
        do throws(FleetRefusal) {
            try turn { [now] (fleet, actions) throws(FleetRefusal) in
                try body(&fleet, now, &actions)
            }
        } catch {
            checks.see("refused: \(error.code.rawValue)")
        }
    }
}
