import ArgumentParser
import SwarmModel
import SwarmRuntime

/// The tracker whose fleet a command steers, and as whom.
struct OperatorOptions: ParsableArguments {
    @OptionGroup var trackers: TrackerOptions
    @OptionGroup var token: TokenOptions

    /// Runs `body` against the tracker; of several, the first is meant: rollouts have one owner.
    func withClient<R: Sendable>(
        _ body: @escaping @Sendable (RolloutClient) async throws -> R
    ) async throws -> R {
        guard let tracker = try trackers.addresses().first else {
            throw CommandFailure(
                .usage,
                "no tracker is given",
                remedy: "--tracker http://HOST:PORT, or SHOAL_TRACKER"
            )
        }
        let token = token.value()
        do {
            return try await TrackerRequests.withClient { http in
                try await body(RolloutClient(client: http, tracker: tracker, token: token))
            }
        } catch let error as TrackerClientError {
            // The tracker's own words say what is in the way; it is no name that is taken.
            if case .status(409) = error.code {
                throw CommandFailure(.conflict, error.message)
            }
            throw CommandFailure(error)
        }
    }
}

/// Which rollout, and how a command about it is told from a repetition.
struct RolloutTarget: ParsableArguments {
    @Argument(help: "The number of the rollout, as `shoal rollout list` shows it.")
    var id: Int

    @Option(
        help: ArgumentHelp(
            "Refuse when the rollout has changed since this revision.",
            valueName: "number"
        )
    )
    var ifRevision: Int?

    @Option(
        help: ArgumentHelp(
            "A word of your own: a command repeated with the same one is done once.",
            valueName: "text"
        )
    )
    var key: String?

    func validate() throws {
        guard id > 0 else { throw ValidationError("rollouts have numbers from 1") }
    }
}
