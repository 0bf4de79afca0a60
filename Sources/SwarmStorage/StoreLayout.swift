package import SwarmModel
package import SystemPackage

/// Where things are below the data directory (section 7 of the design). No name from a metainfo
/// ever enters a path here: files are named by digests, views by checked references.
package struct StoreLayout: Hashable, Sendable {
    package let root: FilePath

    package let blobs: FilePath
    package let partials: FilePath
    package let models: FilePath
    package let torrents: FilePath

    package init(root: FilePath) {
        self.root = root
        blobs = root.appending("blobs")
        partials = root.appending("partial")
        models = root.appending("models")
        torrents = root.appending("torrents")
    }

    package static let directoryMode = FilePermissions(rawValue: 0o750)
    /// Files of our own: partials, the journal, the lock.
    static let fileMode = FilePermissions(rawValue: 0o640)
    /// Sealed files.
    static let sealedMode = FilePermissions(rawValue: 0o440)
    static let sealedExecutableMode = FilePermissions(rawValue: 0o550)

    package var journal: FilePath { root.appending("journal") }
    var journalDraft: FilePath { root.appending("journal.new") }
    package var lock: FilePath { root.appending("lock") }

    package func blob(_ content: Digest) -> FilePath { blobs.appending(content.hex) }
    package func partial(_ content: Digest) -> FilePath { partials.appending(content.hex) }
    /// Content in which a wrong byte was found, until what is right of it is copied; swept at the
    /// next start.
    func aside(_ content: Digest) -> FilePath { partials.appending("\(content.hex).damaged") }
    /// The partial of a second opener, known to this process only.
    func partial(_ content: Digest, number: Int) -> FilePath {
        partials.appending("\(content.hex).\(number)")
    }

    func model(_ name: ModelName) -> FilePath {
        models.appending(name.organisation).appending(name.model)
    }
    package func view(_ reference: ModelReference) -> FilePath {
        model(reference.name).appending(reference.version)
    }
    /// The record of a view: no name starts with a dot, so it never meets a version.
    func marker(_ reference: ModelReference) -> FilePath {
        model(reference.name).appending(".\(reference.version).shoal")
    }
    /// The version that serves, as a link beside the versions.
    package func current(_ name: ModelName) -> FilePath { model(name).appending("current") }
    /// Not a version's name either, because of the dot.
    func currentDraft(_ name: ModelName) -> FilePath { model(name).appending(".current.new") }
    /// What the host remembers beside its versions.
    package var hostRecord: FilePath { root.appending("host.json") }
    /// The hook that runs, by process.
    package func hook(_ name: ModelName) -> FilePath {
        root.appending("hook-\(name.organisation)~\(name.model)")
    }

    /// Views being built or taken down; swept at the next start.
    func scratch(number: Int) -> FilePath { models.appending("\(Self.scratchPrefix)\(number)") }
    static let scratchPrefix = ".scratch-"

    package func torrent(_ infoHash: InfoHash) -> FilePath {
        torrents.appending("\(infoHash.digest.hex).torrent")
    }
    func torrentName(_ infoHash: InfoHash) -> FilePath {
        torrents.appending("\(infoHash.digest.hex).name")
    }
}
