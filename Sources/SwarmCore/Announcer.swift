package import SwarmModel

/// What a driver has to send: one announce to one tracker.
package struct AnnounceOrder: Hashable, Sendable {
    package var url: String
    package var event: AnnounceEvent?

    package init(url: String, event: AnnounceEvent?) {
        self.url = url
        self.event = event
    }
}

/// Decides when, where and with which event one swarm is announced: tiers of trackers (BEP 12),
/// intervals, retries (BEP 31). At most one announce is outstanding: after an order the driver
/// calls ``answered(_:at:)`` or ``failed(at:)``, and only then can another order come.
///
///     running ──stop──▶ stopping ──stopped sent to all that know us──▶ stopped
///
/// A round of announces asks the trackers in the order of tiers until one answers, which then moves
/// to the front of its tier. When none does, the next round waits, longer each time.
package struct Announcer: Sendable {
    private enum Phase { case running, stopping, stopped }

    private struct Tracker {
        let url: String
        /// It has answered `started`, so it must hear `stopped`.
        var knowsUs = false
        /// It refused with `retry in` (BEP 31).
        var notBefore: Instant?
    }

    package let settings: AnnouncerSettings
    private var tiers: [[Tracker]]
    private var random: SeededRandom
    private var phase = Phase.running
    private var outstanding: AnnounceOrder?
    /// The trackers already asked in this round.
    private var asked: [String] = []
    /// The regular time of the next announce; nil for at once.
    private var due: Instant?
    /// Before this only an event may be sent.
    private var earliest: Instant?
    /// After a round of failures nothing is sent before this, events included.
    private var backedOffUntil: Instant?
    private var failedRounds = 0
    private var owesCompleted = false
    /// Set while the driver has fewer peers than it wants: the next announce comes as soon as the
    /// tracker's `min interval` allows. Cleared by an answer.
    package var wantsPeersSooner = false

    /// `tiers` as in the metainfo. URLs that are not HTTP, repeated or too many are left out.
    package init(tiers: [[String]], settings: AnnouncerSettings = .init(), random: SeededRandom) {
        self.settings = settings
        self.random = random
        self.tiers = []
        var seen: [String] = []
        for tier in tiers {
            var trackers: [Tracker] = []
            for url in tier where Self.isHTTP(url) && !seen.contains(url) {
                guard seen.count < settings.trackerCountMax else { break }
                seen.append(url)
                trackers.append(Tracker(url: url))
            }
            // BEP 12: within a tier the order is drawn once, which spreads clients over trackers.
            trackers.shuffle(using: &self.random)
            if !trackers.isEmpty { self.tiers.append(trackers) }
        }
    }

    private static func isHTTP(_ url: String) -> Bool {
        let scheme = url.prefix(8).lowercased()
        return scheme.hasPrefix("http://") || scheme == "https://"
    }

    /// The trackers that may still be asked, in the order in which they are.
    package var urls: [String] { tiers.flatMap { $0.map(\.url) } }
    package var isStopped: Bool { phase == .stopped }

    // MARK: Events from the driver

    /// The download has finished. Not to be called for one that was complete from the start (BEP
    /// 3).
    package mutating func completed() {
        guard phase == .running else { return }
        owesCompleted = true
    }

    /// The swarm is left: trackers that know us are told once each, without retries.
    package mutating func stop() {
        guard phase == .running else { return }
        phase = .stopping
        finishIfNobodyKnowsUs()
    }

    /// The announce to make now, if one is due.
    package mutating func poll(at now: Instant) -> AnnounceOrder? {
        guard outstanding == nil, let deadline, deadline <= now else { return nil }
        guard let tracker = candidate(at: now) else {
            // Every tracker of the round has failed or wants to be left alone for now.
            endRound(at: now)
            return nil
        }
        let order = AnnounceOrder(url: tracker.url, event: event(for: tracker))
        asked.append(tracker.url)
        outstanding = order
        return order
    }

    /// The outstanding announce was answered, possibly with a refusal.
    package mutating func answered(_ response: AnnounceResponse, at now: Instant) {
        guard let order = outstanding else { return }
        switch response {
        case .success(let success): succeeded(order, success, at: now)
        case .failure(_, let retry): refused(order, retry, at: now)
        }
    }

    /// The outstanding announce got no answer, or none that could be read.
    package mutating func failed(at now: Instant) {
        guard let order = outstanding else { return }
        outstanding = nil
        guard phase == .running else {
            forget(order.url)
            return
        }
        // The next tracker of the round is asked at once (BEP 12).
        if candidate(at: now) == nil { endRound(at: now) }
    }

    /// When ``poll(at:)`` may have an order; nil while one is outstanding and when there is nothing
    /// to do any more.
    package var deadline: Instant? {
        guard outstanding == nil, !tiers.isEmpty else { return nil }
        switch phase {
        case .stopped: return nil
        case .stopping: return .origin
        case .running: break
        }
        if let backedOffUntil { return backedOffUntil }
        if !asked.isEmpty || owesEvent { return .origin }
        guard let due else { return .origin }
        return wantsPeersSooner ? min(due, earliest ?? due) : due
    }

    // MARK: Outcomes

    private mutating func succeeded(
        _ order: AnnounceOrder,
        _ success: AnnounceSuccess,
        at now: Instant
    ) {
        outstanding = nil
        asked = []
        backedOffUntil = nil
        failedRounds = 0
        if order.event == .stopped {
            forget(order.url)
            return
        }
        promote(order.url)
        if order.event == .completed { owesCompleted = false }
        wantsPeersSooner = false
        let intervalMin = success.intervalSecondsMin.map { clamped(.seconds($0)) }
        let interval = max(clamped(.seconds(success.intervalSeconds)), intervalMin ?? .zero)
        due = now + interval
        earliest = now + (intervalMin ?? min(settings.intervalMinDefault, interval))
        finishIfNobodyKnowsUs()
    }

    private mutating func refused(
        _ order: AnnounceOrder,
        _ retry: AnnounceRetry?,
        at now: Instant
    ) {
        switch retry {
        case .never: drop(order.url)
        case .minutes(let minutes):
            let wait = min(max(1, minutes), Int(settings.intervalMax.inSeconds) / 60)
            update(order.url) { $0.notBefore = now + .seconds(60 * wait) }
        case nil: break
        }
        failed(at: now)
    }

    /// Waits a random part of a ceiling that doubles with each round ("full jitter"), or until the
    /// first tracker that named a time can be asked again, whichever is later.
    private mutating func endRound(at now: Instant) {
        asked = []
        let doublings = min(failedRounds, 16)
        let ceiling = min(
            settings.retryDelayMax,
            settings.retryDelayFirst * (1 << doublings)
        )
        failedRounds += 1
        let part = Double.random(in: 0..<1, using: &random)
        var next = now + .nanoseconds(Int64(Double(ceiling.nanoseconds) * part))
        let waits = tiers.joined().map { $0.notBefore ?? now }
        if let soonest = waits.min() { next = max(next, soonest) }
        backedOffUntil = next
    }

    // MARK: Trackers

    private var owesEvent: Bool {
        owesCompleted || !tiers.joined().contains { $0.knowsUs }
    }

    /// The next tracker of this round. Those that know us come first while we leave.
    private mutating func candidate(at now: Instant) -> Tracker? {
        if phase == .stopping { return tiers.joined().first { $0.knowsUs } }
        if let until = backedOffUntil {
            guard until <= now else { return nil }
            backedOffUntil = nil
        }
        return tiers.joined().first { tracker in
            !asked.contains(tracker.url) && (tracker.notBefore ?? now) <= now
        }
    }

    private func event(for tracker: Tracker) -> AnnounceEvent? {
        if phase == .stopping { return .stopped }
        if !tracker.knowsUs { return .started }
        return owesCompleted ? .completed : nil
    }

    private mutating func promote(_ url: String) {
        for tier in tiers.indices {
            guard let place = tiers[tier].firstIndex(where: { $0.url == url }) else { continue }
            var tracker = tiers[tier].remove(at: place)
            tracker.knowsUs = true
            tracker.notBefore = nil
            tiers[tier].insert(tracker, at: 0)
        }
    }

    private mutating func update(_ url: String, _ change: (inout Tracker) -> Void) {
        for tier in tiers.indices {
            for place in tiers[tier].indices where tiers[tier][place].url == url {
                change(&tiers[tier][place])
            }
        }
    }

    private mutating func drop(_ url: String) {
        for tier in tiers.indices { tiers[tier].removeAll { $0.url == url } }
        tiers.removeAll(where: \.isEmpty)
    }

    private mutating func forget(_ url: String) {
        update(url) { $0.knowsUs = false }
        finishIfNobodyKnowsUs()
    }

    private mutating func finishIfNobodyKnowsUs() {
        guard phase == .stopping, outstanding == nil else { return }
        if !tiers.joined().contains(where: \.knowsUs) { phase = .stopped }
    }

    private func clamped(_ interval: Duration) -> Duration {
        min(max(interval, settings.intervalMin), settings.intervalMax)
    }
}
