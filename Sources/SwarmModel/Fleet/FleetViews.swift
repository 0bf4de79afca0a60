/// How many hosts of a wave, a domain or a channel are how far.
package struct HostCounts: Hashable, Sendable, Codable {
    package var hosts = 0
    /// Silent for too long.
    package var dead = 0
    /// Hold the version sealed.
    package var staged = 0
    /// Serve the version, and no probe says otherwise.
    package var active = 0
    package var failed = 0
    package var unhealthy = 0
    /// Switching, unhealthy, or failed: what `maxUnavailable` bounds.
    package var unavailable = 0
    /// Of the version, on all hosts together.
    package var bytesHeld = 0

    package init() {}

    package static func += (sum: inout Self, other: Self) {
        sum.hosts += other.hosts
        sum.dead += other.dead
        sum.staged += other.staged
        sum.active += other.active
        sum.failed += other.failed
        sum.unhealthy += other.unhealthy
        sum.unavailable += other.unavailable
        sum.bytesHeld += other.bytesHeld
    }
}

/// A rollout as the tracker shows it: `GET /api/v1/rollouts/ID`.
package struct RolloutView: Hashable, Sendable, Codable {
    package var rollout: Rollout
    /// The phase and the wave in words.
    package var state: String
    /// What it waits for at the moment; nil when it is over.
    package var waitsFor: String?
    package var hosts: HostCounts
    package var waves: [Wave]
    /// By locality; hosts that do not say where they are, under the empty one.
    package var domains: [Domain]

    package struct Wave: Hashable, Sendable, Codable {
        package var scope: RolloutPlan.Scope
        package var hosts: HostCounts

        package init(scope: RolloutPlan.Scope, hosts: HostCounts) {
            self.scope = scope
            self.hosts = hosts
        }
    }

    package struct Domain: Hashable, Sendable, Codable {
        package var domain: Locality
        package var unavailableMax: Int
        package var hosts: HostCounts

        package init(domain: Locality, unavailableMax: Int, hosts: HostCounts) {
            self.domain = domain
            self.unavailableMax = unavailableMax
            self.hosts = hosts
        }
    }

    package init(
        rollout: Rollout,
        state: String,
        waitsFor: String?,
        hosts: HostCounts,
        waves: [Wave],
        domains: [Domain]
    ) {
        self.rollout = rollout
        self.state = state
        self.waitsFor = waitsFor
        self.hosts = hosts
        self.waves = waves
        self.domains = domains
    }
}

/// A channel as the tracker shows it.
package struct ChannelView: Hashable, Sendable, Codable {
    package var channel: FleetChannel
    /// As its newest rollout sees them.
    package var hosts: HostCounts
    /// Hosts that serve the version of the channel.
    package var serving: Int

    package init(channel: FleetChannel, hosts: HostCounts, serving: Int) {
        self.channel = channel
        self.hosts = hosts
        self.serving = serving
    }
}

/// A host as the tracker shows it.
package struct HostView: Hashable, Sendable, Codable {
    package var host: HostName
    package var locality: Locality
    package var labels: Labels
    package var channels: [String]
    /// What it is told to hold whatever its channels want.
    package var holds: [HostHold]
    package var isDead: Bool
    /// Seconds since its last report; nil when there was none since the tracker started.
    package var silentSeconds: Double?
    /// What the tracker wants of it.
    package var desired: [DesiredState.Model]
    /// Its last report since the tracker started; left out of lists.
    package var report: HostReport?

    package init(
        host: HostName,
        locality: Locality,
        labels: Labels,
        channels: [String],
        holds: [HostHold],
        isDead: Bool,
        silentSeconds: Double?,
        desired: [DesiredState.Model],
        report: HostReport?
    ) {
        self.host = host
        self.locality = locality
        self.labels = labels
        self.channels = channels
        self.holds = holds
        self.isDead = isDead
        self.silentSeconds = silentSeconds
        self.desired = desired
        self.report = report
    }
}

/// One line of the audit log: who did what to which thing. Each has the digest of the one before,
/// so that a line cannot be changed or taken out without all later ones being written anew.
package struct AuditEntry: Hashable, Sendable, Codable {
    package var sequence: Int
    /// UTC, as in `2026-01-31T12:00:00Z`.
    package var time: String
    package var actor: String
    package var verb: String
    package var subject: String
    package var detail: String
    /// SHA-256 of the line before in hexadecimal digits; 64 zeros for the first.
    package var previous: String
    /// SHA-256 of this line: of `previous` and the fields above, each followed by a line feed.
    package var digest: String

    package init(
        sequence: Int,
        time: String,
        actor: String,
        verb: String,
        subject: String,
        detail: String,
        previous: String,
        digest: String
    ) {
        self.sequence = sequence
        self.time = time
        self.actor = actor
        self.verb = verb
        self.subject = subject
        self.detail = detail
        self.previous = previous
        self.digest = digest
    }

    /// What the digest is taken of.
    package var digestedText: String {
        // A line feed inside a field would let two different lines have one text.
        [previous, "\(sequence)", time, actor, verb, subject, detail].map { field in
            field.replacing("\\", with: "\\\\").replacing("\n", with: "\\n") + "\n"
        }.joined()
    }
}

/// What an operator wants of a rollout.
package enum RolloutVerb: String, Hashable, Sendable, Codable, CaseIterable {
    case pause, resume, approve, abort, rollback
}

/// The body of `POST /api/v1/rollouts/ID/VERB`.
package struct RolloutCommand: Hashable, Sendable, Codable {
    /// The revision of the rollout that the operator looked at; a command about an older one is
    /// refused, and told what has changed.
    package var ifRevision: Int?
    /// Of the operator's choice: a command whose key was carried out before is done already.
    package var key: String?
    /// `approve`: which wave, from 1.
    package var wave: Int?
    /// `abort`, `rollback`: do not keep to `maxUnavailable`.
    package var atOnce: Bool?
    package var reason: String?

    package init(
        ifRevision: Int? = nil,
        key: String? = nil,
        wave: Int? = nil,
        atOnce: Bool? = nil,
        reason: String? = nil
    ) {
        self.ifRevision = ifRevision
        self.key = key
        self.wave = wave
        self.atOnce = atOnce
        self.reason = reason
    }
}

/// The body of `POST /api/v1/rollouts`.
package struct RolloutRequest: Hashable, Sendable, Codable {
    package var channel: String
    package var version: String
    /// The standard plan when it is left out.
    package var plan: RolloutPlan?
    /// A request whose key made a rollout before is answered with that rollout.
    package var key: String?

    package init(channel: String, version: String, plan: RolloutPlan?, key: String?) {
        self.channel = channel
        self.version = version
        self.plan = plan
        self.key = key
    }
}

/// The body of `PUT /api/v1/channels/NAME`.
package struct ChannelRequest: Hashable, Sendable, Codable {
    package var model: ModelName
    package var selector: LabelSelector?
    package var keep: Int?

    package init(model: ModelName, selector: LabelSelector?, keep: Int?) {
        self.model = model
        self.selector = selector
        self.keep = keep
    }
}

/// A rollout in a list.
package struct RolloutLine: Hashable, Sendable, Codable {
    package var id: Int
    package var channel: String
    package var model: ModelName
    package var version: String
    package var state: String
    package var phase: Rollout.Phase
    package var revision: Int

    package init(_ rollout: Rollout) {
        id = rollout.id
        channel = rollout.channel
        model = rollout.model
        version = rollout.target.version
        state = rollout.stateText
        phase = rollout.phase
        revision = rollout.revision
    }
}
