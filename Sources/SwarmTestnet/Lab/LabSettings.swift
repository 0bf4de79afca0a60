import Foundation

/// Where the laboratory finds its tools and puts what it makes.
package struct LabSettings: Sendable {
    /// The program under test.
    package var shoal: String
    /// Holds `topologies`, `scenarios` and `lab`.
    package var testnetDirectory: String
    /// A Python that has libtorrent; only scenarios with such peers need it.
    package var python: String
    /// Where data directories go; nil for memory when there is enough, otherwise a disk.
    package var workDirectory: String?
    /// Leaves data and logs behind.
    package var keeps: Bool
    /// Told what happens, a line at a time.
    package var onProgress: @Sendable (String) -> Void

    package init(
        shoal: String,
        testnetDirectory: String,
        workDirectory: String?,
        keeps: Bool,
        onProgress: @escaping @Sendable (String) -> Void
    ) {
        self.shoal = shoal
        self.testnetDirectory = testnetDirectory
        let venv = testnetDirectory + "/../.build-venv/bin/python"
        let given = ProcessInfo.processInfo.environment["SHOAL_PYTHON"]
        python = given ?? (access(venv, X_OK) == 0 ? venv : "python3")
        self.workDirectory = workDirectory
        self.keeps = keeps
        self.onProgress = onProgress
    }

    /// The directory with the ready-made files: what the environment says, or the one of the
    /// checkout that the program was built in or is run from.
    package static func findTestnetDirectory(program: String) throws -> String {
        if let given = ProcessInfo.processInfo.environment["SHOAL_TESTNET_DIR"] { return given }
        var candidates = [FileManager.default.currentDirectoryPath]
        var directory = (program as NSString).deletingLastPathComponent
        while directory.count > 1 {
            candidates.append(directory)
            directory = (directory as NSString).deletingLastPathComponent
        }
        let found = candidates.map { $0 + "/testnet" }
            .first { access($0 + "/topologies", R_OK) == 0 }
        guard let found else {
            throw TestnetError(
                "the ready-made topologies and scenarios are not where this program is",
                remedy: "run it in the checkout, or set SHOAL_TESTNET_DIR to its 'testnet' folder"
            )
        }
        return found
    }

    // MARK: Files

    package func topology(_ name: String) throws -> Topology {
        let path = try path(of: name, in: "topologies")
        return try Topology.parse(
            Self.read(path),
            name: Self.shortName(path),
            file: path
        )
    }

    package func scenario(_ name: String) throws -> Scenario {
        let path = try path(of: name, in: "scenarios")
        return try Scenario.parse(
            Self.read(path),
            name: Self.shortName(path),
            file: path,
            topology: { try topology($0) }
        )
    }

    /// The names of the ready-made files of a kind.
    package func names(in folder: String) -> [String] {
        let path = "\(testnetDirectory)/\(folder)"
        let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
    }

    /// A name with a slash or an ending is a path; any other is that of a ready-made file.
    private func path(of name: String, in folder: String) throws -> String {
        if name.contains("/") || name.hasSuffix(".json") { return name }
        let names = names(in: folder)
        guard names.contains(name) else {
            throw TestnetError(
                "there is no '\(name)' in \(testnetDirectory)/\(folder)",
                remedy: "there are \(names.joined(separator: ", ")); or give the path of a file"
            )
        }
        return "\(testnetDirectory)/\(folder)/\(name).json"
    }

    private static func shortName(_ path: String) -> String {
        ((path as NSString).lastPathComponent as NSString).deletingPathExtension
    }

    private static func read(_ path: String) throws -> [UInt8] {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw TestnetError("cannot read '\(path)'", remedy: "check the path")
        }
        defer { try? file.close() }
        // One byte more than is allowed, so that a file that is too long is seen as such.
        return Array(try file.read(upToCount: JSONScanner.byteCountMax + 1) ?? Data())
    }

    // MARK: Room

    /// A new directory for a run's data: in memory when the machine has twice the room, since disks
    /// are not what a laboratory of networks measures.
    package func makeWorkDirectory(id: String, byteCount: Int) throws -> String {
        let memory = "/dev/shm"
        let disk = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/var/tmp"
        let hasMemory =
            Self.freeBytes(memory) > byteCount + byteCount / 2
            && Self.availableMemory > 2 * byteCount
        let base = workDirectory ?? (hasMemory ? memory : disk)
        guard Self.freeBytes(base) > byteCount + byteCount / 8 else {
            throw TestnetError(
                "\(base) has no room for \(byteCount >> 20) MiB",
                remedy: "name a directory that has with --work"
            )
        }
        let path = "\(base)/\(NetworkPlan.commonPrefix)\(id)"
        guard path.utf8.count <= LocalAPI.pathByteCountMax - 12 else {
            throw TestnetError("'\(base)' is too long for sockets", remedy: "use --work /var/tmp")
        }
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        return path
    }

    static func freeBytes(_ path: String) -> Int {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return 0 }
        return Int(status.f_bavail) * Int(status.f_frsize)
    }

    private static var availableMemory: Int {
        let text = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
        return (kibibytes ?? 0) * 1024
    }
}
