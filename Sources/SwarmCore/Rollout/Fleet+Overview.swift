internal import OrderedCollections
package import SwarmModel

/// The fleet as the page shows it: one pass over the hosts that are looked at.
extension Fleet {
    /// Of one channel, or of all hosts; nil when there is no such channel.
    package func overview(of channel: String?) -> FleetOverview? {
        guard let names = names(in: channel) else { return nil }
        let sorted = names.sorted()
        let (levels, groups) = grouped(sorted)
        return FleetOverview(
            epoch: epoch,
            channel: channel,
            channels: channels.values.map { FleetOverview.Channel($0.channel) },
            rollouts: channels.values.compactMap { $0.view.map(RolloutSummary.init) },
            levels: levels,
            racks: groups.keys.sorted().map { place in
                rack(place, groups[place]!, channel)
            }
        )
    }

    /// The hosts of one group of an overview, by name.
    package func hostLines(
        at place: Locality,
        levels: Int,
        channel: String?,
        countMax: Int
    ) -> [HostLine] {
        let found = (names(in: channel) ?? []).filter {
            hosts[$0]!.locality.ancestor(level: levels) == place
        }
        return found.sorted().prefix(countMax).map { name in
            let sight = sight(of: name, channel)
            return HostLine(
                host: name,
                state: sight.state.letter,
                versions: sight.versions,
                bytesHeld: sight.bytesHeld,
                bytes: sight.bytes,
                problem: sight.problem
            )
        }
    }

    /// Versions whose traffic is of interest: what channels go to, and what they serve.
    package func versionsInUse(by channel: String?) -> [(name: String, infoHash: InfoHash)] {
        var found: [(name: String, infoHash: InfoHash)] = []
        for machine in channels.values where channel == nil || machine.channel.name == channel {
            for version in [machine.rollout?.target, machine.channel.stable].compactMap({ $0 })
            where !found.contains(where: { $0.infoHash == version.infoHash }) {
                found.append(("\(machine.channel.model)@\(version.version)", version.infoHash))
            }
        }
        return found
    }

    private func names(in channel: String?) -> [HostName]? {
        guard let channel else { return Array(hosts.keys) }
        return channels[channel].map { Array($0.members.keys) }
    }

    private func grouped(
        _ names: [HostName]
    ) -> (levels: Int, groups: OrderedDictionary<Locality, [HostName]>) {
        for levels in [Locality.levelCountMax, 2, 1] {
            var groups: OrderedDictionary<Locality, [HostName]> = [:]
            for name in names where groups.count <= FleetOverview.racksMax {
                groups[hosts[name]!.locality.ancestor(level: levels), default: []].append(name)
            }
            if groups.count <= FleetOverview.racksMax { return (levels, groups) }
        }
        return (0, [.unknown: names])
    }

    private func rack(
        _ place: Locality,
        _ names: [HostName],
        _ channel: String?
    ) -> FleetOverview.Rack {
        var rack = FleetOverview.Rack(place: place)
        for name in names {
            let sight = sight(of: name, channel)
            rack.hosts += sight.state.letter
            rack.piecesHeld.addClamped(sight.piecesHeld)
            rack.pieces.addClamped(sight.pieces)
            rack.bytesHeld.addClamped(sight.bytesHeld)
            rack.bytes.addClamped(sight.bytes)
            for version in sight.versions { rack.addVersion(version) }
        }
        rack.versions.sort { ($1.hosts, $0.version) < ($0.hosts, $1.version) }
        return rack
    }

    private func sight(of name: HostName, _ channel: String?) -> HostSight {
        if let channel { return channels[channel]!.sight(of: name, isAlone: true) }
        let host = hosts[name]!
        let sights = host.channels.map { channels[$0]!.sight(of: name, isAlone: false) }
        guard var first = sights.first else { return HostSight(host) }
        for sight in sights.dropFirst() { first.add(sight) }
        return first
    }
}

/// What is seen of one host.
struct HostSight {
    var state = HostState.idle
    var versions: [String] = []
    var piecesHeld = 0
    var pieces = 0
    var bytesHeld = 0
    var bytes = 0
    var problem: String?

    init() {}

    /// Of a host that is in no channel.
    fileprivate init(_ host: Fleet.Host) {
        for model in host.report?.models ?? [] {
            if let active = model.active { versions.append("\(model.name)@\(active)") }
            if model.isHealthy == false { state = min(state, .unhealthy) }
            for version in model.versions where version.stage == .fetching {
                state = min(state, .fetching(tenths: version.tenthsHeld))
                add(version)
            }
        }
        if state == .idle, !versions.isEmpty { state = .other }
        if host.isDead { state = .silent }
    }

    mutating func add(_ version: HostReport.Version) {
        piecesHeld.addClamped(version.piecesHeld)
        pieces.addClamped(version.pieceCount)
        bytesHeld.addClamped(version.bytesHeld)
        bytes.addClamped(version.byteCount)
        problem = problem ?? version.problem
    }

    fileprivate mutating func add(_ other: HostSight) {
        state = min(state, other.state)
        versions += other.versions
        piecesHeld.addClamped(other.piecesHeld)
        pieces.addClamped(other.pieces)
        bytesHeld.addClamped(other.bytesHeld)
        bytes.addClamped(other.bytes)
        problem = problem ?? other.problem
    }
}

extension ChannelMachine {
    /// What all of its hosts shall serve once it has its way.
    private var aim: DesiredState.Version? {
        guard let rollout = running else { return channel.stable }
        return rollout.isReturn ? rollout.previous : rollout.target
    }

    /// `isAlone` when nothing of other models is shown beside it.
    fileprivate func sight(of host: HostName, isAlone: Bool) -> HostSight {
        var sight = HostSight()
        guard let member = members[host] else { return sight }
        sight.state = state(of: member)
        if let active = member.report?.active {
            sight.versions = [isAlone ? active : "\(channel.model)@\(active)"]
        }
        if let entry = aim.flatMap({ member.entry(of: $0) }) { sight.add(entry) }
        if member.standing.isFailed { sight.problem = member.report?.failure?.reason }
        return sight
    }

    private func state(of member: Member) -> HostState {
        if member.isDead { return .silent }
        guard let report = member.report else { return .idle }
        let entry = aim.flatMap { member.entry(of: $0) }
        if member.standing.isFailed || entry?.stage == .failed { return .failed }
        if member.isUnhealthy { return .unhealthy }
        if member.answer == .outstanding { return .switching }
        switch entry?.stage {
        case .fetching, .sealing: return .fetching(tenths: entry?.tenthsHeld ?? 0)
        case .activating: return .switching
        case .sealed: return .staged
        case .active: return .serving
        case .failed, nil: return report.active == nil ? .idle : .other
        }
    }
}

extension HostReport.Version {
    fileprivate var tenthsHeld: Int {
        byteCount > 0 ? min(9, Int(Double(bytesHeld) / Double(byteCount) * 10)) : 0
    }
}
