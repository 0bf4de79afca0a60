// swift-tools-version: 6.2
// Benchmarks of single functions; Docs/Performance.md says how to run them. A package of its own,
// so that the library it needs is no dependency of ours, with our targets as its own, through the
// link `Sources` that `run` makes, so that it may call what has `package` access.

import PackageDescription

let package = Package(
    name: "shoal-benchmarks",
    dependencies: [
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/ordo-one/benchmark", exact: "1.38.1", traits: []),
    ],
    targets: [
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto"),
        .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash"),
        .target(name: "CSwarmHash"),
        .target(name: "SwarmModel"),
        .target(name: "SwarmWire", dependencies: ["SwarmModel"]),
        .target(
            name: "SwarmCore",
            dependencies: [
                "SwarmModel",
                .product(name: "OrderedCollections", package: "swift-collections"),
                .product(name: "DequeModule", package: "swift-collections"),
            ]
        ),
        .target(
            name: "SwarmHash",
            dependencies: ["SwarmModel", "CSwarmHash", "COpenSSL", "CXXHash"]
        ),
        .target(
            name: "SwarmStorage",
            dependencies: [
                "SwarmModel", "SwarmHash",
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .executableTarget(
            name: "Functions",
            dependencies: [
                "SwarmModel", "SwarmWire", "SwarmCore", "SwarmHash", "SwarmStorage",
                .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Benchmarks/Functions",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
        ),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
}
