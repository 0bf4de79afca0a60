import SwarmModel

/// Steps about versions and rollouts.
extension StepReader {
    /// A step that is about rollouts needs a channel.
    func needChannel(_ key: String, _ object: FileObject) throws(FileFlaw) {
        guard fleet.isEmpty else { return }
        throw object.flaw(key, "needs a scenario with 'channel', whose hosts serve a version")
    }

    // MARK: Versions

    /// Those that a scenario of a channel has.
    func versions(of steps: [Step]) -> [String] {
        guard !fleet.isEmpty else { return [] }
        return [Scenario.firstVersion]
            + steps.compactMap { step in
                if case .publish(let publication) = step.action { publication.version } else { nil }
            }
    }

    static func unknown(_ version: String, _ versions: [String]) -> String {
        guard !versions.isEmpty else { return "needs a scenario with 'channel'" }
        return "no step publishes '\(version)'; there are \(versions.joined(separator: ", "))"
    }

    /// There is one version to publish, and all that is said of versions is of one that there is.
    func checkVersions(_ steps: [Step], _ objects: [FileObject]) throws(FileFlaw) {
        let versions = versions(of: steps)
        for (step, object) in zip(steps, objects) {
            if case .serving(let version, _) = step.trigger, !versions.contains(version) {
                throw object.flaw("serving", Self.unknown(version, versions))
            }
            let named: String? =
                switch step.action {
                case .rollout(let version, _): version
                case .failProbe(_, let version): version
                default: nil
                }
            if let named, !versions.contains(named) {
                throw object.flaw("version", Self.unknown(named, versions))
            }
        }
        let publishing = steps.indices.filter {
            if case .publish = steps[$0].action { true } else { false }
        }
        if publishing.count > 1 {
            throw objects[publishing[1]].flaw("do", "a scenario publishes one version")
        }
    }

    func publication(_ object: inout FileObject) throws(FileFlaw) -> Step.Publication {
        try needChannel("do", object)
        let hosts = try hosts(&object)
        if let wrong = hosts.first(where: { !seeds.contains($0) }) {
            throw object.flaw("target", "'\(topology.hosts[wrong].name)' is none of the 'seeds'")
        }
        let version = try object.requiredString("version")
        do {
            _ = try ModelReference("testnet/model@\(version)")
        } catch {
            throw object.flaw("version", "\(error)")
        }
        guard version != Scenario.firstVersion else {
            throw object.flaw("version", "is what the scenario begins with")
        }
        guard let seed = try object.integer("seed", in: 0...1_000_000_000) else {
            throw object.flaw("", "has no 'seed': its bytes are to be others")
        }
        let isInParts = try object.bool("parts") ?? false
        guard !isInParts || hosts.count > 1 else {
            throw object.flaw("parts", "needs more than one host in 'target'")
        }
        return Step.Publication(
            hosts: hosts,
            version: version,
            seed: UInt64(seed),
            isInParts: isInParts
        )
    }

    /// Hosts of the channel; all of them when none is named.
    func fleetHosts(_ object: inout FileObject) throws(FileFlaw) -> [Int] {
        guard object.keys.contains("target") else { return fleet }
        let hosts = try hosts(&object)
        if let wrong = hosts.first(where: { !fleet.contains($0) }) {
            throw object.flaw("target", "'\(topology.hosts[wrong].name)' is not of the channel")
        }
        return hosts
    }

    // MARK: Rollouts

    /// The phase that a step waits for.
    func phase(_ object: inout FileObject) throws(FileFlaw) -> Step.Trigger? {
        guard let text = try object.string("phase") else { return nil }
        try needChannel("phase", object)
        guard let phase = Rollout.Phase(rawValue: text) else {
            let list = Rollout.Phase.allCases.map(\.rawValue).joined(separator: ", ")
            throw object.flaw("phase", "'\(text)' is none; there are \(list)")
        }
        switch phase {
        case .staging, .activating, .baking:
            return .rollout(phase, wave: try requiredWave(&object))
        default: return .rollout(phase, wave: nil)
        }
    }

    /// Waves are numbered from 1 in files, and from 0 elsewhere.
    private func requiredWave(_ object: inout FileObject) throws(FileFlaw) -> Int {
        guard let wave = try object.integer("wave", in: 1...RolloutPlan.waveCountMax) else {
            throw object.flaw("", "has no 'wave'")
        }
        return wave - 1
    }

    func approval(_ object: inout FileObject) throws(FileFlaw) -> Step.Action {
        try needChannel("do", object)
        return .command(.approve, wave: try requiredWave(&object))
    }

    func command(_ verb: RolloutVerb, _ object: FileObject) throws(FileFlaw) -> Step.Action {
        try needChannel("do", object)
        return .command(verb, wave: nil)
    }

    func rollout(_ object: inout FileObject) throws(FileFlaw) -> Step.Action {
        try needChannel("do", object)
        let version = try object.requiredString("version")
        var waves: [RolloutPlan.Wave] = []
        var taken = 0
        for var wave in try object.objects("waves") {
            waves.append(try readWave(&wave, &taken))
            try wave.finish()
        }
        guard waves.count <= RolloutPlan.waveCountMax else {
            throw object.flaw("waves", "are more than \(RolloutPlan.waveCountMax)")
        }
        guard taken == fleet.count else {
            throw object.flaw(
                waves.isEmpty ? "" : "waves",
                waves.isEmpty
                    ? "has no 'waves'"
                    : "take \(taken) of \(fleet.count) hosts; the last must take all"
            )
        }
        return .rollout(version, waves)
    }

    /// A wave that adds no host would be passed over, and whatever waits for it would never come.
    private func readWave(
        _ wave: inout FileObject,
        _ taken: inout Int
    ) throws(FileFlaw) -> RolloutPlan.Wave {
        let text = try wave.requiredString("hosts")
        let total: Int
        let scope: RolloutPlan.Scope
        switch text == "all" ? .percent(100) : RolloutPlan.Amount(text) {
        case .count(let count)?: (scope, total) = (.count(count), count)
        case .percent(let share)?:
            (scope, total) = (.percent(share), (fleet.count * share + 99) / 100)
        case nil:
            throw wave.flaw(
                "hosts",
                "'\(text)' is no count or share; write \"1\", \"25%\" or \"all\""
            )
        }
        guard total > taken, total <= fleet.count else {
            throw wave.flaw(
                "hosts",
                "'\(text)' makes \(total) of \(fleet.count) hosts, after \(taken) by earlier waves"
            )
        }
        taken = total
        var gates: [RolloutPlan.Gate] = []
        if let seconds = try wave.integer("soakSeconds", in: 1...3600) {
            gates.append(.soak(seconds: seconds))
        }
        if try wave.bool("approval") == true { gates.append(.approval) }
        return RolloutPlan.Wave(hosts: scope, gates: gates)
    }
}
