internal import OrderedCollections
internal import SwarmModel

/// Moves the hosts of one channel to the version that they should serve: the stable one, or that of
/// the rollout at hand.
///
/// Invariants, by their names in `Docs/Rollouts.md`:
/// - *budget*: a host that serves is told to switch only while fewer than `maxUnavailable` hosts of
///   its rack, of its region and of its cloud are switching, unhealthy or failed.
/// - *abort dominates*: once a rollout has a `returnReason`, no host is told to serve its target.
/// - *readiness*: a host is told to serve the target only when it holds it sealed, and the previous
///   version too, unless the channel keeps none.
struct ChannelMachine: Sendable {
    var channel: FleetChannel
    /// The newest of the channel, also when it is over.
    var rollout: Rollout?
    var members: OrderedDictionary<HostName, Member> = [:]
    var domains = DomainBook()
    /// One for each wave.
    private(set) var tallies = [Tally()]

    // What is not written down, and begins anew when the tracker starts.
    var lastProgress: Instant
    var soakSince: Instant?
    var gateRun: GateRun?
    var gateAttempts = 0
    var holders = 0
    var hasOrigin = false

    init(channel: FleetChannel, rollout: Rollout?, at now: Instant) {
        self.channel = channel
        self.rollout = rollout
        lastProgress = now
        tallies = Array(repeating: Tally(), count: rollout?.plan.waves.count ?? 1)
    }

    /// A rollout that is not over.
    var running: Rollout? { rollout.flatMap { $0.phase.isFinal ? nil : $0 } }

    // MARK: Goals

    /// The last wave whose hosts are told to serve the target.
    var activatedWave: Int {
        guard let rollout = running, !rollout.isReturn else { return -1 }
        switch rollout.phase {
        case .activating, .baking: return rollout.wave
        default: return rollout.wave - 1
        }
    }

    func goal(of member: Member) -> DesiredState.Version? {
        guard let rollout = running else { return channel.stable }
        if rollout.isReturn { return rollout.previous }
        return member.wave <= activatedWave ? rollout.target : rollout.previous
    }

    /// Whether a host may be told to serve a version: it holds it, and what it would go back to.
    private func isReady(_ member: Member, for version: DesiredState.Version) -> Bool {
        guard member.holds(version) else { return false }
        guard let rollout, version == rollout.target, !rollout.isReturn, channel.keep > 0,
            let previous = rollout.previous
        else { return true }
        return member.holds(previous)
    }

    func wantsCommand(_ member: Member) -> Bool {
        if let rollout = running, rollout.isReturn { return wantsReturn(member, rollout) }
        guard let goal = goal(of: member), !member.isDead, member.report != nil else {
            return false
        }
        switch member.answer {
        case .none: if member.serves(goal) { return false }
        case .outstanding, .failed, .obeyed: if member.command?.version == goal { return false }
        }
        return isReady(member, for: goal)
    }

    /// Also of hosts that are dead: whenever they come back, the newer command is what they find.
    private func wantsReturn(_ member: Member, _ rollout: Rollout) -> Bool {
        guard let previous = rollout.previous else { return false }
        if member.command?.version == rollout.target { return true }
        return member.report?.active == rollout.target.version
            && member.command?.version != previous
    }

    /// A host that failed in an earlier rollout went back to what it served, and takes part in this
    /// one like any other.
    private func isOfRollout(_ command: Member.Command?) -> Bool {
        guard let rollout, let version = command?.version else { return true }
        return version == rollout.target || (rollout.isReturn && version == rollout.previous)
    }

    func assess(_ member: Member) -> MemberStanding {
        var standing = MemberStanding()
        let answer = member.answer
        standing.isDead = member.isDead
        standing.isWaitedFor = !member.isDead && !member.isStraggler
        standing.isFailed = answer == .failed && isOfRollout(member.command)
        standing.isUnhealthy = member.isUnhealthy
        let isOut = (answer == .outstanding || standing.isFailed) && member.wasServing
        standing.isUnavailable = !member.isDead && (isOut || standing.isUnhealthy)
        if let target = rollout?.target ?? channel.stable {
            standing.isStaged = isReady(member, for: target)
            standing.isDone =
                member.serves(target) && answer != .outstanding && answer != .failed
                && !standing.isUnhealthy
            standing.isOnTarget =
                member.report?.active == target.version || member.command?.version == target
        }
        if let rollout = running, rollout.isReturn {
            standing.isUnsettled = answer == .outstanding || wantsReturn(member, rollout)
        }
        return standing
    }

    // MARK: Members

