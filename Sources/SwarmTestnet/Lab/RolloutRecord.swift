import Foundation
import SwarmModel

/// A rollout as the laboratory saw it: what `shoal rollout watch` said, and when.
struct RolloutRecord {
    let id: Int
    let version: String
    let createdAt: Duration
    private(set) var view: RolloutView
    /// What the watching program writes.
    var feed: LineFeed
    private(set) var waves: [Wave]
    private(set) var hostsActiveMax = 0
    private(set) var completeAt: Duration?
    /// When the return to the version before began, at the earliest, and when all hosts were back.
    private(set) var returnBeganAt: Duration?
    private(set) var returnedAt: Duration?
    /// Payload that all hosts had received by then.
    private(set) var bytesAtReturn = 0
    private(set) var bytesMoved: Int?
    /// Payload by time, for as long as a return may turn out to have begun then.
    /// How far it came, though the newest view may be of its way back.
    private var furthest = -2
    private var marks: [(at: Duration, bytes: Int)] = []

    struct Wave {
        /// When it was seen to begin, and when all of its hosts were seen to serve the version.
        var beganAt: Duration?
        var activeAt: Duration?
    }

    /// Between two looks of `shoal rollout watch`.
    private static let watchInterval = Duration.seconds(1)

    init(_ view: RolloutView, version: String, at now: Duration, feed: LineFeed) {
        id = view.rollout.id
        self.version = version
        createdAt = now
        self.view = view
        self.feed = feed
        waves = view.waves.map { _ in Wave() }
    }

    var rollout: Rollout { view.rollout }

    /// Takes down what the program has written since the last time, and what the hosts have
    /// received by now.
    mutating func look(at now: Duration, receivedBytes: Int) {
        for line in feed.lines() where line.hasPrefix("{") {
            let view = try? JSONDecoder().decode(RolloutView.self, from: Data(line.utf8))
            if let view { heard(view, at: now) }
        }
        guard returnBeganAt == nil else { return }
        marks.append((now, receivedBytes))
        let horizon = now - Self.watchInterval * 3
        // The last one before the horizon stays.
        while marks.count > 1, marks[1].at <= horizon { marks.removeFirst() }
    }

    private mutating func heard(_ view: RolloutView, at now: Duration) {
        self.view = view
        hostsActiveMax = max(hostsActiveMax, view.hosts.active)
        if rollout.isReturn {
            // It may have begun just after the program's last look.
            beginReturn(at: now - Self.watchInterval - LabRun.tick)
            return
        }
        furthest = max(furthest, Self.place(rollout.phase, rollout.wave))
        let isComplete = rollout.phase == .complete
        if isComplete, completeAt == nil { completeAt = now }
        guard rollout.phase != .seeding else { return }
        for index in waves.indices where index <= rollout.wave || isComplete {
            if waves[index].beganAt == nil { waves[index].beganAt = now }
            let isPast = index < rollout.wave || isComplete || rollout.phase == .baking
            if isPast, waves[index].activeAt == nil { waves[index].activeAt = now }
        }
    }

    mutating func beginReturn(at time: Duration) {
        guard returnBeganAt == nil else { return }
        returnBeganAt = time
        bytesAtReturn = (marks.last { $0.at <= time } ?? marks.first)?.bytes ?? 0
    }

    /// All hosts serve the version before.
    mutating func returned(at now: Duration, receivedBytes: Int) {
        guard returnedAt == nil else { return }
        returnedAt = now
        bytesMoved = receivedBytes - bytesAtReturn
    }

    // MARK: Waiting

    /// Whether it has come as far as this phase.
    func hasReached(_ phase: Rollout.Phase, wave: Int?) -> Bool {
        switch phase {
        case .returning: rollout.isReturn
        case .rolledBack, .rollbackDegraded: rollout.phase == phase
        case .seeding, .staging, .activating, .baking, .complete:
            furthest >= Self.place(phase, wave ?? 0)
        }
    }

    /// Whether it is no longer in this wave.
    func hasPassed(wave: Int?) -> Bool {
        guard let wave else { return false }
        return rollout.isReturn || rollout.phase == .complete || rollout.wave > wave
    }

    private static func place(_ phase: Rollout.Phase, _ wave: Int) -> Int {
        switch phase {
        case .seeding: -1
        case .staging: 3 * wave
        case .activating: 3 * wave + 1
        case .baking: 3 * wave + 2
        case .complete, .returning, .rolledBack, .rollbackDegraded: .max
        }
    }
}

extension RolloutRecord {
    var report: TestnetReport.Rollout {
        func seconds(_ time: Duration?) -> Double? {
            time.map { ($0 - createdAt).inSeconds.rounded3 }
        }
        return TestnetReport.Rollout(
            version: version,
            state: view.state,
            waves: zip(view.waves, waves).map { shown, seen in
                TestnetReport.Rollout.Wave(
                    scope: "\(shown.scope)",
                    hosts: shown.hosts.hosts,
                    hostsActive: shown.hosts.active,
                    beganSeconds: seconds(seen.beganAt),
                    activeSeconds: seconds(seen.activeAt)
                )
            },
            hosts: view.hosts.hosts,
            hostsActive: view.hosts.active,
            hostsActiveMax: hostsActiveMax,
            completeSeconds: seconds(completeAt),
            returnReason: rollout.returnReason,
            returnSeconds: returnBeganAt.flatMap { began in
                returnedAt.map { ($0 - began).inSeconds.rounded3 }
            },
            returnBytes: bytesMoved
        )
    }
}

/// The lines of a file that a program appends to.
struct LineFeed {
    let path: String
    private var offset: UInt64 = 0
    /// The beginning of a line whose end is not there yet.
    private var rest: [UInt8] = []

    init(path: String) { self.path = path }

    /// Whole lines since the last call.
    mutating func lines() -> [String] {
        guard let file = FileHandle(forReadingAtPath: path) else { return [] }
        defer { try? file.close() }
        try? file.seek(toOffset: offset)
        let data = (try? file.readToEnd()) ?? Data()
        offset += UInt64(data.count)
        rest += data
        guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
        defer { rest.removeSubrange(...end) }
        return String(decoding: rest[..<end], as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
