import OrderedCollections
import SwarmModel

/// What a host knows of its own speed beside that of its neighbours.
struct SelfPace: Hashable, Sendable {
    /// It sends far less than they do.
    var sendsLittle = false
    /// It gets far less than they do.
    var getsLittle = false
    /// It imports only what nobody else can.
    var isSlow: Bool { sendsLittle || getsLittle }
    /// Since when only slow peers are asked for anything.
    var waitsSince: Instant?
    /// It has waited for them long enough.
    var isImpatient = false
    /// What they have heard.
    var told: UplinkReport?
    /// When what they get was last counted, and what this host had then.
    var countedAt: Instant?
    var countBefore = 0
}

/// Who is slow: each host compares itself with its neighbours, and says itself when it is far
/// below.
///
/// As an importer such a host would make its whole rack wait. It is its own judge, so that all who
/// rank it agree within a round trip; a tracker says the same to those that are not connected, an
/// interval or two later. A host that claims to be slow without need only gives work away.
///
/// What it can send is measured, and each tells it to its neighbours. What it gets needs no words:
/// all of them want the same pieces and hear of each other's.
extension Swarm {
    /// Fewer neighbours that have been measured say nothing of what is usual.
    private static let comparedMin = 3
    /// Slow is who has less than a fourth of the usual, and no more who has half of it.
    private static let slowShare: UInt64 = 4
    private static let usualShare: UInt64 = 2
    /// Pieces are counted over so long, and fewer of them say nothing.
    private static let countedTime = Duration.seconds(1)
    private static let countedMin = 16
    /// How long only slow peers are waited for.
    private static let slowPatience = Duration.milliseconds(500)

    mutating func reviewPace(at now: Instant, into actions: inout [SwarmAction]) {
        askSlowAgain()
        hearUplinks(at: now)
        guard settings.scheduler.policy == .nearestScope, domains.top > 0 else { return }
        let wasSlow = pace.isSlow
        let rate = settings.scheduler.uplinkBytesPerSecond ?? uplink.earlyBytesPerSecond
        if let rate, !isSatisfied { pace.sendsLittle = sendsLittle(UInt64(rate)) }
        countGains(at: now)
        if pace.isSlow != wasSlow {
            if pace.isSlow { withdrawImports(at: now) }
            rankAll()
            mustRefill = true
            dutiesChanged(at: now)
        }
        growImpatientOfSlow(at: now)
        let report = UplinkReport(bytesPerSecond: UInt64(rate ?? 0), isSlow: pace.isSlow)
        guard rate != nil || pace.isSlow || pace.told != nil else { return }
        if let told = pace.told, told.isSlow == report.isSlow, told.isNear(report) { return }
        pace.told = report
        for id in sessions.keys { tellUplink(to: id, at: now, into: &actions) }
    }

    /// What others had may be had of slow peers alone by now, which nothing else makes known.
    private mutating func askSlowAgain() {
        let sparedCount = sessions.count { session in
            guard session.isSlow, session.barrenSince != nil else { return false }
            session.barrenSince = nil
            return true
        }
        if sparedCount > 0 { mustRefill = true }
    }

    /// Nothing is left to wait for but what slow peers send: their pieces are imported again where
    /// that is this host's duty. Not before, since what a slow host alone has is little, and comes.
    private mutating func growImpatientOfSlow(at now: Instant) {
        guard !pace.isImpatient, !isSatisfied else { return }
        var isSlowAsked = false
        let areOthersAsked = sessions.contains { session in
            guard !session.pipeline.isEmpty, !session.pipeline.isUnreliable else { return false }
            if session.isSlow { isSlowAsked = true }
            return !session.isSlow
        }
        guard isSlowAsked, !areOthersAsked else {
            pace.waitsSince = nil
            return
        }
        let since = pace.waitsSince ?? now
        pace.waitsSince = since
        if now - since >= Self.slowPatience { pace.isImpatient = true }
    }

    /// Whether what a slow peer has counts as what is near.
    var trustsSlow: Bool { pace.isSlow || !pace.isImpatient }

