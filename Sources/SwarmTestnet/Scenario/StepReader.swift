import SwarmModel

/// Reads the steps of a scenario.
struct StepReader {
    let topology: Topology
    /// The hosts of the scenario's channel; none when it has no channel.
    var fleet: [Int] = []
    var seeds: [Int] = []

    func read(_ object: inout FileObject) throws(FileFlaw) -> [Step] {
        var objects = try object.objects("steps")
        var names: [String] = []
        for index in objects.indices {
            let name = try objects[index].string("name") ?? "step \(index + 1)"
            if names.contains(name) {
                throw objects[index].flaw("name", "there are two steps '\(name)'")
            }
            names.append(name)
        }
        var steps: [Step] = []
        for index in objects.indices {
            var step = try step(named: names[index], &objects[index], names)
            step.action = try action(&objects[index], canOnlyWait: step.within != nil)
            try objects[index].finish()
            steps.append(step)
        }
        try checkOrder(steps, objects)
        try checkVersions(steps, objects)
        return steps
    }

    /// A step that waits for itself, over however many others, would never come.
    private func checkOrder(_ steps: [Step], _ objects: [FileObject]) throws(FileFlaw) {
        for start in steps.indices {
            var path = [start]
            while let earlier = steps[path[path.count - 1]].predecessor {
                if path.contains(earlier) {
                    let names = (path + [earlier]).map { "'\(steps[$0].name)'" }
                    throw objects[start].flaw(
                        "after",
                        "is a cycle: \(names.joined(separator: " waits for "))"
                    )
                }
                path.append(earlier)
            }
        }
    }

    /// When the step with this object comes; what it does is read later.
    private func step(
        named name: String,
        _ object: inout FileObject,
        _ names: [String]
    ) throws(FileFlaw) -> Step {
        var step = Step(name: name, trigger: .time(.zero), action: .wait)
        let seconds = try object.number("seconds", in: 0...7200)
        let wait = Duration.milliseconds(Int((seconds ?? 0) * 1000))
        var after: Int?
        if let name = try object.string("after") {
            after = names.firstIndex(of: name)
            guard after != nil else { throw object.flaw("after", "there is no step '\(name)'") }
        }
        step.within = try object.number("withinSeconds", in: 0...7200).map {
            .milliseconds(Int($0 * 1000))
        }
        if let (key, condition) = try condition(&object) {
            guard seconds == nil else { throw object.flaw("seconds", "does not go with '\(key)'") }
            step.trigger = condition
            step.follows = after
            return step
        }
        if step.within != nil {
            throw object.flaw(
                "withinSeconds",
                "needs something to wait for: \(Self.conditions.joined(separator: ", "))"
            )
        }
        if let after {
            step.trigger = .after(after, wait)
        } else if seconds != nil {
            step.trigger = .time(wait)
        } else {
            let list = (["seconds", "after"] + Self.conditions).map { "'\($0)'" }
            throw object.flaw("", "says not when: \(list.joined(separator: ", "))")
        }
        return step
    }

    private static let conditions = ["progress", "paused", "phase", "serving"]

    /// What a step waits for, other than time.
    private func condition(
        _ object: inout FileObject
    ) throws(FileFlaw) -> (key: String, Step.Trigger)? {
        let given = Self.conditions.filter { object.keys.contains($0) }
        guard given.count <= 1 else {
            throw object.flaw(given[1], "does not go with '\(given[0])'")
        }
        let of = try object.strings("of")
        if let progress = try object.number("progress", in: 0...1) {
            guard let of else { return ("progress", .progress(progress, of: nil)) }
            guard of.count == 1 else { throw object.flaw("of", "names more than one host") }
            return ("progress", .progress(progress, of: try host(named: of[0], "of", object)))
        }
        if let paused = try object.string("paused") {
            return ("paused", .paused(try host(named: paused, "paused", object)))
        }
        if let phase = try phase(&object) { return ("phase", phase) }
        if let version = try object.string("serving") {
            try needChannel("serving", object)
            let hosts = try of.map { (names) throws(FileFlaw) in
                try ScenarioReader.hosts(names, topology, object, "of")
            }
            if let wrong = hosts?.first(where: { !fleet.contains($0) }) {
                throw object.flaw("of", "'\(topology.hosts[wrong].name)' is not of the channel")
            }
            return ("serving", .serving(version, hosts ?? fleet))
        }
        guard of == nil else { throw object.flaw("of", "goes with 'progress' or 'serving'") }
        return nil
    }

