import SwarmModel
import Testing

@testable import SwarmCore

/// One host as far as activation sees it: a disk, programs that serve, and a process that may be
/// killed at any moment. It does what the machine asks, each thing when a test (or chance) says,
/// and looks after every one whether something is true that must never be.
struct ActivationHost {
    /// Mistakes that a driver could make: the checks must find each.
    enum Mistake: CaseIterable {
        /// Says that a record is durable before it is.
        case lostRecord
        /// Says that a hook has ended while it runs on.
        case twoHooks
        /// Takes a version away that `current` points to.
        case removedVersion
    }

    /// How things go here.
    struct Conduct {
        var hooksFail = false
        var hooksHang = false
        /// Versions whose probe says no.
        var sick: [String] = []
        var linksFail = false
        var recordsFail = false
    }

    let model: ModelName
    let settings: ActivationSettings
    var conduct = Conduct()
    var mistake: Mistake?
    private(set) var machine: HostModels
    private(set) var now = Instant.origin
    private(set) var durable = HostRecord()
    /// What `current` points to.
    private(set) var link: String?
    private(set) var sealed: [String] = []
    private(set) var violations: [String] = []
    /// What was asked for and is not done yet, in order.
    private(set) var pending: [HostModels.Action] = []
    private(set) var hooksRun: [HookCall] = []
    private(set) var linksMade: [String?] = []
    private var hook: HookCall?
    private var isHookEnding = false
    private var fenceSeen = Fence.zero

    init(_ settings: ActivationSettings, sealed: [String] = []) throws {
        model = try ModelName("acme/llama")
        self.settings = settings
        self.sealed = sealed
        machine = HostModels(HostRecord(), settings: settings)
        start()
    }

    static func everything() -> ActivationSettings {
        var settings = ActivationSettings()
        settings.hasBeforeHook = true
        settings.hasAfterHook = true
        settings.hasProbe = true
        return settings
    }

    func reference(_ version: String) throws -> ModelReference {
        try ModelReference(name: model, version: version)
    }

    static func infoHash(_ version: String) -> InfoHash {
        InfoHash(Digest(lanes: SIMD4(repeating: UInt64(version.utf8.last ?? 0))))
    }

    var report: HostReport.Model { machine.report(of: model) }
    var record: ActivationRecord {
        machine.record.models.first ?? ActivationRecord(name: model)
    }

    // MARK: What happens to the host

    private mutating func start() {
        for version in sealed { tellSealed(version) }
        tell(.currentSeen(model, version: link))
        tell(.started)
    }

    /// `kill -9` and a new process. A record on its way may have become durable or not.
    mutating func crash(keepsRecord: Bool) {
        if keepsRecord, let next = pending.first(where: \.isRecord) { keep(next) }
        pending = []
        // A new process ends the hook of the old one before anything else.
        hook = nil
        isHookEnding = false
        machine = HostModels(durable, settings: settings)
        start()
        check()
    }

    mutating func seal(_ version: String) {
        guard !sealed.contains(version) else { return }
        sealed.append(version)
        tellSealed(version)
    }

    /// A wrong byte was found in the version that `current` points to: both are taken away.
    mutating func rot() {
        guard let version = link else { return }
        link = nil
        sealed.removeAll { $0 == version }
        tellSealed(version, stage: .fetching)
        tell(.currentSeen(model, version: nil))
    }

    private mutating func tellSealed(_ version: String, stage: VersionStage = .sealed) {
        guard let reference = try? reference(version) else { return }
        let fact = HostReport.Version(
            version: version,
            infoHash: Self.infoHash(version),
            stage: stage,
            pieceCount: 1,
            piecesHeld: 1,
            byteCount: 1,
            bytesHeld: 1,
            problem: nil
        )
        tell(.versionSeen(reference, fact))
    }

    /// Takes away the version that would be evicted first.
    mutating func evict() {
        var victim = machine.evictable.first
        if mistake == .removedVersion, let link { victim = try? reference(link) }
        guard let victim else { return }
        sealed.removeAll { $0 == victim.version }
        tell(.versionGone(victim))
    }

    mutating func desire(
        _ active: String?,
        hold: [String],
        fence: Fence,
        generation: Int = 1
    ) {
        let model = DesiredState.Model(
            name: model,
            hold: hold.map { DesiredState.Version(version: $0, infoHash: Self.infoHash($0)) },
            active: active,
            fence: fence
        )
        tell(.desired(DesiredState(generation: generation, models: [model])))
    }