    private mutating func sendsLittle(_ rate: UInt64) -> Bool {
        let rates = sessions.compactMap { session in session.uplink.map { (session.level, $0) } }
        guard let usual = Self.median(ofNearest(rates)) else { return pace.sendsLittle }
        return rate < usual / (pace.sendsLittle ? Self.usualShare : Self.slowShare)
    }

    /// What the neighbours have got since the last count, beside what this host has.
    private mutating func countGains(at now: Instant) {
        if let last = pace.countedAt, now - last < Self.countedTime { return }
        let had = picker?.verified.population ?? 0
        let gain = UInt64(max(0, had - pace.countBefore))
        let counts = sessions.compactMap { session -> (level: Int, gain: UInt64, count: UInt64)? in
            guard session.isOurs, let pieces = session.pieces else { return nil }
            let count = pieces.population
            defer { session.piecesBefore = count }
            guard let before = session.piecesBefore, before < pieces.count, before <= count else {
                return nil
            }
            return (session.level, UInt64(count - before), UInt64(count))
        }
        let isFirst = pace.countedAt == nil
        (pace.countedAt, pace.countBefore) = (now, had)
        guard !isFirst, !isSatisfied, settledAt == nil, pausedUntil == nil,
            let usual = Self.median(ofNearest(counts.map { ($0.level, $0.gain) })),
            usual >= Self.countedMin
        else { return }
        if !pace.getsLittle {
            pace.getsLittle = gain < usual / Self.slowShare
        } else if let count = Self.median(ofNearest(counts.map { ($0.level, $0.count) })) {
            // While it is behind it has more to get than they do.
            let hasCaughtUp = UInt64(had) >= count - count / Self.slowShare
            pace.getsLittle = !hasCaughtUp || gain < usual / Self.usualShare
        }
    }

    /// Those of the rack, or of the region when the rack has too few to compare with.
    private func ofNearest(_ values: [(level: Int, value: UInt64)]) -> [UInt64] {
        for level in stride(from: domains.top, through: min(2, domains.top), by: -1) {
            let near = values.filter { $0.level >= level }.map(\.value)
            if near.count >= Self.comparedMin { return near }
        }
        return []
    }

    private static func median(_ values: [UInt64]) -> UInt64? {
        values.isEmpty ? nil : values.sorted()[values.count / 2]
    }

    /// Also a neighbour that has just come.
    mutating func tellUplink(
        to id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard let told = pace.told, sessions[id]?.takesUplinks == true else { return }
        send(.uplink(told), to: id, at: now, into: &actions)
    }

    /// Each change of who is slow ranks its whole rack anew. An honest peer has nothing new to say
    /// before the next housekeeping, and one that says it sooner is heard then.
    mutating func uplinkHeard(_ report: UplinkReport, from id: ConnectionID, at now: Instant) {
        let isEarly = sessions.with(id) { session in
            if let last = session.uplinkHeardAt, now - last < Self.housekeepingInterval {
                session.uplinkWaiting = report
                return true
            }
            session.uplinkHeardAt = now
            return false
        }
        if isEarly == false { believe(report, of: id, at: now) }
    }

    private mutating func hearUplinks(at now: Instant) {
        for id in sessions.ids(where: { $0.uplinkWaiting != nil }) {
            guard let report = sessions[id]?.uplinkWaiting else { continue }
            sessions[id]?.uplinkWaiting = nil
            sessions[id]?.uplinkHeardAt = now
            believe(report, of: id, at: now)
        }
    }

    private mutating func believe(_ report: UplinkReport, of id: ConnectionID, at now: Instant) {
        sessions.with(id) { session in
            session.uplink = report.bytesPerSecond == 0 ? nil : report.bytesPerSecond
            session.isSlow = report.isSlow
        }
        guard let session = sessions[id], session.isOurs, connectionOf[session.key] == id else {
            return
        }
        apply(roster.said(session.facts.peer, isSlow: report.isSlow), at: now)
    }
}

extension UplinkReport {
    /// Not worth telling: less than a third more or less.
    fileprivate func isNear(_ other: UplinkReport) -> Bool {
        let least = min(bytesPerSecond, other.bytesPerSecond)
        return max(bytesPerSecond, other.bytesPerSecond) - least <= least / 3
    }
}
