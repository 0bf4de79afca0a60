import OrderedCollections
import SwarmCore
import SwarmModel

/// A host: the real machine, what is on its disk, and the exchange with the tracker.
struct SimulatedHost {
    let name: HostName
    let locality: Locality
    var machine: HostModels
    var tickAt: Instant?

    // On its disk, so that a crash leaves it.
    var record: HostRecord
    var current: String?
    /// Pieces of each version.
    var held: OrderedDictionary<ModelReference, (infoHash: InfoHash, pieces: Int)> = [:]
    var diskFreeAt = Instant.origin

    // The process.
    var isUp = false
    var staysDead = false
    var life = 0
    var hookNumber = 0
    var isHookRunning = false
    /// The version being activated never becomes ready.
    var isProbeRefused = false

    enum Talk: Hashable {
        /// Waits for `sync` of this number, and `news` brings it forward when it may.
        case waiting(isUrgent: Bool)
        case asking
    }

    var talk = Talk.waiting(isUrgent: false)
    var hasNews = false
    var syncNumber = 0
    var exchange = 0
    var generationAsked = 0
    var askedAt = Instant.origin
    var retry = SimulatedHost.retryMin

    // As in the driver of a host.
    static let wait = Duration.seconds(30)
    static let retryMin = Duration.seconds(1)
    static let retryMax = Duration.seconds(30)
    static let gathering = Duration.milliseconds(100)
    static let periodMin = Duration.seconds(1)

    static let pieceCount = 4

    static let settings: ActivationSettings = {
        var settings = ActivationSettings()
        settings.hasBeforeHook = true
        settings.hasAfterHook = true
        settings.hasProbe = true
        settings.probeDeadline = .seconds(60)
        return settings
    }()

    /// A host on which version 1 serves.
    init(_ name: HostName, at locality: Locality) {
        let first = RolloutSimulation.version(1)
        self.name = name
        self.locality = locality
        record = HostRecord(models: [
            ActivationRecord(name: RolloutSimulation.model, serving: first.version)
        ])
        machine = HostModels(record, settings: Self.settings)
        current = first.version
        if let reference = try? ModelReference(
            name: RolloutSimulation.model,
            version: first.version
        ) {
            held[reference] = (first.infoHash, Self.pieceCount)
        }
    }

    func fact(of reference: ModelReference) -> HostReport.Version? {
        guard let (infoHash, pieces) = held[reference] else { return nil }
        return HostReport.Version(
            version: reference.version,
            infoHash: infoHash,
            stage: pieces == Self.pieceCount ? .sealed : .fetching,
            pieceCount: Self.pieceCount,
            piecesHeld: pieces,
            byteCount: Self.pieceCount,
            bytesHeld: pieces,
            problem: nil
        )
    }

    var report: HostReport {
        HostReport(
            host: name,
            locality: locality,
            labels: .none,
            generation: machine.desired.generation,
            models: machine.reports,
            disk: nil
        )
    }
}

/// The process of a host: it decides nothing, as the driver of the daemon does not.
extension RolloutSimulation {
    mutating func handle(_ event: HostModels.Event, _ host: Int) {
        var actions: [HostModels.Action] = []
        hosts[host].machine.handle(event, at: now, into: &actions)
        fingerprint.fold(UInt64(host) << 32 | UInt64(actions.count))
        for action in actions { carryOut(action, host) }
        plantTick(host)
        checkHost(host)
    }

    private mutating func carryOut(_ action: HostModels.Action, _ host: Int) {
        let life = hosts[host].life
        switch action {
        case .keepRecord(let record, let sequence):
            let at = diskTime(host)
            agenda.add(
                .recordWritten(record, sequence: sequence, host: host, life: life),
                at: at
            )
        case .fetch(let reference, let infoHash):
            fetchPiece(reference, infoHash, host)
        case .switchCurrent(_, let version):
            let at = diskTime(host)
            agenda.add(.linkSwitched(version: version, host: host, life: life), at: at)
        case .runHook(_, let call): runHook(call, host)
        case .endHook:
            // It may still end by itself, and before.
            agenda.add(
                .hookEnded(
                    failure: "ended",
                    number: hosts[host].hookNumber,
                    host: host,
                    life: life
                ),
                at: after(Draw(0.001, 1))
            )
        case .probe(let name, _, let number):
            let isActivating = hosts[host].machine.activation(of: name)?.phase == .probing
            let isNo = isActivating && (hosts[host].isProbeRefused || chance(percent: 30))
            agenda.add(
                .fact(
                    .probed(name, number: number, failure: isNo ? "not ready" : nil),
                    host: host,
                    life: life
                ),
                at: after(trial.probe)
            )
        case .report: news(host)
        }
    }