    private func host(
        named name: String,
        _ key: String,
        _ object: FileObject
    ) throws(FileFlaw) -> Int {
        guard let host = topology.host(named: name) else {
            throw object.flaw(key, "'\(name)' is no host of '\(topology.name)'")
        }
        return host
    }

    private static let verbs = [
        "start", "kill", "stop", "pause", "resume", "partition", "heal", "rate", "loss",
        "fillDisk", "freeDisk", "corrupt", "expect", "publish", "rollout", "approve", "abort",
        "rollback", "failProbe",
    ]

    private func action(
        _ object: inout FileObject,
        canOnlyWait: Bool
    ) throws(FileFlaw) -> Step.Action {
        if canOnlyWait, !object.keys.contains("do") { return .wait }
        let verb = try object.requiredString("do")
        switch verb {
        case "start": return .start(try hosts(&object))
        case "kill": return .kill(try hosts(&object))
        case "stop": return .stop(try hosts(&object))
        case "pause": return .pause(try hosts(&object))
        case "resume": return .resume(try hosts(&object))
        case "partition": return .partition(try domain(&object))
        case "heal": return .heal(try domain(&object))
        case "rate": return try rate(&object)
        case "loss":
            guard let percent = try object.number("percent", in: 0...100) else {
                throw object.flaw("", "has no 'percent'")
            }
            return .loss(try domain(&object), percent)
        case "fillDisk":
            let left = try object.integer("leaveMiB", in: 0...1_048_576) ?? 0
            return .fillDisk(try host(&object), leaving: left << 20)
        case "freeDisk": return .freeDisk(try host(&object))
        case "corrupt": return .corrupt(try host(&object))
        case "expect":
            return .expect(
                Step.Expectation(
                    hosts: try hosts(&object),
                    missingPieces: try object.bool("missingPieces"),
                    complete: try object.bool("complete")
                )
            )
        case "publish": return .publish(try publication(&object))
        case "rollout": return try rollout(&object)
        case "approve": return try approval(&object)
        case "abort": return try command(.abort, object)
        case "rollback": return try command(.rollback, object)
        case "failProbe":
            try needChannel("do", object)
            let hosts = try fleetHosts(&object)
            return .failProbe(hosts, version: try object.requiredString("version"))
        default:
            let list = Self.verbs.joined(separator: ", ")
            throw object.flaw("do", "'\(verb)' is unknown; there are \(list)")
        }
    }

    private func rate(_ object: inout FileObject) throws(FileFlaw) -> Step.Action {
        let into = try object.number("inMbps", in: 0.1...100_000)
        let out = try object.number("outMbps", in: 0.1...100_000)
        guard into != nil || out != nil else {
            throw object.flaw("", "has neither 'inMbps' nor 'outMbps'")
        }
        let rate = Topology.Rate(into: into, out: out)
        let target = try object.requiredString("target")
        if let host = topology.host(named: target) { return .hostRate(host, rate) }
        return .domainRate(try domain(named: target, object), rate)
    }

    func hosts(_ object: inout FileObject) throws(FileFlaw) -> [Int] {
        guard let names = try object.strings("target"), !names.isEmpty else {
            throw object.flaw("", "has no 'target'")
        }
        return try ScenarioReader.hosts(names, topology, object, "target")
    }

    private func host(_ object: inout FileObject) throws(FileFlaw) -> Int {
        let hosts = try hosts(&object)
        guard hosts.count == 1 else { throw object.flaw("target", "names more than one host") }
        return hosts[0]
    }

    private func domain(_ object: inout FileObject) throws(FileFlaw) -> Int {
        try domain(named: object.requiredString("target"), object)
    }

    private func domain(named name: String, _ object: FileObject) throws(FileFlaw) -> Int {
        guard let domain = topology.domain(at: name) else {
            throw object.flaw("target", "'\(name)' is no domain of '\(topology.name)'")
        }
        return domain
    }
}
