import SwarmModel
import SwarmRuntime

/// What the host's driver counts since it started.
struct HostCounters: Hashable, Sendable {
    var switches = 0
    var hooks = Results()
    var probes = Results()
    /// Of versions that were read again to find what has rotted.
    var scrubbedBytes = 0
    var damagedVersions = 0

    struct Results: Hashable, Sendable {
        var ok = 0
        var failed = 0

        mutating func add(isFailure: Bool) {
            if isFailure { failed += 1 } else { ok += 1 }
        }

        var samples: [MetricsText.Sample] {
            [
                MetricsText.Sample(ok, [("result", "ok")]),
                MetricsText.Sample(failed, [("result", "failed")]),
            ]
        }
    }
}

/// A host's metrics as text; the names are documented in Docs/Operations.md.
enum HostMetrics {
    static func add(_ status: HostStatus, _ counters: HostCounters, to text: inout MetricsText) {
        addStages(status, to: &text)
        addActivation(status, counters, to: &text)
        addDisk(status, to: &text)
        text.add(
            "shoal_peer_scrubbed_bytes_total",
            .counter,
            help: "Bytes of sealed versions that were read again.",
            counters.scrubbedBytes
        )
        text.add(
            "shoal_peer_damaged_versions_total",
            .counter,
            help: "Versions that were found damaged on the disk, and repaired.",
            counters.damagedVersions
        )
        text.add(
            "shoal_peer_fleet_in_touch",
            .gauge,
            help: "1 when a tracker takes this host's reports; 0 also of a host in no fleet.",
            status.name != nil && status.syncProblem == nil ? 1 : 0
        )
    }

    private static func addStages(_ status: HostStatus, to text: inout MetricsText) {
        let versions = status.models.flatMap(\.report.versions)
        text.add(
            "shoal_peer_host_versions",
            .gauge,
            help: "Versions of this host, by how far they are.",
            VersionStage.allCases.map { stage in
                MetricsText.Sample(
                    versions.count { $0.stage == stage },
                    [("stage", stage.rawValue)]
                )
            }
        )
        text.add(
            "shoal_peer_active_version",
            .gauge,
            help: "1 for the version of each model that serves.",
            status.models.compactMap { model in
                model.report.active.map {
                    MetricsText.Sample(
                        1,
                        [("model", "\(model.report.name)"), ("version", $0)]
                    )
                }
            }
        )
    }

    private static func addActivation(
        _ status: HostStatus,
        _ counters: HostCounters,
        to text: inout MetricsText
    ) {
        text.add(
            "shoal_peer_models",
            .gauge,
            help: "Models of this host that are being switched, that failed to, or are unhealthy.",
            [
                MetricsText.Sample(
                    status.models.count { $0.isActivating },
                    [("state", "switching")]
                ),
                MetricsText.Sample(
                    status.models.count { $0.report.failure != nil },
                    [("state", "failed")]
                ),
                MetricsText.Sample(
                    status.models.count { $0.report.isHealthy == false },
                    [("state", "unhealthy")]
                ),
            ]
        )
        text.add(
            "shoal_peer_switches_total",
            .counter,
            help: "Times that a model was switched to another version, or back.",
            counters.switches
        )
        text.add(
            "shoal_peer_hooks_total",
            .counter,
            help: "Hooks before and after a switch, by result.",
            counters.hooks.samples
        )
        text.add(
            "shoal_peer_probes_total",
            .counter,
            help: "Readiness probes, by result.",
            counters.probes.samples
        )
    }

    private static func addDisk(_ status: HostStatus, to text: inout MetricsText) {
        guard let disk = status.disk else { return }
        text.add(
            "shoal_peer_disk_bytes",
            .gauge,
            help: "What Shoal may use of the disk, what it uses, and what the disk has left.",
            [
                MetricsText.Sample(disk.budget, [("kind", "budget")]),
                MetricsText.Sample(disk.used, [("kind", "used")]),
                MetricsText.Sample(disk.free, [("kind", "free")]),
            ]
        )
    }
}
