package import SwarmModel

extension Plan {
    /// A rollout over the plan's topology, instead of a swarm: `Docs/Simulation.md` has the keys.
    package struct Rollout: Sendable {
        package var waves = RolloutPlan.standard.waves
        package var maxUnavailable = RolloutPlan.standard.maxUnavailable
        package var maxUnavailablePerRegion: RolloutPlan.Amount?
        package var maxUnavailablePerCloud: RolloutPlan.Amount?
        package var failureBudget = 0

        /// From the wish for a version until it is sealed. No bytes are simulated.
        package var staging = Draw(20, 120)
        package var hook = Draw(1, 10)
        package var probe = Draw(0.05, 1)
        /// Of a request or an answer, one way.
        package var latency = Draw(0.02, 0.2)
        /// Share of requests and of answers that are lost with their connection.
        package var loss = Draw(0)
        /// Share of activations that fail, by a hook or by a probe that never says yes.
        package var activationFailures = Draw(0)
        /// Share of hosts that crash during the rollout, and for how long they are away.
        package var hostFailures = Draw(0)
        package var away = Draw(5, 200)
        /// Times that the tracker is killed, and for how long it is away.
        package var trackerKills = Draw(0)
        package var trackerAway = Draw(1, 20)
        /// Share of the runs in which an operator aborts it, in some wave.
        package var abortShare = Draw(0)
        package var abortsAtOnce = true
        /// Most seconds until 99 in 100 live hosts have heard of an abort.
        package var abortReachP99: Double?
    }
}

extension Plan.Rollout {
    init(_ section: inout PlanSection) throws(PlanError) {
        self.init()
        let waves = try section.list("waves") { item throws(PlanError) in try Self.wave(&item) }
        self.waves = waves ?? self.waves
        maxUnavailable = try Self.amount("maxUnavailable", &section) ?? maxUnavailable
        maxUnavailablePerRegion = try Self.amount("maxUnavailablePerRegion", &section)
        maxUnavailablePerCloud = try Self.amount("maxUnavailablePerCloud", &section)
        failureBudget =
            try section.fixed("failureBudget", in: 0...10_000).map { Int($0) } ?? failureBudget
        let times = 0.0...3600
        staging = try section.draw("staging", .seconds, in: times) ?? staging
        hook = try section.draw("hook", .seconds, in: times) ?? hook
        probe = try section.draw("probe", .seconds, in: times) ?? probe
        latency = try section.draw("latency", .seconds, in: 0...10) ?? latency
        loss = try section.draw("loss", in: 0...0.5) ?? loss
        activationFailures =
            try section.draw("activationFailures", in: 0...1) ?? activationFailures
        hostFailures = try section.draw("hostFailures", in: 0...1) ?? hostFailures
        away = try section.draw("away", .seconds, in: times) ?? away
        trackerKills = try section.draw("trackerKills", in: 0...100) ?? trackerKills
        trackerAway = try section.draw("trackerAway", .seconds, in: times) ?? trackerAway
        abortShare = try section.draw("abortShare", in: 0...1) ?? abortShare
        abortsAtOnce = try section.bool("abortsAtOnce") ?? abortsAtOnce
        abortReachP99 = try section.fixed("abortReachP99", .seconds)
        if let flaw = rolloutPlan.flaw { throw section.failure("waves", "cannot be: \(flaw)") }
    }

    /// `{"hosts": "25%", "soak": 30, "approval": true}`.
    private static func wave(_ item: inout PlanSection) throws(PlanError) -> RolloutPlan.Wave {
        let text = try item.string("hosts") ?? "all"
        guard let scope = try? RolloutPlan.Scope(text) else {
            throw item.failure("hosts", "'\(text)' is no count, share or selector")
        }
        var gates: [RolloutPlan.Gate] = []
        if let soak = try item.fixed("soak", .seconds, in: 0...86_400) {
            gates.append(.soak(seconds: Int(soak)))
        }
        if try item.bool("approval") ?? false { gates.append(.approval) }
        return RolloutPlan.Wave(hosts: scope, gates: gates)
    }

    private static func amount(
        _ key: String,
        _ section: inout PlanSection
    ) throws(PlanError) -> RolloutPlan.Amount? {
        guard let text = try section.string(key) else { return nil }
        guard let amount = RolloutPlan.Amount(text) else {
            throw section.failure(key, "'\(text)' is no count, and no share such as 10%")
        }
        return amount
    }

    var rolloutPlan: RolloutPlan {
        var plan = RolloutPlan(waves: waves)
        plan.maxUnavailable = maxUnavailable
        plan.maxUnavailablePerRegion = maxUnavailablePerRegion
        plan.maxUnavailablePerCloud = maxUnavailablePerCloud
        plan.failureBudget = failureBudget
        return plan
    }
}
