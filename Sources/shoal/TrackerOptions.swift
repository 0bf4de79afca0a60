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

    /// To show to a tracker. An empty one is none: builds set the variable to nothing where they
    /// have no secret.
    func value(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> String? {
        let given = token ?? environment["SHOAL_TOKEN"] ?? ""
        return given.isEmpty ? nil : given
    }

    /// To demand of others. An empty one would keep everybody out, and to take it for none would
    /// let everybody in.
    func demanded(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(CommandFailure) -> String? {
        guard let given = token ?? environment["SHOAL_TOKEN"] else { return nil }
        guard given.allSatisfy(\.isWhitespace) else { return given }
        throw CommandFailure(
            .usage,
            "\(token == nil ? "SHOAL_TOKEN" : "--token") is set, and empty",
            remedy: "set it to the tracker's token, or unset it: then whoever reaches the tracker "
                + "may publish and roll out"
        )
    }
}
