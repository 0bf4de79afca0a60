import Foundation
import SwarmModel

/// How processes come up.
extension LabRun {
    typealias Group = ThrowingTaskGroup<Void, any Error>

    /// Starts everybody who is not late, in order: the tracker, those who hold the model, and the
    /// receivers, which are asked for nothing yet.
    mutating func startAll(_ group: inout Group) async throws {
        for host in topology.hosts.indices {
            try FileManager.default.createDirectory(
                atPath: folder(host),
                withIntermediateDirectories: true
            )
        }
        launch(tracker, &group)
        try await awaitText("listening on", in: scenario.tracker)
        for server in scenario.webHosts { launch(try webServer(server), &group) }
        for server in scenario.webHosts { try await awaitServer(server) }
        try writeOriginConfiguration()
        if scenario.channel != nil { try writeProbe() }
        if scenario.seeds.isEmpty { try await publish() }
        for seed in scenario.seeds { launch(self.seed(seed), &group) }
        for seed in scenario.libtorrentSeeds { launch(libtorrent(seed, serves: true), &group) }
        for seed in scenario.seeds + scenario.libtorrentSeeds {
            try await awaitText("seeding on", in: seed)
        }
        for holder in scenario.holders { try await fill(holder, &group) }
        say("the tracker and \(scenario.seeds.count) seeds are up")
        let early = scenario.receivers.filter { !scenario.late.contains($0) }
        for host in early { try startReceiver(host, &group) }
        for host in early { try await awaitReceiver(host) }
        try await establishChannel(&group)
    }

    func launch(_ plan: ProcessPlan, _ group: inout Group) {
        let processes = processes
        group.addTask { await plan.run(in: processes) }
    }

    /// Starts a receiver's process; it joins once it answers.
    mutating func startReceiver(_ host: Int, _ group: inout Group) throws {
        try? FileManager.default.removeItem(atPath: api(host).socketPath)
        if scenario.libtorrent.contains(host) {
            launch(libtorrent(host), &group)
        } else if scenario.curl.contains(host) {
            launch(curl(host), &group)
        } else {
            launch(peer(host), &group)
        }
        records[host]?.isRunning = true
        if scenario.channel == nil {
            unjoined[host] = clock.now
        } else if rollout != nil {
            joined(host)
        }
    }

    /// Asks a receiver for the model.
    mutating func join(_ host: Int) throws {
        if scenario.scripted.contains(host) {
            try Data().write(to: URL(fileURLWithPath: "\(folder(host))/go"))
        } else {
            try api(host).join(Self.reference)
        }
        let now = elapsed
        if records[host]?.joinedAt == nil { records[host]?.joinedAt = now }
        unjoined[host] = nil
    }

    /// Gives a host some of the files before anything begins: it pulls a version that has only
    /// those, from a seed of its own. Content goes by its hash, so it is there for the whole model.
    private func fill(_ holder: Scenario.Holder, _ group: inout Group) async throws {
        let host = holder.host
        let shard = "\(folder(host))/shard"
        let files = FileManager.default
        try files.createDirectory(atPath: shard, withIntermediateDirectories: true)
        var names = holder.files.map {
            GeneratedModel.fileName($0, of: scenario.model.fileCount)
        }
        // A scenario numbers the large files only; somebody must have the small ones too.
        if holder == scenario.holders.first { names += GeneratedModel.smallFileNames }
        for name in names {
            try files.linkItem(atPath: "\(original)/\(name)", toPath: "\(shard)/\(name)")
        }
        let options = [
            "--seed", "--listen", "\(address(host)):7072", "--data", "\(folder(host))/shard-seed",
        ]
        let command = publishCommand(of: shard, as: "testnet/shard\(host)") + options
        var seed = plan(host, "shard seed", command)
        seed.key = "shard\(host)"
        launch(seed, &group)
        try await awaitText("seeding on", in: host)
        try await Shell.run(
            settings.shoal,
            [
                "pull", "testnet/shard\(host)@1", "--tracker", trackerURL, "--quiet",
                "--timeout", "60",
            ] + peerOptions(host),
            in: seed.namespace
        )
        try await processes.signal(seed.key, SIGTERM, ends: true)
        while await processes.isRunning(seed.key) {
            try await clock.sleep(for: .milliseconds(10))
        }
    }

