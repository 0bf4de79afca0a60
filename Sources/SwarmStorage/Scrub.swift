package import SwarmModel
internal import SystemPackage

/// Reads a visible version from media again, a little at a time, and remembers what is not as it
/// was sealed: disks rot, and what nobody reads rots unseen.
package struct Scrub: Sendable {
    /// One file to read: the sealed content, or a copy of it in the view.
    private struct Source: Sendable {
        var path: FilePath
        var checker: PieceChecker
        /// Of the content; nil for a copy in the view, which is made anew from the content.
        var root: Digest?
    }

    private let fileSystem: any FileSystem
    private var sources: [Source] = []
    private var index = 0
    private var piece = 0
    private var open: OpenFile?
    /// Contents with a wrong byte.
    package private(set) var damaged: [Digest] = []
    /// A copy in the view has one.
    package private(set) var isViewDamaged = false

    package var isDone: Bool { index == sources.count }
    package var isSound: Bool { damaged.isEmpty && !isViewDamaged }

    /// - Throws: `.unknownVersion` when there is no such view; `.layerMissing`.
    package init(
        _ reference: ModelReference,
        info: VersionInfo,
        layers: [PieceLayer],
        in store: Store
    ) throws(StorageError) {
        fileSystem = store.fileSystem
        let view = store.layout.view(reference)
        guard try store.marker(of: reference)?.infoHash == info.infoHash,
            try fileSystem.entry(at: view) != nil
        else {
            throw StorageError(.unknownVersion, "no view of \(info.infoHash) at '\(view)'")
        }
        let known = Dictionary(layers.map { ($0.root, $0.hashes) }, uniquingKeysWith: { $1 })
        for group in FilesByContent(info).groups {
            let file = group.files[0]
            guard let expected = info.needsLayer(file) ? known[group.root] : [group.root] else {
                throw StorageError(.layerMissing, "a piece layer of '\(info.name)' is not known")
            }
            let checker = PieceChecker(
                expected: expected,
                pieceLength: info.geometry.pieceLength,
                fileLength: group.length
            )
            let blob = store.layout.blob(group.root)
            sources.append(Source(path: blob, checker: checker, root: group.root))
            let inode = try fileSystem.entry(at: blob)?.inode
            for file in group.files {
                let path = view.appending(info.entry(of: file).joinedPath)
                guard try fileSystem.entry(at: path)?.inode != inode else { continue }
                sources.append(Source(path: path, checker: checker, root: nil))
            }
        }
    }

    /// Reads the next pieces: one at least, and no more than `byteCount` beyond it. Returns the
    /// bytes read; ``isDone`` says whether they were the last.
    package mutating func step(byteCount: Int) -> Int {
        var done = 0
        while !isDone, done == 0 || done < byteCount {
            let source = sources[index]
            if open == nil { open = try? OpenFile(source.path, .read, in: fileSystem) }
            let length = source.checker.length(of: piece)
            if !holds(source, length) { note(source) }
            done += length
            piece += 1
            if piece == source.checker.expected.count {
                (index, piece, open) = (index + 1, 0, nil)
            }
        }
        return done
    }

    private func holds(_ source: Source, _ length: Int) -> Bool {
        guard let open else { return false }
        let start = piece * source.checker.pieceLength
        fileSystem.dropCache(open.descriptor, start..<start + length)
        return PieceChecker.withBuffer { source.checker.holds(piece, of: open, buffer: $0) }
    }

    private mutating func note(_ source: Source) {
        guard let root = source.root else {
            isViewDamaged = true
            return
        }
        if damaged.last != root { damaged.append(root) }
    }
}

extension Store {
    /// Takes damaged contents out of use: the views that have them disappear, and so does a
    /// `current` that points to one, because no loader may find a wrong byte. Whoever has the files
    /// open keeps them. The contents are put aside for ``Holding/salvage()``.
    ///
    /// A process that ends in between leaves contents that are visible again after its restart,
    /// until they are read the next time.
    ///
    /// - Parameter reference: a version whose view is to be made anew in any case.
    /// - Throws: `.inUse` while a version with such a content is open.
    /// - Returns: the versions that are not visible any more.
    @discardableResult
    package func quarantine(
        _ roots: [Digest],
        viewOf reference: ModelReference
    ) throws(StorageError) -> [ModelReference] {
        let bad = Set(roots)
        let scratch = layout.scratch(number: nextNumber())
        return try exclusively { state throws(StorageError) in
            let isOpen = state.open.values.contains { version in
                version.contents.contains { bad.contains($0.root) }
            }
            guard !isOpen else {
                throw StorageError(.inUse, "a damaged content of \(reference) is being served")
            }
            var taken: [ModelReference] = []
            for (other, marker) in try markers()
            where other == reference || !bad.isDisjoint(with: marker.roots) {
                try takeDown(other, by: scratch)
                taken.append(other)
            }
            for root in roots {
                let aside = layout.aside(root)
                try fileSystem.removeTree(aside)
                guard try fileSystem.entry(at: layout.blob(root)) != nil else { continue }
                try attempt(.rename, layout.blob(root)) { () throws(Errno) in
                    try fileSystem.rename(layout.blob(root), to: aside)
                }
            }
            try fileSystem.makeDurable(namesIn: layout.blobs)
            try journal.append(roots.map { JournalRecord(.removed, $0) })
            return taken
        }
    }

    private func takeDown(
        _ reference: ModelReference,
        by scratch: FilePath
    ) throws(StorageError) {
        let target = layout.view(reference)
        if try current(of: reference.name) == reference.version {
            let link = layout.current(reference.name)
            try attempt(.remove, link) { () throws(Errno) in try fileSystem.unlink(link) }
        }
        try attempt(.rename, target) { () throws(Errno) in
            try fileSystem.rename(target, to: scratch)
        }
        try fileSystem.makeDurable(namesIn: target.parent)
        try fileSystem.removeTree(layout.marker(reference))
        try fileSystem.removeTree(scratch)
    }
}
