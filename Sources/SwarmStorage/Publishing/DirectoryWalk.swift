internal import Glibc
internal import SystemPackage

/// A scan under way. Every entry is reached through the open descriptor of its directory, so that a
/// path renamed meanwhile cannot lead the walk elsewhere.
struct DirectoryWalk {
    let root: String
    let limits: DirectoryScan.Limits
    var files: [ScannedFile] = []
    var emptyDirectories: [String] = []
    var problems: [ScanProblem] = []
    /// A limit was hit after which going on teaches nothing.
    var isOver = false

    init(root: String, limits: DirectoryScan.Limits) {
        self.root = root
        self.limits = limits
    }

    mutating func report(_ kind: ScanProblem.Kind, at path: String) {
        guard !isOver else { return }
        problems.append(ScanProblem(path: path, kind: kind))
        if problems.count >= limits.problemCountMax { isOver = true }
    }

    /// Walks one directory and everything below it.
    mutating func visit(_ directory: borrowing ScopedDescriptor, at path: [String]) {
        let shown = path.isEmpty ? root : path.joined(separator: "/")
        let raw: [[UInt8]]
        do {
            raw = try Self.entryNames(of: directory, countMax: limits.fileCountMax)
        } catch {
            return report(.unreadable(code: error.rawValue), at: shown)
        }
        guard raw.count <= limits.fileCountMax else {
            report(.tooManyFiles(max: limits.fileCountMax), at: shown)
            isOver = true
            return
        }
        let names = validNames(raw, in: path)
        reportCollisions(among: names, in: path)
        if raw.isEmpty, !path.isEmpty { emptyDirectories.append(shown) }
        for name in names where !isOver {
            visitEntry(name, of: directory, at: path + [name])
        }
    }

    private mutating func visitEntry(
        _ name: String,
        of directory: borrowing ScopedDescriptor,
        at path: [String]
    ) {
        let shown = path.joined(separator: "/")
        guard path.count <= limits.depthMax else {
            return report(.tooDeep(max: limits.depthMax), at: shown)
        }
        guard shown.utf8.count <= limits.pathByteCountMax else {
            return report(.pathTooLong(max: limits.pathByteCountMax), at: shown)
        }
        do throws(Errno) {
            var status = stat()
            guard fstatat(directory.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                throw Errno(rawValue: errno)
            }
            if status.isLink {
                visitLink(name, of: directory, at: path)
            } else if status.isDirectory {
                let here = directory.number
                visit(try .init(opening: name, relativeTo: here, flags: O_DIRECTORY), at: path)
            } else if status.isRegular {
                let file = try ScopedDescriptor(opening: name, relativeTo: directory.number)
                add(file, try file.status(), at: path, filePath: Self.join(root, shown))
            } else {
                report(.special(name: status.specialName), at: shown)
            }
        } catch {
            report(Self.openingProblem(error), at: shown)
        }
    }

    /// Takes up an open regular file: that it could be opened shows that it can be read.
    mutating func add(
        _ file: borrowing ScopedDescriptor,
        _ status: stat,
        at path: [String],
        filePath: String
    ) {
        guard status.isRegular else {
            return report(.changedWhileScanned, at: path.joined(separator: "/"))
        }
        guard files.count < limits.fileCountMax else {
            report(.tooManyFiles(max: limits.fileCountMax), at: root)
            isOver = true
            return
        }
        files.append(ScannedFile(path: path, filePath: filePath, identity: .init(status)))
    }

    /// An entry that was just seen and now cannot be opened: it vanished, or it is not ours to
    /// read.
    static func openingProblem(_ error: Errno) -> ScanProblem.Kind {
        switch error {
        case .noSuchFileOrDirectory, .notDirectory, .tooManySymbolicLinkLevels: .changedWhileScanned
        default: .unreadable(code: error.rawValue)
        }
    }

    static func join(_ directory: String, _ path: String) -> String {
        directory == "/" ? "/" + path : directory + "/" + path
    }

    /// The path with every link resolved. EILSEQ when that is not UTF-8.
    static func realPath(_ path: String) throws(Errno) -> String {
        guard let resolved = realpath(path, nil) else { throw Errno(rawValue: errno) }
        defer { free(resolved) }
        guard let text = String(validatingCString: resolved) else { throw .illegalByteSequence }
        return text
    }

    /// The raw names in a directory, at most one more than `countMax`.
    private static func entryNames(
        of directory: borrowing ScopedDescriptor,
        countMax: Int
    ) throws(Errno) -> [[UInt8]] {
        // The stream owns and closes its descriptor, and a duplicate would share our read position,
        // so it gets a descriptor of its own.
        let own = openat(directory.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard own >= 0 else { throw Errno(rawValue: errno) }
        guard let stream = fdopendir(own) else {
            let error = Errno(rawValue: errno)
            close(own)
            throw error
        }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while names.count <= countMax {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw Errno(rawValue: errno) }
                break
            }
            let start = UnsafeRawPointer(entry) + MemoryLayout<dirent>.offset(of: \.d_name)!
            let characters = start.assumingMemoryBound(to: UInt8.self)
            let name = Array(UnsafeBufferPointer(start: characters, count: strlen(start)))
            if name != [46], name != [46, 46] { names.append(name) }
        }
        return names
    }
}

private func strlen(_ start: UnsafeRawPointer) -> Int {
    Glibc.strlen(start.assumingMemoryBound(to: CChar.self))
}
