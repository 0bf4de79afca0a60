package import SwarmModel
package import SystemPackage

extension Holding {
    /// Makes the version visible under `models/` in one step. Every file must be sealed.
    ///
    /// Publishing the same version again returns the path of the view that is there.
    /// - Throws: `.occupied` when another version has the name.
    @discardableResult
    package func publishView(as reference: ModelReference) throws(StorageError) -> FilePath {
        try requireBlobs()
        let (layout, fileSystem) = (store.layout, store.fileSystem)
        let target = layout.view(reference)
        let parent = layout.model(reference.name)
        if try isPublished(reference) {
            // An earlier call may have failed after the rename.
            try fileSystem.makeDurable(namesIn: parent)
            return target
        }
        let scratch = layout.scratch(number: store.nextNumber())
        try fileSystem.makeDurableDirectory(parent.parent)
        try fileSystem.makeDurableDirectory(parent)
        do throws(StorageError) {
            try TreeBuilder(info: info, fileSystem: fileSystem, use: .view)
                .build(scratch) { layout.blob(root(of: $0)) }
            // Under the store's lock, so that neither a removal of these blobs nor a publication
            // under the same name comes in between.
            try store.exclusively { _ throws(StorageError) in
                if try isPublished(reference) { return try fileSystem.removeTree(scratch) }
                try fileSystem.replace(layout.marker(reference), with: ViewMarker(info).text)
                try attempt(.rename, target) { () throws(Errno) in
                    try fileSystem.rename(scratch, to: target)
                }
            }
        } catch {
            try? fileSystem.removeTree(scratch)
            throw error
        }
        try fileSystem.makeDurable(namesIn: parent)
        return target
    }

    /// Writes the version's files to a directory outside of the store, which appears in one step:
    /// as clones where the file system can, hard links where it cannot, and copies otherwise.
    /// Linked files are read-only, because they are the store's own.
    ///
    /// - Throws: `.occupied` when there is something at `directory` other than an empty directory.
    package func export(to directory: FilePath) throws(StorageError) {
        try requireBlobs()
        let fileSystem = store.fileSystem
        let target = directory.lexicallyNormalized()
        guard let name = target.lastComponent, name.kind == .regular else {
            throw StorageError(
                .unsafePath,
                "'\(directory)' does not name a directory that can be made; give its full name",
                path: directory
            )
        }
        try requireFree(target)
        try fileSystem.makeDirectories(target.parent)
        let draft = target.parent.appending(".\(name.string).shoal-\(store.nextNumber())")
        do throws(StorageError) {
            try fileSystem.removeTree(draft)
            try TreeBuilder(info: info, fileSystem: fileSystem, use: .export)
                .build(draft) { store.layout.blob(root(of: $0)) }
            try attempt(.rename, target) { () throws(Errno) in
                try fileSystem.rename(draft, to: target)
            }
        } catch {
            try? fileSystem.removeTree(draft)
            if error.cause == .directoryNotEmpty { try requireFree(target) }
            throw error
        }
        try fileSystem.makeDurable(namesIn: target.parent)
    }

    private func root(of file: FileIndex) -> Digest {
        guard let root = info.entry(of: file).piecesRoot else {
            preconditionFailure("\(file) is empty and has no content")
        }
        return root
    }

    private func requireBlobs() throws(StorageError) {
        for (group, content) in contents.enumerated() where content.home != .blob {
            let name = info.entry(of: files.groups[group].files[0]).joinedPath
            throw StorageError(
                .notSealed,
                "'\(name)' of '\(info.name)' is not sealed in the store; a version becomes visible "
                    + "when all of its files are"
            )
        }
    }

    private func requireFree(_ target: FilePath) throws(StorageError) {
        let fileSystem = store.fileSystem
        guard let status = try fileSystem.entry(at: target) else { return }
        if status.kind == .directory, try fileSystem.names(in: target).isEmpty { return }
        throw StorageError(
            .occupied,
            "'\(target)' exists and is not an empty directory; choose another, or remove it",
            path: target
        )
    }

    private func isPublished(_ reference: ModelReference) throws(StorageError) -> Bool {
        let target = store.layout.view(reference)
        guard try store.fileSystem.entry(at: target) != nil else { return false }
        let marker = try store.marker(of: reference)
        if marker?.infoHash == info.infoHash { return true }
        let other = marker.map { "the version \($0.infoHash)" } ?? "something unknown"
        throw StorageError(
            .occupied,
            "'\(target)' holds \(other), not \(info.infoHash); versions never change, so publish "
                + "under another one or `shoal remove \(reference)` first",
            path: target
        )
    }
}
