package import SwarmModel
internal import Synchronization
internal import SystemPackage

/// What the store takes of its disk, in bytes.
package struct StoreUsage: Hashable, Sendable {
    /// What contents occupy, and what the versions that are open will still take.
    package var used: Int
    /// What the file system has left.
    package var free: Int
}

extension Store {
    package func usage() throws(StorageError) -> StoreUsage {
        var used = 0
        for directory in [layout.blobs, layout.partials] {
            for name in try fileSystem.names(in: directory) {
                used += try fileSystem.entry(at: directory.appending(name))?.allocated ?? 0
            }
        }
        var seen: Set<Digest> = []
        let open = state.withLock { $0.open.values.flatMap(\.contents) }
        for content in open where seen.insert(content.root).inserted {
            used += try content.missingAllocation()
        }
        let free = try attempt(.inspect, layout.root) { () throws(Errno) in
            try fileSystem.freeBytes(at: layout.root)
        }
        return StoreUsage(used: used, free: free)
    }

    /// Bytes that a version would take beyond what is here of it.
    package func bytesNeeded(for info: VersionInfo) throws(StorageError) -> Int {
        var needed = 0
        for group in FilesByContent(info).groups {
            if try fileSystem.entry(at: layout.blob(group.root)) != nil { continue }
            let partial = try fileSystem.entry(at: layout.partial(group.root))
            needed += max(0, group.length - (partial?.allocated ?? 0))
        }
        return needed
    }

    /// Bytes that would be free if these versions were removed: contents that others need stay.
    package func bytesFreed(
        byRemoving references: [ModelReference]
    ) throws(StorageError) -> Int {
        let gone = Set(references)
        var mine: Set<Digest> = []
        var others: Set<Digest> = []
        var infoHashes: Set<InfoHash> = []
        for (reference, marker) in try markers() {
            if gone.contains(reference) {
                mine.formUnion(marker.roots)
                infoHashes.insert(marker.infoHash)
            } else {
                others.formUnion(marker.roots)
            }
        }
        let open = state.withLock { state in
            state.open.values.filter { !infoHashes.contains($0.infoHash) }
                .flatMap { $0.contents.map(\.root) }
        }
        others.formUnion(open)
        var freed = 0
        for root in mine.subtracting(others) {
            freed += try fileSystem.entry(at: layout.blob(root))?.allocated ?? 0
        }
        return freed
    }
}
