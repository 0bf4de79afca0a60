package import SwarmModel

/// What `shoal testnet run --json` ends with: the report that simulator and laboratory share, and
/// what only a real network has.
package struct TestnetReport: Encodable, Sendable {
    package var scenario: ScenarioReport
    package var boundaries: [Boundary]
    /// What limits the bound, in words.
    package var boundLimit: String
    /// Share of the processors that had nothing to do: near 0, the machine and not the links
    /// decided.
    package var processorIdle: Double
    /// `namespaces` or `loopback`.
    package var isolation: String
    /// `absent`: the laboratory adds no delay where the kernel has no netem.
    package var delay: String
    package var hostReports: [Host]
    /// Of the scenario's channel, oldest first, but for the one that the scenario begins with.
    package var rollouts: [Rollout]

    /// One boundary by its two accounts: the interface's and the ledgers'.
    package struct Boundary: Encodable, Hashable, Sendable {
        package var domain: String
        package var level: String
        /// A seed is inside, so that nothing needs to come in.
        package var hasSource: Bool
        /// Payload by the interface: bytes less headers.
        package var counterIn: Int
        package var counterOut: Int
        package var ledgerIn: Int
        package var ledgerOut: Int
        /// Payload that hosts inside, and those outside, have sent once more to whomever: the most
        /// that the interface may have counted twice on the way out, and in.
        package var resentInside: Int
        package var resentOutside: Int
        package var framesIn: Int
        package var framesOut: Int
    }

    package struct Host: Encodable, Hashable, Sendable {
        package var host: String
        package var locality: String
        /// From its wish to its last byte; nil when it is not complete.
        package var seconds: Double?
        /// From its wish until it served the version; nil without a rollout.
        package var servingSeconds: Double?
        package var receivedBytes: Int
        package var duplicateBytes: Int
        package var uploadedBytes: Int
    }

    /// One rollout; times are seconds since it was created.
    package struct Rollout: Encodable, Hashable, Sendable {
        package var version: String
        /// The phase and the wave in words.
        package var state: String
        package var waves: [Wave]
        package var hosts: Int
        package var hostsActive: Int
        /// Most that were seen to serve it at once.
        package var hostsActiveMax: Int
        package var completeSeconds: Double?
        /// Why the hosts returned to the version before.
        package var returnReason: String?
        /// From its beginning at the earliest until all hosts served the version before.
        package var returnSeconds: Double?
        /// Payload that any host has received meanwhile.
        package var returnBytes: Int?

        package struct Wave: Encodable, Hashable, Sendable {
            package var scope: String
            package var hosts: Int
            package var hostsActive: Int
            package var beganSeconds: Double?
            /// All hosts of the wave served the version.
            package var activeSeconds: Double?
        }
    }

    package func encode(to encoder: any Encoder) throws {
        try scenario.encode(to: encoder)
        var more = encoder.container(keyedBy: Key.self)
        try more.encode(boundaries, forKey: .boundaries)
        try more.encode(boundLimit, forKey: .boundLimit)
        try more.encode(processorIdle, forKey: .processorIdle)
        try more.encode(isolation, forKey: .isolation)
        try more.encode(delay, forKey: .delay)
        try more.encode(hostReports, forKey: .hostReports)
        if !rollouts.isEmpty { try more.encode(rollouts, forKey: .rollouts) }
    }

    private enum Key: String, CodingKey {
        case boundaries, boundLimit, processorIdle, isolation, delay, hostReports, rollouts
    }
}
