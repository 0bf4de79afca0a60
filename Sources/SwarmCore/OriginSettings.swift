/// The knobs of reading from origins.
package struct OriginSettings: Hashable, Sendable {
    /// How long no connected peer has a piece before the origin is thought of. Shorter starts a
    /// swarm without a seed sooner; longer leaves peers time to connect and saves origin bytes.
    package var patience = Duration.seconds(1)
    /// Between two looks at what is missing.
    package var scanInterval = Duration.milliseconds(500)
    /// Bytes and pieces of one lease. Longer runs cost fewer requests; shorter ones spread over
    /// more hosts and lose less when a host dies.
    package var runBytes = 16 << 20
    package var runPiecesMax = 64
    /// Reads, and leases, at once. Each holds a connection and 256 KiB.
    package var readsMax = 4
    /// A read that brings no byte for this long is ended.
    package var stallAfter = Duration.seconds(10)
    /// First and longest wait after a fault; doubled each time, with full jitter (Brooker,
    /// Exponential Backoff and Jitter, 2015). `Retry-After` makes it longer, up to `retryAfterMax`.
    package var backoff = Duration.milliseconds(250)
    package var backoffMax = Duration.seconds(60)
    package var retryAfterMax = Duration.seconds(300)
    /// After a refusal, which only a person can mend.
    package var refusalWait = Duration.seconds(60)
    /// Changes of an object in a row after which the origin is not used for the version any more.
    package var changesMax = 3
    /// First and longest wait for a tracker that grants no lease because it does not answer.
    package var askBackoff = Duration.seconds(1)
    package var askBackoffMax = Duration.seconds(30)
    /// The longest that a tracker may make us wait between two questions.
    package var waitMax = Duration.seconds(30)
    /// Without an answer of its trackers for this long, and without a single peer, a peer reads
    /// without a lease. It cannot know whether it is the only one: a fleet that has lost its
    /// tracker would read the origin once for each host, so it is longer than a tracker takes to
    /// come back.
    package var aloneAfter = Duration.seconds(600)
    package var aloneLifetime = Duration.seconds(600)
    /// Lease times that a tracker may give.
    package static let lifetimes = Duration.seconds(1)...Duration.seconds(600)

    package init() {}
}
