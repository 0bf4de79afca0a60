package import SwarmModel
internal import Synchronization
package import SystemPackage

extension Store {
    /// Opens a version to fill it, to serve it, or both. What is verified comes from the sealed
    /// blobs and the journal; no data is read.
    ///
    /// - Parameter layers: checked against their roots; may lack some (see ``Holding/supply(_:)``).
    package func holding(
        of info: VersionInfo,
        layers: [PieceLayer]
    ) throws(StorageError) -> Holding {
        try PathRules.check(info)
        let files = FilesByContent(info)
        let (number, contents) = try state.withLock { state throws(StorageError) in
            let number = state.nextNumber()
            var contents: [Content] = []
            var owned: [Digest] = []
            for group in files.groups {
                let isOwner = state.owners[group.root] == nil
                let content = try content(group, isOwner: isOwner, number: number)
                if isOwner { owned.append(group.root) }
                contents.append(content)
            }
            for root in owned { state.owners[root] = number }
            state.open[number] = OpenVersion(infoHash: info.infoHash, contents: contents)
            return (number, contents)
        }
        return Holding(
            info: info,
            layers: layers,
            store: self,
            number: number,
            contents: contents,
            files: files
        )
    }

    /// Opens a version to serve it in place from the directory that it was published from. Nothing
    /// is copied. Each file is looked at now, and again before each read: one that has changed
    /// since is refused by name. Of a version that several nodes publish in parts, `isHere` says
    /// which files are in this directory.
    package func holding(
        of info: VersionInfo,
        layers: [PieceLayer],
        seedingFrom directory: FilePath,
        isHere: (FileEntry) -> Bool = { _ in true }
    ) throws(StorageError) -> Holding {
        try PathRules.check(info)
        let files = FilesByContent(info)
        var contents: [Content] = []
        for group in files.groups {
            var first: (FilePath, SourceIdentity)?
            for file in group.files where isHere(info.entry(of: file)) {
                let path = directory.appending(info.entry(of: file).joinedPath)
                let identity = try sourceIdentity(path, length: group.length)
                first = first ?? (path, identity)
            }
            if let (path, identity) = first {
                contents.append(inPlace(group, path, .source(path, identity)))
            } else {
                contents.append(inPlace(group, directory, .elsewhere))
            }
        }
        let opened = contents
        let number = state.withLock { state in
            let number = state.nextNumber()
            state.open[number] = OpenVersion(infoHash: info.infoHash, contents: opened)
            return number
        }
        return Holding(
            info: info,
            layers: layers,
            store: self,
            number: number,
            contents: contents,
            files: files
        )
    }

    private func content(
        _ group: FilesByContent.Group,
        isOwner: Bool,
        number: Int
    ) throws(StorageError) -> Content {
        let blob = try fileSystem.entry(at: layout.blob(group.root))
        let isSealed = blob?.kind == .file && blob?.size == group.length
        var claimed = BlockSet()
        if isOwner, !isSealed { claimed = try restoredClaims(group) }
        return Content(
            root: group.root,
            length: group.length,
            layout: layout,
            fileSystem: fileSystem,
            direct: direct,
            journal: isOwner ? journal : nil,
            partial: isOwner
                ? layout.partial(group.root) : layout.partial(group.root, number: number),
            isShared: group.files.count > 1,
            state: Content.State(home: isSealed ? .blob : .partial, claimed: claimed)
        )
    }

    /// What the journal claims of a partial that is as it should be.
    private func restoredClaims(
        _ group: FilesByContent.Group
    ) throws(StorageError) -> BlockSet {
        let claimed = journal.claims(of: group.root)
        guard !claimed.isEmpty else { return claimed }
        let status = try fileSystem.entry(at: layout.partial(group.root))
        if status?.kind == .file, status?.size == group.length { return claimed }
        try journal.append([JournalRecord(.removed, group.root)])
        return BlockSet()
    }

