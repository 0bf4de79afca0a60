internal import OrderedCollections
internal import SwarmModel

/// Whose turn it is to switch.
extension ChannelMachine {
    func unavailableMax(in domain: Domain) -> Int {
        let plan = rollout?.plan ?? RolloutPlan.standard
        let members = domains.members(of: domain)
        let amount =
            switch domain.level {
            case .rack: plan.maxUnavailable
            case .region: plan.regionLimit
            case .cloud: plan.cloudLimit
            }
        return amount.map { max(1, $0.of(members)) } ?? members
    }

    private func isExhausted(_ domain: Domain) -> Bool {
        domains.unavailable(in: domain) >= unavailableMax(in: domain)
    }

    /// Whether switching takes something out of service that now serves.
    private func needsTurn(_ member: Member) -> Bool {
        if member.isDead || member.standing.isUnavailable || member.report?.active == nil {
            return false
        }
        if let rollout = running, rollout.isReturn, rollout.returnsAtOnce { return false }
        return true
    }

    private var isHeld: Bool {
        guard let rollout = running else { return false }
        return rollout.pause != nil && !rollout.isReturn
    }

    /// Lets every host that the goals now allow to switch take its turn.
    mutating func dispatchAll(_ turn: inout Turn) {
        for host in members.keys { enqueue(host, &turn) }
        domains.forgetWaiting()
        for rack in domains.racks { dispatch(rack, &turn) }
    }

    /// Lets hosts of its domains take the turns that a change of this member may have freed.
    mutating func dispatch(around member: Member, _ turn: inout Turn) {
        dispatch(member.domain, &turn)
        guard !isHeld else { return }
        for domain in member.domains {
            // A rack comes back into this line only once the domain is exhausted again.
            while !isExhausted(domain), let rack = domains.nextWaiting(for: domain) {
                dispatch(rack, &turn)
            }
        }
    }

    mutating func enqueue(_ host: HostName, _ turn: inout Turn) {
        let member = members[host]!
        guard !isHeld, wantsCommand(member) else { return }
        if !needsTurn(member) {
            command(host, &turn)
        } else if !member.isQueued {
            members[host]!.isQueued = true
            domains.enqueue(host, in: member.domain)
        }
    }

    /// Gives the turns of a rack that are free there and in the domains around it.
    private mutating func dispatch(_ rack: Locality, _ turn: inout Turn) {
        guard !isHeld else { return }
        while let host = domains.firstReady(in: rack) {
            let member = members[host].flatMap { $0.domain == rack ? $0 : nil }
            let isWilling = member.map { wantsCommand($0) } ?? false
            if isWilling, let member, needsTurn(member),
                let domain = member.domains.first(where: { isExhausted($0) })
            {
                domains.wait(rack, for: domain)
                return
            }
            domains.removeFirstReady(in: rack)
            guard member != nil else { continue }
            members[host]!.isQueued = false
            if isWilling { command(host, &turn) }
        }
    }

    private mutating func command(_ host: HostName, _ turn: inout Turn) {
        guard let version = goal(of: members[host]!) else { return }
        let fence = turn.nextFence()
        let member = members[host]!
        book(member, -1)
        members[host]!.command = Member.Command(version: version, fence: fence)
        // A host that is out of service already stays so in the count.
        members[host]!.wasServing = member.report?.active != nil || member.standing.isUnavailable
        members[host]!.standing = assess(members[host]!)
        book(members[host]!, 1)
        let command = HostCommand(
            channel: channel.name,
            host: host,
            version: version,
            fence: fence
        )
        turn.actions.append(.saveCommand(command))
        turn.audit("activate", "\(host)", "\(channel.model)@\(version.version) fence \(fence)")
        turn.actions.append(.desire(host))
    }

    /// Hosts whose activation failed are tried once more.
    mutating func retryFailed(_ turn: inout Turn) {
        for (host, member) in members where member.answer == .failed && !member.isDead {
            guard let goal = goal(of: member), member.command?.version == goal else { continue }
            command(host, &turn)
        }
    }
}
