package import SwarmModel

/// When a peer reports its ledger of one swarm, and to which trackers.
///
/// One report at a time to each tracker: every few seconds while the figures change, once a minute
/// while they do not, so that the tracker knows the peer lives, and a last time when it leaves.
/// What fails is tried again later with larger figures; nothing waits for it.
package struct TrafficReporter: Sendable {
    package struct Settings: Hashable, Sendable {
        /// Between two reports while figures change; a tracker may ask for longer.
        package var interval = Duration.seconds(5)
        package var intervalMax = Duration.seconds(300)
        /// Between two reports of the same figures.
        package var heartbeat = Duration.seconds(60)
        /// First and longest ceiling of the wait after a failure, doubled each time, with full
        /// jitter.
        package var retryDelayFirst = Duration.seconds(5)
        package var retryDelayMax = Duration.seconds(120)
        /// Trackers reported to.
        package var trackersMax = 8

        package init() {}
    }

    private struct Tracker: Hashable, Sendable {
        let url: String
        var life: UInt64
        var due: Instant
        /// The figure of the report under way.
        var underWay: Int?
        /// The figure last taken, and when.
        var said: Int?
        var saidAt: Instant?
        var failures = 0
        var interval: Duration
    }

    package let settings: Settings
    private var trackers: [Tracker] = []
    private var random: SeededRandom
    private var isStopped = false

    package init(settings: Settings = .init(), random: SeededRandom) {
        self.settings = settings
        self.random = random
    }

    /// A tracker of ours answered an announce: it takes reports. `life` is drawn anew by each of
    /// its processes: a new one knows nothing, and is told without waiting for news.
    package mutating func found(_ url: String, life: UInt64, at now: Instant) {
        guard !isStopped else { return }
        // Spread over an interval, so that a fleet that starts together does not report together.
        let part = Double.random(in: 0..<1, using: &random)
        let due = now + .nanoseconds(Int64(Double(settings.interval.nanoseconds) * part))
        if let index = trackers.firstIndex(where: { $0.url == url }) {
            guard trackers[index].life != life else { return }
            trackers[index].life = life
            trackers[index].said = nil
            trackers[index].saidAt = nil
            trackers[index].due = due
        } else if trackers.count < settings.trackersMax {
            trackers.append(
                Tracker(url: url, life: life, due: due, interval: settings.interval)
            )
        }
    }

    /// The tracker to report to now, if any. `figure` is any number that grows with what there is
    /// to say, such as the sum of all bytes.
    package mutating func poll(figure: Int, at now: Instant) -> String? {
        guard !isStopped else { return nil }
        for index in trackers.indices
        where trackers[index].underWay == nil && trackers[index].due <= now {
            let isNews = trackers[index].said != figure
            let spoke = trackers[index].saidAt
            if !isNews, let spoke, now < spoke + settings.heartbeat {
                trackers[index].due = min(
                    now + trackers[index].interval,
                    spoke + settings.heartbeat
                )
                continue
            }
            trackers[index].underWay = figure
            return trackers[index].url
        }
        return nil
    }

    /// The tracker took the report, and says when it wants the next.
    package mutating func answered(_ url: String, _ receipt: TrafficReceipt, at now: Instant) {
        update(url) { tracker, settings in
            tracker.said = tracker.underWay
            tracker.saidAt = now
            tracker.failures = 0
            let asked = Duration.seconds(max(0, min(receipt.intervalSeconds, 86_400)))
            tracker.interval = min(max(settings.interval, asked), settings.intervalMax)
            tracker.due = now + tracker.interval
        }
    }

    /// The tracker did not answer, or refused for now.
    package mutating func failed(_ url: String, at now: Instant) {
        let part = Double.random(in: 0..<1, using: &random)
        update(url) { tracker, settings in
            let doublings = min(tracker.failures, 16)
            let ceiling = min(settings.retryDelayMax, settings.retryDelayFirst * (1 << doublings))
            tracker.failures += 1
            let wait = Duration.nanoseconds(Int64(Double(ceiling.nanoseconds) * part))
            tracker.due = now + max(wait, settings.interval)
        }
    }

    /// The tracker knows no reports.
    package mutating func refused(_ url: String) { trackers.removeAll { $0.url == url } }

    /// The peer leaves: the trackers that have not heard of the figure, each to be told once.
    package mutating func stop(figure: Int) -> [String] {
        guard !isStopped else { return [] }
        isStopped = true
        return trackers.filter { $0.said != nil || figure > 0 }.map(\.url)
    }

    /// When ``poll(figure:at:)`` may have something to do.
    package var deadline: Instant? {
        guard !isStopped else { return nil }
        return trackers.filter { $0.underWay == nil }.map(\.due).min()
    }

    private mutating func update(_ url: String, _ change: (inout Tracker, Settings) -> Void) {
        guard let index = trackers.firstIndex(where: { $0.url == url }) else { return }
        change(&trackers[index], settings)
        trackers[index].underWay = nil
    }
}
