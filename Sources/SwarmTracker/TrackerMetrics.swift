internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime
internal import Synchronization

/// What the tracker has answered since it started.
final class TrackerCounters: Sendable {
    let announces = Atomic<Int>(0)
    let refusedAnnounces = Atomic<Int>(0)
    let reports = Atomic<Int>(0)
    let refusedReports = Atomic<Int>(0)
}

/// The tracker's metrics as text; the names are documented in Docs/Operations.md.
struct TrackerMetrics: Sendable {
    let registry: RegistryDriver
    let traffic: TrafficDriver
    let fleet: FleetDriver
    let pages: PageStreams
    let counters: TrackerCounters

    var text: MetricsText {
        var text = MetricsText()
        let (swarms, peers) = registry.counts
        text.add("shoal_tracker_swarms", .gauge, help: "Swarms with members.", swarms)
        text.add("shoal_tracker_peers", .gauge, help: "Members of all swarms.", peers)
        text.add(
            "shoal_tracker_announces_total",
            .counter,
            help: "Announces answered, by result.",
            Self.results(counters.announces, counters.refusedAnnounces)
        )
        text.add(
            "shoal_tracker_traffic_reports_total",
            .counter,
            help: "Reports of traffic answered, by result.",
            Self.results(counters.reports, counters.refusedReports)
        )
        let (reporters, levels) = traffic.totals
        text.add(
            "shoal_tracker_traffic_reporters",
            .gauge,
            help: "Lives of peers whose last report is kept.",
            reporters
        )
        text.add(
            "shoal_tracker_traffic_bytes_total",
            .counter,
            help: "Payload bytes that peers received, by nearest domain shared and kind.",
            levels.all.map {
                MetricsText.Sample(
                    $0.bytes,
                    [("level", $0.level.rawValue), ("kind", $0.kind.rawValue)]
                )
            }
        )
        addFleet(&text)
        addPages(&text)
        return text
    }

    private func addPages(_ text: inout MetricsText) {
        text.add("shoal_tracker_page_streams", .gauge, help: "Open pages.", pages.openCount)
        text.add(
            "shoal_tracker_page_updates_total",
            .counter,
            help: "Updates that open pages have taken.",
            pages.updates.value
        )
        text.add(
            "shoal_tracker_page_streams_ended_total",
            .counter,
            help: "Pages that were refused for want of a place, or dropped as stalled.",
            [
                MetricsText.Sample(pages.refused.value, [("reason", "refused")]),
                MetricsText.Sample(pages.dropped.value, [("reason", "stalled")]),
            ]
        )
    }

    private func addFleet(_ text: inout MetricsText) {
        let numbers = fleet.gauges.numbers.withLock { $0 }
        text.add(
            "shoal_tracker_hosts",
            .gauge,
            help: "Hosts that have reported, by whether they still do.",
            [
                MetricsText.Sample(numbers.hosts - numbers.dead, [("state", "live")]),
                MetricsText.Sample(numbers.dead, [("state", "dead")]),
            ]
        )
        text.add("shoal_tracker_channels", .gauge, help: "Channels.", numbers.channels)
        text.add(
            "shoal_tracker_rollouts",
            .gauge,
            help: "Newest rollouts of channels, by phase.",
            (Rollout.Phase.allCases.map(\.rawValue) + ["paused"]).map {
                MetricsText.Sample(numbers.phases[$0] ?? 0, [("phase", $0)])
            }
        )
        addChannels(numbers, &text)
        text.add(
            "shoal_tracker_host_reports_total",
            .counter,
            help: "Reports of hosts answered, by result.",
            Self.results(fleet.gauges.reports, fleet.gauges.refusedReports)
        )
        text.add(
            "shoal_tracker_waiting_hosts",
            .gauge,
            help: "Hosts whose request is held until something is wanted of them.",
            fleet.desks.waitingCount
        )
        text.add(
            "shoal_tracker_catalog_commits_total",
            .counter,
            help: "Transactions of the database.",
            fleet.gauges.commits.value
        )
        text.add(
            "shoal_tracker_epoch",
            .gauge,
            help: "Epoch of this owner of the rollouts.",
            numbers.epoch
        )
    }

    private func addChannels(_ numbers: FleetGauges.Numbers, _ text: inout MetricsText) {
        text.add(
            "shoal_tracker_channel_hosts",
            .gauge,
            help: "Hosts of channels, by how far they are with the version that is wanted.",
            numbers.channelHosts.flatMap { channel, hosts in
                hosts.byState.map { state, count in
                    MetricsText.Sample(count, [("channel", channel), ("state", state)])
                }
            }
        )
        text.add(
            "shoal_tracker_channel_held_bytes",
            .gauge,
            help: "Bytes of the wanted version that the hosts of channels hold.",
            numbers.channelHosts.map {
                MetricsText.Sample($0.hosts.bytesHeld, [("channel", $0.channel)])
            }
        )
        text.add(
            "shoal_tracker_rollout_wave",
            .gauge,
            help: "Wave that the newest rollout of a channel is at, from 1.",
            numbers.waves.map { MetricsText.Sample($0.wave, [("channel", $0.channel)]) }
        )
    }

    private static func results(
        _ all: borrowing Atomic<Int>,
        _ refused: borrowing Atomic<Int>
    ) -> [MetricsText.Sample] {
        // Read first: a refusal is counted after its request.
        let refused = refused.value
        return [
            MetricsText.Sample(max(0, all.value - refused), [("result", "ok")]),
            MetricsText.Sample(refused, [("result", "refused")]),
        ]
    }
}

extension HostCounts {
    fileprivate var byState: [(state: String, count: Int)] {
        [
            ("all", hosts), ("dead", dead), ("staged", staged), ("active", active),
            ("failed", failed), ("unhealthy", unhealthy), ("unavailable", unavailable),
        ]
    }
}
