package import SwarmModel

/// What of one model's activation must survive a crash: the newest command obeyed, and how far it
/// was carried out. It is durable before each effect, so that whatever ended the process, the next
/// one does the same effect again; every effect may be done twice.
///
/// The phases, and the effect of each:
///
///     idle ──▶ before ──▶ switching ──▶ after ──▶ probing ──▶ idle      the target serves
///                └────────────┴───────────┴──────────┴──▶ returning ──▶ settling ──▶ idle
///
/// Phases whose hook or probe is not set are left out.
package struct ActivationRecord: Hashable, Sendable, Codable {
    package enum Phase: String, Hashable, Sendable, Codable, CaseIterable {
        /// Nothing is under way: `current` points to `serving`.
        case idle
        /// The hook before the switch runs.
        case before
        /// `current` is being switched to `target`.
        case switching
        /// The hook after the switch runs for `target`.
        case after
        /// The probe has not said yes to `target` yet.
        case probing
        /// `current` is being switched back to `serving`.
        case returning
        /// The hook after the switch runs for `serving`.
        case settling
    }

    package var name: ModelName
    /// The newest fence obeyed: it never goes back.
    package var fence: Fence
    package var phase: Phase
    /// The version being activated, or returned from; nil when idle.
    package var target: String?
    /// The version that served last without fault, to which a failure returns; nil before the
    /// first.
    package var serving: String?
    /// Versions that served before `serving`, the latest first: what a rollback goes to.
    package var earlier: [String]
    /// Of the last activation, if that failed.
    package var failure: HostReport.Failure?

    /// Most versions remembered in `earlier`, and so the most that can be kept for rollbacks.
    package static let earlierCountMax = 8

    package init(
        name: ModelName,
        fence: Fence = .zero,
        phase: Phase = .idle,
        target: String? = nil,
        serving: String? = nil,
        earlier: [String] = [],
        failure: HostReport.Failure? = nil
    ) {
        self.name = name
        self.fence = fence
        self.phase = phase
        self.target = target
        self.serving = serving
        self.earlier = earlier
        self.failure = failure
    }
}

/// What a host remembers over restarts, beside its versions.
package struct HostRecord: Hashable, Sendable, Codable {
    /// The last that a tracker said: a host without a tracker goes on with it.
    package var desired: DesiredState
    package var models: [ActivationRecord]
    package var pins: [NamedVersion]
    /// When versions were used last, as numbers that only grow.
    package var uses: [Use]

    /// A version by its name, as a file can hold it.
    package struct NamedVersion: Hashable, Sendable, Codable {
        package var name: ModelName
        package var version: String

        package init(_ reference: ModelReference) {
            name = reference.name
            version = reference.version
        }

        /// Nil when the version could not be one.
        package var reference: ModelReference? { try? ModelReference(name: name, version: version) }
    }

    package struct Use: Hashable, Sendable, Codable {
        package var of: NamedVersion
        package var number: Int
    }

    package init(
        desired: DesiredState = .nothing,
        models: [ActivationRecord] = [],
        pins: [NamedVersion] = [],
        uses: [Use] = []
    ) {
        self.desired = desired
        self.models = models
        self.pins = pins
        self.uses = uses
    }
}

/// What the operator of a host has set of activation.
package struct ActivationSettings: Hashable, Sendable {
    package var hasBeforeHook = false
    package var hasAfterHook = false
    package var hasProbe = false
    /// A hook that runs longer is ended and counts as failed. What it costs: a host whose hook
    /// hangs is out of service that long.
    package var hookTimeout: Duration = .seconds(300)
    /// From the end of the hook after the switch until the probe must have said yes.
    package var probeDeadline: Duration = .seconds(600)
    /// Between two probes while a version is being activated.
    package var probeRetry: Duration = .seconds(2)
    /// Between two probes of a version that serves.
    package var probePeriod: Duration = .seconds(10)
    /// Versions of each model, served earlier, that stay on the host for a rollback.
    package var keepCount = 1
    /// Until something that the disk refused is tried again.
    package var diskRetry: Duration = .seconds(5)
    /// First and longest wait until a fetch that failed is tried again.
    package var fetchRetryMin: Duration = .seconds(2)
    package var fetchRetryMax: Duration = .seconds(60)
    /// A version that made no progress for so long does not hold up the next one.
    package var fetchPatience: Duration = .seconds(60)

    package init() {}
}

extension HostRecord {
    /// Numbers of uses stay below this: they only grow, by one for each.
    package static let useNumberMax = 1 << 62

    /// Why no host can have written this; nil when one can. What reads a record from a file asks.
    package var flaw: String? {
        for model in models {
            switch model.phase {
            case .before, .switching, .after, .probing:
                if model.target == nil { return "\(model.name) is \(model.phase) to no version" }
            case .settling:
                if model.serving == nil { return "\(model.name) is settling on no version" }
            case .idle, .returning: break
            }
        }
        let isCounted = uses.allSatisfy { (0..<Self.useNumberMax).contains($0.number) }
        return isCounted ? nil : "a use has a number that no host reaches"
    }
}
