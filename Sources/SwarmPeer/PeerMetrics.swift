import SwarmCore
import SwarmModel
import SwarmRuntime

/// What a driver counts for metrics, beside what its core knows.
struct DriverCounters: Hashable, Sendable {
    /// Pieces whose blocks were all here and did not match the piece's hash.
    var hashFailures = 0
    var bans = 0
    /// Entries of verified pieces into the journal.
    var journalCommits = 0
}

/// The numbers of one version at one moment.
struct VersionMetrics: Sendable {
    var version: String
    var received: LevelBytes
    var sent: LevelBytes
    var duplicateBytes: Int
    var pieces: Int
    var verifiedPieces: Int
    var connections: Int
    var counters: DriverCounters
}

/// A peer's metrics as text; the names are documented in Docs/Operations.md.
enum PeerMetrics {
    static func text(_ versions: [VersionMetrics], _ gauges: TransportGauges) -> MetricsText {
        var text = MetricsText()
        text.add("shoal_peer_versions", .gauge, help: "Versions that are open.", versions.count)
        addBytes(versions, to: &text)
        addPieces(versions, to: &text)
        addTransport(gauges, to: &text)
        return text
    }

    private static func addBytes(_ versions: [VersionMetrics], to text: inout MetricsText) {
        func samples(_ levels: (VersionMetrics) -> LevelBytes) -> [MetricsText.Sample] {
            versions.flatMap { version in
                levels(version).all.map { count in
                    MetricsText.Sample(
                        count.bytes,
                        [
                            ("version", version.version), ("level", count.level.rawValue),
                            ("kind", count.kind.rawValue),
                        ]
                    )
                }
            }
        }
        text.add(
            "shoal_peer_received_bytes_total",
            .counter,
            help: "Payload bytes received, duplicates included, by nearest domain shared and kind.",
            samples(\.received)
        )
        text.add(
            "shoal_peer_sent_bytes_total",
            .counter,
            help: "Payload bytes sent, by nearest domain shared and kind.",
            samples(\.sent)
        )
        text.add(
            "shoal_peer_duplicate_bytes_total",
            .counter,
            help: "Payload bytes received and not kept.",
            each(versions, \.duplicateBytes)
        )
    }

    private static func addPieces(_ versions: [VersionMetrics], to text: inout MetricsText) {
        text.add(
            "shoal_peer_pieces",
            .gauge,
            help: "Pieces of the version.",
            each(versions, \.pieces)
        )
        text.add(
            "shoal_peer_verified_pieces",
            .gauge,
            help: "Pieces that are here and verified.",
            each(versions, \.verifiedPieces)
        )
        text.add(
            "shoal_peer_connections",
            .gauge,
            help: "Open connections to other peers.",
            each(versions, \.connections)
        )
        text.add(
            "shoal_peer_hash_failures_total",
            .counter,
            help: "Pieces that came whole and did not match their hash.",
            each(versions, \.counters.hashFailures)
        )
        text.add(
            "shoal_peer_bans_total",
            .counter,
            help: "Bans of peers that sent wrong bytes.",
            each(versions, \.counters.bans)
        )
        text.add(
            "shoal_peer_journal_commits_total",
            .counter,
            help: "Commits of verified pieces to the journal.",
            each(versions, \.counters.journalCommits)
        )
    }

    private static func each(
        _ versions: [VersionMetrics],
        _ value: (VersionMetrics) -> Int
    ) -> [MetricsText.Sample] {
        versions.map { MetricsText.Sample(value($0), [("version", $0.version)]) }
    }

    private static func addTransport(_ gauges: TransportGauges, to text: inout MetricsText) {
        text.add(
            "shoal_peer_transport_buffered_bytes",
            .gauge,
            help: "Bytes of buffers with a block in progress.",
            gauges.busyBufferBytes.value
        )
        text.add(
            "shoal_peer_transport_pooled_bytes",
            .gauge,
            help: "Bytes of idle buffers.",
            gauges.pooledBytes.value
        )
        text.add(
            "shoal_peer_transport_unsent_bytes",
            .gauge,
            help: "Bytes accepted for sending and not yet handed to the kernel, files included.",
            gauges.unsentBytes.value
        )
        text.add(
            "shoal_peer_transport_suspended_connections",
            .gauge,
            help: "Connections whose reading is stopped because the driver lags behind.",
            gauges.suspendedConnections.value
        )
        text.add(
            "shoal_peer_refused_connections_total",
            .counter,
            help: "Connections closed at once because a limit was reached.",
            gauges.refusedConnections.value
        )
    }
}

extension SwarmDriver {
    var metrics: VersionMetrics {
        VersionMetrics(
            version: names.first?.description ?? infoHash.description,
            received: LevelBytes(swarm.ledger.received),
            sent: LevelBytes(swarm.ledger.sent),
            duplicateBytes: swarm.ledger.duplicateBytes,
            pieces: swarm.geometry?.pieceCount ?? 0,
            verifiedPieces: swarm.picker?.verified.population ?? 0,
            connections: swarm.connections.count,
            counters: counters
        )
    }
}

extension PeerNode {
    func metrics() async -> MetricsText {
        var versions: [VersionMetrics] = []
        for driver in openDrivers { versions.append(await driver.metrics) }
        versions.sort { $0.version < $1.version }
        return PeerMetrics.text(versions, transportGauges)
    }
}
