internal import SwarmModel
internal import SystemPackage

/// Builds the files of a version as a directory tree out of its contents.
struct TreeBuilder {
    enum Use {
        /// Below `models/`: shares the blobs' inodes, read-only.
        case view
        /// For somebody to keep: an inode of its own where the file system can share blocks.
        case export
    }

    let info: VersionInfo
    let fileSystem: any FileSystem
    let use: Use
    /// Bytes copied at once.
    private static let copyBytes = 1 << 20

    /// Makes `directory` and everything in it, durable except for the directory's own name.
    /// `source` names the file with a content.
    func build(
        _ directory: FilePath,
        source: (FileIndex) -> FilePath
    ) throws(StorageError) {
        try attempt(.create, directory) { () throws(Errno) in
            try fileSystem.makeDirectory(directory, mode: StoreLayout.directoryMode)
        }
        var made = [directory]
        var known: Set<FilePath> = []
        for file in info.geometry.files {
            let entry = info.entry(of: file)
            var parent = directory
            for part in entry.path.dropLast() {
                parent.append(part)
                guard known.insert(parent).inserted else { continue }
                made.append(parent)
                try attempt(.create, parent) { () throws(Errno) in
                    try fileSystem.makeDirectory(parent, mode: StoreLayout.directoryMode)
                }
            }
            let target = parent.appending(entry.path[entry.path.count - 1])
            if entry.length == 0 {
                try makeEmpty(target, entry)
            } else {
                try place(source(file), at: target, entry)
            }
        }
        for path in made { try fileSystem.makeDurable(namesIn: path) }
    }

    private func mode(_ entry: FileEntry) -> FilePermissions {
        switch (use, entry.isExecutable) {
        case (.view, false): StoreLayout.sealedMode
        case (.view, true): StoreLayout.sealedExecutableMode
        case (.export, false): FilePermissions(rawValue: 0o640)
        case (.export, true): FilePermissions(rawValue: 0o750)
        }
    }

    private func makeEmpty(_ target: FilePath, _ entry: FileEntry) throws(StorageError) {
        let file = try create(target)
        try finish(file, entry)
    }

    /// A view links first and an export clones first. An executable file never links, because the
    /// mode belongs to the inode.
    private func place(
        _ source: FilePath,
        at target: FilePath,
        _ entry: FileEntry
    ) throws(StorageError) {
        let links = !entry.isExecutable
        if use == .view, links, try link(source, target) { return }
        let from = try attempt(.open, source) { () throws(Errno) in
            try OpenFile(source, use == .view ? .read : .followed, in: fileSystem)
        }
        let to = try create(target)
        do throws(Errno) { try fileSystem.reflink(from.descriptor, to: to.descriptor) } catch {
            if use == .export, links {
                try fileSystem.removeTree(target)
                if try link(source, target) { return }
                try copy(from, to: create(target), entry)
            } else {
                try copy(from, to: to, entry)
            }
            return
        }
        try finish(to, entry)
    }

    /// False when the file system cannot link these two.
    private func link(_ source: FilePath, _ target: FilePath) throws(StorageError) -> Bool {
        do throws(Errno) { try fileSystem.link(source, to: target) } catch {
            switch error {
            case .improperLink, .tooManyLinks, .notPermitted, .notSupported: return false
            default: throw .refused(.link, target, error)
            }
        }
        return true
    }

    private func create(_ target: FilePath) throws(StorageError) -> OpenFile {
        try attempt(.create, target) { () throws(Errno) in
            try OpenFile(target, .created(StoreLayout.fileMode), in: fileSystem)
        }
    }

    private func copy(
        _ from: OpenFile,
        to target: OpenFile,
        _ entry: FileEntry
    ) throws(StorageError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: min(Self.copyBytes, entry.length),
            alignment: 4096
        )
        defer { buffer.deallocate() }
        var done = 0
        while done < entry.length {
            let count = min(buffer.count, entry.length - done)
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            try from.read(all: part, at: done)
            try attempt(.write, target.path) { () throws(Errno) in
                try target.write(all: UnsafeRawBufferPointer(part), at: done)
            }
            done += count
        }
        try finish(target, entry)
    }

    private func finish(_ file: OpenFile, _ entry: FileEntry) throws(StorageError) {
        try attempt(.setMode, file.path) { () throws(Errno) in
            try fileSystem.changeMode(file.path, to: mode(entry))
        }
        try attempt(.sync, file.path) { () throws(Errno) in try file.sync() }
    }
}
