package import SwarmModel
internal import Synchronization
package import SystemPackage

/// A version that the store knows.
package struct StoredVersion: Sendable, Hashable {
    package enum State: String, Sendable, Hashable {
        /// Visible under `models/`.
        case complete
        /// Its metainfo is kept, its files are not all there.
        case partial
    }

    /// Nil for a partial one that was kept without a name.
    package var reference: ModelReference?
    package var infoHash: InfoHash
    package var state: State
    /// Bytes of a complete version; verified bytes of a partial one that is open, otherwise 0.
    package var bytes: Int
    /// The view of a complete version.
    package var path: FilePath?
}

extension Store {
    /// The versions here: complete ones by name, then the partial ones by info-hash.
    package func versions() throws(StorageError) -> [StoredVersion] {
        var result: [StoredVersion] = []
        for (reference, marker) in try markers() {
            result.append(
                StoredVersion(
                    reference: reference,
                    infoHash: marker.infoHash,
                    state: .complete,
                    bytes: marker.bytes,
                    path: layout.view(reference)
                )
            )
        }
        let complete = Set(result.map(\.infoHash))
        for (infoHash, reference) in try torrents() where !complete.contains(infoHash) {
            result.append(
                StoredVersion(
                    reference: reference,
                    infoHash: infoHash,
                    state: .partial,
                    bytes: verifiedByteCount(of: infoHash),
                    path: nil
                )
            )
        }
        return result
    }

    private func verifiedByteCount(of infoHash: InfoHash) -> Int {
        let open = state.withLock { state in
            state.open.values.filter { $0.infoHash == infoHash }
        }
        return open.map { $0.contents.reduce(0) { $0 + $1.verifiedByteCount } }.max() ?? 0
    }

    func marker(of reference: ModelReference) throws(StorageError) -> ViewMarker? {
        try fileSystem.contents(
            of: layout.marker(reference),
            byteCountMax: ViewMarker.byteCountMax
        ).flatMap { ViewMarker($0) }
    }

    /// The markers of all views that are there, sorted by name.
    func markers() throws(StorageError) -> [(ModelReference, ViewMarker)] {
        var result: [(ModelReference, ViewMarker)] = []
        for organisation in try fileSystem.names(in: layout.models) {
            let directory = layout.models.appending(organisation)
            for model in try fileSystem.names(in: directory) {
                guard let name = try? ModelName("\(organisation)/\(model)") else { continue }
                for version in try fileSystem.names(in: directory.appending(model)) {
                    guard let reference = try? ModelReference(name: name, version: version),
                        let marker = try marker(of: reference)
                    else { continue }
                    result.append((reference, marker))
                }
            }
        }
        return result
    }

    // MARK: Removing

    /// Takes a version away: its view in one step, then the contents that nothing else refers to,
    /// then its metainfo.
    ///
    /// - Throws: `.unknownVersion`; `.inUse` while a holding of it is open.
    package func remove(_ reference: ModelReference) throws(StorageError) {
        let target = layout.view(reference)
        guard let marker = try marker(of: reference),
            try fileSystem.entry(at: target) != nil
        else {
            throw StorageError(
                .unknownVersion,
                "no version \(reference) below '\(layout.models)'; `shoal list` shows what is there"
            )
        }
        let scratch = layout.scratch(number: nextNumber())
        try exclusively { state throws(StorageError) in
            try requireClosed(marker.infoHash, "\(reference)", state)
            try requireInactive(reference)
            try attempt(.rename, target) { () throws(Errno) in
                try fileSystem.rename(target, to: scratch)
            }
            try fileSystem.makeDurable(namesIn: target.parent)
            try fileSystem.makeDurable(namesIn: layout.models)
            try removeUnreferenced(marker.roots, state)
            try fileSystem.removeTree(layout.marker(reference))
        }
        try fileSystem.removeTree(scratch)
        let isLast = try !markers().contains { $0.1.infoHash == marker.infoHash }
        if isLast { try removeTorrent(marker.infoHash) }
    }

    /// Takes away what is here of a version that never became visible.
    ///
    /// - Throws: `.inUse` while a holding of it is open.
    package func discard(_ info: VersionInfo) throws(StorageError) {
        try exclusively { state throws(StorageError) in
            try requireClosed(info.infoHash, info.name, state)
            try removeUnreferenced(FilesByContent(info).groups.map(\.root), state)
        }
        try removeTorrent(info.infoHash)
    }

    private func requireClosed(
        _ infoHash: InfoHash,
        _ name: String,
        _ state: State
    ) throws(StorageError) {
        guard state.isOpen(infoHash) else { return }
        throw StorageError(.inUse, "\(name) is being transferred or served; stop that first")
    }

    /// Deletes every blob and partial that no view and no open version refers to: what a removal
    /// that was cut short has left. Call it after the start, once every version that is to go on is
    /// open. Returns how many contents went.
    @discardableResult
    package func removeOrphans() throws(StorageError) -> Int {
        try exclusively { state throws(StorageError) in
            let here =
                try fileSystem.names(in: layout.blobs) + fileSystem.names(in: layout.partials)
            let kept = try referenced(state)
            let gone = Set(here.compactMap { Digest(hex: $0) }).subtracting(kept).sorted()
            try remove(contents: gone)
            return gone.count
        }
    }

    private func referenced(_ state: State) throws(StorageError) -> Set<Digest> {
        var kept = Set(state.open.values.flatMap { $0.contents.map(\.root) })
        for (_, marker) in try markers() { kept.formUnion(marker.roots) }
        return kept
    }

    /// Deletes the blobs and partials among `roots` that no view and no open version refers to.
    private func removeUnreferenced(_ roots: [Digest], _ state: State) throws(StorageError) {
        let kept = try referenced(state)
        try remove(contents: roots.filter { !kept.contains($0) })
    }

    /// The journal forgets the contents first, so that it never vouches for a file made later.
    private func remove(contents gone: [Digest]) throws(StorageError) {
        try journal.append(gone.map { JournalRecord(.removed, $0) })
        for root in gone {
            try fileSystem.removeTree(layout.blob(root))
            try fileSystem.removeTree(layout.partial(root))
        }
    }

    /// Runs with no version being opened, closed, published or removed.
    func exclusively<R: Sendable>(
        _ body: (State) throws(StorageError) -> R
    ) throws(StorageError) -> R {
        try state.withLock { state throws(StorageError) in try body(state) }
    }
}