    /// One thing after the other.
    private mutating func diskTime(_ host: Int) -> Instant {
        let at = max(now, hosts[host].diskFreeAt) + Draw(0.001, 0.02).duration(using: &random)
        hosts[host].diskFreeAt = at
        return at
    }

    mutating func recordWritten(_ record: HostRecord, _ sequence: Int, _ host: Int, _ life: Int) {
        guard isAlive(host, life) else { return }
        if mutation == .trustUnwritten {
            agenda.add(.recordOnDisk(record, host: host, life: life), at: now + .seconds(20))
        } else {
            hosts[host].record = record
        }
        handle(.recordKept(sequence: sequence), host)
    }

    mutating func linkSwitched(_ version: String?, _ host: Int, _ life: Int) {
        guard isAlive(host, life) else { return }
        hosts[host].current = version
        handle(.switched(Self.model, failure: nil), host)
    }

    // MARK: Hooks

    private mutating func runHook(_ call: HookCall, _ host: Int) {
        hosts[host].hookNumber += 1
        hosts[host].isHookRunning = true
        var failure: String?
        hosts[host].isProbeRefused = false
        let isForward = call.kind == .after && call.version == Self.version(2).version
        if isForward, chance(trial.activationFailures) {
            checks.see("activation that fails")
            if chance(percent: 50) {
                failure = "status 1"
            } else {
                hosts[host].isProbeRefused = true
            }
        }
        agenda.add(
            .hookEnded(
                failure: failure,
                number: hosts[host].hookNumber,
                host: host,
                life: hosts[host].life
            ),
            at: after(trial.hook)
        )
    }

    mutating func hookEnded(_ failure: String?, _ number: Int, _ host: Int, _ life: Int) {
        guard isAlive(host, life), hosts[host].isHookRunning, hosts[host].hookNumber == number
        else { return }
        hosts[host].isHookRunning = false
        handle(.hookEnded(Self.model, failure: failure), host)
    }

    // MARK: Versions

    private mutating func fetchPiece(
        _ reference: ModelReference,
        _ infoHash: InfoHash,
        _ host: Int
    ) {
        let share = Draw(
            trial.staging.low / Double(SimulatedHost.pieceCount),
            trial.staging.high / Double(SimulatedHost.pieceCount)
        )
        agenda.add(
            .pieceFetched(reference, infoHash, host: host, life: hosts[host].life),
            at: after(share)
        )
    }

    mutating func pieceFetched(_ reference: ModelReference, _ infoHash: InfoHash, _ host: Int) {
        let pieces = min(SimulatedHost.pieceCount, (hosts[host].held[reference]?.pieces ?? 0) + 1)
        hosts[host].held[reference] = (infoHash, pieces)
        guard let fact = hosts[host].fact(of: reference) else { return }
        handle(.versionSeen(reference, fact), host)
        if pieces < SimulatedHost.pieceCount { fetchPiece(reference, infoHash, host) }
    }

    // MARK: Life

    mutating func start(_ host: Int) {
        guard !hosts[host].isUp, !hosts[host].staysDead else { return }
        hosts[host].isUp = true
        hosts[host].life += 1
        let forgets = mutation == .forgetRecord && hosts[host].life > 1
        let record = forgets ? HostRecord() : hosts[host].record
        hosts[host].machine = HostModels(record, settings: SimulatedHost.settings)
        hosts[host].tickAt = nil
        hosts[host].isHookRunning = false
        hosts[host].retry = SimulatedHost.retryMin
        hosts[host].hasNews = false
        handle(.currentSeen(Self.model, version: hosts[host].current), host)
        for (reference, version) in hosts[host].held {
            guard let fact = hosts[host].fact(of: reference) else { continue }
            handle(.versionSeen(reference, fact), host)
            if fact.stage != .sealed { fetchPiece(reference, version.infoHash, host) }
        }
        handle(.started, host)
        planSync(host, at: now, isUrgent: false)
    }

    mutating func crash(_ host: Int, _ away: Duration?) {
        guard hosts[host].isUp, !isAfterFaults else { return }
        hosts[host].isUp = false
        hosts[host].life += 1
        hosts[host].staysDead = away == nil
        checks.see(away == nil ? "host that stays dead" : "host crash")
        checks.abort.forget(host)
        if let away { agenda.add(.start(host: host), at: now + away) }
    }

    private mutating func plantTick(_ host: Int) {
        guard let due = hosts[host].machine.deadline else { return }
        let at = max(due, now + .milliseconds(1))
        if let planted = hosts[host].tickAt, planted <= at { return }
        hosts[host].tickAt = at
        agenda.add(.hostTick(host: host, life: hosts[host].life), at: at)
    }

    mutating func hostTick(_ host: Int, _ life: Int) {
        guard isAlive(host, life), hosts[host].tickAt == now else { return }
        hosts[host].tickAt = nil
        handle(.tick, host)
    }
}
