internal import OrderedCollections
internal import SwarmModel

/// What the channel wants of its hosts, and what it shows of them.
extension ChannelMachine {
    func desired(of host: HostName) -> DesiredState.Model? {
        guard let member = members[host] else { return nil }
        let hold = versions(for: member)
        guard !hold.isEmpty else { return nil }
        return DesiredState.Model(
            name: channel.model,
            hold: hold,
            active: member.command?.version.version,
            fence: member.command?.fence ?? .zero
        )
    }

    /// What it needs most first.
    private func versions(for member: Member) -> [DesiredState.Version] {
        var hold: [DesiredState.Version] = []
        func add(_ version: DesiredState.Version?) {
            // A version is a name: of two with one name, the first is meant.
            guard let version, !hold.contains(where: { $0.version == version.version }) else {
                return
            }
            hold.append(version)
        }
        if let rollout = running, !rollout.isReturn, fetchesTarget(member, rollout) {
            add(rollout.target)
        }
        add(goal(of: member))
        if running != nil, channel.keep > 0 { add(rollout?.previous) }
        for version in channel.history.prefix(channel.keep) { add(version) }
        if let told = member.command?.version, !hold.contains(told) {
            // Until it is told otherwise, it serves this. Its name may be another's by now.
            hold.removeAll { $0.version == told.version }
            hold.append(told)
        }
        return hold
    }

    /// In the phase of seeding the hosts of the first wave fetch: they become the second holder
    /// where one host alone has published.
    private func fetchesTarget(_ member: Member, _ rollout: Rollout) -> Bool {
        if rollout.phase == .seeding { return member.wave == 0 }
        return rollout.plan.stagesAll || member.wave <= rollout.wave
    }

    // MARK: Views

    private func counts(of member: Member) -> HostCounts {
        var counts = HostCounts()
        let standing = member.standing
        counts.hosts = 1
        counts.dead = standing.isDead ? 1 : 0
        counts.staged = standing.isStaged ? 1 : 0
        counts.active = standing.isDone && !standing.isDead ? 1 : 0
        counts.failed = standing.isFailed ? 1 : 0
        counts.unhealthy = standing.isUnhealthy && !standing.isDead ? 1 : 0
        counts.unavailable = standing.isUnavailable ? 1 : 0
        if let target = rollout?.target ?? channel.stable {
            counts.bytesHeld = member.entry(of: target)?.bytesHeld ?? 0
        }
        return counts
    }

    var counts: HostCounts {
        var sum = HostCounts()
        for member in members.values { sum += counts(of: member) }
        return sum
    }

    var channelView: ChannelView {
        let stable = channel.stable
        let serving = members.values.count { member in
            !member.standing.isDead && stable.map { member.serves($0) } ?? false
        }
        return ChannelView(channel: channel, hosts: counts, serving: serving)
    }

    var view: RolloutView? {
        guard let rollout else { return nil }
        var all = HostCounts()
        var waves = Array(repeating: HostCounts(), count: rollout.plan.waves.count)
        var byDomain: OrderedDictionary<Locality, HostCounts> = [:]
        for member in members.values {
            let counts = counts(of: member)
            all += counts
            waves[min(member.wave, waves.count - 1)] += counts
            byDomain[member.domain, default: HostCounts()] += counts
        }
        return RolloutView(
            rollout: rollout,
            state: rollout.stateText,
            waitsFor: waitsFor,
            hosts: all,
            waves: zip(rollout.plan.waves, waves).map {
                RolloutView.Wave(scope: $0.hosts, hosts: $1)
            },
            domains: byDomain.keys.sorted().map { domain in
                RolloutView.Domain(
                    domain: domain,
                    unavailableMax: unavailableMax(in: .rack(domain)),
                    hosts: byDomain[domain]!
                )
            }
        )
    }

    /// The first few hosts that are so, by name.
    func names(_ isSo: (Member) -> Bool) -> String {
        let found = members.filter { isSo($0.value) }
        guard !found.isEmpty else { return "no host" }
        let first = found.keys.sorted().prefix(5).map { host -> String in
            let member = found[host]!
            let problem = rollout.flatMap { member.entry(of: $0.target)?.problem }
            let reason = member.standing.isFailed ? member.report?.failure?.reason : problem
            return reason.map { "\(host) (\($0))" } ?? "\(host)"
        }.joined(separator: ", ")
        return first + (found.count > 5 ? " and \(found.count - 5) more" : "")
    }

    /// Why it stands where it stands; nil when the rollout is over.
    var waitsFor: String? {
        guard let rollout = running else { return nil }
        if let pause = rollout.pause, !rollout.isReturn {
            return "paused: \(pause.reason); `shoal rollout resume \(rollout.id)` goes on, "
                + "`abort` goes back"
        }
        switch rollout.phase {
        case .seeding:
            return "\(holders) complete holder\(holders == 1 ? "" : "s") of "
                + "\(rollout.model)@\(rollout.target.version) known to the tracker; two are "
                + "needed, or one and an origin in its .torrent"
                + (holders == 0 ? ": seed it with `shoal publish --seed` where its files are" : "")
        case .staging:
            let tally = tallies[rollout.wave]
            return "\(tally.waited - tally.staged) of \(tally.waited) hosts to hold it sealed: "
                + names {
                    $0.wave == rollout.wave && $0.standing.isWaitedFor && !$0.standing.isStaged
                } + deadText(rollout)
        case .activating: return doneText(rollout) + deadText(rollout)
        case .baking:
            guard isDone(rollout.wave) else { return doneText(rollout) + deadText(rollout) }
            let gates = rollout.plan.waves[rollout.wave].gates
            guard rollout.gate < gates.count else { return nil }
            return gates[rollout.gate] == .approval
                ? "approval: `shoal rollout approve \(rollout.id) --wave \(rollout.wave + 1)`"
                : "gate '\(gates[rollout.gate])'"
        case .returning:
            return "hosts to return: " + names { $0.standing.isUnsettled && !$0.isDead }
        case .complete, .rolledBack, .rollbackDegraded: return nil
        }
    }

    private func doneText(_ rollout: Rollout) -> String {
        let waves = tallies[...rollout.wave]
        let waiting = waves.reduce(0) { $0 + $1.waited - $1.done }
        return "\(waiting) hosts to serve it: "
            + names {
                $0.wave <= rollout.wave && $0.standing.isWaitedFor && !$0.standing.isDone
                    && !$0.standing.isFailed
            }
    }

    private func deadText(_ rollout: Rollout) -> String {
        let dead = tallies[rollout.wave].dead
        guard dead > 0 else { return "" }
        return "; silent: " + names { $0.wave == rollout.wave && $0.isDead }
            + ", which it does not wait for up to \(rollout.plan.deadHostsMax)"
    }
}
