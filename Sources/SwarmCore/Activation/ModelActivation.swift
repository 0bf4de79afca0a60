import SwarmModel

/// The activation of one model: which version `current` should point to, and the way there. See
/// ``ActivationRecord`` for the phases.
///
/// One thing is under way at any time (``Work``): so there are never two hooks of a model, and a
/// command that comes meanwhile waits for the hook to have ended.
struct ModelActivation: Sendable {
    /// An order to activate a version.
    struct Command: Hashable, Sendable {
        var version: String
        /// Of a tracker's command: the content that it means. Nil for the host's own operator.
        var infoHash: InfoHash?
        /// Nil for the host's own operator, whose commands leave the fence as it is.
        var fence: Fence?
    }

    /// What the machine waits for.
    enum Work: Hashable, Sendable {
        case nothing
        /// The record is on its way to the disk; the number is the root's.
        case record(sequence: Int)
        case hook(until: Instant, isEnding: Bool)
        case link
        case probes(until: Instant, reason: String)
        /// The disk refused: the record is saved again then, or the phase entered again.
        case pause(until: Instant, savesAgain: Bool)
    }

    enum Fact: Hashable, Sendable {
        /// The process has begun, and the record is what the disk said.
        case started
        /// There is a command, or a version became sealed.
        case changed
        case recordKept(sequence: Int)
        case recordRefused(sequence: Int)
        case linked(failure: String?)
        case hookEnded(failure: String?)
        case probed(number: Int, failure: String?)
        case tick
    }

    enum Effect: Hashable, Sendable {
        case save
        case hook(HookCall)
        case endHook
        case link(version: String?)
        case probe(version: String, number: Int)
        /// The tracker should hear of it.
        case news
    }

    /// Of the version that serves, or that is to.
    private struct Probing: Hashable, Sendable {
        /// The one that is under way.
        var number: Int?
        var lastNumber = 0
        var nextAt = Instant.origin
    }

    let settings: ActivationSettings
    private(set) var record: ActivationRecord
    /// What `current` points to: seen at the start, and from then on as switched.
    var current: String?
    /// The command to obey next, once its version is sealed.
    private(set) var command: Command?
    private(set) var work = Work.nothing
    private var probing = Probing()
    /// What the probe said of `serving` last; nil before it answered.
    private(set) var isHealthy: Bool?
    /// Why `current` cannot be switched back to `serving`, which is tried again and again.
    private(set) var returnProblem: String?

    init(_ record: ActivationRecord, settings: ActivationSettings) {
        self.record = record
        self.settings = settings
    }

    /// The save that was asked for has this number.
    mutating func saving(as sequence: Int) { work = .record(sequence: sequence) }

    var deadline: Instant? {
        switch work {
        case .record, .link: nil
        case .hook(let until, let isEnding): isEnding ? nil : until
        case .pause(let until, _): until
        case .probes(let until, _): probing.number == nil ? min(until, probing.nextAt) : until
        case .nothing: isProbedAtRest && probing.number == nil ? probing.nextAt : nil
        }
    }

    private var isProbedAtRest: Bool {
        settings.hasProbe && record.phase == .idle && record.serving != nil
    }

    // MARK: Commands

    /// Takes the tracker's command, nil when it has none for this model. One that is not newer than
    /// what was obeyed is ignored, and so is one older than the command that waits already: with
    /// several trackers an old state may come after a new one.
    mutating func learn(_ desired: Command?) {
        guard let desired, let fence = desired.fence else {
            if command?.fence != nil { command = nil }
            return
        }
        guard fence > record.fence else { return }
        if let waiting = command?.fence, fence < waiting { return }
        command = desired
    }

    /// Takes the command of the host's operator, which counts until the tracker has a newer one.
    mutating func order(_ version: String) {
        command = Command(version: version, infoHash: nil, fence: nil)
    }

    mutating func handle(_ fact: Fact, at now: Instant, sealed: SealedVersions) -> [Effect] {
        var turn = Turn(now: now, sealed: sealed)
        take(fact, &turn)
        obeyIfReady(&turn)
        return turn.effects
    }

    /// What one call may use, and what it comes to.
    private struct Turn {
        let now: Instant
        let sealed: SealedVersions
        var effects: [Effect] = []
    }

    // MARK: Facts

