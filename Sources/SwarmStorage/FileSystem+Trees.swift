internal import SystemPackage

/// What the store does with whole files and directory trees, made of the calls of the seam.
extension FileSystem {
    func entry(at path: FilePath) throws(StorageError) -> FileStatus? {
        try attempt(.inspect, path) { () throws(Errno) in
            try status(at: path, followingLinks: false)
        }
    }

    /// The names in a directory, none when there is no such directory.
    func names(in path: FilePath) throws(StorageError) -> [String] {
        do { return try list(path) } catch {
            if error == .noSuchFileOrDirectory || error == .notDirectory { return [] }
            throw .refused(.list, path, error)
        }
    }

    /// Makes a directory and its missing parents, each durable in its own parent. What exists is
    /// taken as it is.
    func makeDirectories(_ path: FilePath) throws(StorageError) {
        if let status = try attempt(
            .inspect,
            path,
            { () throws(Errno) in try self.status(at: path, followingLinks: true) }
        ) {
            guard status.kind != .directory else { return }
            throw .refused(.create, path, .fileExists)
        }
        let parent = path.parent
        if parent != path { try makeDirectories(parent) }
        do throws(StorageError) { try makeDurableDirectory(path) } catch {
            // So that the next call does not take it for durable.
            try? removeDirectory(path)
            throw error
        }
    }

    /// Makes a directory below one that exists, unless it is there, and its name durable in any
    /// case: an earlier process may have ended between the two.
    func makeDurableDirectory(_ path: FilePath) throws(StorageError) {
        do throws(Errno) { try makeDirectory(path, mode: StoreLayout.directoryMode) } catch {
            if error != .fileExists { throw .refused(.create, path, error) }
        }
        try makeDurable(namesIn: path.parent)
    }

    func makeDurable(namesIn path: FilePath) throws(StorageError) {
        try attempt(.sync, path) { () throws(Errno) in try syncDirectory(path) }
    }

    /// Removes whatever is at `path`; nothing there is no error. Never follows a link.
    func removeTree(_ path: FilePath) throws(StorageError) {
        guard let status = try entry(at: path) else { return }
        if status.kind == .directory {
            for name in try names(in: path) { try removeTree(path.appending(name)) }
        }
        try attempt(.remove, path) { () throws(Errno) in
            status.kind == .directory ? try removeDirectory(path) : try unlink(path)
        }
    }

    /// Replaces a small file in one durable step: a draft beside it, synced, renamed over it.
    func replace(_ path: FilePath, with bytes: [UInt8]) throws(StorageError) {
        let draft = path.parent.appending(".\(path.lastComponent?.string ?? "file").new")
        try removeTree(draft)
        let file = try attempt(.create, draft) { () throws(Errno) in
            try OpenFile(draft, .created(StoreLayout.fileMode), in: self)
        }
        try attempt(.write, draft) { () throws(Errno) in
            try file.write(all: bytes, at: 0)
        }
        try attempt(.sync, draft) { () throws(Errno) in try file.sync() }
        try attempt(.rename, draft) { () throws(Errno) in try rename(draft, to: path) }
        try makeDurable(namesIn: path.parent)
    }

    /// The content of a small file; nil when there is none.
    func contents(of path: FilePath, byteCountMax: Int) throws(StorageError) -> [UInt8]? {
        let file: OpenFile
        do { file = try OpenFile(path, .read, in: self) } catch {
            if error == .noSuchFileOrDirectory || error == .notDirectory { return nil }
            throw .refused(.open, path, error)
        }
        let size = try attempt(.inspect, path) { () throws(Errno) in try file.status().size }
        guard size <= byteCountMax else {
            throw StorageError(
                .readFailed,
                "'\(path)' has \(size) bytes, more than the \(byteCountMax) that it may have",
                path: path
            )
        }
        var bytes = [UInt8](repeating: 0, count: size)
        try bytes.withUnsafeMutableBufferPointer { buffer throws(StorageError) in
            try file.read(all: UnsafeMutableRawBufferPointer(buffer), at: 0)
        }
        return bytes
    }
}

extension FilePath {
    /// The directory that holds the last component.
    var parent: FilePath {
        let parent = removingLastComponent()
        return parent.isEmpty ? "." : parent
    }
}
