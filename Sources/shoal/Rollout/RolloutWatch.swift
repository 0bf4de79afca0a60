import Foundation
import SwarmModel
import SwarmRuntime

/// Follows a rollout until it is over, or paused. A tracker that does not answer is asked again: it
/// may be starting anew, and the rollout goes on then.
struct RolloutWatch {
    let id: Int
    let fleet: OperatorOptions
    let output: OutputOptions
    var endsAtPause = true

    private static let interval = Duration.seconds(1)
    /// How long a tracker may be silent.
    private static let patience = Duration.seconds(120)

    func run() async throws {
        let (id, output, endsAtPause) = (id, output, endsAtPause)
        let status = try await Interrupt.cancelling { [fleet] in
            try await fleet.withClient { client in
                try await Self.follow(id, client, output, endsAtPause: endsAtPause)
            }
        }
        guard status != .success else { return }
        throw CommandFailure(
            status,
            status == .paused
                ? "rollout \(id) is paused" : "rollout \(id) was rolled back",
            remedy: "shoal rollout status \(id)"
        )
    }

    private static func follow(
        _ id: Int,
        _ client: RolloutClient,
        _ output: OutputOptions,
        endsAtPause: Bool
    ) async throws -> ExitStatus {
        let clock = ContinuousClock()
        let start = clock.now
        var lastAnswer = start
        var traffic = RolloutTraffic()
        var shown = Shown(isDrawing: !output.json && !output.quiet && isatty(STDOUT_FILENO) == 1)
        while true {
            do {
                let view = try await client.rollout(id)
                lastAnswer = clock.now
                if shown.isDrawing {
                    // A tracker that has just started knows the rollout before its traffic.
                    let reported = try? await client.traffic(of: view.rollout)
                    traffic.add(reported, hosts: view.hosts.hosts, at: clock.now - start)
                }
                try shown.show(view, traffic, asJSON: output.json)
                let status = RolloutText.status(view.rollout)
                if let status, status != .paused || endsAtPause { return status }
            } catch let error as TrackerClientError {
                switch error.code {
                case .unreachable, .timeout, .status(503):
                    if clock.now - lastAnswer > patience { throw error }
                default: throw error
                }
            }
            try await clock.sleep(for: interval)
        }
    }

    /// What stands on the screen.
    private struct Shown {
        let isDrawing: Bool
        private var last = ""
        private var lineCount = 0

        init(isDrawing: Bool) { self.isDrawing = isDrawing }

        mutating func show(
            _ view: RolloutView,
            _ traffic: RolloutTraffic,
            asJSON: Bool
        ) throws {
            let text =
                asJSON
                ? try OutputOptions.encode(view)
                : (isDrawing ? RolloutText.text(view, traffic) : RolloutText.line(view))
            guard text != last else { return }
            last = text
            let up = isDrawing && lineCount > 0 ? "\u{1B}[\(lineCount)A\u{1B}[J" : ""
            lineCount = text.split(separator: "\n", omittingEmptySubsequences: false).count
            Terminal.announce(up + text)
        }
    }
}
