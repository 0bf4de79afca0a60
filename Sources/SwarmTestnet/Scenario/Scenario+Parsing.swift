extension Scenario {
    /// Reads a scenario file. `topology` finds the topology that it names; what that throws is
    /// booked on the key.
    package static func parse(
        _ bytes: [UInt8],
        name: String,
        file: String,
        topology find: (String) throws -> Topology
    ) throws -> Scenario {
        let node = try JSONScanner.scan(bytes, file: file)
        var object = try FileObject(node, file: file, path: "")
        let about = try object.requiredString("about")
        let topologyName = try object.requiredString("topology")
        let topology: Topology
        do {
            topology = try find(topologyName)
        } catch let flaw as FileFlaw {
            throw flaw
        } catch {
            throw object.flaw("topology", "\(error)")
        }
        var reader = ScenarioReader(topology: topology)
        let scenario = try reader.read(&object, name: name, about: about)
        try object.finish()
        return scenario
    }
}

/// Turns the names of a scenario into indices while it reads.
struct ScenarioReader {
    let topology: Topology
    /// Hosts that have something to do, each once.
    private var taken: [Int] = []

    init(topology: Topology) { self.topology = topology }

    mutating func read(
        _ object: inout FileObject,
        name: String,
        about: String
    ) throws(FileFlaw) -> Scenario {
        let model = try readModel(&object)
        guard let trackers = try hosts(&object, "tracker"), trackers.count == 1 else {
            throw object.flaw("tracker", "names the host of the tracker")
        }
        try take(trackers, object, "tracker")
        let seeds = try roles(&object, "seeds")
        let holders = try readHolders(&object, fileCount: model.fileCount)
        let libtorrentSeeds = try roles(&object, "libtorrentSeeds")
        let servers = try roles(&object, "servers")
        let origins = try roles(&object, "origins")
        let buckets = try roles(&object, "buckets")
        let liars = try readLiars(&object)
        let libtorrent = try roles(&object, "libtorrent")
        let curl = try roles(&object, "curl")
        guard curl.isEmpty || !servers.isEmpty else {
            throw object.flaw("curl", "needs 'servers' to fetch from")
        }
        let peers = topology.hosts.indices.filter { !taken.contains($0) }
        let channel = try object.string("channel")
        if channel != nil {
            guard libtorrent.isEmpty, curl.isEmpty, holders.isEmpty, !seeds.isEmpty else {
                throw object.flaw(
                    "channel",
                    "needs 'seeds', and no 'libtorrent', 'curl' or 'holders' besides"
                )
            }
        }
        guard !(peers + libtorrent + curl).isEmpty else {
            throw object.flaw("", "no host is left to receive the model")
        }
        let late = try hosts(&object, "late") ?? []
        try only(peers + libtorrent + curl, late, "hosts that receive the model", object, "late")
        let reader = StepReader(
            topology: topology,
            fleet: channel == nil ? [] : peers,
            seeds: seeds
        )
        let steps = try reader.read(&object)
        let scenario = Scenario(
            name: name,
            about: about,
            topology: topology,
            model: model,
            tracker: trackers[0],
            seeds: seeds,
            holders: holders,
            libtorrentSeeds: libtorrentSeeds,
            servers: servers,
            origins: origins,
            buckets: buckets,
            liars: liars,
            libtorrent: libtorrent,
            curl: curl,
            peers: peers,
            late: late,
            channel: channel,
            disks: try readDisks(&object, peers),
            announceSeconds: try object.integer("announceSeconds", in: 1...3600) ?? 2,
            limit: .seconds(try object.integer("limitSeconds", in: 1...7200) ?? 180),
            steps: steps,
            assertions: try readAssertions(&object, reader.versions(of: steps))
        )
        return scenario
    }

    private func readModel(_ object: inout FileObject) throws(FileFlaw) -> ModelPlan {
        guard var model = try object.object("model") else {
            throw object.flaw("", "has no 'model'")
        }
        guard let size = try model.number("MiB", in: 0.0625...65_536) else {
            throw model.flaw("", "has no 'MiB'")
        }
        let plan = ModelPlan(
            byteCount: Int(size * 1_048_576),
            fileCount: try model.integer("files", in: 1...1000) ?? 4,
            seed: UInt64(try model.integer("seed", in: 0...1_000_000_000) ?? 1),
            pieceByteCount: try model.integer("pieceKiB", in: 16...262_144).map { $0 * 1024 }
        )
        try model.finish()
        return plan
    }

    // MARK: Hosts by name

    private func hosts(_ object: inout FileObject, _ key: String) throws(FileFlaw) -> [Int]? {
        guard let names = try object.strings(key) else { return nil }
        return try Self.hosts(names, topology, object, key)
    }

    static func hosts(
        _ names: [String],
        _ topology: Topology,
        _ object: FileObject,
        _ key: String
    ) throws(FileFlaw) -> [Int] {
        var found: [Int] = []
        for name in names {
            let hosts = topology.hosts(matching: name)
            guard !hosts.isEmpty else {
                throw object.flaw(key, "'\(name)' is no host or domain of '\(topology.name)'")
            }
            found += hosts.filter { !found.contains($0) }
        }
        return found
    }

