internal import OrderedCollections
package import SwarmModel

/// Channels and rollouts as operators make and steer them. A call that throws has changed nothing.
extension Fleet {
    /// Makes a channel, or changes the selector and the number of versions kept of one.
    package mutating func putChannel(
        _ name: String,
        _ request: ChannelRequest,
        by actor: String,
        at now: Instant,
        into actions: inout [FleetAction]
    ) throws(FleetRefusal) {
        try check(name, request)
        var turn = turn(now, actor, &actions)
        defer { finish(&turn, &actions) }
        var channel =
            channels[name]?.channel
            ?? FleetChannel(name: name, model: request.model, selector: .all)
        channel.selector = request.selector ?? channel.selector
        channel.keep = request.keep ?? channel.keep
        if channels[name] == nil {
            channels[name] = ChannelMachine(channel: channel, rollout: nil, at: now)
            channels.sort { $0.key < $1.key }
        }
        channels[name]!.channel = channel
        turn.actions.append(.saveChannel(channel))
        turn.audit(
            "channel",
            name,
            "\(channel.model), hosts '\(channel.selector)', keep \(channel.keep)"
        )
        for (host, record) in hosts {
            let isMember = record.channels.contains(name)
            let matches = channel.selector.matches(record.labels, host: host, at: record.locality)
            if matches, !isMember {
                setChannels(record.channels + [name], of: host)
                let joined = WaveOrder.Host(
                    name: host,
                    locality: record.locality,
                    labels: record.labels
                )
                channels[name]!.join(joined, &turn)
                takeOver(host, record, name, &turn)
            } else if isMember, !matches {
                setChannels(record.channels.filter { $0 != name }, of: host)
                channels[name]!.leave(host, &turn)
            }
        }
        channels[name]!.desireAll(&turn)
    }

    private mutating func takeOver(
        _ host: HostName,
        _ record: Host,
        _ name: String,
        _ turn: inout Turn
    ) {
        guard let report = record.report else { return }
        let model = channels[name]!.channel.model
        channels[name]!.reported(host, report.models.first { $0.name == model }, &turn)
        if record.isDead { channels[name]!.died(host, &turn) }
    }

    private func check(_ name: String, _ request: ChannelRequest) throws(FleetRefusal) {
        guard FleetChannel.isName(name) else {
            throw FleetRefusal(
                .invalid,
                "'\(name.prefix(72))' is no name of a channel: up to "
                    + "\(FleetChannel.nameByteCountMax) letters, digits and - _ ., beginning with "
                    + "a letter or a digit"
            )
        }
        if let keep = request.keep, !(0...FleetChannel.keepMax).contains(keep) {
            throw FleetRefusal(
                .invalid,
                "a channel keeps 0 to \(FleetChannel.keepMax) earlier versions, and not \(keep)"
            )
        }
        if let there = channels[name] {
            try check(request, of: there)
        } else if channels.count >= settings.channelsMax {
            throw FleetRefusal(
                .full,
                "there are \(settings.channelsMax) channels, as many as may be; remove one"
            )
        }
        let selector = request.selector ?? channels[name]?.channel.selector ?? .all
        for (host, record) in hosts
        where selector.matches(record.labels, host: host, at: record.locality) {
            let other = record.channels.first {
                $0 != name && channels[$0]?.channel.model == request.model
            }
            guard let other else { continue }
            throw FleetRefusal(
                .conflict,
                "host \(host) is in channel '\(other)' of \(request.model) already, and a host is "
                    + "in one channel of a model; make the selectors exclude each other"
            )
        }
    }

    private func check(
        _ request: ChannelRequest,
        of there: ChannelMachine
    ) throws(FleetRefusal) {
        let channel = there.channel
        guard channel.model == request.model else {
            throw FleetRefusal(
                .conflict,
                "channel '\(channel.name)' is of \(channel.model); use another name for "
                    + "\(request.model), or remove the channel first"
            )
        }
        let isOther = request.selector.map { $0 != channel.selector } ?? false
        if isOther, let running = there.running {
            throw FleetRefusal(
                .conflict,
                "rollout \(running.id) is \(running.stateText) on channel '\(channel.name)'; its "
                    + "hosts change when that is over"
            )
        }
    }

    package mutating func removeChannel(
        _ name: String,
        by actor: String,
        at now: Instant,
        into actions: inout [FleetAction]
    ) throws(FleetRefusal) {
        guard let machine = channels[name] else { throw unknownChannel(name) }
        if let running = machine.running {
            throw FleetRefusal(
                .conflict,
                "rollout \(running.id) is \(running.stateText) on channel '\(name)'; abort it first"
            )
        }
        var turn = turn(now, actor, &actions)
        defer { finish(&turn, &actions) }
        for host in machine.members.keys {
            setChannels(hosts[host]!.channels.filter { $0 != name }, of: host)
            turn.actions.append(.desire(host))
        }
        channels.removeValue(forKey: name)
        turn.actions.append(.removeChannel(name))
        turn.audit("remove-channel", name, "")
    }

    // MARK: Rollouts

    /// Begins a rollout. `id` is new, and larger than every earlier one.
    package mutating func createRollout(
        _ id: Int,
        _ request: RolloutRequest,
        target: DesiredState.Version,
        by actor: String,
        at now: Instant,
        into actions: inout [FleetAction]
    ) throws(FleetRefusal) -> Rollout {
        guard let machine = channels[request.channel] else {
            throw unknownChannel(request.channel)
        }
        let key = request.key.map { "create \($0)" }
        if let there = machine.rollout, let key, there.keys.contains(key) { return there }
        let plan = request.plan ?? .standard
        if let flaw = plan.flaw { throw FleetRefusal(.invalid, flaw) }
        var rollout = Rollout(
            id: id,
            channel: request.channel,
            model: machine.channel.model,
            target: target,
            previous: machine.channel.stable,
            plan: plan
        )
        if let key { rollout.keys = [key] }
        var turn = turn(now, actor, &actions)
        defer { finish(&turn, &actions) }
        try channels[request.channel]!.start(rollout, &turn)
        return channels[request.channel]!.rollout ?? rollout
    }

    /// Steers the newest rollout of a channel. Returns it as it is afterwards.
    package mutating func command(
        _ verb: RolloutVerb,
        _ command: RolloutCommand,
        rollout id: Int,
        by actor: String,
        at now: Instant,
        into actions: inout [FleetAction]
    ) throws(FleetRefusal) -> Rollout {
        guard let name = channels.keys.first(where: { channels[$0]!.rollout?.id == id }) else {
            throw FleetRefusal(
                .unknownRollout,
                "rollout \(id) is not the newest of any channel; see GET /api/v1/rollouts"
            )
        }
        var turn = turn(now, actor, &actions)
        defer { finish(&turn, &actions) }
        _ = try channels[name]!.command(verb, command, &turn)
        return channels[name]!.rollout!
    }

    package func unknownChannel(_ name: String) -> FleetRefusal {
        let known = channels.keys.joined(separator: ", ")
        return FleetRefusal(
            .unknownChannel,
            "there is no channel '\(name.prefix(72))'; "
                + (known.isEmpty
                    ? "make one with `shoal channel set`" : "there are: \(known)")
        )
    }
}
