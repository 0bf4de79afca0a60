// swift-tools-version: 6.2
// The targets and what each may import are section 2 of Docs/Architecture.md;
// Tests/ArchitectureTests holds the sources to it.

import PackageDescription

// The plans of `shoal simulate` that have a name: files in Sources/shoal/Simulate/Plans.
let readyMadePlans = [
    "byzantine-30", "calm", "cloud-partition", "cold-start", "dead-importers", "fireworks",
    "flash-crowd-1000", "late-joiners", "leases", "mixed", "rolling-restart", "rollout-4000",
    "slow-five-percent", "small", "starved-origin", "tiny-model",
    "uneven-regions",
]

// The files of the tracker's page, in Sources/SwarmTracker/Page/Files.
let pageFiles = [
    "index.html", "page.css", "page.js", "stream.js", "fleet.js", "cells.js", "rollouts.js",
    "traffic.js", "history.js", "commands.js", "text.js",
]

let package = Package(
    name: "shoal",
    products: [.executable(name: "shoal", targets: ["shoal"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        .systemLibrary(
            name: "COpenSSL",
            pkgConfig: "libcrypto",
            providers: [.apt(["libssl-dev"])]
        ),
        .systemLibrary(
            name: "CXXHash",
            pkgConfig: "libxxhash",
            providers: [.apt(["libxxhash-dev"])]
        ),
        .target(name: "CSwarmHash"),
        .target(name: "SwarmModel"),
        .target(name: "SwarmWire", dependencies: ["SwarmModel"]),
        .target(
            name: "SwarmCore",
            dependencies: [
                "SwarmModel", .collections("OrderedCollections"), .collections("DequeModule"),
            ]
        ),
        .target(
            name: "SwarmSimulator",
            dependencies: [
                "SwarmCore", "SwarmModel", .collections("OrderedCollections"),
                .collections("DequeModule"),
            ]
        ),
        .target(
            name: "SwarmHash",
            dependencies: ["SwarmModel", "CSwarmHash", "COpenSSL", "CXXHash"]
        ),
        .target(
            name: "SwarmStorage",
            dependencies: ["SwarmModel", "SwarmHash", .system]
        ),
        .target(
            name: "SwarmOrigin",
            dependencies: [
                "SwarmModel", "SwarmWire", "SwarmHash", .nio("NIOCore"), .nio("NIOPosix"),
                .nio("NIOHTTP1"), .httpClient, .system,
            ]
        ),
        .target(
            name: "SwarmRuntime",
            dependencies: [
                "SwarmModel", "SwarmWire", .nio("NIOCore"), .nio("NIOPosix"), .nio("NIOHTTP1"),
                .hummingbird, .hummingbirdCore, .httpClient, .system, .ssl, .logging, "COpenSSL",
            ]
        ),
        .target(
            name: "SwarmPeer",
            dependencies: [
                "SwarmRuntime", "SwarmCore", "SwarmHash", "SwarmStorage", "SwarmOrigin",
                "SwarmModel",
                "SwarmWire", .nio("NIOCore"), .nio("NIOPosix"), .nio("NIOHTTP1"), .logging,
                .lifecycle, .hummingbird,
                .httpClient,
                .system, .product(name: "Subprocess", package: "swift-subprocess"),
            ]
        ),
        .target(
            name: "SwarmTracker",
            dependencies: [
                "SwarmRuntime", "SwarmCore", "SwarmModel", "SwarmWire", .nio("NIOCore"), .logging,
                .lifecycle, .hummingbird, .httpClient, .nio("NIOHTTP1"),
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            resources: pageFiles.map { .embedInCode("Page/Files/\($0)") }
        ),
        .target(
            name: "SwarmTestnet",
            dependencies: [
                "SwarmModel", .product(name: "Subprocess", package: "swift-subprocess"), .system,
            ]
        ),
        .executableTarget(
            name: "shoal",
            dependencies: [
                "SwarmModel", "SwarmWire", "SwarmHash", "SwarmStorage", "SwarmOrigin",
                "SwarmRuntime", "SwarmPeer", "SwarmTracker", "SwarmSimulator", "SwarmTestnet",
                .logging, .httpClient, .nio("NIOCore"), .nio("NIOPosix"), .nio("NIOHTTP1"),
                .lifecycle, .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"), .system,
            ],
            resources: readyMadePlans.map { .embedInCode("Simulate/Plans/\($0).json") }
        ),
        // Tests/Simulation/run compares what it prints without optimization with what `shoal` does.
        .executableTarget(
            name: "EventHash",
            dependencies: ["SwarmSimulator"],
            path: "Tests/Simulation/EventHash"
        ),
        .testTarget(name: "ArchitectureTests"),
        .testTarget(name: "SwarmModelTests", dependencies: ["SwarmModel"]),
        .testTarget(name: "SwarmWireTests", dependencies: ["SwarmWire", "SwarmModel"]),
        .testTarget(
            name: "SwarmCoreTests",
            dependencies: [
                "SwarmCore", "SwarmModel", "SwarmSimulator", .collections("DequeModule"),
                .collections("OrderedCollections"),
            ]
        ),
        .testTarget(
            name: "SwarmSimulatorTests",
            dependencies: ["SwarmSimulator", "SwarmCore", "SwarmModel"]
        ),
        .testTarget(name: "SwarmHashTests", dependencies: ["SwarmHash", "SwarmModel", "COpenSSL"]),
        .testTarget(
            name: "SwarmStorageTests",
            dependencies: ["SwarmStorage", "SwarmHash", "SwarmModel", .system]
        ),
        .testTarget(
            name: "SwarmOriginTests",
            dependencies: [
                "SwarmOrigin", "SwarmHash", "SwarmWire", "SwarmModel", .nio("NIOCore"),
                .nio("NIOPosix"), .nio("NIOHTTP1"), .httpClient,
            ]
        ),
        .testTarget(
            name: "SwarmPeerTests",
            dependencies: [
                "SwarmPeer", "SwarmRuntime", "SwarmTracker", "SwarmStorage", "SwarmHash",
                "SwarmCore", "SwarmModel", "SwarmWire", .nio("NIOCore"), .nio("NIOPosix"), .logging,
                .nio("NIOEmbedded"), .ssl, .hummingbird, .httpClient, .system,
            ]
        ),
        .testTarget(name: "SwarmTestnetTests", dependencies: ["SwarmTestnet", "SwarmModel"]),
        .testTarget(
            name: "ShoalTests",
            dependencies: [
                "shoal", "SwarmHash", "SwarmModel", "SwarmPeer", "SwarmSimulator", "SwarmWire",
                .product(name: "ArgumentParser", package: "swift-argument-parser"), .system,
            ]
        ),
        .testTarget(
            name: "SwarmTrackerTests",
            dependencies: [
                "SwarmTracker", "SwarmRuntime", "SwarmCore", "SwarmModel", "SwarmWire", .logging,
                .product(name: "GRDB", package: "GRDB.swift"), .httpClient, .hummingbird,
                .hummingbirdCore, .lifecycle, .nio("NIOCore"), .nio("NIOEmbedded"),
                .nio("NIOHTTP1"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
    target.swiftSettings = [
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
}

extension Target.Dependency {
    static func nio(_ name: String) -> Self { .product(name: name, package: "swift-nio") }
    static func collections(_ name: String) -> Self {
        .product(name: name, package: "swift-collections")
    }
    static let logging = product(name: "Logging", package: "swift-log")
    static let system = product(name: "SystemPackage", package: "swift-system")
    static let lifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let ssl = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let hummingbird = product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdCore = product(name: "HummingbirdCore", package: "hummingbird")
    static let httpClient = product(name: "AsyncHTTPClient", package: "async-http-client")
}
