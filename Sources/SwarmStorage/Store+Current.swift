package import SwarmModel
internal import SystemPackage

/// Which version of a model serves: the link `models/ORG/MODEL/current`, and the host's record of
/// how it came to that.
extension Store {
    /// The version that `current` points to; nil when there is none.
    package func current(of name: ModelName) throws(StorageError) -> String? {
        let path = layout.current(name)
        guard try fileSystem.entry(at: path)?.kind == .link else { return nil }
        return try attempt(.inspect, path) { () throws(Errno) in
            try fileSystem.symbolicLink(at: path)
        }
    }

    /// Points `current` to a version, or to nothing, in one durable step. Doing it twice is no
    /// harm. Whoever has files of the old version open or mapped keeps them: they are not touched.
    ///
    /// - Throws: `.unknownVersion` when the version is not visible here.
    package func switchCurrent(of name: ModelName, to version: String?) throws(StorageError) {
        let (path, draft) = (layout.current(name), layout.currentDraft(name))
        // So that no removal of the version comes in between.
        try exclusively { _ throws(StorageError) in
            guard let version else {
                if try current(of: name) != nil {
                    try attempt(.remove, path) { () throws(Errno) in
                        try fileSystem.unlink(path)
                    }
                }
                // Also of a removal before, whose sync may have failed.
                if try fileSystem.entry(at: path.parent) != nil {
                    try fileSystem.makeDurable(namesIn: path.parent)
                }
                return
            }
            try requireVisible(name, version)
            if try current(of: name) != version {
                try fileSystem.removeTree(draft)
                try attempt(.link, draft) { () throws(Errno) in
                    try fileSystem.makeSymbolicLink(at: draft, to: version)
                }
                try attempt(.rename, path) { () throws(Errno) in
                    try fileSystem.rename(draft, to: path)
                }
            }
            try fileSystem.makeDurable(namesIn: path.parent)
        }
    }

    private func requireVisible(_ name: ModelName, _ version: String) throws(StorageError) {
        if let reference = try? ModelReference(name: name, version: version),
            try marker(of: reference) != nil,
            try fileSystem.entry(at: layout.view(reference))?.kind == .directory
        {
            return
        }
        throw StorageError(
            .unknownVersion,
            "\(name)@\(version) is not complete on this host, so it cannot serve; "
                + "`shoal prefetch \(name)@\(version)` fetches it"
        )
    }

    /// - Throws: `.inUse` when `current` points to the version.
    package func requireInactive(_ reference: ModelReference) throws(StorageError) {
        guard try current(of: reference.name) == reference.version else { return }
        throw StorageError(
            .inUse,
            "\(reference) is the version that serves ('\(layout.current(reference.name))'); "
                + "`shoal activate` another one first"
        )
    }

    // MARK: The host's record

    /// Longest record that is read: what a host says of itself is bounded far below.
    package static let hostRecordByteCountMax = 8 << 20

    /// Nil when there is none.
    package func hostRecord() throws(StorageError) -> [UInt8]? {
        try fileSystem.contents(
            of: layout.hostRecord,
            byteCountMax: Self.hostRecordByteCountMax
        )
    }

    /// Replaces the record in one durable step.
    package func saveHostRecord(_ bytes: [UInt8]) throws(StorageError) {
        try fileSystem.replace(layout.hostRecord, with: bytes)
    }
}
