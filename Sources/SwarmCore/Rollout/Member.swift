internal import SwarmModel

/// One host as a channel sees it. What it was told is durable; what it said is soft, and said anew.
struct Member: Hashable, Sendable {
    /// Its rack.
    let domain: Locality
    /// Its rack, its region, its cloud.
    let domains: [Domain]
    var labels: Labels
    /// Of the newest rollout of the channel.
    var wave = 0
    var command: Command?
    /// What it said last of the channel's model; nil when it has not reported since the tracker
    /// started, or reports nothing of the model.
    var report: HostReport.Model?
    /// Since the tracker started.
    var hasReported = false
    var isDead = false
    /// Came too late for its wave: it converges, and nobody waits for it.
    var isStraggler = false
    /// It served something when it was told to switch, so switching takes it out of service. A
    /// restart forgets it, and assumes so.
    var wasServing = true
    /// Waits in its domain for a turn.
    var isQueued = false
    /// The farthest it has come in the phase at hand, for the progress deadline.
    var progress = 0
    var standing = MemberStanding()

    init(domain: Locality, labels: Labels) {
        self.domain = domain
        domains = Domain.around(domain)
        self.labels = labels
    }

    struct Command: Hashable, Sendable {
        var version: DesiredState.Version
        var fence: Fence
    }

    /// How it answered its command.
    enum Answer: Hashable, Sendable {
        /// There is none, or a newer one of another channel has overtaken it.
        case none
        case outstanding
        case failed
        case obeyed
    }

    var answer: Answer {
        guard let command else { return .none }
        guard let report else { return .outstanding }
        if report.fence < command.fence { return .outstanding }
        if report.fence > command.fence { return .none }
        if report.failure?.fence == command.fence { return .failed }
        let isActive = serves(command.version)
        return isActive ? .obeyed : .outstanding
    }

    /// Whether `current` points to it and the probe, if there is one, has said yes once.
    func serves(_ version: DesiredState.Version) -> Bool {
        report?.active == version.version && stage(of: version) == .active
    }

    var isUnhealthy: Bool { report?.active != nil && report?.isHealthy == false }

    func holds(_ version: DesiredState.Version) -> Bool {
        switch stage(of: version) {
        case .sealed, .activating, .active: true
        case .fetching, .sealing, .failed, nil: false
        }
    }

    private func stage(of version: DesiredState.Version) -> VersionStage? {
        entry(of: version)?.stage
    }

    /// Nil also when the host has other bytes under that name.
    func entry(of version: DesiredState.Version) -> HostReport.Version? {
        report?.versions.first { $0.version == version.version && $0.infoHash == version.infoHash }
    }
}

/// What of a member counts in sums. Compared before and after each report, so that a sum costs no
/// pass over the fleet.
struct MemberStanding: Hashable, Sendable {
    var isDead = false
    var isWaitedFor = false
    var isStaged = false
    var isDone = false
    var isFailed = false
    var isUnhealthy = false
    var isUnavailable = false
    /// Has yet to return to the previous version.
    var isUnsettled = false
    var isOnTarget = false
}

/// The sum of standings. The counts of what is done are of those that are waited for.
struct Tally: Hashable, Sendable {
    var members = 0
    var dead = 0
    var waited = 0
    var staged = 0
    var done = 0
    var failed = 0
    var unsettled = 0
    var onTarget = 0

    mutating func add(_ standing: MemberStanding, _ sign: Int) {
        members += sign
        if standing.isDead { dead += sign }
        if standing.isFailed { failed += sign }
        if standing.isUnsettled, !standing.isDead { unsettled += sign }
        if standing.isOnTarget { onTarget += sign }
        guard standing.isWaitedFor else { return }
        waited += sign
        if standing.isStaged { staged += sign }
        // One that failed is settled: the failure budget decides what it means.
        if standing.isDone || standing.isFailed { done += sign }
    }
}