    /// A host is a member from now on. `wave` and `command` are what is written down of it.
    mutating func restore(_ host: WaveOrder.Host, wave: Int?, _ command: HostCommand?) {
        var member = Member(domain: host.locality, labels: host.labels)
        member.wave = min(wave ?? tallies.count, tallies.count - 1)
        member.command = command.map { Member.Command(version: $0.version, fence: $0.fence) }
        insert(host.name, member)
    }

    /// A host joins: it has reported for the first time, or its labels have changed.
    mutating func join(_ host: WaveOrder.Host, _ turn: inout Turn) {
        var member = Member(domain: host.locality, labels: host.labels)
        if let rollout = running {
            member.wave = WaveOrder.lateWave(host, of: rollout.plan.waves)
            member.isStraggler = member.wave <= activatedWave
            turn.actions.append(
                .saveWave(rollout: rollout.id, host: host.name, wave: member.wave)
            )
        } else {
            member.wave = tallies.count - 1
        }
        insert(host.name, member)
        turn.actions.append(.desire(host.name))
    }

    private mutating func insert(_ host: HostName, _ member: Member) {
        precondition(members[host] == nil, "\(host) is a member of \(channel.name) already")
        var member = member
        member.standing = assess(member)
        members[host] = member
        domains.join(member.domains)
        book(member, 1)
    }

    mutating func leave(_ host: HostName, _ turn: inout Turn) {
        guard let member = members[host] else { return }
        book(member, -1)
        domains.leave(member.domains)
        members.swapRemove(host)
        if member.command != nil {
            turn.actions.append(.removeCommand(channel: channel.name, host: host))
        }
        turn.actions.append(.desire(host))
        dispatch(around: member, &turn)
        advance(&turn)
    }

    mutating func book(_ member: Member, _ sign: Int) {
        tallies[member.wave].add(member.standing, sign)
        if member.standing.isUnavailable { domains.book(member.domains, sign) }
    }

    mutating func setWaves(_ waves: [(host: HostName, wave: Int)], count: Int) {
        tallies = Array(repeating: Tally(), count: count)
        for (host, wave) in waves {
            members[host]!.wave = wave
            members[host]!.isStraggler = false
        }
        for host in members.keys { members[host]!.wave = min(members[host]!.wave, count - 1) }
        assessAll()
    }

    /// After a change of goals, which may touch every host. Everything else touches one.
    mutating func assessAll() {
        for index in tallies.indices { tallies[index] = Tally() }
        domains.clearUnavailable()
        for host in members.keys {
            members[host]!.standing = assess(members[host]!)
            members[host]!.progress = 0
            book(members[host]!, 1)
        }
    }

    mutating func desireAll(_ turn: inout Turn) {
        turn.actions += members.keys.map { .desire($0) }
    }

    // MARK: One host

    /// Takes over what a host says of the model.
    mutating func reported(_ host: HostName, _ report: HostReport.Model?, _ turn: inout Turn) {
        guard let member = members[host] else { return }
        let hasCome = member.isDead
        if !hasCome, member.hasReported, member.report == report { return }
        members[host]!.report = report
        members[host]!.hasReported = true
        members[host]!.isDead = false
        if hasCome, let rollout = running, !rollout.isReturn {
            let isLate =
                member.wave < rollout.wave
                || (member.wave == rollout.wave && rollout.phase == .baking)
            if isLate { members[host]!.isStraggler = true }
        }
        reassess(host, &turn)
        advance(&turn)
    }

    mutating func died(_ host: HostName, _ turn: inout Turn) {
        guard members[host]?.isDead == false else { return }
        members[host]!.isDead = true
        reassess(host, &turn)
        advance(&turn)
    }

    private mutating func reassess(_ host: HostName, _ turn: inout Turn) {
        let former = members[host]!
        book(former, -1)
        members[host]!.standing = assess(former)
        if members[host]!.standing.isDone { members[host]!.isStraggler = false }
        members[host]!.standing = assess(members[host]!)
        book(members[host]!, 1)
        noteProgress(host, turn.now)
        enqueue(host, &turn)
        dispatch(around: former, &turn)
    }

    private mutating func noteProgress(_ host: HostName, _ now: Instant) {
        let member = members[host]!
        guard let rollout = running else { return }
        var progress =
            member.entry(
                of: rollout.isReturn
                    ? rollout.previous ?? rollout.target
                    : rollout.target
            )?.piecesHeld ?? 0
        // Each step outweighs all pieces.
        if member.standing.isStaged { progress += 1 << 40 }
        if member.standing.isDone { progress += 1 << 41 }
        if rollout.isReturn, !member.standing.isUnsettled { progress += 1 << 42 }
        if progress > member.progress {
            members[host]!.progress = progress
            lastProgress = now
        }
    }
}
