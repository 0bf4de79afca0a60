package import SwarmModel

extension MetainfoCodec {
    /// Writes the `info` dictionary of a new version: only the keys that BEP 52 needs, so that the
    /// same content always has the same info-hash. Byte for byte what libtorrent's `create_torrent`
    /// writes with `v2_only`. Files are put in file-tree order.
    package static func makeInfo(
        name: String,
        pieceLength: Int,
        files: [FileEntry],
        isPrivate: Bool,
        hasher: some MerkleHashing
    ) throws(MetainfoError) -> VersionInfo {
        for file in files { try checkPath(file.path) }
        let sorted = files.sorted { FileEntry.precedes($0.path, $1.path) }
        try checkTree(sorted)
        let info = BencodeTree.dictionary([
            ("file tree", tree(of: sorted[...], depth: 0)),
            ("meta version", .integer(2)),
            ("name", .text(name)),
            ("piece length", .integer(pieceLength)),
            ("private", isPrivate ? .integer(1) : nil),
        ])
        // What we write must pass the checks of those who read it.
        return try decodeInfo(info.encoding, hasher: hasher)
    }

    private static func checkPath(_ path: [String]) throws(MetainfoError) {
        do throws(PathFlaw) {
            for component in path { _ = try PathFlaw.check(component: component.utf8) }
            try PathFlaw.check(path: path)
        } catch {
            throw .unsafePath(path.joined(separator: "/"), error)
        }
    }

    private static func isPrefix(_ a: [String], of b: [String]) -> Bool {
        a.count <= b.count && zip(a, b).allSatisfy { $0.utf8.elementsEqual($1.utf8) }
    }

    /// In this order a file's path comes right before the paths that it is a prefix of.
    private static func checkTree(_ sorted: [FileEntry]) throws(MetainfoError) {
        for (a, b) in zip(sorted, sorted.dropFirst()) where isPrefix(a.path, of: b.path) {
            if a.path.count == b.path.count { throw .duplicatePath(a.joinedPath) }
            throw .fileIsDirectory(a.joinedPath)
        }
    }

    /// The tree of files that share the first `depth` components.
    private static func tree(of files: ArraySlice<FileEntry>, depth: Int) -> BencodeTree {
        if let file = files.first, file.path.count == depth {
            return .entries([BencodeTree.Entry([], description(of: file))])
        }
        var entries: [BencodeTree.Entry] = []
        var rest = files
        while let name = rest.first?.path[depth] {
            let same = rest.prefix { $0.path[depth].utf8.elementsEqual(name.utf8) }
            entries.append(BencodeTree.Entry(name.utf8, tree(of: same, depth: depth + 1)))
            rest = rest[same.endIndex...]
        }
        return .entries(entries)
    }

    private static func description(of file: FileEntry) -> BencodeTree {
        .dictionary([
            ("attr", file.isExecutable ? .text("x") : nil),
            ("length", .integer(file.length)),
            ("pieces root", file.piecesRoot.map { .bytes($0.bytes) }),
        ])
    }
}
