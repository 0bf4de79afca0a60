package import OrderedCollections
package import SwarmModel

/// The models of one host: what it fetches, which version of each serves, and what may be thrown
/// away. It brings the host to its ``DesiredState``, whatever order the news comes in.
///
/// The driver tells it of the versions that are here and of each `current`, then that it `started`,
/// and from then on of everything that happens. Actions are done in their order; one that answers
/// does so by an event.
package struct HostModels: Sendable {
    package enum Event: Hashable, Sendable {
        /// What is here of a version, whenever that changed.
        case versionSeen(ModelReference, HostReport.Version)
        case versionGone(ModelReference)
        /// What `current` points to when the process begins, and when it was taken away because the
        /// version is damaged.
        case currentSeen(ModelName, version: String?)
        /// Every version that an earlier process held, and each `current`, has been told of.
        case started
        case desired(DesiredState)
        /// A version that was to be fetched cannot be, for now. `isFinal` when only somebody's help
        /// will change that: it is tried again all the same, rarely.
        case fetchFailed(ModelReference, reason: String, isFinal: Bool)
        /// This record, and every one before it, is durable.
        case recordKept(sequence: Int)
        case recordRefused(sequence: Int, reason: String)
        case switched(ModelName, failure: String?)
        case hookEnded(ModelName, failure: String?)
        case probed(ModelName, number: Int, failure: String?)
        /// The host's operator wants this version to serve. It is sealed.
        case activationOrdered(ModelReference)
        case pinned(ModelReference)
        case unpinned(ModelReference)
        /// The version was asked for: it is the last that would be evicted.
        case used(ModelReference)
        case tick
    }

    package enum Action: Hashable, Sendable {
        /// Makes the record durable; `recordKept` or `recordRefused` with the number answers.
        case keepRecord(HostRecord, sequence: Int)
        /// Joins the version's swarm. Facts of the version answer, or `fetchFailed`.
        case fetch(ModelReference, InfoHash)
        /// Points `current` to the version, or to nothing; `switched` answers.
        case switchCurrent(ModelName, version: String?)
        /// `hookEnded` answers, once nothing of the hook runs any more.
        case runHook(ModelName, HookCall)
        case endHook(ModelName)
        /// `probed` with the number answers.
        case probe(ModelName, version: String, number: Int)
        /// The tracker should hear of what changed.
        case report
    }

    package let settings: ActivationSettings
    package private(set) var desired: DesiredState
    var models: OrderedDictionary<ModelName, ModelActivation> = [:]
    var versions: OrderedDictionary<ModelReference, HostReport.Version> = [:]
    var fetches: FetchQueue
    package private(set) var pins: OrderedSet<ModelReference>
    private var uses: OrderedDictionary<ModelReference, Int> = [:]
    private var lastUse = 0
    private var lastSequence = 0
    private var isStarted = false
    /// Why the record is not durable.
    private(set) var recordProblem: String?

    /// Goes on where the record says; ``HostRecord/init()`` for a new host.
    package init(_ record: HostRecord, settings: ActivationSettings) {
        self.settings = settings
        desired = record.desired.usable
        fetches = FetchQueue(settings)
        pins = OrderedSet(record.pins.compactMap(\.reference))
        for model in record.models {
            models[model.name] = ModelActivation(model, settings: settings)
        }
        for use in record.uses {
            if let reference = use.of.reference { uses[reference] = use.number }
            lastUse = max(lastUse, use.number)
        }
    }

    /// How far the activation of a model is.
    package func activation(of name: ModelName) -> ActivationRecord? { models[name]?.record }

    package var modelNames: [ModelName] { Array(models.keys) }
    /// Verified bytes of all versions.
    package var bytesHeld: Int { versions.values.reduce(0) { $0 + $1.bytesHeld } }

    /// No activation of the model is under way. A command may wait for its version.
    package func isAtRest(_ name: ModelName) -> Bool {
        guard let model = models[name] else { return true }
        return model.work == .nothing && model.record.phase == .idle
    }

    package var deadline: Instant? {
        models.values.reduce(fetches.deadline) { earlier($0, $1.deadline) }
    }

    package mutating func handle(
        _ event: Event,
        at now: Instant,
        into actions: inout [Action]
    ) {
        switch event {
        case .versionSeen(let reference, let version):
            seen(reference, version, at: now, into: &actions)
        case .versionGone(let reference): gone(reference, into: &actions)
        case .currentSeen(let name, let version):
            if models[name] == nil, version != nil { makeModel(name) }
            models[name]?.current = version
            tell(name, .changed, at: now, into: &actions)
            actions.append(.report)
        case .started:
            isStarted = true
            uses = uses.filter { versions[$0.key] != nil }
            for name in models.keys { tell(name, .started, at: now, into: &actions) }
            obey(at: now, into: &actions)
        case .desired(let state): learn(state, at: now, into: &actions)
        case .fetchFailed(let reference, let reason, let isFinal):
            fetches.failed(reference, reason: reason, isFinal: isFinal, at: now)
            actions.append(.report)
        case .recordKept(let sequence):
            recordProblem = nil
            tellAll(.recordKept(sequence: sequence), at: now, into: &actions)
        case .recordRefused(let sequence, let reason):
            recordProblem = reason
            tellAll(.recordRefused(sequence: sequence), at: now, into: &actions)
            actions.append(.report)
        case .switched(let name, let failure):
            tell(name, .linked(failure: failure), at: now, into: &actions)
        case .hookEnded(let name, let failure):
            tell(name, .hookEnded(failure: failure), at: now, into: &actions)
        case .probed(let name, let number, let failure):
            tell(name, .probed(number: number, failure: failure), at: now, into: &actions)
        case .activationOrdered(let reference): order(reference, at: now, into: &actions)
        case .pinned(let reference):
            if pins.append(reference).inserted { keepRecord(into: &actions) }
        case .unpinned(let reference):
            if pins.remove(reference) != nil { keepRecord(into: &actions) }
        case .used(let reference): use(reference, into: &actions)
        case .tick: tellAll(.tick, at: now, into: &actions)
        }
        fetches.begin(wanted, known: versions, at: now, into: &actions)
    }
}