    private func inPlace(
        _ group: FilesByContent.Group,
        _ path: FilePath,
        _ home: Content.Home
    ) -> Content {
        Content(
            root: group.root,
            length: group.length,
            layout: layout,
            fileSystem: fileSystem,
            direct: nil,
            journal: nil,
            partial: path,
            isShared: group.files.count > 1,
            state: Content.State(home: home, claimed: BlockSet())
        )
    }

    private func sourceIdentity(
        _ path: FilePath,
        length: Int
    ) throws(StorageError) -> SourceIdentity {
        let status = try attempt(.inspect, path) { () throws(Errno) in
            try fileSystem.status(at: path, followingLinks: true)
        }
        guard let status, status.kind == .file, status.size == length else {
            let found = status.map { "has \($0.size) bytes" } ?? "is missing"
            throw StorageError(
                .sourceChanged,
                "'\(path)' \(found), the version says \(length) bytes; put the published file "
                    + "back, or publish the directory as a new version",
                path: path
            )
        }
        return SourceIdentity(status)
    }

    /// Ends when no holding of the version is open. Connections let go of a version's files a
    /// moment after they were told to close, each on its own event loop.
    package func closing(of infoHash: InfoHash) -> AsyncStream<Never> {
        let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
        let isOpen = state.withLock { state in
            let isOpen = state.isOpen(infoHash)
            if isOpen { state.closings[infoHash, default: []].append(continuation) }
            return isOpen
        }
        if !isOpen { continuation.finish() }
        return stream
    }

    /// Called when the last reference to a holding goes.
    func closed(_ number: Int) {
        let version = state.withLock { state in
            state.owners = state.owners.filter { $0.value != number }
            return state.open.removeValue(forKey: number)
        }
        guard let version else { return }
        defer { tellWaiting(for: version.infoHash) }
        // A private partial has no journal, so nobody could ever go on with it.
        for content in version.contents {
            if content.isPrivatePartial { try? fileSystem.removeTree(content.partial) }
        }
    }

    private func tellWaiting(for infoHash: InfoHash) {
        let waiting: [AsyncStream<Never>.Continuation] = state.withLock { state in
            guard !state.isOpen(infoHash) else { return [] }
            return state.closings.removeValue(forKey: infoHash) ?? []
        }
        for continuation in waiting { continuation.finish() }
    }
}

/// The files of a version by content, in the order of their first file.
struct FilesByContent: Sendable {
    struct Group: Sendable {
        var root: Digest
        var length: Int
        /// At least one.
        var files: [FileIndex]
    }

    private(set) var groups: [Group] = []
    /// For each file its group; nil for an empty one.
    private(set) var groupOfFile: [Int?] = []

    init(_ info: VersionInfo) {
        var known: [Digest: Int] = [:]
        for file in info.geometry.files {
            guard let root = info.entry(of: file).piecesRoot else {
                groupOfFile.append(nil)
                continue
            }
            if let index = known[root] {
                groups[index].files.append(file)
                groupOfFile.append(index)
            } else {
                known[root] = groups.count
                groupOfFile.append(groups.count)
                groups.append(
                    Group(root: root, length: info.geometry.length(of: file), files: [file])
                )
            }
        }
    }
}

/// The decoder has checked every path; that no file is ever made outside of a view is worth a
/// second look.
enum PathRules {
    static func check(_ info: VersionInfo) throws(StorageError) {
        for entry in info.files {
            let isSafe =
                !entry.path.isEmpty
                && entry.path.allSatisfy { part in
                    !part.isEmpty && part != "." && part != ".." && !part.utf8.contains(0)
                        && !part.utf8.contains(UInt8(ascii: "/"))
                }
            if !isSafe {
                throw StorageError(
                    .unsafePath,
                    "the metainfo has a file '\(entry.joinedPath)', which is not a path below its "
                        + "directory; do not use this metainfo"
                )
            }
        }
    }
}
