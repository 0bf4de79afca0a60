import Logging
import SwarmModel
import SwarmRuntime

/// Logs remotes with which there is no TLS: a line a second at most, since anybody can connect.
final class TLSRefusals: Sendable {
    private struct State: Sendable {
        var quietUntil: Instant?
        var unsaid = 0
    }

    private let logger: Logger
    private let clock = MonotonicClock()
    private let state = Locked(State())

    init(_ logger: Logger) { self.logger = logger }

    @Sendable func report(_ remote: Endpoint, _ reason: CloseReason) {
        let now = clock.now
        let unsaid: Int? = state.withLock { state in
            if let until = state.quietUntil, now < until {
                state.unsaid += 1
                return nil
            }
            state.quietUntil = now + .seconds(1)
            defer { state.unsaid = 0 }
            return state.unsaid
        }
        guard let unsaid else { return }
        logger.warning(
            "connection refused",
            metadata: ["peer": "\(remote)", "reason": "\(reason)", "others": "\(unsaid)"]
        )
    }
}