// MARK: - Versions

extension HostModels {
    private mutating func seen(
        _ reference: ModelReference,
        _ version: HostReport.Version,
        at now: Instant,
        into actions: inout [Action]
    ) {
        let before = versions.updateValue(version, forKey: reference)
        fetches.seen(reference, version, at: now)
        guard before != version else { return }
        let isSealed = version.stage == .sealed
        if isSealed, before?.stage != .sealed, isStarted { use(reference, into: &actions) }
        if before?.stage != version.stage || before?.problem != version.problem {
            actions.append(.report)
        }
        if isSealed, isStarted { tell(reference.name, .changed, at: now, into: &actions) }
    }

    private mutating func gone(_ reference: ModelReference, into actions: inout [Action]) {
        guard versions.removeValue(forKey: reference) != nil else { return }
        fetches.forget(reference)
        uses[reference] = nil
        if pins.remove(reference) != nil { keepRecord(into: &actions) }
        actions.append(.report)
    }

    /// What the tracker wants here, the most urgent first.
    private var wanted: [(reference: ModelReference, infoHash: InfoHash)] {
        guard isStarted else { return [] }
        return desired.models.flatMap { model in
            model.hold.compactMap { version in
                (try? ModelReference(name: model.name, version: version.version)).map {
                    ($0, version.infoHash)
                }
            }
        }
    }

    private mutating func learn(
        _ state: DesiredState,
        at now: Instant,
        into actions: inout [Action]
    ) {
        let usable = state.usable
        guard usable != desired else { return }
        desired = usable
        fetches.hurry(at: now)
        keepRecord(into: &actions)
        obey(at: now, into: &actions)
        // The tracker hears that this generation was seen.
        actions.append(.report)
    }

    /// Gives each model the command of the desired state.
    private mutating func obey(at now: Instant, into actions: inout [Action]) {
        for model in desired.models where models[model.name] == nil && model.active != nil {
            makeModel(model.name)
        }
        for name in models.keys {
            let wish = desired.models.first { $0.name == name }
            models[name]?.learn(wish.flatMap { Self.command($0) })
            tell(name, .changed, at: now, into: &actions)
        }
    }

    private static func command(_ wish: DesiredState.Model) -> ModelActivation.Command? {
        guard let active = wish.active,
            let version = wish.hold.first(where: { $0.version == active })
        else { return nil }
        return ModelActivation.Command(
            version: active,
            infoHash: version.infoHash,
            fence: wish.fence
        )
    }

