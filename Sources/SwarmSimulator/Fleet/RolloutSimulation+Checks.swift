import OrderedCollections
import SwarmCore
import SwarmModel

/// The invariants of `Docs/Rollouts.md`, against what hosts really do.
extension RolloutSimulation {
    // MARK: The tracker

    mutating func check(_ actions: [FleetAction]) {
        for action in actions {
            switch action {
            case .saveCommand(let command): checkCommand(command)
            case .saveRollout(let rollout) where rollout.id == 2: checkRollout(rollout)
            default: break
            }
        }
    }

    private mutating func checkCommand(_ command: HostCommand) {
        let host = indexes[command.host]
        if let other = checks.fences[command.fence], other != command {
            checks.fail(.safety, "fencing", host, "fence \(command.fence) is of two commands")
        }
        checks.fences[command.fence] = command
        if let last = checks.lastFence[command.host], last >= command.fence {
            checks.fail(.safety, "fencing", host, "fence \(command.fence) comes after \(last)")
        }
        checks.lastFence[command.host] = command.fence
        if checks.abort.beganAt != nil, command.version == Self.version(2) {
            checks.fail(.safety, "abort", host, "is told to serve the target after the abort")
        }
    }

    private mutating func checkRollout(_ rollout: Rollout) {
        if rollout.isReturn, checks.abort.beganAt == nil { beginAbort() }
        if rollout.phase.isFinal, checks.endedAt == nil { checks.endedAt = now }
        let place = RolloutChecks.Place(rollout)
        defer { checks.place = place }
        guard let last = checks.place else { return }
        if place < last {
            checks.fail(.safety, "waves", nil, "goes back to \(rollout.stateText)")
        }
        guard place.wave > last.wave, !rollout.isReturn else { return }
        if place.wave > last.wave + 1 || last.phase != 2 {
            checks.fail(.safety, "waves", nil, "leaves a wave out: \(rollout.stateText)")
        }
        let needsApproval = rollout.plan.waves[last.wave].gates.contains(.approval)
        if needsApproval, !checks.approved.contains(last.wave) {
            checks.fail(
                .safety,
                "waves",
                nil,
                "wave \(last.wave + 1) was passed, and nobody approved it"
            )
        }
    }

    private mutating func beginAbort() {
        let target = Self.version(2)
        let reached = hosts.indices.filter { host in
            guard hosts[host].isUp else { return false }
            let wish = hosts[host].machine.desired.models.first { $0.name == Self.model }
            return wish?.hold.contains(target) == true
        }
        checks.see("abort")
        checks.abort.begin(reached, at: now)
    }

    /// A tracker that is away tells nobody, and hosts ask again after up to half a minute.
    private var isAbortDisturbed: Bool {
        guard let began = checks.abort.beganAt else { return false }
        return tracker.kills.contains {
            $0 + .seconds(Int(trial.trackerAway.high)) + SimulatedHost.retryMax >= began
                && $0 <= began + SimulatedHost.retryMax
        }
    }

    mutating func checkAbort() {
        checks.abort.isDisturbed = isAbortDisturbed
        guard let limit = trial.abortReachP99, !checks.abort.isDisturbed,
            checks.abort.beganAt != nil
        else { return }
        let p99 = ScenarioReport.Spread(of: checks.abort.seconds).p99
        if p99 > limit {
            checks.fail(
                .expectation,
                "abort-reach",
                nil,
                "99 in 100 live hosts heard of the abort after \(p99) s, not within \(limit) s"
            )
        }
    }

    // MARK: Hosts

    /// After every event of a host.
    mutating func checkHost(_ host: Int) {
        let activation = hosts[host].machine.activation(of: Self.model)
        checkFence(host, activation)
        guard let activation else { return }
        let isIdle = activation.phase == .idle
        if isIdle, activation.serving == Self.version(2).version,
            checks.servedAfter[host] == nil
        {
            checks.servedAfter[host] = (now - checks.createdAt).inSeconds
        }
        let hasFailed = activation.failure?.fence == activation.fence
        setOut(host, !isIdle || hasFailed)
    }

    private mutating func checkFence(_ host: Int, _ activation: ActivationRecord?) {
        let fence = activation?.fence ?? .zero
        let last = checks.obeyed[host] ?? .zero
        guard fence != last else { return }
        if fence < last {
            checks.fail(.safety, "fencing", host, "obeyed \(last), and then \(fence)")
        } else if checks.fences[fence]?.host != hosts[host].name {
            checks.fail(.safety, "fencing", host, "obeys \(fence), which it was not given")
        }
        checks.obeyed[host] = fence
    }

    private mutating func setOut(_ host: Int, _ isOut: Bool) {
        if !isOut { checks.strayed.remove(host) }
        guard isOut != checks.domains.isOut(host) else { return }
        let places = Domains.around(hosts[host].locality)
        let over = checks.domains.set(
            host,
            in: places,
            isOut: isOut,
            isBounded: tracker.rollout?.returnsAtOnce != true
        )
        for (level, place) in places.enumerated() where over.contains(place) {
            checkBudget(level, place)
        }
    }

    /// Without the exceptions that `Docs/Rollouts.md` names: hosts that died on the way and count
    /// as dead, or did.
    private mutating func checkBudget(_ level: Int, _ place: Locality) {
        let counted = checks.domains.outside(in: place) { hosts[$0].locality }.filter { host in
            let heard = tracker.heardAt[host] ?? .origin
            return !checks.strayed.contains(host) && heard + FleetSettings().deadAfter > now
        }
        guard let limit = checks.domains.limit(level: level, place) else { return }
        guard counted.count > limit else {
            checks.see("one more out, because of a host that counted as dead")
            return
        }
        checks.fail(
            .safety,
            ["rack-budget", "region-budget", "cloud-budget"][level],
            counted.last,
            "\(counted.count) hosts of \(place) are out of service, and \(limit) may be"
        )
    }

    // MARK: The end

    /// Why a live host is not as the rollout's end wants it; nil when all are.
    private var straggler: (host: Int, why: String)? {
        guard let stable = tracker.store.channels[Self.channel]?.stable,
            let rollout = tracker.rollout
        else { return nil }
        for host in hosts.indices where hosts[host].isUp {
            guard let activation = hosts[host].machine.activation(of: Self.model) else {
                return (host, "has no activation")
            }
            guard activation.phase == .idle else { return (host, "is \(activation.phase)") }
            let hasFailed =
                rollout.phase == .complete && activation.failure?.fence == activation.fence
            if activation.serving != stable.version, !hasFailed {
                return (host, "serves \(activation.serving ?? "nothing"), not \(stable.version)")
            }
        }
        return nil
    }

    var isConverged: Bool { straggler == nil }

    /// The time is up.
    mutating func checkConverged() {
        guard let rollout = tracker.rollout else {
            return checks.fail(.stall, "convergence", nil, "there is no rollout")
        }
        guard rollout.id == 2, rollout.phase.isFinal else {
            let why = tracker.fleet?.rolloutView(rollout.id)?.waitsFor ?? "the tracker is away"
            return checks.fail(.stall, "convergence", nil, "\(rollout.stateText): \(why)")
        }
        if let (host, why) = straggler { checks.fail(.stall, "convergence", host, why) }
    }
}
