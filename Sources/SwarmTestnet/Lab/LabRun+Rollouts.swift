import Foundation
import SwarmModel

/// A fleet: hosts of a channel, whose version comes by rollouts.
extension LabRun {
    static let publisherPort = 7073

    // MARK: Places

    /// What a version is made of.
    func original(_ version: String) -> String {
        version == Scenario.firstVersion ? original : "\(directory)/model-\(version)"
    }

    private func versions(_ host: Int) -> String {
        "\(folder(host))/data/models/\(Self.modelName)"
    }

    /// The version that a host serves: where its link leads.
    func serving(_ host: Int) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(
            atPath: "\(versions(host))/current"
        )
    }

    /// Where the files are that a host serves.
    func servedPath(_ host: Int) -> String? { serving(host).map { "\(versions(host))/\($0)" } }

    private var probe: String { "\(directory)/probe" }
    private func refusals(_ host: Int) -> String { "\(folder(host))/refused" }

    // MARK: The channel

    /// What makes a peer a host of the channel: a probe that reads the weights as a server would,
    /// and refuses the versions that a step has named.
    var hookOptions: [String: String] {
        guard scenario.channel != nil else { return [:] }
        return ["SHOAL_ACTIVATION_PROBE_DEADLINE": "4"]
    }

    func hookFlags(_ host: Int) -> [String] {
        guard scenario.channel != nil else { return [] }
        return ["--activation-probe", "\(probe) \(refusals(host))"]
    }

    func writeProbe() throws {
        let script = """
            #!/bin/sh
            cat "$SHOAL_PATH"/*.safetensors > /dev/null || exit 1
            ! grep -qx -- "$SHOAL_VERSION" "$1"

            """
        try Data(script.utf8).write(to: URL(fileURLWithPath: probe))
        let mode: [FileAttributeKey: Any] = [.posixPermissions: 0o755]
        try FileManager.default.setAttributes(mode, ofItemAtPath: probe)
        for host in scenario.receivers {
            try Data().write(to: URL(fileURLWithPath: refusals(host)))
        }
    }

    /// Makes the channel, and brings all hosts that are up to the first version.
    mutating func establishChannel(_ group: inout Group) async throws {
        guard let channel = scenario.channel else { return }
        let hosts = scenario.receivers.filter { !scenario.late.contains($0) }
        try await operate("channel", "set", channel, "--model", Self.modelName)
        let end = clock.now + Self.startPatience
        while try await membersHeard() < hosts.count {
            try await wait(for: "the tracker hears of all hosts", until: end)
        }
        let all = [RolloutPlan.Wave(hosts: .percent(100))]
        try await create(Scenario.firstVersion, all, &group)
        while rollout?.rollout.phase != .complete {
            try await wait(for: "all hosts serve version \(Scenario.firstVersion)", until: end)
            lookAtRollout()
        }
        say("\(hosts.count) hosts serve version \(Scenario.firstVersion)")
        rollouts = []
        for host in hosts {
            records[host] = HostRecord()
            records[host]?.isRunning = true
        }
    }

    private func membersHeard() async throws -> Int {
        struct List: Decodable { var channels: [ChannelView] }
        let list: List = try await decoded("channel", "list")
        return list.channels.first?.hosts.hosts ?? 0
    }

    private func wait(for what: String, until end: ContinuousClock.Instant) async throws {
        if let failure = await processes.takeFailures().first { throw TestnetError(failure) }
        guard clock.now < end else {
            throw TestnetError("\(Self.startPatience) were not enough until \(what)\(standing)")
        }
        try await clock.sleep(for: .milliseconds(100))
    }

    // MARK: Versions

    /// Lets hosts serve a version from where it was made, beside what they serve already.
    mutating func publish(_ publication: Step.Publication, _ group: inout Group) async throws {
        if publication.isInParts { try makeParts(publication) }
        for host in publication.hosts {
            try launchPublisher(host, publication, &group)
            publishers.append(host)
        }
        for host in publication.hosts {
            try await awaitText("seeding on", of: publisherKey(host), in: publisherLog(host))
        }
        version = publication.version
    }

    /// Where a host has its share of the files.
    private func part(_ host: Int) -> String { "\(folder(host))/part" }

    /// Deals the files out to the hosts, one after the other.
    private func makeParts(_ publication: Step.Publication) throws {
        let files = FileManager.default
        for host in publication.hosts {
            try files.createDirectory(atPath: part(host), withIntermediateDirectories: true)
        }
        let whole = original(publication.version)
        let names = try files.subpathsOfDirectory(atPath: whole).sorted()
        for (number, name) in names.enumerated() {
            let host = publication.hosts[number % publication.hosts.count]
            try files.linkItem(atPath: "\(whole)/\(name)", toPath: "\(part(host))/\(name)")
        }
    }

    func publisherKey(_ host: Int) -> String { key(host) + "-publisher" }
    private func publisherLog(_ host: Int) -> String { "\(folder(host))/publisher.log" }

    func launchPublisher(
        _ host: Int,
        _ publication: Step.Publication,
        _ group: inout Group
    ) throws {
        var options = [
            "--seed", "--listen", "\(address(host)):\(Self.publisherPort)",
            "--data", "\(folder(host))/publisher",
            "--locality", topology.locality(ofHost: host).description,
        ]
        if publication.isInParts, let part = publication.hosts.firstIndex(of: host) {
            options += ["--part", "\(part + 1)/\(publication.hosts.count)"]
        }
        let command = publishCommand(
            of: publication.isInParts ? part(host) : original(publication.version),
            as: Self.modelName,
            version: publication.version
        )
        var plan = plan(host, "publisher", command + options)
        plan.key = publisherKey(host)
        plan.log = publisherLog(host)
        launch(plan, &group)
    }

    // MARK: Rollouts

    var rollout: RolloutRecord? {
        get { rollouts.last }
        set { if let newValue { rollouts[rollouts.count - 1] = newValue } }
    }

    mutating func create(
        _ version: String,
        _ waves: [RolloutPlan.Wave],
        _ group: inout Group
    ) async throws {
        let flags = waves.flatMap { ["--wave", Self.flag($0)] }
        let view: RolloutView = try await decoded(
            ["rollout", "create", scenario.channel ?? "", version] + flags
        )
        let log = "\(directory)/rollout-\(view.rollout.id).log"
        let feed = LineFeed(path: log)
        rollouts.append(RolloutRecord(view, version: version, at: elapsed, feed: feed))
        launchWatch(view.rollout.id, log, &group)
        let running = records.filter { $0.value.isRunning }.map(\.key)
        for host in running { joined(host) }
    }

    /// From now on a host is counted to want the version.
    mutating func joined(_ host: Int) {
        let now = elapsed
        if records[host]?.joinedAt == nil { records[host]?.joinedAt = now }
    }

    /// As people write it: `25%/soak=5/approval`.
    private static func flag(_ wave: RolloutPlan.Wave) -> String {
        let gates = wave.gates.map { gate in
            if case .soak(let seconds) = gate { "/soak=\(seconds)" } else { "/\(gate)" }
        }
        return "\(wave.hosts)" + gates.joined()
    }

    /// Follows a rollout beside the run: it goes on while the tracker is away.
    private func launchWatch(_ id: Int, _ log: String, _ group: inout Group) {
        let command = operatorCommand(["rollout", "watch", "\(id)", "--through-pauses", "--json"])
        var plan = plan(scenario.tracker, "operator at", command)
        plan.key = "watch"
        plan.log = log
        plan.mayEnd = true
        launch(plan, &group)
    }

    mutating func command(
        _ verb: RolloutVerb,
        wave: Int?,
        _ group: inout Group
    ) async throws {
        guard let current = rollout else { throw TestnetError("there is no rollout yet") }
        let began = elapsed
        var words = ["rollout", verb.rawValue, "\(current.id)"]
        if let wave { words += ["--wave", "\(wave + 1)"] }
        let _: RolloutView = try await decoded(words)
        guard verb == .abort || verb == .rollback else { return }
        rollout?.beginReturn(at: began)
        // Who watches a rollout leaves when it is complete.
        if current.rollout.phase.isFinal { launchWatch(current.id, current.feed.path, &group) }
    }

    func failProbe(_ hosts: [Int], _ version: String) throws {
        for host in hosts {
            guard let file = FileHandle(forWritingAtPath: refusals(host)) else {
                throw TestnetError("cannot write \(refusals(host))")
            }
            defer { try? file.close() }
            try file.seekToEnd()
            try file.write(contentsOf: Data((version + "\n").utf8))
        }
    }

    /// Takes down how the rollout stands.
    mutating func lookAtRollout() {
        let (now, bytes) = (elapsed, allReceivedBytes)
        rollout?.look(at: now, receivedBytes: bytes)
        for host in scenario.receivers where records[host]?.servedAt == nil {
            if serving(host) == rollout?.version { records[host]?.servedAt = now }
        }
        guard let current = rollout, current.rollout.phase.isFinal, current.rollout.isReturn,
            let previous = current.rollout.previous?.version,
            scenario.receivers.allSatisfy({ serving($0) == previous })
        else { return }
        rollout?.returned(at: now, receivedBytes: bytes)
    }

    private var allReceivedBytes: Int { records.values.reduce(0) { $0 + $1.allReceivedBytes } }

    // MARK: Commands

    private func operatorCommand(_ words: [String]) -> [String] {
        [settings.shoal] + words + ["--tracker", trackerURL]
    }

    /// Runs a command as an operator beside the tracker would.
    @discardableResult
    private func operate(_ words: String...) async throws -> String {
        try await operate(words)
    }

    private func operate(_ words: [String]) async throws -> String {
        let command = operatorCommand(words)
        return try await Shell.run(
            command[0],
            Array(command.dropFirst()),
            in: network?.plan.namespace(ofHost: scenario.tracker)
        )
    }

    private func decoded<Answer: Decodable>(_ words: String...) async throws -> Answer {
        try await decoded(words)
    }

    private func decoded<Answer: Decodable>(_ words: [String]) async throws -> Answer {
        let said = try await operate(words + ["--json"])
        let line = said.split(separator: "\n").last { $0.hasPrefix("{") } ?? ""
        return try JSONDecoder().decode(Answer.self, from: Data(line.utf8))
    }
}
