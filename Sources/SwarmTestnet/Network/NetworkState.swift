import Foundation

/// What a network has made, on disk before it is made: `shoal testnet down` removes it even after
/// the process that made it was killed.
package struct NetworkState: Codable, Hashable, Sendable {
    package var id: String
    package var topology: String
    package var namespaces: [String]
    /// Directories with everything that the hosts hold.
    package var workDirectory: String
    package var mounts: [String]
    /// The process that runs a scenario in it; nil for a network that was left up.
    package var owner: Int32?
    /// When the owner started, in ticks since the machine did, so that another process with its
    /// number is not taken for it.
    package var ownerStart: String?

    package init(id: String, topology: String, namespaces: [String], workDirectory: String) {
        self.id = id
        self.topology = topology
        self.namespaces = namespaces
        self.workDirectory = workDirectory
        mounts = []
    }

    /// `/run` for root, which a restart of the machine empties; otherwise the temporary directory.
    package static var directory: String {
        let environment = ProcessInfo.processInfo.environment
        if let given = environment["SHOAL_TESTNET_STATE"] { return given }
        if getuid() == 0, access("/run", W_OK) == 0 { return "/run/shoal-testnet" }
        return (environment["TMPDIR"] ?? "/tmp") + "/shoal-testnet-\(getuid())"
    }

    private var path: String { "\(Self.directory)/\(id).json" }

    package func write() throws {
        try FileManager.default.createDirectory(
            atPath: Self.directory,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        try encoder.encode(self).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    package func remove() { try? FileManager.default.removeItem(atPath: path) }

    /// All that are recorded. A file that cannot be read is named rather than skipped.
    package static func all() throws -> [NetworkState] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return try files.filter { $0.hasSuffix(".json") }.sorted().map { name in
            let path = "\(directory)/\(name)"
            do {
                let data = try Data(contentsOf: URL(fileURLWithPath: path))
                return try JSONDecoder().decode(NetworkState.self, from: data)
            } catch {
                throw TestnetError("\(path) cannot be read: \(error)", remedy: "remove it by hand")
            }
        }
    }

    /// Whether the process that made it still runs.
    package var hasOwner: Bool {
        guard let owner, let start = Self.startTime(of: owner) else { return false }
        return ownerStart == nil || start == ownerStart
    }

    /// Names the process that owns networks when this one sees only processes of its own.
    static let ownerVariable = "SHOAL_TESTNET_OWNER"

    mutating func own() {
        if let outer = ProcessInfo.processInfo.environment[Self.ownerVariable] {
            // Its start cannot be read from in here; its number alone must do.
            owner = Int32(outer)
            ownerStart = nil
        } else {
            owner = getpid()
            ownerStart = Self.startTime(of: getpid())
        }
    }

    /// Field 22 of `/proc/PID/stat` (proc(5)); the command's name before it may hold anything.
    private static func startTime(of pid: Int32) -> String? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[end...].split(separator: " ")
        return fields.count > 20 ? String(fields[20]) : nil
    }
}