    private mutating func makeModel(_ name: ModelName) {
        guard models.count < HostReport.modelCountMax else { return }
        models[name] = ModelActivation(ActivationRecord(name: name), settings: settings)
    }

    private mutating func order(
        _ reference: ModelReference,
        at now: Instant,
        into actions: inout [Action]
    ) {
        if models[reference.name] == nil { makeModel(reference.name) }
        models[reference.name]?.order(reference.version)
        tell(reference.name, .changed, at: now, into: &actions)
    }

    func sealed(_ name: ModelName) -> SealedVersions {
        SealedVersions(
            versions: versions.filter { $0.key.name == name && $0.value.stage == .sealed }
                .values.elements
        )
    }
}

// MARK: - Models

extension HostModels {
    private mutating func tellAll(
        _ fact: ModelActivation.Fact,
        at now: Instant,
        into actions: inout [Action]
    ) {
        for name in models.keys { tell(name, fact, at: now, into: &actions) }
    }

    private mutating func tell(
        _ name: ModelName,
        _ fact: ModelActivation.Fact,
        at now: Instant,
        into actions: inout [Action]
    ) {
        guard isStarted, var model = models[name] else { return }
        let effects = model.handle(fact, at: now, sealed: sealed(name))
        models[name] = model
        var saves = false
        for effect in effects {
            switch effect {
            case .save: saves = true
            case .hook(let call): actions.append(.runHook(name, call))
            case .endHook: actions.append(.endHook(name))
            case .link(let version): actions.append(.switchCurrent(name, version: version))
            case .probe(let version, let number):
                actions.append(.probe(name, version: version, number: number))
            case .news: actions.append(.report)
            }
        }
        guard saves else { return }
        if let serving = model.record.serving,
            let reference = try? ModelReference(name: name, version: serving)
        {
            lastUse += 1
            uses[reference] = lastUse
        }
        let sequence = keepRecord(into: &actions)
        models[name]?.saving(as: sequence)
    }

    @discardableResult
    private mutating func keepRecord(into actions: inout [Action]) -> Int {
        lastSequence += 1
        actions.append(.keepRecord(record, sequence: lastSequence))
        return lastSequence
    }

    /// What is to be durable.
    package var record: HostRecord {
        HostRecord(
            desired: desired,
            models: models.values.map(\.record),
            pins: pins.map { HostRecord.NamedVersion($0) },
            uses: uses.map { HostRecord.Use(of: HostRecord.NamedVersion($0.key), number: $0.value) }
        )
    }

    private mutating func use(_ reference: ModelReference, into actions: inout [Action]) {
        lastUse += 1
        uses[reference] = lastUse
        keepRecord(into: &actions)
    }
}

// MARK: - What may go

extension HostModels {
    /// Sealed versions that nothing keeps here, the one least recently used first.
    package var evictable: [ModelReference] {
        let kept = kept
        return versions.filter { $0.value.stage == .sealed && !kept.contains($0.key) }.keys
            .sorted { (uses[$0] ?? 0, $0) < (uses[$1] ?? 0, $1) }
    }

    /// Versions that are never evicted: pinned, wanted by the tracker, serving or about to, and of
    /// each model those that served last.
    package var kept: OrderedSet<ModelReference> {
        var kept = pins
        kept.formUnion(wanted.map(\.reference))
        for (name, model) in models {
            let record = model.record
            let versions =
                [record.serving, record.target, model.current, model.command?.version]
                .compactMap { $0 } + record.earlier.prefix(settings.keepCount)
            kept.formUnion(versions.compactMap { try? ModelReference(name: name, version: $0) })
        }
        return kept
    }

    package func isPinned(_ reference: ModelReference) -> Bool { pins.contains(reference) }
}

extension DesiredState {
    /// Without what no host can do, and within the limits of a report.
    var usable: DesiredState {
        var seen: OrderedSet<ModelName> = []
        let models = models.prefix(HostReport.modelCountMax).compactMap { model -> Model? in
            guard seen.append(model.name).inserted else { return nil }
            var model = model
            model.hold = Array(
                model.hold.filter {
                    (try? ModelReference(name: model.name, version: $0.version)) != nil
                }.prefix(HostReport.versionCountMax)
            )
            return model
        }
        return DesiredState(generation: generation, models: models)
    }
}
