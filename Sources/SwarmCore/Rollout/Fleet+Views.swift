internal import OrderedCollections
package import SwarmModel

/// What is asked of a fleet.
extension Fleet {
    /// What the tracker wants of a host; nothing of one that it does not know.
    package func desired(of host: HostName) -> [DesiredState.Model] {
        guard let record = hosts[host] else { return [] }
        var models = record.channels.sorted().compactMap { channels[$0]?.desired(of: host) }
        for hold in record.holds { hold.add(to: &models) }
        return models
    }

    package var channelViews: [ChannelView] {
        channels.values.map(\.channelView)
    }

    package func channelView(_ name: String) -> ChannelView? {
        channels[name]?.channelView
    }

    /// Nil unless it is the newest of its channel.
    package func rolloutView(_ id: Int) -> RolloutView? {
        channels.values.first { $0.rollout?.id == id }?.view
    }

    package var newestRollouts: [Rollout] { channels.values.compactMap(\.rollout) }

    package func hostView(_ name: HostName, at now: Instant) -> HostView? {
        hosts[name].map { view(name, $0, at: now, isWhole: true) }
    }

    /// Hosts after one, by name.
    package func hostViews(after: HostName?, countMax: Int, at now: Instant) -> [HostView] {
        let names = hosts.keys.filter { name in after.map { name > $0 } ?? true }.sorted()
        return names.prefix(countMax).map { view($0, hosts[$0]!, at: now, isWhole: false) }
    }

    private func view(
        _ name: HostName,
        _ host: Host,
        at now: Instant,
        isWhole: Bool
    ) -> HostView {
        HostView(
            host: name,
            locality: host.locality,
            labels: host.labels,
            channels: host.channels.sorted(),
            holds: host.holds,
            isDead: host.isDead,
            silentSeconds: host.report == nil ? nil : (now - host.lastSeen).inSeconds,
            desired: desired(of: name),
            report: isWhole ? host.report : nil
        )
    }
}
