import Foundation
import SwarmModel

/// One scenario while it runs: the processes, what was heard of them, and which steps were done.
struct LabRun {
    let scenario: Scenario
    let settings: LabSettings
    /// Nil on loopback, where there are no boundaries to shape or count.
    let network: Network?
    /// Everything that the run makes is in here.
    let directory: String

    let processes = ProcessTable()
    let clock = ContinuousClock()
    var start: ContinuousClock.Instant
    var records: [Int: HostRecord] = [:]
    /// Receivers whose process was started and that have not been asked to join yet.
    var unjoined: [Int: ContinuousClock.Instant] = [:]
    /// When each step was done, by its index.
    var done: [Int: Duration] = [:]
    var cutDomains: [Int] = []
    var losses: [(domain: Int, percent: Double)] = []
    var violations: [String] = []
    /// The version that receivers are asked for, or that was published last.
    var version = Scenario.firstVersion
    /// Oldest first.
    var rollouts: [RolloutRecord] = []
    /// Hosts that serve what a step has published.
    var publishers: [Int] = []
    var lastProgressLine = Duration.zero

    /// Between two looks at the hosts.
    static let tick = Duration.milliseconds(250)
    /// How long a program may take until it listens, hashing included.
    static let startPatience = Duration.seconds(90)
    static let reference = "testnet/model@1"
    static let modelName = "testnet/model"
    static let trackerPort = 7070
    static let peerPort = 7071

    init(scenario: Scenario, settings: LabSettings, network: Network?, directory: String) {
        self.scenario = scenario
        self.settings = settings
        self.network = network
        self.directory = directory
        start = clock.now
        for host in scenario.receivers { records[host] = HostRecord() }
    }

    // MARK: Names and places

    var topology: Topology { scenario.topology }
    var original: String { "\(directory)/model" }
    var elapsed: Duration { clock.now - start }

    func name(_ host: Int) -> String { topology.hosts[host].name }
    func folder(_ host: Int) -> String { "\(directory)/h\(host)" }
    func log(_ host: Int) -> String { "\(folder(host))/log" }
    func key(_ host: Int) -> String { "h\(host)" }
    func api(_ host: Int) -> LocalAPI { LocalAPI(socketPath: "\(folder(host))/api") }

    func address(_ host: Int) -> String {
        let address = topology.address(ofHost: host)
        return network == nil ? "127" + address.dropFirst(2) : address
    }

    var trackerURL: String { "http://\(address(scenario.tracker)):\(Self.trackerPort)" }

    // MARK: The whole

    /// Runs the scenario until every receiver is done or the time is over. What it measured is in
    /// its fields afterwards; the processes have ended.
    mutating func run() async throws -> Measurement {
        let measured = try await withThrowingTaskGroup(of: Void.self) { group in
            do {
                let measured = try await act(&group)
                await processes.close()
                group.cancelAll()
                return measured
            } catch {
                await processes.close()
                group.cancelAll()
                throw error
            }
        }
        return measured
    }

    private mutating func act(_ group: inout ThrowingTaskGroup<Void, any Error>) async throws
        -> Measurement
    {
        try await startAll(&group)
        let before = try await network?.counters() ?? []
        let resentBefore = try await network?.resentBytes() ?? []
        let processorBefore = ProcessorTimes.now
        start = clock.now
        // Who is too busy to answer in time is asked again by `look`.
        for host in unjoined.keys.sorted() { try? join(host) }
        if scenario.channel == nil {
            say("\(scenario.receivers.count - scenario.late.count) hosts ask for the model")
        }
        while !isOver {
            try await clock.sleep(for: Self.tick)
            await look()
            try await takeSteps(&group)
            for failure in await processes.takeFailures() { violations.append(failure) }
            showProgress()
        }
        await look()
        let processor = ProcessorTimes.now - processorBefore
        // Acknowledgements of the last bytes may still be under way; payload is not.
        let after = try await network?.counters() ?? []
        let resent = try await network?.resentBytes() ?? []
        return Measurement(
            counters: zip(after, before).map { $0 - $1 },
            resent: zip(resent, resentBefore).map { $0 - $1 },
            idleShare: processor.idleShare,
            seconds: elapsed.inSeconds
        )
    }

    struct Measurement {
        /// By the index of the domain; empty on loopback.
        var counters: [BoundaryCounter]
        /// Payload that each host has sent once more, by its index; empty on loopback.
        var resent: [Int]
        /// Share of the machine's processors that had nothing to do.
        var idleShare: Double
        var seconds: Double
    }

    private var isOver: Bool {
        if !violations.isEmpty { return true }
        if elapsed > scenario.limit { return true }
        guard done.count == scenario.steps.count else { return false }
        if let rollout, rollout.returnBeganAt != nil, rollout.returnedAt == nil { return false }
        return scenario.receivers.allSatisfy { host in
            scenario.assertions.exempt.contains(host) || isDone(host)
        }
    }

    private func isDone(_ host: Int) -> Bool {
        if let version = scenario.assertions.serving, serving(host) != version { return false }
        return records[host]?.completedAt != nil
    }

    func say(_ line: String) {
        let seconds = (elapsed.inSeconds * 10).rounded() / 10
        settings.onProgress("[\(seconds) s] \(line)")
    }

    private mutating func showProgress() {
        guard scenario.channel == nil || rollout != nil else { return }
        guard elapsed - lastProgressLine >= .seconds(2) else { return }
        lastProgressLine = elapsed
        let progress = scenario.receivers.map { ($0, records[$0]?.progress ?? 0) }
        let complete = progress.count { records[$0.0]?.completedAt != nil }
        guard let slowest = progress.min(by: { $0.1 < $1.1 }) else { return }
        func percent(_ share: Double) -> String { "\(Int(share * 100)) %" }
        say(
            "\(percent(meanProgress)) on average, \(complete) of \(progress.count) complete, "
                + "last \(name(slowest.0)) at \(percent(slowest.1))"
                + (rollout.map { "; \($0.view.state)" } ?? "")
        )
    }

    var meanProgress: Double {
        guard !records.isEmpty else { return 0 }
        return records.values.reduce(0) { $0 + $1.progress } / Double(records.count)
    }
}

extension Duration {
    var inSeconds: Double { self / .seconds(1) }
}

/// What all processors have done since the machine started (proc_stat(5)).
struct ProcessorTimes {
    var idle = 0
    var total = 0

    static var now: ProcessorTimes {
        let text = (try? String(contentsOfFile: "/proc/stat", encoding: .utf8)) ?? ""
        let numbers =
            text.split(separator: "\n").first?.split(separator: " ").dropFirst()
            .compactMap { Int($0) } ?? []
        guard numbers.count >= 5 else { return ProcessorTimes() }
        return ProcessorTimes(
            idle: numbers[3] + numbers[4],
            total: numbers.prefix(8).reduce(0, +)
        )
    }

    static func - (a: Self, b: Self) -> Self {
        ProcessorTimes(idle: a.idle - b.idle, total: a.total - b.total)
    }

    var idleShare: Double { total > 0 ? Double(idle) / Double(total) : 0 }
}
