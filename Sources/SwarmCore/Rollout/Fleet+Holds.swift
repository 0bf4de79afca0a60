internal import OrderedCollections
package import SwarmModel

/// Versions that single hosts hold because somebody said so, such as the seed hosts of a build that
/// leaves no publisher behind. They are part of what is wanted of the host, after what its channels
/// want, and are never activated by being held.
extension Fleet {
    package mutating func restore(hold: HostHold, of host: HostName) {
        guard let there = hosts[host]?.holds else { return }
        setHolds((there + [hold]).sorted(), of: host)
    }

    /// Tells a host to hold a version until it is released. Returns whether that is new.
    package mutating func hold(
        _ hold: HostHold,
        on name: HostName,
        by actor: String,
        at now: Instant,
        into actions: inout [FleetAction]
    ) throws(FleetRefusal) -> Bool {
        guard let host = hosts[name] else { throw unknown(name) }
        guard !host.holds.contains(hold) else { return false }
        // Of one version there is one content; the newest word is right.
        let others = host.holds.filter { !$0.isSameVersion(as: hold) }
        try check(others, hold, on: name)
        var turn = turn(now, actor, &actions)
        defer { finish(&turn, &actions) }
        setHolds((others + [hold]).sorted(), of: name)
        turn.actions.append(.saveHold(name, hold))
        turn.audit("hold", "\(name)", "\(hold.model)@\(hold.version)")
        turn.actions.append(.desire(name))
        return true
    }

    private func check(
        _ others: [HostHold],
        _ hold: HostHold,
        on name: HostName
    ) throws(FleetRefusal) {
        let models = desired(of: name).map(\.name)
        let isRoom = models.contains(hold.model) || models.count < HostReport.modelCountMax
        guard others.count < settings.holdsPerHostMax, isRoom else {
            let held = others.map { "\($0.model)@\($0.version)" }.joined(separator: ", ")
            throw FleetRefusal(
                .full,
                "host \(name) holds as much as it may (\(settings.holdsPerHostMax) versions, "
                    + "\(HostReport.modelCountMax) models): \(held); "
                    + "`shoal host release ORG/MODEL@V --host \(name)` makes room"
            )
        }
    }

    /// Ends a hold. What the host has stays on its disk as long as there is room, or its channels
    /// want it. Returns whether it was held.
    package mutating func release(
        _ version: ModelReference,
        on name: HostName,
        by actor: String,
        at now: Instant,
        into actions: inout [FleetAction]
    ) throws(FleetRefusal) -> Bool {
        guard let host = hosts[name] else { throw unknown(name) }
        let hold = host.holds.first { $0.model == version.name && $0.version == version.version }
        guard let hold else { return false }
        var turn = turn(now, actor, &actions)
        defer { finish(&turn, &actions) }
        setHolds(host.holds.filter { $0 != hold }, of: name)
        turn.actions.append(.removeHold(name, hold))
        turn.audit("release", "\(name)", "\(version)")
        turn.actions.append(.desire(name))
        return true
    }
}

extension HostHold {
    func isSameVersion(as other: Self) -> Bool {
        (model, version) == (other.model, other.version)
    }

    /// Adds what is held to what the channels of the host want. Of two contents with one name, the
    /// channel's is meant.
    func add(to models: inout [DesiredState.Model]) {
        let wanted = DesiredState.Version(version: version, infoHash: infoHash)
        guard let index = models.firstIndex(where: { $0.name == model }) else {
            models.append(.init(name: model, hold: [wanted], active: nil, fence: .zero))
            return
        }
        guard !models[index].hold.contains(where: { $0.version == version }) else { return }
        models[index].hold.append(wanted)
    }
}
