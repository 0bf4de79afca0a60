/// One file of a version.
package struct FileEntry: Hashable, Sendable {
    /// Path below the version's directory, one safe component each: checked by the decoder, so that
    /// a view can be built from it without a second look.
    package let path: [String]
    /// Bytes.
    package let length: Int
    /// The Merkle root of the file's 16 KiB leaves; nil exactly when the file is empty (BEP 52).
    package let piecesRoot: Digest?
    /// Carries the execute bit (attribute `x`, BEP 47).
    package let isExecutable: Bool

    package init(path: [String], length: Int, piecesRoot: Digest?, isExecutable: Bool = false) {
        self.path = path
        self.length = length
        self.piecesRoot = piecesRoot
        self.isExecutable = isExecutable
    }

    package var joinedPath: String { path.joined(separator: "/") }

    /// File-tree order, that of nested bencoded dictionaries: component by component, by raw bytes.
    package static func precedes(_ a: [String], _ b: [String]) -> Bool {
        for (left, right) in zip(a, b) {
            if left.utf8.elementsEqual(right.utf8) { continue }
            return left.utf8.lexicographicallyPrecedes(right.utf8)
        }
        return a.count < b.count
    }
}

/// The description of a version that its info-hash covers (BEP 52 `info`), with the exact bytes
/// hashed.
package struct VersionInfo: Hashable, Sendable {
    /// SHA-256 of ``infoBytes``.
    package let infoHash: InfoHash
    /// The bencoded `info` dictionary as it was read or written: served by ut_metadata (BEP 9) and
    /// never encoded again.
    package let infoBytes: [UInt8]
    /// The suggested directory name.
    package let name: String
    /// In file-tree order.
    package let files: [FileEntry]
    package let geometry: PieceGeometry
    /// Peers only from the tracker; ut_metadata is off (BEP 27).
    package let isPrivate: Bool

    package init(
        infoHash: InfoHash,
        infoBytes: [UInt8],
        name: String,
        files: [FileEntry],
        geometry: PieceGeometry,
        isPrivate: Bool
    ) {
        precondition(files.count == geometry.fileLengths.count, "geometry of other files")
        self.infoHash = infoHash
        self.infoBytes = infoBytes
        self.name = name
        self.files = files
        self.geometry = geometry
        self.isPrivate = isPrivate
    }

    package func entry(of file: FileIndex) -> FileEntry { files[file.number] }

    /// Files longer than a piece: those with a piece layer of their own (BEP 52).
    package func needsLayer(_ file: FileIndex) -> Bool {
        geometry.length(of: file) > geometry.pieceLength
    }
}

/// A piece layer: the Merkle hashes of a file's pieces, found in `piece layers` under the file's
/// root. Layers enter a ``Metainfo`` or a peer only after they were checked against their root.
package struct PieceLayer: Hashable, Sendable {
    package let root: Digest
    package let hashes: [Digest]

    package init(root: Digest, hashes: [Digest]) {
        self.root = root
        self.hashes = hashes
    }
}

/// The content of a `.torrent` file: the version, and around it what the info-hash does not cover.
package struct Metainfo: Hashable, Sendable {
    package var info: VersionInfo
    /// Sorted by root, one for each distinct root of a file longer than a piece. May lack some:
    /// such layers are fetched from peers.
    package var pieceLayers: [PieceLayer]
    /// Trackers by tier (BEP 12).
    package var trackers: [[String]]
    package var comment: String?
    package var createdBy: String?
    /// The name under which the version was published, when the file says so (our key, outside
    /// `info`).
    package var reference: ModelReference?
    /// Where the files also lie: `url-list` (BEP 19) and our key, outside `info`.
    package var origins: [OriginLocation]
    /// Set when this is a part of a version and not the whole (our key, outside `info`).
    package var part: PartLabel?

    package init(
        info: VersionInfo,
        pieceLayers: [PieceLayer],
        trackers: [[String]] = [],
        comment: String? = nil,
        createdBy: String? = nil,
        reference: ModelReference? = nil,
        origins: [OriginLocation] = [],
        part: PartLabel? = nil
    ) {
        self.info = info
        self.pieceLayers = pieceLayers
        self.trackers = trackers
        self.comment = comment
        self.createdBy = createdBy
        self.reference = reference
        self.origins = origins
        self.part = part
    }
}