    private mutating func take(_ fact: Fact, _ turn: inout Turn) {
        switch fact {
        case .started: enter(&turn)
        case .changed: break
        case .recordKept(let sequence):
            guard case .record(let mine) = work, mine <= sequence else { return }
            enter(&turn)
        case .recordRefused(let sequence):
            guard case .record(sequence) = work else { return }
            work = .pause(until: turn.now + settings.diskRetry, savesAgain: true)
        case .linked(let failure):
            guard case .link = work else { return }
            linked(failure, &turn)
        case .hookEnded(let failure):
            guard case .hook(let until, _) = work else { return }
            work = .nothing
            let isLate = turn.now >= until
            hookEnded(isLate ? "no end within \(settings.hookTimeout)" : failure, &turn)
        case .probed(let number, let failure):
            guard number == probing.number else { return }
            probing.number = nil
            probed(failure, &turn)
        case .tick: tick(&turn)
        }
    }

    private mutating func tick(_ turn: inout Turn) {
        switch work {
        case .hook(let until, false) where turn.now >= until:
            work = .hook(until: until, isEnding: true)
            turn.effects.append(.endHook)
        case .pause(let until, let savesAgain) where turn.now >= until:
            if savesAgain { turn.effects.append(.save) } else { enter(&turn) }
        case .probes(let until, let reason) where turn.now >= until:
            fail("the probe did not say yes in time: \(reason)", &turn)
        case .probes, .nothing: probeIfDue(&turn)
        default: break
        }
    }

    // MARK: Obeying

    /// Begins with the command once its version is sealed, as soon as nothing stands in its way: a
    /// hook is ended first, a probe's answer is not waited for.
    private mutating func obeyIfReady(_ turn: inout Turn) {
        guard let command, turn.sealed.contains(command.version, command.infoHash) else {
            return restoreIfLost(&turn)
        }
        switch work {
        case .nothing, .probes: begin(command, &turn)
        case .hook(let until, false):
            work = .hook(until: until, isEnding: true)
            turn.effects.append(.endHook)
        // What the disk does not take of the old order it may take of the new one.
        case .pause(_, savesAgain: false): begin(command, &turn)
        case .hook, .record, .link, .pause: break
        }
    }

    /// The version that serves was damaged, so that `current` was taken away, and is whole again.
    private mutating func restoreIfLost(_ turn: inout Turn) {
        guard case .nothing = work, record.phase == .idle, current == nil,
            let serving = record.serving, turn.sealed.contains(serving, nil)
        else { return }
        isHealthy = nil
        move(to: .returning, &turn)
    }

    private mutating func begin(_ command: Command, _ turn: inout Turn) {
        self.command = nil
        if let fence = command.fence { record.fence = max(record.fence, fence) }
        probing.number = nil
        let isReturning = record.phase == .returning || record.phase == .settling
        if command.version == record.serving {
            // Amid the activation of another version: that is no failure of the other.
            if record.phase != .idle { record.phase = .returning }
        } else if command.version != record.target || isReturning {
            record.target = command.version
            record.failure = nil
            isHealthy = nil
            record.phase = settings.hasBeforeHook ? .before : .switching
        }
        // Otherwise this very version is being activated, and goes on under the new command.
        turn.effects += [.save, .news]
    }

    // MARK: Phases

    private mutating func move(to phase: ActivationRecord.Phase, _ turn: inout Turn) {
        record.phase = phase
        turn.effects += [.save, .news]
    }

    /// Does what the phase is for. The record that says so is durable.
    private mutating func enter(_ turn: inout Turn) {
        switch record.phase {
        case .idle:
            work = .nothing
            probing.nextAt = isHealthy == nil ? turn.now : turn.now + settings.probePeriod
            probeIfDue(&turn)
        case .before: runHook(.before, of: record.target, from: record.serving, &turn)
        case .switching:
            guard let target = record.target, turn.sealed.contains(target, nil) else {
                return fail("it is not sealed on this host any more", &turn)
            }
            work = .link
            turn.effects.append(.link(version: target))
        case .after: runHook(.after, of: record.target, from: record.serving, &turn)
        case .probing:
            work = .probes(until: turn.now + settings.probeDeadline, reason: "no answer")
            probing.number = nil
            probing.nextAt = turn.now
            probeIfDue(&turn)
        case .returning:
            work = .link
            turn.effects.append(.link(version: record.serving))
        case .settling: runHook(.after, of: record.serving, from: record.target, &turn)
        }
    }

    private mutating func runHook(
        _ kind: HookCall.Kind,
        of version: String?,
        from previous: String?,
        _ turn: inout Turn
    ) {
        guard let version else { preconditionFailure("no version in \(record)") }
        work = .hook(until: turn.now + settings.hookTimeout, isEnding: false)
        turn.effects.append(.hook(HookCall(kind: kind, version: version, previous: previous)))
    }

