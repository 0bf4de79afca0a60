package import OrderedCollections
package import SwarmCore
package import SwarmModel

/// What is written down of a fleet, as the tracker's database does: a crash leaves it as it is.
package struct FleetStore: Sendable {
    package var epoch = 0
    package var hosts: OrderedDictionary<HostName, Host> = [:]
    package var channels: OrderedDictionary<String, FleetChannel> = [:]
    package var rollouts: OrderedDictionary<Int, Rollout> = [:]
    package var waves: OrderedDictionary<Int, OrderedDictionary<HostName, Int>> = [:]
    package var commands: OrderedDictionary<String, OrderedDictionary<HostName, HostCommand>> = [:]
    package var holds: OrderedDictionary<HostName, [HostHold]> = [:]
    package var audit: [FleetAudit] = []
    /// A planted bug: commands are shown to hosts, and not written down.
    package var losesCommands = false
    /// A planted bug: an abort is obeyed, and not written down.
    package var losesReturns = false

    package struct Host: Hashable, Sendable {
        package var locality: Locality
        package var labels: Labels
    }

    package init() {}

    package mutating func save(_ action: FleetAction) {
        switch action {
        case .saveChannel(let channel): channels[channel.name] = channel
        case .removeChannel(let name):
            channels[name] = nil
            commands[name] = nil
        case .saveRollout(let rollout):
            if !losesReturns || !rollout.isReturn { rollouts[rollout.id] = rollout }
        case .saveWave(let rollout, let host, let wave):
            waves[rollout, default: [:]][host] = wave
        case .saveCommand(let command):
            if !losesCommands { commands[command.channel, default: [:]][command.host] = command }
        case .removeCommand(let channel, let host): commands[channel]?[host] = nil
        case .removeHost(let name):
            hosts[name] = nil
            holds[name] = nil
        case .saveHold(let name, let hold): holds[name, default: []].append(hold)
        case .removeHold(let name, let hold): holds[name]?.removeAll { $0 == hold }
        case .sawEpoch(let seen): epoch = max(epoch, seen)
        case .audit(let entry): audit.append(entry)
        case .saveHost(let name, let locality, let labels):
            hosts[name] = Host(locality: locality, labels: labels)
        case .desire, .runGate: break
        }
    }

    /// A tracker that starts.
    package mutating func open(
        takesEpoch: Bool = true,
        settings: FleetSettings,
        at now: Instant
    ) -> Fleet {
        if takesEpoch || epoch == 0 { epoch += 1 }
        var fleet = Fleet(settings: settings, epoch: epoch, at: now)
        for (name, host) in hosts {
            fleet.restore(host: name, locality: host.locality, labels: host.labels, at: now)
            for hold in holds[name] ?? [] { fleet.restore(hold: hold, of: name) }
        }
        for channel in channels.values.sorted(by: { $0.name < $1.name }) {
            let rollout = channel.rollout.flatMap { rollouts[$0] }
            fleet.restore(
                channel: channel,
                rollout: rollout,
                commands: commands[channel.name].map { Array($0.values) } ?? [],
                waves: (rollout.flatMap { waves[$0.id] } ?? [:]).map { ($0.key, $0.value) },
                at: now
            )
        }
        return fleet
    }
}
