/// One rollout as it is written down: where it stands, and not how each host does, which reports
/// say anew after every restart.
///
/// Legal transitions of the phase (`Docs/Rollouts.md`):
///
///     seeding → staging(0) → activating(0) → baking(0) → staging(1) → … → complete
///     any of these, and complete → returning → rolledBack | rollbackDegraded
///
/// A pause holds any phase before `complete` where it is.
package struct Rollout: Hashable, Sendable, Codable {
    /// Of this layout; a tracker refuses to read a newer one.
    package var schema = Rollout.schemaCurrent
    package let id: Int
    package let channel: String
    package let model: ModelName
    /// What the hosts are to serve.
    package let target: DesiredState.Version
    /// What they served when it began; nil when nothing had been rolled out before.
    package let previous: DesiredState.Version?
    package let plan: RolloutPlan
    package var phase: Phase
    /// The wave at hand, from 0.
    package var wave = 0
    /// The gate of the wave that is looked at, from 0.
    package var gate = 0
    package var pause: Pause?
    /// Why it was aborted or rolled back. Once set it stays: nothing leads to the target any more.
    package var returnReason: String?
    /// Whether all hosts return at once.
    package var returnsAtOnce: Bool
    /// Grows with every change of this document.
    package var revision = 1
    /// The last changes, oldest first, so that a late command can be told what it has missed.
    package var changes: [Change] = []
    /// Keys of commands that were carried out, oldest first.
    package var keys: [String] = []

    package static let schemaCurrent = 1
    package static let changesKept = 32
    package static let keysKept = 32
    package static let keyByteCountMax = 128

    package enum Phase: String, Hashable, Sendable, Codable, CaseIterable {
        /// Waits for a second holder of the whole version, or for one and an origin.
        case seeding
        /// Hosts of the wave fetch, verify and seal.
        case staging
        /// Hosts of the wave are switched, a few of each rack at once.
        case activating
        /// All hosts of the wave serve the version; its gates are looked at.
        case baking
        case complete
        /// Hosts are switched back: aborted, or rolled back after it was complete.
        case returning
        /// All hosts that live serve the previous version.
        case rolledBack
        /// Some hosts could not return.
        case rollbackDegraded

        package var isFinal: Bool {
            switch self {
            case .complete, .rolledBack, .rollbackDegraded: true
            case .seeding, .staging, .activating, .baking, .returning: false
            }
        }
    }

    package struct Pause: Hashable, Sendable, Codable {
        package var isByOperator: Bool
        package var reason: String

        package init(isByOperator: Bool, reason: String) {
            self.isByOperator = isByOperator
            self.reason = reason
        }
    }

    package struct Change: Hashable, Sendable, Codable {
        package var revision: Int
        package var text: String

        package init(revision: Int, text: String) {
            self.revision = revision
            self.text = text
        }
    }

    package init(
        id: Int,
        channel: String,
        model: ModelName,
        target: DesiredState.Version,
        previous: DesiredState.Version?,
        plan: RolloutPlan
    ) {
        self.id = id
        self.channel = channel
        self.model = model
        self.target = target
        self.previous = previous
        self.plan = plan
        phase = .seeding
        returnsAtOnce = plan.returnsAtOnce
    }

    package var isReturn: Bool { returnReason != nil }

    /// `staging wave 2 of 3`.
    package var stateText: String {
        let place = " wave \(wave + 1) of \(plan.waves.count)"
        let text =
            switch phase {
            case .seeding: "seeding"
            case .staging: "staging" + place
            case .activating: "activating" + place
            case .baking: "baking" + place
            case .complete: "complete"
            case .returning: "returning to \(previous?.version ?? "nothing")"
            case .rolledBack: "rolled back"
            case .rollbackDegraded: "rollback degraded"
            }
        return pause == nil ? text : "paused (\(text))"
    }
}

/// A set of hosts that shall serve the same version of one model.
package struct FleetChannel: Hashable, Sendable, Codable {
    package var schema = 1
    package let name: String
    package var model: ModelName
    package var selector: LabelSelector
    /// How many earlier versions its hosts hold besides the one that serves, so that going back
    /// moves no bytes. 0 to ``keepMax``.
    package var keep: Int
    /// What its hosts serve; nil until the first rollout is complete.
    package var stable: DesiredState.Version?
    /// What they served before, newest first, up to ``keepMax``.
    package var history: [DesiredState.Version] = []
    /// The newest rollout on it.
    package var rollout: Int?

    package static let keepMax = 8
    package static let nameByteCountMax = 63

    package init(name: String, model: ModelName, selector: LabelSelector, keep: Int = 1) {
        self.name = name
        self.model = model
        self.selector = selector
        self.keep = keep
    }

    /// Whether a text can be a channel's name: that of a label.
    package static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first else { return false }
        return text.utf8.count <= nameByteCountMax && LabelText.isName(text.utf8, more: "-_.")
            && !LabelText.isMark(first)
    }
}
