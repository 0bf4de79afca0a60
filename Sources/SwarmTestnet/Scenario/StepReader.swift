/// Reads the steps of a scenario.
struct StepReader {
    let topology: Topology

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
            let trigger = try trigger(&objects[index], names)
            let action = try action(&objects[index])
            try objects[index].finish()
            steps.append(Step(name: names[index], trigger: trigger, action: action))
        }
        try checkOrder(steps, objects)
        return steps
    }

    /// A step that waits for itself, over however many others, would never come.
    private func checkOrder(_ steps: [Step], _ objects: [FileObject]) throws(FileFlaw) {
        for start in steps.indices {
            var path = [start]
            while case .after(let earlier, _) = steps[path[path.count - 1]].trigger {
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

    private func trigger(
        _ object: inout FileObject,
        _ names: [String]
    ) throws(FileFlaw) -> Step.Trigger {
        let seconds = try object.number("seconds", in: 0...7200)
        let wait = Duration.milliseconds(Int((seconds ?? 0) * 1000))
        let progress = try object.number("progress", in: 0...1)
        let of = try object.string("of")
        let after = try object.string("after")
        if let paused = try object.string("paused") {
            guard seconds == nil, progress == nil, after == nil else {
                throw object.flaw("paused", "stands alone")
            }
            return .paused(try host(named: paused, "paused", object))
        }
        if let progress {
            guard seconds == nil, after == nil else {
                throw object.flaw("progress", "stands alone, without 'seconds' and 'after'")
            }
            guard let of else { return .progress(progress, of: nil) }
            return .progress(progress, of: try host(named: of, "of", object))
        }
        if let after {
            guard let index = names.firstIndex(of: after) else {
                throw object.flaw("after", "there is no step '\(after)'")
            }
            return .after(index, wait)
        }
        guard seconds != nil else {
            throw object.flaw("", "says not when: 'seconds', 'progress', 'paused', 'after'")
        }
        return .time(wait)
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
        "fillDisk", "freeDisk", "corrupt", "expect",
    ]

    private func action(_ object: inout FileObject) throws(FileFlaw) -> Step.Action {
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

    private func hosts(_ object: inout FileObject) throws(FileFlaw) -> [Int] {
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