    private mutating func roles(
        _ object: inout FileObject,
        _ key: String
    ) throws(FileFlaw) -> [Int] {
        let hosts = try hosts(&object, key) ?? []
        try take(hosts, object, key)
        return hosts
    }

    private mutating func take(
        _ hosts: [Int],
        _ object: FileObject,
        _ key: String
    ) throws(FileFlaw) {
        if let twice = hosts.first(where: { taken.contains($0) }) {
            throw object.flaw(key, "'\(topology.hosts[twice].name)' has another task already")
        }
        taken += hosts
    }

    private func only(
        _ allowed: [Int],
        _ hosts: [Int],
        _ what: String,
        _ object: FileObject,
        _ key: String
    ) throws(FileFlaw) {
        if let wrong = hosts.first(where: { !allowed.contains($0) }) {
            throw object.flaw(key, "'\(topology.hosts[wrong].name)' is none of the \(what)")
        }
    }

    // MARK: Parts

    private mutating func readHolders(
        _ object: inout FileObject,
        fileCount: Int
    ) throws(FileFlaw) -> [Scenario.Holder] {
        var holders: [Scenario.Holder] = []
        for var holder in try object.objects("holders") {
            guard let hosts = try hosts(&holder, "host"), hosts.count == 1 else {
                throw holder.flaw("host", "names one host")
            }
            try take(hosts, holder, "host")
            let files = try holder.integers("files", in: 1...fileCount).map { $0 - 1 }
            guard !files.isEmpty else { throw holder.flaw("files", "names no file") }
            holders.append(.init(host: hosts[0], files: files))
            try holder.finish()
        }
        return holders
    }

    private mutating func readLiars(
        _ object: inout FileObject
    ) throws(FileFlaw) -> [Scenario.Liar] {
        var liars: [Scenario.Liar] = []
        for var liar in try object.objects("liars") {
            guard let hosts = try hosts(&liar, "host"), hosts.count == 1 else {
                throw liar.flaw("host", "names one host")
            }
            try take(hosts, liar, "host")
            let lies = try liar.strings("lies") ?? []
            guard !lies.isEmpty else { throw liar.flaw("lies", "names no lie") }
            if let wrong = lies.first(where: { !Self.isLie($0) }) {
                throw liar.flaw("lies", "'\(wrong)' is none; write it in lower case with hyphens")
            }
            guard Set(lies).count == lies.count else {
                throw liar.flaw("lies", "has a lie twice")
            }
            liars.append(.init(host: hosts[0], lies: lies))
            try liar.finish()
        }
        return liars
    }

    /// It becomes the name of a function and part of an origin's id.
    private static func isLie(_ name: String) -> Bool {
        (1...40).contains(name.utf8.count) && name.utf8.first != UInt8(ascii: "-")
            && name.utf8.allSatisfy { (97...122).contains($0) || $0 == UInt8(ascii: "-") }
    }

    private func readDisks(
        _ object: inout FileObject,
        _ peers: [Int]
    ) throws(FileFlaw) -> [Int: Int] {
        var disks: [Int: Int] = [:]
        for var disk in try object.objects("disks") {
            let hosts = try hosts(&disk, "hosts") ?? []
            try only(peers, hosts, "peers", disk, "hosts")
            guard let size = try disk.integer("MiB", in: 1...1_048_576) else {
                throw disk.flaw("", "has no 'MiB'")
            }
            for host in hosts { disks[host] = size << 20 }
            try disk.finish()
        }
        return disks
    }

    private func readAssertions(
        _ object: inout FileObject,
        _ versions: [String]
    ) throws(FileFlaw) -> Assertions {
        guard var asked = try object.object("assert") else {
            throw object.flaw("", "has no 'assert': what must hold in the end?")
        }
        var amplification: [String: Double] = [:]
        if var levels = try asked.object("amplification") {
            for level in topology.levels {
                amplification[level] = try levels.number(level, in: 0...1000)
            }
            try levels.finish()
        }
        let serving = try asked.string("serving")
        if let serving, !versions.contains(serving) {
            throw asked.flaw("serving", StepReader.unknown(serving, versions))
        }
        guard versions.isEmpty || serving != nil else {
            throw asked.flaw("", "has no 'serving': which version do the hosts end with?")
        }
        var back = try asked.object("return")
        let returnSeconds = try back?.number("seconds", in: 0...7200)
        let returnBytes = try back?.integer("bytes", in: 0...1 << 50)
        try back?.finish()
        let assertions = Assertions(
            exempt: try hosts(&asked, "exempt") ?? [],
            amplification: amplification,
            duplicates: try asked.number("duplicates", in: 0...10),
            originCopies: try asked.number("originCopies", in: 0...1000),
            ratioToBound: try asked.number("ratioToBound", in: 1...1000),
            seconds: try asked.number("seconds", in: 0...7200),
            serving: serving,
            returnSeconds: returnSeconds,
            returnBytes: returnBytes,
            banned: try hosts(&asked, "banned") ?? [],
            said: try asked.strings("said") ?? [],
            requestsPerLie: try asked.integer("requestsPerLie", in: 1...1_000_000),
            counterTolerance: try asked.number("counterTolerance", in: 0...100)
                ?? Assertions.counterToleranceDefault
        )
        try asked.finish()
        return assertions
    }
}