    // MARK: Waiting

    /// Waits until a host's log has a text.
    private func awaitText(_ text: String, in host: Int) async throws {
        try await awaitText(text, of: key(host), in: log(host))
    }

    func awaitText(_ text: String, of key: String, in log: String) async throws {
        let end = clock.now + Self.startPatience
        while true {
            let said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            if said.contains(text) { return }
            try await checkAlive(key, log, until: end, "did not say '\(text)'")
        }
    }

    private func awaitReceiver(_ host: Int) async throws {
        let end = clock.now + Self.startPatience
        while !answers(host) {
            try await checkAlive(key(host), log(host), until: end, "does not answer")
        }
    }

    /// nginx writes its number once it listens; the others say so.
    private func awaitServer(_ host: Int) async throws {
        if !(scenario.servers + scenario.origins).contains(host) {
            return try await awaitText("serving", in: host)
        }
        let end = clock.now + Self.startPatience
        while !FileManager.default.fileExists(atPath: "\(folder(host))/nginx.pid") {
            try await checkAlive(key(host), log(host), until: end, "does not serve")
        }
    }

    func answers(_ host: Int) -> Bool {
        if scenario.scripted.contains(host) { return scriptStatus(host) != nil }
        do {
            _ = try api(host).status(of: Self.modelName, version: version)
            return true
        } catch {
            return false
        }
    }

    private func checkAlive(
        _ key: String,
        _ log: String,
        until end: ContinuousClock.Instant,
        _ complaint: String
    ) async throws {
        if case .failed(let how) = await processes.state(key) {
            throw TestnetError("'\(key)' ended (\(how)):\n\(ProcessTable.tail(log))")
        }
        guard clock.now < end else {
            throw TestnetError(
                "'\(key)' \(complaint) within \(Self.startPatience):\n"
                    + ProcessTable.tail(log)
            )
        }
        try await clock.sleep(for: .milliseconds(50))
    }

    // MARK: Command lines

    func plan(
        _ host: Int,
        _ role: String,
        _ command: [String],
        environment: [String: String] = [:]
    ) -> ProcessPlan {
        ProcessPlan(
            key: key(host),
            label: "\(role) \(name(host))",
            command: command,
            namespace: network?.plan.namespace(ofHost: host),
            environment: ["SHOAL_LOG_LEVEL": "warning"].merging(environment) { $1 },
            log: log(host)
        )
    }

    var tracker: ProcessPlan {
        let host = scenario.tracker
        return plan(
            host,
            "tracker",
            [
                settings.shoal, "tracker", "--listen", "\(address(host)):\(Self.trackerPort)",
                "--data", "\(folder(host))/data", "--interval", "\(scenario.announceSeconds)",
            ]
        )
    }

    func seed(_ host: Int) -> ProcessPlan {
        plan(host, "seed", publishCommand + ["--seed"] + peerOptions(host))
    }

    func peer(_ host: Int) -> ProcessPlan {
        plan(
            host,
            "peer",
            [
                settings.shoal, "peer", "--tracker", trackerURL,
                "--api", "unix:\(api(host).socketPath)", "--host-name", "h\(host)",
            ] + hookFlags(host) + peerOptions(host) + originOptions,
            environment: hookOptions
        )
    }

    private func peerOptions(_ host: Int) -> [String] {
        [
            "--listen", "\(address(host)):\(Self.peerPort)", "--data", "\(folder(host))/data",
            "--locality", topology.locality(ofHost: host).description,
        ]
    }

    private var publishCommand: [String] { publishCommand(of: original, as: Self.modelName) }

    func publishCommand(
        of directory: String,
        as name: String,
        version: String = Scenario.firstVersion
    ) -> [String] {
        var command = [
            settings.shoal, "publish", directory, "--name", name, "--version", version,
            "--tracker", trackerURL, "--quiet",
        ]
        if let length = scenario.model.pieceByteCount {
            command += ["--piece-length", "\(length)"]
        }
        if directory == original { command += originLocations + originOptions }
        return command
    }

    /// Registers the model without serving it.
    private func publish() async throws {
        let namespace = network?.plan.namespace(ofHost: scenario.tracker)
        try await Shell.run(
            publishCommand[0],
            Array(publishCommand.dropFirst()),
            in: namespace
        )
    }
}