    private mutating func linked(_ failure: String?, _ turn: inout Turn) {
        guard let failure else {
            work = .nothing
            returnProblem = nil
            current = record.phase == .returning ? record.serving : record.target
            return record.phase == .returning ? returned(&turn) : switched(&turn)
        }
        if record.phase == .switching { return fail(failure, &turn) }
        // There is nothing to return to but the version that served: try until it can be.
        work = .pause(until: turn.now + settings.diskRetry, savesAgain: false)
        returnProblem = Self.cut(failure)
        turn.effects.append(.news)
    }

    private mutating func switched(_ turn: inout Turn) {
        if settings.hasAfterHook {
            move(to: .after, &turn)
        } else if settings.hasProbe {
            move(to: .probing, &turn)
        } else {
            succeed(&turn)
        }
    }

    private mutating func returned(_ turn: inout Turn) {
        if settings.hasAfterHook, record.serving != nil {
            move(to: .settling, &turn)
        } else {
            finishReturn(&turn)
        }
    }

    private mutating func hookEnded(_ failure: String?, _ turn: inout Turn) {
        // A hook that was ended for a newer command has not failed; the command comes next.
        if let command, turn.sealed.contains(command.version, command.infoHash) { return }
        switch record.phase {
        case .before:
            if let failure { return fail("the hook before the switch: \(failure)", &turn) }
            move(to: .switching, &turn)
        case .after:
            if let failure { return fail("the hook after the switch: \(failure)", &turn) }
            settings.hasProbe ? move(to: .probing, &turn) : succeed(&turn)
        case .settling:
            if let failure, let reason = record.failure?.reason {
                record.failure?.reason = Self.cut(
                    "\(reason); then the hook for the version returned to: \(failure)"
                )
            }
            finishReturn(&turn)
        case .idle, .switching, .probing, .returning:
            preconditionFailure("a hook in \(record.phase)")
        }
    }

    private mutating func succeed(_ turn: inout Turn) {
        if let serving = record.serving, serving != record.target {
            record.earlier.removeAll { $0 == serving || $0 == record.target }
            record.earlier.insert(serving, at: 0)
            record.earlier = Array(record.earlier.prefix(ActivationRecord.earlierCountMax))
        }
        record.serving = record.target
        record.target = nil
        record.failure = nil
        move(to: .idle, &turn)
    }

    private mutating func fail(_ reason: String, _ turn: inout Turn) {
        guard let target = record.target else { preconditionFailure("no target in \(record)") }
        let end = record.serving.map { "; back to \($0)" } ?? "; nothing served before"
        record.failure = HostReport.Failure(
            version: target,
            fence: record.fence,
            reason: Self.cut(reason, keeping: end)
        )
        probing.number = nil
        move(to: .returning, &turn)
    }

    private mutating func finishReturn(_ turn: inout Turn) {
        record.target = nil
        isHealthy = nil
        move(to: .idle, &turn)
    }

    // MARK: Probes

    private mutating func probeIfDue(_ turn: inout Turn) {
        let version: String?
        switch work {
        case .probes: version = record.target
        case .nothing: version = isProbedAtRest ? record.serving : nil
        default: version = nil
        }
        guard let version, probing.number == nil, turn.now >= probing.nextAt else { return }
        probing.lastNumber += 1
        probing.number = probing.lastNumber
        turn.effects.append(.probe(version: version, number: probing.lastNumber))
    }

    private mutating func probed(_ failure: String?, _ turn: inout Turn) {
        switch work {
        case .probes(let until, _):
            probing.nextAt = turn.now + settings.probeRetry
            if let failure {
                work = .probes(until: until, reason: failure)
            } else {
                isHealthy = true
                succeed(&turn)
            }
        case .nothing where isProbedAtRest:
            probing.nextAt = turn.now + settings.probePeriod
            guard isHealthy != (failure == nil) else { return }
            isHealthy = failure == nil
            turn.effects.append(.news)
        default: break
        }
    }

    private static func cut(_ text: String, keeping end: String = "") -> String {
        let limit = HostReport.textByteCountMax - end.utf8.count
        guard text.utf8.count > limit else { return text + end }
        return String(decoding: text.utf8.prefix(limit - 3), as: UTF8.self) + "…" + end
    }
}

/// A hook to run.
package struct HookCall: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable { case before, after }

    package var kind: Kind
    /// The version that is to serve.
    package var version: String
    /// The one that it replaces.
    package var previous: String?

    package init(kind: Kind, version: String, previous: String?) {
        self.kind = kind
        self.version = version
        self.previous = previous
    }
}

/// The versions of one model that are verified, sealed and visible.
struct SealedVersions: Hashable, Sendable {
    var versions: [HostReport.Version] = []

    /// Nil for any content.
    func contains(_ version: String, _ infoHash: InfoHash?) -> Bool {
        versions.contains { $0.version == version && (infoHash ?? $0.infoHash) == $0.infoHash }
    }
}
