import ArgumentParser
import Foundation
import SwarmModel

/// The plan of a rollout: from flags, or from a file.
struct PlanOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A wave: a count of hosts, a share, 'all', or a selector; repeat it.",
            discussion: """
                Waves count all hosts up to and including them; the last must be all. Gates follow \
                after '/': soak=SECONDS, approval, http=URL, command=NAME. Without it: 1, 25%, all.
                """,
            valueName: "hosts[/gate]..."
        )
    )
    var wave: [String] = []

    @Option(help: ArgumentHelp("A plan as a JSON file, instead of the flags.", valueName: "file"))
    var plan: String?

    @Option(
        help: ArgumentHelp(
            "Most hosts out of service at once (default: 10%). A share bounds each rack, each "
                + "region and each cloud, rounded down and at least one host; a count bounds each "
                + "rack only.",
            valueName: "hosts"
        )
    )
    var maxUnavailable: String?

    @Option(
        help: ArgumentHelp(
            "The same of each region, a count or a share (default: the share of "
                + "--max-unavailable, or without bound when that is a count).",
            valueName: "hosts"
        )
    )
    var maxUnavailablePerRegion: String?

    @Option(
        help: ArgumentHelp(
            "The same of each cloud, a count or a share (default: the share of "
                + "--max-unavailable, or without bound when that is a count).",
            valueName: "hosts"
        )
    )
    var maxUnavailablePerCloud: String?

    @Option(
        help: ArgumentHelp(
            "Activations that may fail before it is aborted (default: 0).",
            valueName: "count"
        )
    )
    var failureBudget: Int?

    @Option(
        help: ArgumentHelp(
            "Silent hosts that a wave does not wait for (default: 5%).",
            valueName: "hosts"
        )
    )
    var deadHosts: String?

    @Option(
        help: ArgumentHelp(
            "Pause when no host has advanced for so long (default: 600).",
            valueName: "seconds"
        )
    )
    var deadline: Int?

    @Flag(help: "Abort at the deadline instead of pausing.")
    var abortAtDeadline = false

    @Flag(help: "Let hosts fetch only when their wave begins, not all from the start.")
    var fetchByWave = false

    @Flag(help: "Return all hosts at once when it is aborted, whatever --max-unavailable says.")
    var returnAtOnce = false

    /// Nil when nothing is given: the tracker then takes the standard plan.
    func value() throws -> RolloutPlan {
        var result = try plan.map { try Self.read($0) } ?? .standard
        if !wave.isEmpty { result.waves = try wave.map { try Self.wave($0) } }
        if let maxUnavailable {
            result.maxUnavailable = try Self.amount(maxUnavailable, "--max-unavailable")
        }
        if let maxUnavailablePerRegion {
            result.maxUnavailablePerRegion = try Self.amount(
                maxUnavailablePerRegion,
                "--max-unavailable-per-region"
            )
        }
        if let maxUnavailablePerCloud {
            result.maxUnavailablePerCloud = try Self.amount(
                maxUnavailablePerCloud,
                "--max-unavailable-per-cloud"
            )
        }
        if let deadHosts { result.deadHostsMax = try Self.amount(deadHosts, "--dead-hosts") }
        if let failureBudget { result.failureBudget = failureBudget }
        if let deadline { result.progressDeadlineSeconds = deadline }
        if abortAtDeadline { result.abortsAtDeadline = true }
        if fetchByWave { result.stagesAll = false }
        if returnAtOnce { result.returnsAtOnce = true }
        if let flaw = result.flaw { throw CommandFailure(.usage, flaw) }
        return result
    }

    private static func read(_ path: String) throws -> RolloutPlan {
        do {
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            return try JSONDecoder().decode(RolloutPlan.self, from: data)
        } catch let error as DecodingError {
            throw CommandFailure(.usage, "\(path): \(error.keyAndReason)")
        } catch {
            throw CommandFailure(.notFound, "cannot read \(path): \(error.localizedDescription)")
        }
    }

    private static func amount(_ text: String, _ flag: String) throws -> RolloutPlan.Amount {
        guard let amount = RolloutPlan.Amount(text) else {
            throw CommandFailure(.usage, "\(flag) is '\(text)'", remedy: "\(flag) 2, or 10%")
        }
        return amount
    }

    /// `25%/soak=60/approval`. A URL has slashes itself, so its gate takes the rest.
    static func wave(_ text: String) throws -> RolloutPlan.Wave {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        // No selector at all would be every host, and that should be said.
        guard !parts[0].isEmpty, parts.last?.isEmpty == false else {
            throw CommandFailure(.usage, "--wave is '\(text)'", remedy: "--wave 25%, or all")
        }
        do {
            var wave = RolloutPlan.Wave(hosts: try RolloutPlan.Scope(parts[0]))
            var rest = parts.count > 1 ? parts[1] : ""
            while !rest.isEmpty {
                let isURL = rest.hasPrefix("http=")
                let end = isURL ? rest.endIndex : rest.firstIndex(of: "/") ?? rest.endIndex
                wave.gates.append(try gate(String(rest[..<end])))
                rest = rest[end...].dropFirst()
            }
            return wave
        } catch let flaw as LabelFlaw {
            throw CommandFailure(.usage, "--wave '\(text)': \(flaw)", remedy: "--wave 25%")
        }
    }

    private static func gate(_ text: String) throws -> RolloutPlan.Gate {
        let parts = text.split(separator: "=", maxSplits: 1).map { String($0) }
        switch (parts.first, parts.count > 1 ? parts[1] : nil) {
        case ("approval", nil): return .approval
        case ("soak", let value?):
            if let seconds = Int(value) { return .soak(seconds: seconds) }
        case ("http", let value?):
            return .http(url: value, timeoutSeconds: RolloutPlan.Gate.timeoutSecondsDefault)
        case ("command", let value?):
            return .command(name: value, timeoutSeconds: RolloutPlan.Gate.timeoutSecondsDefault)
        default: break
        }
        throw CommandFailure(
            .usage,
            "'\(text)' is no gate",
            remedy: "soak=SECONDS, approval, http=URL or command=NAME"
        )
    }
}
