/// The plans that come with the program, by name. They are files in `Plans`, embedded when the
/// target is built.
enum ReadyMadePlans {
    private static let all: [(name: String, bytes: [UInt8])] = [
        ("byzantine-30", PackageResources.byzantine_30_json),
        ("calm", PackageResources.calm_json),
        ("cloud-partition", PackageResources.cloud_partition_json),
        ("cold-start", PackageResources.cold_start_json),
        ("dead-importers", PackageResources.dead_importers_json),
        ("fireworks", PackageResources.fireworks_json),
        ("flash-crowd-1000", PackageResources.flash_crowd_1000_json),
        ("late-joiners", PackageResources.late_joiners_json),
        ("leases", PackageResources.leases_json),
        ("mixed", PackageResources.mixed_json),
        ("rolling-restart", PackageResources.rolling_restart_json),
        ("rollout-4000", PackageResources.rollout_4000_json),
        ("slow-five-percent", PackageResources.slow_five_percent_json),
        ("small", PackageResources.small_json),
        ("starved-origin", PackageResources.starved_origin_json),
        ("tiny-model", PackageResources.tiny_model_json),
        ("uneven-regions", PackageResources.uneven_regions_json),
    ]

    static var names: [String] { all.map(\.name) }

    static func bytes(of name: String) -> [UInt8]? {
        all.first { $0.name == name }?.bytes
    }
}
