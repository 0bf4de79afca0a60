internal import SwarmModel
package import SystemPackage

/// What taking over files that were here already came to.
package struct Adoption: Sendable, Hashable {
    /// Bytes taken over by this call.
    package var bytes = 0
    /// Files that are not, or not whole, what the version has under their names.
    package var problems: [Problem] = []

    package init() {}

    package struct Problem: Sendable, Hashable, Codable {
        /// Within the version.
        package var path: String
        package var reason: String
    }
}

extension Holding {
    /// Takes over what a directory already has of this version, by the same names: reads each
    /// piece, compares it with its hash, and keeps a copy of the bytes that were compared. Links
    /// are followed, since caches are made of them. Nothing of the directory is linked to: its
    /// owner may change it at any time, and sealed content must not change with it.
    ///
    /// - Parameter progress: given the bytes of each piece looked at.
    /// - Throws: `.diskFull`; `.layerMissing` when the metainfo lacks the hashes of a file.
    package func adopt(
        from directory: FilePath,
        progress: (Int) -> Void = { _ in }
    ) throws(StorageError) -> Adoption {
        try take(progress) { directory.appending(info.entry(of: $0).joinedPath) }
    }

    /// Takes over what is right of contents that were put aside as damaged, and deletes the rest.
    /// Returns the bytes that were right.
    package func salvage() throws(StorageError) -> Int {
        let layout = store.layout
        let adoption = try take({ _ in }) { file in
            info.entry(of: file).piecesRoot.map { layout.aside($0) }
        }
        for group in files.groups { try store.fileSystem.removeTree(layout.aside(group.root)) }
        return adoption.bytes
    }

    private func take(
        _ progress: (Int) -> Void,
        from path: (FileIndex) -> FilePath?
    ) throws(StorageError) -> Adoption {
        var adoption = Adoption()
        var taken: [PieceIndex] = []
        var bytesDue = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: geometry.pieceLength,
            alignment: 4096
        )
        defer { buffer.deallocate() }
        for (index, group) in files.groups.enumerated() where !contents[index].isSealed {
            let checker = try checker(index)
            // Numbers within the content: files that share it need one of them.
            var done: Set<Int> = []
            for file in group.files {
                let name = info.entry(of: file).joinedPath
                guard let path = path(file), let source = source(path, file, &adoption) else {
                    continue
                }
                var wrong = 0
                for (number, piece) in geometry.pieces(of: file).enumerated() {
                    let length = geometry.length(of: piece)
                    defer { progress(length) }
                    if verified(piece) || done.contains(number) { continue }
                    let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<length])
                    guard checker.fill(part, with: number, of: source) else {
                        wrong += 1
                        continue
                    }
                    let bytes = UnsafeRawBufferPointer(part)
                    try write(bytes, to: geometry.wholeRange(of: piece), sums: sums(of: bytes))
                    taken.append(piece)
                    done.insert(number)
                    adoption.bytes += length
                    bytesDue += length
                    if bytesDue >= Self.adoptedBytesPerCommit {
                        try commit(taken)
                        (taken, bytesDue) = ([], 0)
                    }
                }
                if wrong > 0 {
                    let count = geometry.pieces(of: file).count
                    adoption.problems.append(
                        Adoption.Problem(
                            path: name,
                            reason: "\(wrong) of \(count) pieces are other bytes"
                        )
                    )
                }
            }
        }
        try commit(taken)
        return adoption
    }

    /// What a crash loses of the work.
    private static let adoptedBytesPerCommit = 64 << 20

    private func verified(_ piece: PieceIndex) -> Bool {
        let place = place(of: piece)
        return place.content.holds(place.piece.blocks)
    }

    private func source(
        _ path: FilePath,
        _ file: FileIndex,
        _ adoption: inout Adoption
    ) -> OpenFile? {
        let entry = info.entry(of: file)
        let reason: String
        do throws(Errno) {
            let open = try OpenFile(path, .followed, in: store.fileSystem)
            let status = try open.status()
            if status.kind == .file, status.size == entry.length { return open }
            reason =
                status.kind == .file
                ? "has \(status.size) bytes, the version says \(entry.length)"
                : "is not a file"
        } catch { reason = error == .noSuchFileOrDirectory ? "is missing" : "\(error)" }
        adoption.problems.append(Adoption.Problem(path: entry.joinedPath, reason: reason))
        return nil
    }
}
