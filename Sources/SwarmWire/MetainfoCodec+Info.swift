package import SwarmModel

extension MetainfoCodec {
    /// Reads an `info` dictionary as ut_metadata carries it (BEP 9). The caller compares the
    /// info-hash with the one that it asked for.
    package static func decodeInfo(
        _ infoBytes: [UInt8],
        hasher: some MerkleHashing,
        limits: MetainfoLimits = .default
    ) throws(MetainfoError) -> VersionInfo {
        let info = try topLevel(infoBytes, key: "info", limits: limits)
        return try decodeInfo(info, bytes: infoBytes, hasher: hasher, limits: limits)
    }

    package static func decodeInfo(
        _ infoBytes: RawSpan,
        hasher: some MerkleHashing,
        limits: MetainfoLimits = .default
    ) throws(MetainfoError) -> VersionInfo {
        guard infoBytes.byteCount <= limits.byteCountMax else {
            throw .tooLong(bytes: infoBytes.byteCount, limit: limits.byteCountMax)
        }
        return try decodeInfo(infoBytes.array(), hasher: hasher, limits: limits)
    }

    static func decodeInfo(
        _ value: BencodeValue,
        hasher: some MerkleHashing,
        limits: MetainfoLimits
    ) throws(MetainfoError) -> VersionInfo {
        guard let info = value.dictionary else {
            throw .wrongType(key: "info", expected: "a dictionary")
        }
        return try decodeInfo(info, bytes: Array(value.encoded), hasher: hasher, limits: limits)
    }

    private static func decodeInfo(
        _ info: BencodeValue.Entries,
        bytes: [UInt8],
        hasher: some MerkleHashing,
        limits: MetainfoLimits
    ) throws(MetainfoError) -> VersionInfo {
        try checkVersion(info)
        let name = try decodeName(info)
        let pieceLength = try integer("piece length", in: info)
        let isPrivate = try decodePrivate(info)
        guard let tree = info["file tree"] else { throw .missing(key: "file tree") }
        var reader = FileTreeReader(limits: limits)
        try reader.read(tree)
        let geometry = try geometry(pieceLength: pieceLength, files: reader.files)
        try checkRoots(reader.files)
        return VersionInfo(
            infoHash: InfoHash(bytes.withUnsafeBytes { hasher.sha256($0) }),
            infoBytes: bytes,
            name: name,
            files: reader.files,
            geometry: geometry,
            isPrivate: isPrivate
        )
    }

    /// BEP 52 asks to look at `meta version` before anything else.
    private static func checkVersion(_ info: BencodeValue.Entries) throws(MetainfoError) {
        guard info["meta version"] != nil else {
            if info["pieces"] != nil { throw .notVersion2Only(key: "pieces") }
            throw .missing(key: "meta version")
        }
        let version = try integer("meta version", in: info)
        if version > 2 { throw .newerVersion(version) }
        if version < 2 { throw .olderVersion(version) }
        for key in ["pieces", "files", "length"] where info[key] != nil {
            throw .notVersion2Only(key: key)
        }
    }

    private static func decodeName(_ info: BencodeValue.Entries) throws(MetainfoError) -> String {
        guard let value = info["name"] else { throw .missing(key: "name") }
        guard let bytes = value.bytes else { throw .wrongType(key: "name", expected: "a string") }
        do throws(PathFlaw) {
            return try PathFlaw.check(component: bytes)
        } catch {
            throw .unsafeName(error)
        }
    }

    /// BEP 27.
    private static func decodePrivate(_ info: BencodeValue.Entries) throws(MetainfoError) -> Bool {
        guard info["private"] != nil else { return false }
        let flag = try integer("private", in: info)
        guard flag == 0 || flag == 1 else { throw .privateFlag(flag) }
        return flag == 1
    }

    private static func integer(
        _ key: String,
        in entries: BencodeValue.Entries
    ) throws(MetainfoError) -> Int {
        guard let value = entries[key] else { throw .missing(key: key) }
        guard let integer = value.integer else {
            throw .wrongType(key: key, expected: "an integer")
        }
        return integer
    }

    private static func geometry(
        pieceLength: Int,
        files: [FileEntry]
    ) throws(MetainfoError) -> PieceGeometry {
        do throws(PieceGeometry.Flaw) {
            return try PieceGeometry(pieceLength: pieceLength, fileLengths: files.map(\.length))
        } catch {
            switch error {
            case .pieceLength(let length): throw .pieceLength(length)
            case .fileLength(let length): throw .fileLength("", length)
            case .totalLength: throw .totalLength
            case .pieceCount: throw .pieceCount
            }
        }
    }

    /// Content is stored by root, so a root must name one content. Two lengths under one root can
    /// be made on purpose: a leaf of 64 bytes may be the two hashes below another file's root.
    private static func checkRoots(_ files: [FileEntry]) throws(MetainfoError) {
        let byRoot = files.indices.compactMap { index in
            files[index].piecesRoot.map { (root: $0, index: index) }
        }.sorted { ($0.root, $0.index) < ($1.root, $1.index) }
        for (a, b) in zip(byRoot, byRoot.dropFirst()) where a.root == b.root {
            guard files[a.index].length == files[b.index].length else {
                throw .oneRootOfTwoLengths(files[a.index].joinedPath, files[b.index].joinedPath)
            }
        }
    }
}
