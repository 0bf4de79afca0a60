/// What each target may import (section 2 of Docs/Architecture.md). Anything else is a finding, and
/// so is a target without an entry.
enum ImportRules {
    static let allowed: [String: [String]] = [
        "SwarmModel": [],
        "SwarmWire": ["SwarmModel"],
        "SwarmCore": ["SwarmModel"] + collections,
        "SwarmSimulator": ["SwarmModel", "SwarmCore"] + collections,
        "SwarmHash": ["SwarmModel", "CSwarmHash", "COpenSSL", "CXXHash"] + platform,
        "SwarmStorage": ["SwarmModel", "SwarmHash", "SystemPackage"] + platform,
        "SwarmOrigin": ["SwarmModel", "SwarmWire", "SwarmHash", "SystemPackage"] + platform
            + ["NIOCore", "NIOPosix", "NIOHTTP1", "AsyncHTTPClient", "Foundation"],
        "SwarmRuntime": ["SwarmModel", "SwarmWire", "SystemPackage", "NIOSSL", "COpenSSL"]
            + runtime,
        "SwarmPeer": [
            "SwarmModel", "SwarmWire", "SwarmRuntime", "SwarmCore", "SwarmHash", "SwarmStorage",
            "SwarmOrigin", "SystemPackage", "Subprocess",
        ] + runtime,
        "SwarmTracker": [
            "SwarmModel", "SwarmWire", "SwarmRuntime", "SwarmCore", "SystemPackage", "GRDB",
        ] + runtime,
        "SwarmTestnet": [
            "SwarmModel", "Subprocess", "SystemPackage", "Logging", "Foundation",
        ] + platform,
        "shoal": [
            "SwarmModel", "SwarmWire", "SwarmHash", "SwarmStorage", "SwarmOrigin", "SwarmRuntime",
            "SwarmPeer", "SwarmTracker", "SwarmSimulator", "SwarmTestnet", "SystemPackage",
            "ArgumentParser",
        ] + runtime,
    ]

    private static let collections = ["OrderedCollections", "DequeModule", "HeapModule"]
    /// The C library by its name on each system, and what Swift has of threads.
    private static let platform = ["Glibc", "Musl", "Darwin", "Synchronization", "Dispatch"]
    private static let runtime =
        platform + [
            "NIO", "NIOCore", "NIOPosix", "NIOConcurrencyHelpers", "NIOFoundationCompat",
            "NIOHTTP1",
            "Hummingbird", "HummingbirdCore", "HTTPTypes", "AsyncHTTPClient", "Logging", "Metrics",
            "ServiceLifecycle",
            "UnixSignals", "Foundation", "FoundationEssentials",
        ]

    /// Decide and translate without doing anything: no clock, no chance, no locks, no waiting.
    static let pureTargets = ["SwarmModel", "SwarmWire", "SwarmCore", "SwarmSimulator"]

    static func findings(in file: SourceFile) -> [Finding] {
        guard let allowed = allowed[file.target] else {
            return [Finding(path: file.path, line: 1, message: "no entry for \(file.target)")]
        }
        return imports(in: file).filter { !allowed.contains($0.module) }.map { found in
            let list = allowed.isEmpty ? "nothing" : allowed.joined(separator: ", ")
            return Finding(
                path: file.path,
                line: found.line,
                message: "\(file.target) may not import \(found.module); it may import \(list)"
            )
        }
    }

    /// The modules that a file imports, of `package import struct Module.Type` the module.
    static func imports(in file: SourceFile) -> [(module: String, line: Int)] {
        let lines = file.code.text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.enumerated().compactMap { index, line in
            let words = line.split(separator: " ")
            guard let at = words.firstIndex(of: "import"),
                words[..<at].allSatisfy({ $0.hasPrefix("@") || modifiers.contains(String($0)) }),
                var name = words[(at + 1)...].first
            else { return nil }
            if kinds.contains(String(name)), words.count > at + 2 { name = words[at + 2] }
            return (String(name.prefix { $0 != "." && $0 != ";" }), index + 1)
        }
    }

    private static let modifiers = ["public", "package", "internal", "fileprivate", "private"]
    private static let kinds = [
        "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
    ]
}
