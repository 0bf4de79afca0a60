import ArgumentParser
import Foundation
import SwarmRuntime

/// Which trackers a command talks to, and as whom.
struct TrackerOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A tracker, such as http://tracker:8080; repeat it for more trackers.",
            discussion: "Also from SHOAL_TRACKER, separated by commas.",
            valueName: "url"
        ),
        transform: { text in
            guard let address = TrackerAddress(text) else {
                throw ValidationError("write a tracker as http://HOST:PORT")
            }
            return address
        }
    )
    var tracker: [TrackerAddress] = []

    /// The trackers given, else those of the environment.
    func addresses(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(CommandFailure) -> [TrackerAddress] {
        if !tracker.isEmpty { return tracker }
        var addresses: [TrackerAddress] = []
        for part in (environment["SHOAL_TRACKER"] ?? "").split(separator: ",") {
            let text = part.trimmingCharacters(in: .whitespaces)
            if text.isEmpty { continue }
            guard let address = TrackerAddress(text) else {
                throw CommandFailure(
                    .usage,
                    "SHOAL_TRACKER holds '\(text)', which is not a tracker's address",
                    remedy: "SHOAL_TRACKER=http://HOST:PORT"
                )
            }
            addresses.append(address)
        }
        return addresses
    }
}

/// The right to change a tracker's catalog.
struct TokenOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The token that allows changes to the tracker's catalog.",
            discussion: "Better from SHOAL_TOKEN, since other users see a command line.",
            valueName: "token"
        )
    )
    var token: String?

    func value(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> String? {
        token ?? environment["SHOAL_TOKEN"]
    }
}