    mutating func order(_ version: String) throws {
        guard sealed.contains(version) else { return }
        tell(.activationOrdered(try reference(version)))
    }

    /// Time passes until the machine wants to be woken.
    mutating func sleep() {
        guard let deadline = machine.deadline else { return }
        now = max(now, deadline)
        tell(.tick)
    }

    mutating func tell(_ event: HostModels.Event) {
        machine.handle(event, at: now, into: &pending)
        // A signal is sent at once, so that it never meets the next hook.
        if let index = pending.firstIndex(of: .endHook(model)) { perform(at: index) }
        check()
    }
}

// MARK: - Doing what is asked

extension ActivationHost {
    /// Does the action at an index. Records and links are done in their order, as a disk does.
    mutating func perform(at index: Int) {
        let index = pending[index].isDisk ? pending.firstIndex(where: \.isDisk) ?? index : index
        let action = pending.remove(at: index)
        switch action {
        case .keepRecord(_, let sequence):
            if conduct.recordsFail {
                return tell(.recordRefused(sequence: sequence, reason: "full"))
            }
            if mistake != .lostRecord { keep(action) }
            tell(.recordKept(sequence: sequence))
        case .switchCurrent(let name, let version): makeLink(name, version)
        case .runHook(let name, let call): run(call, name)
        case .endHook:
            isHookEnding = true
            if hook != nil, mistake == .twoHooks { tell(.hookEnded(model, failure: "ended")) }
        case .probe(let name, let version, let number):
            let isSick = conduct.sick.contains(version)
            tell(.probed(name, number: number, failure: isSick ? "503" : nil))
        case .fetch, .report: break
        }
        check()
    }

    private mutating func keep(_ action: HostModels.Action) {
        guard case .keepRecord(let record, _) = action else { return }
        durable = record
        if let flaw = record.flaw { Issue.record("a record that no host would take: \(flaw)") }
    }

    private mutating func makeLink(_ name: ModelName, _ version: String?) {
        let promised = durable.models.first
        if promised?.phase != .switching, promised?.phase != .returning {
            violations.append("a switch that the record does not speak of: \(durable)")
        }
        if conduct.linksFail || version.map({ !sealed.contains($0) }) == true {
            return tell(.switched(name, failure: "no such version"))
        }
        link = version
        linksMade.append(version)
        tell(.switched(name, failure: nil))
    }

    private mutating func run(_ call: HookCall, _ name: ModelName) {
        if let hook { violations.append("\(call) while \(hook) runs") }
        hooksRun.append(call)
        hook = call
    }

    /// Lets the hook that runs end, if it does.
    mutating func endHook() {
        guard hook != nil, isHookEnding || !conduct.hooksHang else { return }
        hook = nil
        let failure = isHookEnding ? "killed" : conduct.hooksFail ? "exit status 1" : nil
        isHookEnding = false
        tell(.hookEnded(model, failure: failure))
    }

    var isHookRunning: Bool { hook != nil }

    /// Does everything that is asked, and lets time pass, until the model is at rest.
    mutating func settle(sourceLocation: SourceLocation = #_sourceLocation) {
        for _ in 0..<2000 {
            if !pending.isEmpty {
                perform(at: 0)
            } else if hook != nil, isHookEnding || !conduct.hooksHang {
                endHook()
            } else if isAtRest {
                return
            } else {
                sleep()
            }
        }
        Issue.record("it never comes to rest: \(record)", sourceLocation: sourceLocation)
    }

    var isAtRest: Bool {
        pending.isEmpty && hook == nil && machine.isAtRest(model)
    }

    private mutating func check() {
        if let link, !sealed.contains(link) {
            violations.append("current points to \(link), which is not sealed")
        }
        // What was obeyed before a crash is obeyed after it.
        let fence = durable.models.first?.fence ?? .zero
        if fence < fenceSeen { violations.append("the fence went back to \(fence)") }
        fenceSeen = max(fenceSeen, fence)
        if link != nil, durable.models.first?.fence == nil {
            violations.append("current was switched, and no record says why")
        }
    }
}

extension HostModels.Action {
    var isRecord: Bool {
        if case .keepRecord = self { return true }
        return false
    }

    var isDisk: Bool {
        if case .switchCurrent = self { return true }
        return isRecord
    }
}
