internal import OrderedCollections
internal import SwarmModel

/// What operators say.
extension ChannelMachine {
    mutating func start(_ rollout: Rollout, _ turn: inout Turn) throws(FleetRefusal) {
        if let running {
            throw FleetRefusal(
                .conflict,
                "rollout \(running.id) of \(running.model)@\(running.target.version) is on channel "
                    + "'\(channel.name)' and \(running.stateText); abort it first, or let it end"
            )
        }
        if rollout.target == channel.stable {
            throw FleetRefusal(
                .conflict,
                "channel '\(channel.name)' serves \(rollout.target.version) already"
            )
        }
        guard !members.isEmpty else {
            throw FleetRefusal(
                .invalid,
                "channel '\(channel.name)' selects '\(channel.selector)', and no host that has "
                    + "reported to this tracker matches; see GET /api/v1/hosts"
            )
        }
        let waves = try WaveOrder.assign(orderedHosts, to: rollout.plan.waves)
        channel.rollout = rollout.id
        turn.actions.append(.saveChannel(channel))
        self.rollout = rollout
        lastProgress = turn.now
        soakSince = nil
        gateRun = nil
        holders = 0
        hasOrigin = false
        for (host, wave) in waves {
            turn.actions.append(.saveWave(rollout: rollout.id, host: host, wave: wave))
        }
        setWaves(waves, count: rollout.plan.waves.count)
        let text =
            "created: \(rollout.model)@\(rollout.target.version) on channel "
            + "'\(channel.name)', \(members.count) hosts in \(rollout.plan.waves.count) waves"
        self.rollout = changed(rollout, text, &turn)
        desireAll(&turn)
        advance(&turn)
    }

    private var orderedHosts: [WaveOrder.Host] {
        members.map { host, member in
            WaveOrder.Host(name: host, locality: member.domain, labels: member.labels)
        }
    }

    /// Carries out a command, or does nothing when it is done already. Returns false then.
    mutating func command(
        _ verb: RolloutVerb,
        _ command: RolloutCommand,
        _ turn: inout Turn
    ) throws(FleetRefusal) -> Bool {
        guard let rollout else { return false }
        // One word may be the key of commands of different kinds.
        let key = command.key.map { "\(verb.rawValue) \($0)" }
        if let key, rollout.keys.contains(key) { return false }
        if isAlreadySo(verb, command, rollout) { return false }
        if let seen = command.ifRevision, seen != rollout.revision {
            let since = rollout.changes.filter { $0.revision > seen }.map(\.text)
            throw FleetRefusal(
                .stale,
                "rollout \(rollout.id) is at revision \(rollout.revision) and not \(seen) any "
                    + "more; since then: \(since.joined(separator: "; ")); look at it again"
            )
        }
        try carryOut(verb, command, rollout, &turn)
        if let key, var next = self.rollout {
            next.keys.append(key)
            if next.keys.count > Rollout.keysKept { next.keys.removeFirst() }
            self.rollout = next
            turn.actions.append(.saveRollout(next))
        }
        advance(&turn)
        return true
    }

    private func isAlreadySo(
        _ verb: RolloutVerb,
        _ command: RolloutCommand,
        _ rollout: Rollout
    ) -> Bool {
        switch verb {
        case .pause: rollout.pause?.isByOperator == true
        case .resume: false
        case .approve:
            command.wave.map { rollout.wave > $0 - 1 || rollout.phase == .complete } ?? false
        case .abort, .rollback: rollout.isReturn && command.atOnce != true
        }
    }

    private mutating func carryOut(
        _ verb: RolloutVerb,
        _ command: RolloutCommand,
        _ rollout: Rollout,
        _ turn: inout Turn
    ) throws(FleetRefusal) {
        func refusal(_ text: String) -> FleetRefusal {
            FleetRefusal(.conflict, "rollout \(rollout.id) is \(rollout.stateText); \(text)")
        }
        switch verb {
        case .pause:
            if rollout.phase.isFinal || rollout.isReturn {
                throw refusal("only one that goes forward can be paused")
            }
            pause(command.reason ?? "by \(turn.actor)", isByOperator: true, &turn)
        case .resume:
            guard rollout.pause != nil else { throw refusal("it is not paused") }
            resume(&turn)
        case .approve:
            try approve(command, rollout, &turn)
        case .abort:
            if rollout.phase == .complete {
                throw refusal("use rollback to return to the version before")
            }
            try goBack(command, "aborted", rollout, &turn)
        case .rollback:
            if rollout.phase == .complete, rollout.previous == nil {
                throw refusal("there is no version before it to return to")
            }
            try goBack(command, "rolled back", rollout, &turn)
        }
    }

    private mutating func goBack(
        _ command: RolloutCommand,
        _ word: String,
        _ rollout: Rollout,
        _ turn: inout Turn
    ) throws(FleetRefusal) {
        if rollout.isReturn {
            // Only more haste is left to ask for.
            guard !rollout.phase.isFinal else {
                throw FleetRefusal(.conflict, "rollout \(rollout.id) is \(rollout.stateText)")
            }
            var next = rollout
            next.returnsAtOnce = true
            self.rollout = changed(next, "returns at once", &turn)
            dispatchAll(&turn)
            return
        }
        let reason = command.reason.map { ": \($0)" } ?? ""
        startReturn("\(word) by \(turn.actor)\(reason)", atOnce: command.atOnce == true, &turn)
    }

    private mutating func approve(
        _ command: RolloutCommand,
        _ rollout: Rollout,
        _ turn: inout Turn
    ) throws(FleetRefusal) {
        guard let wave = command.wave else {
            throw FleetRefusal(.invalid, "say which wave is approved: \"wave\": N, from 1")
        }
        guard rollout.isAtApproval, wave == rollout.wave + 1 else {
            throw FleetRefusal(
                .conflict,
                "rollout \(rollout.id) is \(rollout.stateText) and does not wait for an approval "
                    + "of wave \(wave)"
            )
        }
        nextGate(&turn)
    }

    mutating func pause(_ reason: String, isByOperator: Bool, _ turn: inout Turn) {
        guard var next = rollout else { return }
        next.pause = Rollout.Pause(isByOperator: isByOperator, reason: reason)
        rollout = changed(next, "paused: \(reason)", &turn)
    }

    private mutating func resume(_ turn: inout Turn) {
        guard var next = rollout else { return }
        next.pause = nil
        rollout = changed(next, "resumed: \(next.stateText)", &turn)
        lastProgress = turn.now
        soakSince = nil
        gateRun = nil
        retryFailed(&turn)
        dispatchAll(&turn)
    }
}
