internal import Glibc
internal import SwarmModel
internal import Synchronization
package import SystemPackage

/// The data directory of one process: sealed contents, partials, views, torrents, and the journal
/// that says which blocks are verified (section 7 of the design). Blocking; call it from threads.
///
/// Invariant: what is below `models/` was read from media and matched its hashes, and is never
/// changed.
package final class Store: Sendable {
    struct State: Sendable {
        /// The open version that fills a partial and may journal it.
        var owners: [Digest: Int] = [:]
        var open: [Int: OpenVersion] = [:]
        /// Who waits for the last holding of a version to close.
        var closings: [InfoHash: [AsyncStream<Never>.Continuation]] = [:]
        private var lastNumber = 0

        func isOpen(_ infoHash: InfoHash) -> Bool {
            open.values.contains { $0.infoHash == infoHash }
        }

        /// A number that this process has not given out before.
        mutating func nextNumber() -> Int {
            lastNumber += 1
            return lastNumber
        }
    }

    /// What the store knows of an open version. It does not keep the holding alive.
    struct OpenVersion: Sendable {
        var infoHash: InfoHash
        var contents: [Content]
    }

    package let layout: StoreLayout
    package let settings: StoreSettings
    /// What was noteworthy at opening, as sentences for the log.
    package let notes: [String]
    /// The directory is kept in memory, so that there is nothing to read back from.
    let isMemory: Bool
    /// How blocks are written past the page cache; nil when they are not.
    let direct: DirectIO?
    let fileSystem: any FileSystem
    let journal: Journal
    /// Its flock is what keeps a second process out.
    private let lockFile: OpenFile
    let state = Mutex(State())

    private init(
        layout: StoreLayout,
        settings: StoreSettings,
        notes: [String],
        fileSystem: any FileSystem,
        isMemory: Bool,
        direct: DirectIO?,
        journal: Journal,
        lockFile: OpenFile
    ) {
        self.layout = layout
        self.settings = settings
        self.notes = notes
        self.fileSystem = fileSystem
        self.journal = journal
        self.lockFile = lockFile
        self.isMemory = isMemory
        self.direct = direct
    }

    /// Makes or opens a data directory. Reads the journal and names, never data.
    ///
    /// - Throws: `.locked` when another process has it.
    package static func open(
        directory: FilePath,
        settings: StoreSettings = StoreSettings(),
        fileSystem: any FileSystem = .system
    ) throws(StorageError) -> Store {
        let layout = StoreLayout(root: directory)
        try makeRoot(layout.root, fileSystem)
        let lockFile = try StoreLock.take(layout.lock, fileSystem)
        for part in [layout.blobs, layout.partials, layout.models, layout.torrents] {
            try fileSystem.makeDurableDirectory(part)
        }
        try sweep(layout, fileSystem)
        var notes: [String] = []
        let isMemory = fileSystem.isMemory(at: layout.root)
        let direct = try DirectIO.ifAsked(settings, layout, fileSystem, isMemory) {
            notes.append($0)
        }
        let journal = try Journal(
            layout: layout,
            fileSystem: fileSystem,
            recordsSlack: settings.journalRecordsSlack,
            partials: try partials(layout, fileSystem),
            note: { notes.append($0) }
        )
        return Store(
            layout: layout,
            settings: settings,
            notes: notes,
            fileSystem: fileSystem,
            isMemory: isMemory,
            direct: direct,
            journal: journal,
            lockFile: lockFile
        )
    }

    /// The contents that have a partial.
    private static func partials(
        _ layout: StoreLayout,
        _ fileSystem: any FileSystem
    ) throws(StorageError) -> Set<Digest> {
        var found: Set<Digest> = []
        for name in try fileSystem.names(in: layout.partials) {
            guard let root = Digest(hex: name),
                try fileSystem.entry(at: layout.partial(root))?.kind == .file
            else { continue }
            found.insert(root)
        }
        return found
    }

    private static func makeRoot(
        _ root: FilePath,
        _ fileSystem: any FileSystem
    ) throws(StorageError) {
        try fileSystem.makeDirectories(root)
        do throws(Errno) { try fileSystem.syncDirectory(root.parent) } catch {
            // A parent that this user may not read was made by somebody else, and long ago.
            if error != .permissionDenied { throw .refused(.sync, root.parent, error) }
        }
    }

    /// Removes what an earlier process was building when it ended.
    private static func sweep(
        _ layout: StoreLayout,
        _ fileSystem: any FileSystem
    ) throws(StorageError) {
        for name in try fileSystem.names(in: layout.models)
        where name.hasPrefix(StoreLayout.scratchPrefix) {
            try fileSystem.removeTree(layout.models.appending(name))
        }
        for name in try fileSystem.names(in: layout.partials) where Digest(hex: name) == nil {
            try fileSystem.removeTree(layout.partials.appending(name))
        }
    }

    func nextNumber() -> Int { state.withLock { $0.nextNumber() } }
}

/// The lock that gives a data directory to one process.
enum StoreLock {
    static func take(
        _ path: FilePath,
        _ fileSystem: any FileSystem
    ) throws(StorageError) -> OpenFile {
        let file = try attempt(.open, path) { () throws(Errno) in
            try OpenFile(path, .readWriteOrCreated(StoreLayout.fileMode), in: fileSystem)
        }
        let isOurs = try attempt(.open, path) { () throws(Errno) in
            try fileSystem.lock(file.descriptor)
        }
        guard isOurs else {
            let text = try fileSystem.contents(of: path, byteCountMax: 64) ?? []
            let owner = String(decoding: text, as: UTF8.self).split(separator: "\n").first ?? "?"
            throw StorageError(
                .locked,
                "'\(path.removingLastComponent())' is in use by process \(owner); stop it, or "
                    + "choose another directory with --data",
                path: path
            )
        }
        let text = Array("\(getpid())\n".utf8)
        try attempt(.write, path) { () throws(Errno) in
            try fileSystem.truncate(file.descriptor, length: 0)
            try file.write(all: text, at: 0)
        }
        return file
    }
}
