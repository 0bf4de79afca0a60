import SwarmModel

/// Walks a `file tree` (BEP 52) and collects its files in file-tree order, each path checked.
struct FileTreeReader {
    private let limits: MetainfoLimits
    private var path: [String] = []
    private(set) var files: [FileEntry] = []

    init(limits: MetainfoLimits) { self.limits = limits }

    mutating func read(_ tree: BencodeValue) throws(MetainfoError) {
        guard let entries = tree.dictionary else {
            throw .wrongType(key: "file tree", expected: "a dictionary")
        }
        if entries[""] != nil { throw .rootIsFile }
        if entries.isEmpty { throw .noFiles }
        try readDirectory(entries)
    }

    private var joinedPath: String { path.joined(separator: "/") }

    private mutating func readDirectory(_ entries: BencodeValue.Entries) throws(MetainfoError) {
        var names: [String] = []
        for (key, value) in entries {
            let name: String
            do throws(PathFlaw) {
                name = try PathFlaw.check(component: key)
                try PathFlaw.check(path: path + [name])
            } catch {
                let shown = path + [String(decoding: key.prefix(64), as: UTF8.self)]
                throw .unsafePath(shown.joined(separator: "/"), error)
            }
            names.append(name)
            path.append(name)
            try readEntry(value)
            path.removeLast()
        }
        try checkCollisions(names)
    }

    /// A dictionary whose only key is empty describes a file; any other is a directory.
    private mutating func readEntry(_ value: BencodeValue) throws(MetainfoError) {
        guard var entries = value.dictionary else {
            throw .wrongType(key: joinedPath, expected: "a dictionary")
        }
        guard let first = entries.next() else { throw .emptyDirectory(joinedPath) }
        guard first.key.isEmpty else {
            if let whole = value.dictionary { try readDirectory(whole) }
            return
        }
        if entries.next() != nil { throw .fileWithEntries(joinedPath) }
        guard let description = first.value.dictionary else {
            throw .wrongType(key: joinedPath, expected: "the description of a file")
        }
        guard files.count < limits.fileCountMax else {
            throw .tooManyFiles(limit: limits.fileCountMax)
        }
        files.append(try readFile(description))
    }

    private func readFile(_ file: BencodeValue.Entries) throws(MetainfoError) -> FileEntry {
        let attributes = try readAttributes(file)
        guard let lengthValue = file["length"] else { throw .fileWithoutLength(joinedPath) }
        guard let length = lengthValue.integer else {
            throw .wrongType(key: "length of \(joinedPath)", expected: "an integer")
        }
        guard length >= 0 else { throw .fileLength(joinedPath, length) }
        return FileEntry(
            path: path,
            length: length,
            piecesRoot: try readRoot(file["pieces root"], length: length),
            isExecutable: attributes.contains(UInt8(ascii: "x"))
        )
    }

    /// BEP 47: `l` is a symbolic link and `p` a pad file; unknown letters are for others.
    private func readAttributes(
        _ file: BencodeValue.Entries
    ) throws(MetainfoError) -> ArraySlice<UInt8> {
        if file["symlink path"] != nil { throw .symbolicLink(joinedPath) }
        guard let value = file["attr"] else { return [] }
        guard let attributes = value.bytes else {
            throw .wrongType(key: "attr of \(joinedPath)", expected: "a string")
        }
        if attributes.contains(UInt8(ascii: "l")) { throw .symbolicLink(joinedPath) }
        if attributes.contains(UInt8(ascii: "p")) { throw .padFile(joinedPath) }
        return attributes
    }

    /// BEP 52: there is a root exactly when the file is not empty.
    private func readRoot(
        _ value: BencodeValue?,
        length: Int
    ) throws(MetainfoError) -> Digest? {
        guard let value else {
            if length > 0 { throw .fileWithoutRoot(joinedPath) }
            return nil
        }
        guard let bytes = value.bytes else {
            throw .wrongType(key: "pieces root of \(joinedPath)", expected: "a string")
        }
        if length == 0 { throw .emptyFileWithRoot(joinedPath) }
        guard let root = Digest(bytes) else { throw .fileRoot(joinedPath, bytes: bytes.count) }
        if root == .zero { throw .zeroRoot(joinedPath) }
        return root
    }

    /// Refuses siblings that a host which ignores case or Unicode normalisation takes for one.
    /// Strings compare by canonical equivalence.
    private func checkCollisions(_ names: [String]) throws(MetainfoError) {
        guard names.count > 1 else { return }
        let folded = names.indices.map { (folded: names[$0].lowercased(), index: $0) }.sorted {
            $0.folded < $1.folded
        }
        for (a, b) in zip(folded, folded.dropFirst()) where a.folded == b.folded {
            let pair = [a.index, b.index].sorted().map {
                (path + [names[$0]]).joined(separator: "/")
            }
            throw .nameCollision(pair[0], pair[1])
        }
    }
}
