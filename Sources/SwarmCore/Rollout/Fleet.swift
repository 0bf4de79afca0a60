internal import OrderedCollections
package import SwarmModel

/// All hosts, channels and rollouts of one tracker: what each host should do, and when a rollout
/// goes on. Events in, actions out, one deadline.
///
/// Hosts are pulled along, never pushed: a report brings the fleet up to date about one host, and
/// what is wanted of a host can be asked for at any time. So a lost message is a delay, and a
/// fleet that was made anew from what is written down goes on where the former one was.
///
/// Owners: each life of a tracker has an epoch of its own, taken durably before the fleet is made
/// (`epoch`). Fences of commands begin with it, and hosts obey none that is older than one they
/// obeyed, so two owners never move one host to and fro.
package struct Fleet: Sendable {
    struct Host: Sendable {
        var locality: Locality
        var labels: Labels
        /// Since the tracker started.
        var report: HostReport?
        /// Or when the fleet was made.
        var lastSeen: Instant
        var isDead = false
        /// Of the channels that it belongs to, one for each model.
        var channels: [String] = []
        /// What it is told to hold beside; in order.
        var holds: [HostHold] = []
        /// Obeys a controller of a newer epoch than ours.
        var isAhead = false
    }

    package let settings: FleetSettings
    package let epoch: Int
    private var step = 0
    private(set) var hosts: OrderedDictionary<HostName, Host> = [:]
    /// In the order of their names.
    var channels: OrderedDictionary<String, ChannelMachine> = [:]
    private var lastSweep: Instant
    private var epochSeen: Int

    package init(settings: FleetSettings, epoch: Int, at now: Instant) {
        precondition(epoch > 0, "an epoch is taken before a fleet is made")
        self.settings = settings
        self.epoch = epoch
        epochSeen = epoch
        lastSweep = now
    }

    package var hostCount: Int { hosts.count }
    package var deadCount: Int { hosts.values.count { $0.isDead } }
    package var channelCount: Int { channels.count }

    // MARK: Restoring what is written down

    package mutating func restore(
        host: HostName,
        locality: Locality,
        labels: Labels,
        at now: Instant
    ) {
        hosts[host] = Host(locality: locality, labels: labels, lastSeen: now)
    }

    /// After the hosts. `commands` are those of the channel, `waves` those of its newest rollout.
    package mutating func restore(
        channel: FleetChannel,
        rollout: Rollout?,
        commands: [HostCommand],
        waves: [(host: HostName, wave: Int)],
        at now: Instant
    ) {
        var machine = ChannelMachine(channel: channel, rollout: rollout, at: now)
        let commands = OrderedDictionary(commands.map { ($0.host, $0) }) { $1 }
        let waves = OrderedDictionary(waves.map { ($0.host, $0.wave) }) { $1 }
        for (name, host) in hosts where selects(channel, name, host) {
            machine.restore(
                WaveOrder.Host(name: name, locality: host.locality, labels: host.labels),
                wave: waves[name],
                commands[name]
            )
            hosts[name]!.channels.append(channel.name)
        }
        channels[channel.name] = machine
        channels.sort { $0.key < $1.key }
    }

    /// Whether a host belongs to the channel, and to no earlier one of the same model.
    private func selects(_ channel: FleetChannel, _ name: HostName, _ host: Host) -> Bool {
        guard channel.selector.matches(host.labels, host: name, at: host.locality) else {
            return false
        }
        return !host.channels.contains { other in
            other != channel.name && channels[other]?.channel.model == channel.model
        }
    }

    // MARK: Reports

    /// Takes over what a host says of itself. Costs no pass over the fleet, unless it makes a
    /// rollout go on.
    package mutating func reported(
        _ report: HostReport,
        at now: Instant,
        into actions: inout [FleetAction]
    ) throws(FleetRefusal) {
        let isNew = hosts[report.host] == nil
        if isNew, hosts.count >= settings.hostsMax {
            throw FleetRefusal(
                .full,
                "the tracker knows \(settings.hostsMax) hosts, as many as it may; remove those "
                    + "that are gone with DELETE /api/v1/hosts/HOST"
            )
        }
        var turn = turn(now, "controller", &actions)
        defer { finish(&turn, &actions) }
        let hasMoved =
            isNew || hosts[report.host]!.labels != report.labels
            || hosts[report.host]!.locality != report.locality
        if isNew {
            hosts[report.host] = Host(
                locality: report.locality,
                labels: report.labels,
                lastSeen: now
            )
        }
        hosts[report.host]!.report = report
        hosts[report.host]!.lastSeen = now
        hosts[report.host]!.isDead = false
        if hasMoved {
            turn.actions.append(.saveHost(report.host, report.locality, report.labels))
            move(report, &turn)
        }
        checkEpoch(report, &turn)
        for name in hosts[report.host]!.channels {
            let model = channels[name]!.channel.model
            channels[name]!.reported(
                report.host,
                report.models.first { $0.name == model },
                &turn
            )
        }
    }

    private mutating func move(_ report: HostReport, _ turn: inout Turn) {
        let name = report.host
        for channel in hosts[name]!.channels {
            let stays =
                hosts[name]!.locality == report.locality
                && channels[channel]!.channel.selector.matches(
                    report.labels,
                    host: name,
                    at: report.locality
                )
            if !stays { channels[channel]!.leave(name, &turn) }
            if !stays { hosts[name]!.channels.removeAll { $0 == channel } }
        }
        hosts[name]!.locality = report.locality
        hosts[name]!.labels = report.labels
        let host = WaveOrder.Host(
            name: name,
            locality: report.locality,
            labels: report.labels
        )
        for channel in channels.keys where !hosts[name]!.channels.contains(channel) {
            guard selects(channels[channel]!.channel, name, hosts[name]!) else { continue }
            hosts[name]!.channels.append(channel)
            channels[channel]!.join(host, &turn)
        }
    }

    /// A host that obeyed a newer controller than this one: either the database was restored from
    /// an old copy, or another tracker owns the fleet. This one stops and says so; started again,
    /// it takes an epoch above.
    private mutating func checkEpoch(_ report: HostReport, _ turn: inout Turn) {
        let newest = report.models.map(\.fence.epoch).max() ?? 0
        let isAhead = newest > epoch && newest <= epoch + settings.epochLeadMax
        hosts[report.host]!.isAhead = isAhead
        guard isAhead else { return }
        if newest > epochSeen {
            epochSeen = newest
            turn.actions.append(.sawEpoch(newest))
        }
        for name in hosts[report.host]!.channels {
            let model = channels[name]!.channel.model
            guard let fence = report.models.first(where: { $0.name == model })?.fence,
                fence.epoch > epoch, let running = channels[name]!.running,
                running.pause == nil, !running.isReturn
            else { continue }
            channels[name]!.pause(
                "\(report.host) obeyed fence \(fence) of another controller, and this one has "
                    + "epoch \(epoch); see that one tracker alone runs, and start it again",
                isByOperator: false,
                &turn
            )
        }
    }

    package mutating func removeHost(
        _ name: HostName,
        by actor: String,
        at now: Instant,
        into actions: inout [FleetAction]
    ) throws(FleetRefusal) {
        guard let host = hosts[name] else { throw unknown(name) }
        var turn = turn(now, actor, &actions)
        defer { finish(&turn, &actions) }
        for channel in host.channels { channels[channel]!.leave(name, &turn) }
        hosts.swapRemove(name)
        turn.actions.append(.removeHost(name))
        turn.audit("remove-host", "\(name)", "")
    }

    package func unknown(_ host: HostName) -> FleetRefusal {
        let first = hosts.keys.sorted().prefix(5).map(\.description).joined(separator: ", ")
        let more = hosts.count > 5 ? " and \(hosts.count - 5) more" : ""
        return FleetRefusal(
            .unknownHost,
            "no host '\(host)' has reported to this tracker; "
                + (hosts.isEmpty ? "none has" : "it knows \(first)\(more)")
                + ", and `shoal host list` lists them"
        )
    }

    // MARK: Gates, seeds, time

    package mutating func gateFinished(
        _ run: GateRun,
        _ result: GateResult,
        at now: Instant,
        into actions: inout [FleetAction]
    ) {
        var turn = turn(now, "controller", &actions)
        channels[run.channel]?.gateFinished(run, result, &turn)
        finish(&turn, &actions)
    }

    /// Rollouts whose version waits for holders: how many are there should be said to
    /// ``seedingChanged(rollout:channel:holders:hasOrigin:at:into:)`` now and then.
    package var seeding: [Rollout] {
        channels.values.compactMap { $0.running }.filter { $0.phase == .seeding }
    }

    /// `holders` are peers that have the whole version, `hasOrigin` says whether it can be read
    /// from an origin too.
    package mutating func seedingChanged(
        rollout: Int,
        channel: String,
        holders: Int,
        hasOrigin: Bool,
        at now: Instant,
        into actions: inout [FleetAction]
    ) {
        guard channels[channel]?.running?.id == rollout else { return }
        var turn = turn(now, "controller", &actions)
        channels[channel]!.seedingChanged(holders: holders, hasOrigin: hasOrigin, &turn)
        finish(&turn, &actions)
    }

    package mutating func tick(at now: Instant, into actions: inout [FleetAction]) {
        var turn = turn(now, "controller", &actions)
        if now >= lastSweep + settings.sweepSpacing {
            lastSweep = now
            let dead = hosts.filter { !$0.value.isDead && isDead($0.value, now) }.keys
            for name in dead {
                hosts[name]!.isDead = true
                for channel in hosts[name]!.channels { channels[channel]!.died(name, &turn) }
            }
        }
        for name in channels.keys { channels[name]!.tick(&turn) }
        finish(&turn, &actions)
    }

    private func isDead(_ host: Host, _ now: Instant) -> Bool {
        host.lastSeen + settings.deadAfter <= now
    }

    /// When to call ``tick(at:into:)``; nil while there is nothing to wait for.
    package var deadline: Instant? {
        var due = hosts.isEmpty ? nil : lastSweep + settings.sweepSpacing
        for channel in channels.values { due = earlier(due, channel.deadline) }
        return due
    }

    // MARK: Turns

    func turn(_ now: Instant, _ actor: String, _ actions: inout [FleetAction]) -> Turn {
        var turn = Turn(now: now, actor: actor, epoch: epoch, step: step, actions: [])
        // The list is the caller's; it is lent for the time of the call.
        swap(&turn.actions, &actions)
        return turn
    }

    mutating func finish(_ turn: inout Turn, _ actions: inout [FleetAction]) {
        step = turn.step
        swap(&turn.actions, &actions)
    }
}

extension Fleet {
    mutating func setChannels(_ channels: [String], of host: HostName) {
        hosts[host]!.channels = channels
    }

    mutating func setHolds(_ holds: [HostHold], of host: HostName) {
        hosts[host]!.holds = holds
    }
}
