/// The fleet as people look at it, small however many hosts there are: a letter for each host, and
/// sums for each rack. Of one channel, or of all hosts.
package struct FleetOverview: Hashable, Sendable, Codable {
    /// Of the tracker; another one means that it started anew.
    package var epoch: Int
    /// Nil for all hosts.
    package var channel: String?
    package var channels: [Channel]
    package var rollouts: [RolloutSummary]
    /// Labels of a locality by which hosts are grouped: as many as there are, unless that would
    /// make more than ``racksMax`` racks.
    package var levels: Int
    /// By place.
    package var racks: [Rack]

    /// Past it hosts are grouped by region, by cloud, or not at all.
    package static let racksMax = 1024

    package struct Channel: Hashable, Sendable, Codable {
        package var name: String
        package var model: ModelName
        package var selector: LabelSelector
        /// What its hosts serve; nil until the first rollout is complete.
        package var version: String?

        package init(_ channel: FleetChannel) {
            name = channel.name
            model = channel.model
            selector = channel.selector
            version = channel.stable?.version
        }
    }

    package struct Rack: Hashable, Sendable, Codable {
        package var place: Locality
        /// The ``HostState`` of each host, by name.
        package var hosts = ""
        /// Of what hosts have of the version that is wanted, and of what they shall have.
        package var piecesHeld = 0
        package var pieces = 0
        package var bytesHeld = 0
        package var bytes = 0
        /// What serves, and on how many hosts; the most frequent first.
        package var versions: [VersionCount] = []

        package static let versionsMax = 6

        package init(place: Locality) { self.place = place }

        package mutating func addVersion(_ name: String) {
            if let index = versions.firstIndex(where: { $0.version == name }) {
                versions[index].hosts += 1
            } else if versions.count < Self.versionsMax {
                versions.append(VersionCount(version: name, hosts: 1))
            }
        }
    }

    package struct VersionCount: Hashable, Sendable, Codable {
        package var version: String
        package var hosts: Int
    }

    package init(
        epoch: Int,
        channel: String?,
        channels: [Channel],
        rollouts: [RolloutSummary],
        levels: Int,
        racks: [Rack]
    ) {
        self.epoch = epoch
        self.channel = channel
        self.channels = channels
        self.rollouts = rollouts
        self.levels = levels
        self.racks = racks
    }
}

/// How one host does, in one letter. The order is that of concern: of a host in several channels
/// the first that applies is shown.
package enum HostState: Hashable, Sendable, Comparable {
    case silent, failed, unhealthy, switching
    /// Tenths of the version's bytes, 0 to 9.
    case fetching(tenths: Int)
    /// Holds the wanted version sealed, and does not serve it yet.
    case staged
    /// Serves another version than the wanted one, or nobody wants one of it.
    case other
    case idle
    /// Serves the wanted version.
    case serving

    package var letter: String {
        switch self {
        case .silent: "x"
        case .failed: "e"
        case .unhealthy: "u"
        case .switching: "w"
        case .fetching(let tenths): "\(tenths)"
        case .staged: "s"
        case .other: "o"
        case .idle: "i"
        case .serving: "a"
        }
    }
}

/// One host of a rack, as the page lists it.
package struct HostLine: Hashable, Sendable, Codable {
    package var host: HostName
    package var state: String
    /// What serves: a version, or `model@version` where all hosts are looked at.
    package var versions: [String]
    package var bytesHeld: Int
    package var bytes: Int
    /// Why it does not go on, in its own words.
    package var problem: String?

    package init(
        host: HostName,
        state: String,
        versions: [String],
        bytesHeld: Int,
        bytes: Int,
        problem: String?
    ) {
        self.host = host
        self.state = state
        self.versions = versions
        self.bytesHeld = bytesHeld
        self.bytes = bytes
        self.problem = problem
    }
}

/// A rollout without its history and its domains, with what an operator can do about it.
package struct RolloutSummary: Hashable, Sendable, Codable {
    package var id: Int
    package var channel: String
    package var model: ModelName
    package var version: String
    package var previous: String?
    package var phase: Rollout.Phase
    package var state: String
    package var revision: Int
    /// The wave at hand, from 1.
    package var wave: Int
    package var waitsFor: String?
    package var returnReason: String?
    package var hosts: HostCounts
    package var waves: [Wave]
    package var verbs: [RolloutVerb]

    package struct Wave: Hashable, Sendable, Codable {
        package var scope: String
        package var gates: [String]
        package var hosts: HostCounts
    }

    package init(_ view: RolloutView) {
        let rollout = view.rollout
        id = rollout.id
        channel = rollout.channel
        model = rollout.model
        version = rollout.target.version
        previous = rollout.previous?.version
        phase = rollout.phase
        state = view.state
        revision = rollout.revision
        wave = rollout.wave + 1
        waitsFor = view.waitsFor
        returnReason = rollout.returnReason
        hosts = view.hosts
        waves = zip(rollout.plan.waves, view.waves).map { plan, wave in
            Wave(
                scope: "\(plan.hosts)",
                gates: plan.gates.map(\.description),
                hosts: wave.hosts
            )
        }
        verbs = rollout.verbs
    }
}

extension Rollout {
    /// Whether the gate at hand is an approval.
    package var isAtApproval: Bool {
        guard phase == .baking, pause == nil, wave < plan.waves.count else { return false }
        let gates = plan.waves[wave].gates
        return gate < gates.count && gates[gate] == .approval
    }

    /// What may be said to it as it stands. To abort one that returns is to make it return at once.
    package var verbs: [RolloutVerb] {
        if phase == .complete { return previous == nil ? [] : [.rollback] }
        if isReturn, !phase.isFinal { return returnsAtOnce ? [] : [.abort] }
        if phase.isFinal { return [] }
        let first: [RolloutVerb] = isAtApproval ? [.approve] : []
        return first + [pause == nil ? .pause : .resume, .abort]
    }
}
