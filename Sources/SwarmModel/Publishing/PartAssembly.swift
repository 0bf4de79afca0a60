/// Puts the parts of a version together, each published by the build node that holds its files.
/// Roots are per file, so no byte is read for it, and the result depends on the files alone: not on
/// the order of the parts, nor on how the files lie on the nodes. It is what publishing all of them
/// from one directory gives.
///
/// Parts are hashed in pieces that fit their own lengths. Those are never longer than the whole
/// version's, so piece layers can be made coarser here.
package struct PartAssembly: Sendable {
    /// In order of number; each has a label, of one count.
    package let parts: [Metainfo]

    /// Files of all parts together: as many as a version may have.
    package static let fileCountMax = 100_000

    package init() { parts = [] }

    private init(parts: [Metainfo]) { self.parts = parts }

    /// All parts that are here agree on it; nil while there are none.
    package var count: Int? { parts.first?.part?.number.count }
    package var isWhole: Bool { parts.count == count && missingFiles.isEmpty }

    package var state: PartsState {
        PartsState(
            count: count ?? 0,
            present: parts.compactMap { $0.part?.number.number },
            missingFiles: missingFiles
        )
    }

    // MARK: Adding

    /// With one more part. `replacing` puts it in the place of one with the same number, otherwise
    /// that must be the same.
    package func adding(
        _ part: Metainfo,
        replacing: Bool = false
    ) throws(PartConflict) -> PartAssembly {
        guard let label = part.part else { throw .notPart }
        var others = parts
        if let index = parts.firstIndex(where: { $0.part?.number.number == label.number.number }) {
            let there = others.remove(at: index)
            if !replacing {
                try Self.checkLabels(there, part)
                if let path = Self.difference(there.info.files, part.info.files) {
                    throw .otherPart(label.number.number, path: path)
                }
                return self
            }
        }
        for other in others { try Self.checkLabels(other, part) }
        others.append(part)
        others.sort { Self.number(of: $0) < Self.number(of: $1) }
        let result = PartAssembly(parts: others)
        try result.checkFiles()
        return result
    }

    private static func number(of part: Metainfo) -> Int { part.part?.number.number ?? 0 }

    private static func checkLabels(
        _ there: Metainfo,
        _ offered: Metainfo
    ) throws(PartConflict) {
        guard let old = there.part, let new = offered.part else { throw .notPart }
        guard old.number.count == new.number.count else {
            throw .otherCount(there: old.number.count, offered: new.number.count)
        }
        guard old.pieceLengthAsked == new.pieceLengthAsked else {
            throw .otherPieceLength(there: old.pieceLengthAsked, offered: new.pieceLengthAsked)
        }
        guard there.info.name == offered.info.name else {
            throw .otherName(there: there.info.name, offered: offered.info.name)
        }
        guard there.info.isPrivate == offered.info.isPrivate else { throw .otherPrivacy }
    }

    /// The first path at which two lists in file-tree order differ; nil when they are the same.
    private static func difference(_ old: [FileEntry], _ new: [FileEntry]) -> String? {
        guard let (left, right) = zip(old, new).first(where: { $0 != $1 }) else {
            let longer = old.count > new.count ? old : new
            return old.count == new.count
                ? nil : longer[min(old.count, new.count)].joinedPath
        }
        return FileEntry.precedes(right.path, left.path) ? right.joinedPath : left.joinedPath
    }

    /// One walk over all files in order, in which a file comes right before those that would lie in
    /// it.
    private func checkFiles() throws(PartConflict) {
        let count = parts.reduce(0) { $0 + $1.info.files.count }
        guard count <= Self.fileCountMax else {
            throw .tooManyFiles(count: count, limit: Self.fileCountMax)
        }
        let all = filesByPart
        for (a, b) in zip(all, all.dropFirst()) where b.file.path.starts(with: a.file.path) {
            guard a.file.path == b.file.path else {
                throw .fileIsDirectory(a.file.joinedPath, parts: (a.part, b.part))
            }
            guard a.file == b.file else {
                throw .otherContent(a.file.joinedPath, parts: (a.part, b.part))
            }
        }
    }

    /// In file-tree order; those of one path in the order of parts.
    private var filesByPart: [(file: FileEntry, part: Int)] {
        let all = parts.flatMap { part in
            part.info.files.map { (file: $0, part: Self.number(of: part)) }
        }
        return all.sorted { a, b in
            if FileEntry.precedes(a.file.path, b.file.path) { return true }
            return !FileEntry.precedes(b.file.path, a.file.path) && a.part < b.part
        }
    }

    // MARK: The whole

    /// The files of all parts, each path once, in order.
    package var files: [FileEntry] {
        filesByPart.reduce(into: []) { files, next in
            if files.last?.path != next.file.path { files.append(next.file) }
        }
    }

    /// What indexes name and no part has, in order.
    private var missingFiles: [String] {
        let expected = parts.flatMap { $0.part?.expected ?? [] }.sorted()
        guard !expected.isEmpty else { return [] }
        let present = parts.flatMap { $0.info.files.map(\.joinedPath) }.sorted()
        var (missing, index) = ([String](), 0)
        for path in expected where path != missing.last {
            while index < present.count, present[index] < path { index += 1 }
            if index == present.count || present[index] != path { missing.append(path) }
        }
        return missing
    }

    /// The piece length that the whole version gets.
    package func pieceLength() throws(PieceLengthPolicy.Flaw) -> Int {
        try PieceLengthPolicy.choose(
            fileLengths: files.map(\.length),
            asked: parts.first?.part?.pieceLengthAsked
        ).pieceLength
    }

    /// The piece layers of the version: sorted by root, one for each distinct root of a file longer
    /// than a piece. Of each root the finest layer that some part brings is used; without one the
    /// layer is left out.
    package func layers(pieceLength: Int, hasher: some MerkleHashing) -> [PieceLayer] {
        let roots = files.filter { $0.length > pieceLength }.compactMap(\.piecesRoot).sorted()
        let offers = parts.flatMap { part in
            part.pieceLayers.map { (layer: $0, length: part.info.geometry.pieceLength) }
        }.sorted { ($0.layer.root, $0.length) < ($1.layer.root, $1.length) }
        var (layers, index) = ([PieceLayer](), 0)
        for root in roots where root != layers.last?.root {
            while index < offers.count, offers[index].layer.root < root { index += 1 }
            guard index < offers.count, offers[index].layer.root == root,
                offers[index].length <= pieceLength
            else { continue }
            let offer = offers[index]
            let hashes = Self.coarser(
                offer.layer.hashes,
                from: offer.length,
                to: pieceLength,
                hasher
            )
            layers.append(PieceLayer(root: root, hashes: hashes))
        }
        return layers
    }

    /// The places that all parts name: what one part alone names need not hold the others' files.
    package var origins: [OriginLocation] {
        guard let first = parts.first else { return [] }
        return first.origins.filter { origin in parts.allSatisfy { $0.origins.contains(origin) } }
    }

    /// All that any part names, in the order of parts.
    package var trackers: [[String]] {
        parts.flatMap(\.trackers).reduce(into: []) { tiers, tier in
            if !tiers.contains(tier) { tiers.append(tier) }
        }
    }

    /// The hashes of pieces that are a whole number of the given ones each. The last is padded with
    /// pieces of zero leaves (BEP 52).
    private static func coarser(
        _ hashes: [Digest],
        from fine: Int,
        to coarse: Int,
        _ hasher: some MerkleHashing
    ) -> [Digest] {
        let step = coarse / fine
        guard step > 1 else { return hashes }
        let padding = zeroRoot(of: fine, hasher)
        return stride(from: 0, to: hashes.count, by: step).map { start in
            var group = Array(hashes[start..<min(start + step, hashes.count)])
            group += repeatElement(padding, count: step - group.count)
            return hasher.root(ofPieceLayer: group, pieceLength: fine)
        }
    }

    private static func zeroRoot(of pieceLength: Int, _ hasher: some MerkleHashing) -> Digest {
        var root = Digest.zero
        var length = PieceGeometry.blockLength
        while length < pieceLength {
            root = withUnsafeBytes(of: (root, root)) { hasher.sha256($0) }
            length *= 2
        }
        return root
    }
}

extension VersionInfo {
    /// A file of a part that this version does not have as it is there; nil when it has all.
    package func lacking(from part: VersionInfo) -> FileEntry? {
        var rest = files[...]
        return part.files.first { wanted in
            rest = rest.drop { FileEntry.precedes($0.path, wanted.path) }
            return rest.first != wanted
        }
    }
}
