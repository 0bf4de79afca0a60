internal import SwarmModel
internal import Synchronization
internal import SystemPackage

extension Content {
    /// Makes a blob of a complete partial, after all of it was read from media once more. Returns
    /// the pieces, numbered within the file, that have to be fetched again; none when it is sealed.
    func seal(_ checker: PieceChecker) throws(StorageError) -> [Int] {
        try sealGate.withLock { _ throws(StorageError) in
            let (home, claimed, owesSync) = state.withLock {
                ($0.home, $0.claimed, $0.owesDirectorySync)
            }
            if home != .partial {
                if owesSync { try syncDirectories() }
                return []
            }
            if try adoptBlob() { return [] }
            let missing = checker.expected.indices.filter {
                !claimed.covers(blocks(of: $0, checker))
            }
            guard missing.isEmpty else { return missing }
            let damaged = try recheck(checker)
            guard damaged.isEmpty else {
                try retract(damaged.map { blocks(of: $0, checker) })
                return damaged
            }
            try moveToBlobs()
            return []
        }
    }

    private func blocks(of piece: Int, _ checker: PieceChecker) -> Range<Int> {
        let start = piece * checker.pieceLength
        return Self.blocks(start..<start + checker.length(of: piece))
    }

    /// Another version may have sealed the same content meanwhile.
    private func adoptBlob() throws(StorageError) -> Bool {
        guard let status = try fileSystem.entry(at: blob),
            status.kind == .file, status.size == length
        else { return false }
        try journal?.append([JournalRecord(.removed, root)])
        state.withLock { state in
            state.home = .blob
            state.file = nil
            state.forgetUnclaimed()
        }
        try fileSystem.removeTree(partial)
        return true
    }

    private func recheck(_ checker: PieceChecker) throws(StorageError) -> [Int] {
        let file = try openFile()
        try sync(file)
        let (readBack, sums) = state.withLock { ($0.readBack, $0.sums) }
        return PieceChecker.withBuffer { buffer in
            checker.expected.indices.filter { piece in
                let blocks = blocks(of: piece, checker)
                if readBack.covers(blocks) { return false }
                fileSystem.dropCache(file.descriptor, bytes(blocks))
                if let sum = sums.sum(of: blocks), reads(blocks, as: sum, of: file, buffer) {
                    return false
                }
                return !checker.holds(piece, of: file, buffer: buffer)
            }
        }
    }

    private func sync(_ file: OpenFile) throws(StorageError) {
        try syncGate.withLock { _ throws(StorageError) in
            do throws(Errno) { try file.sync() } catch {
                // Claims were synced before they were made; only the descriptor is tainted.
                state.withLock { $0.file = nil }
                throw .refused(.sync, partial, error)
            }
        }
    }

    /// Takes claims back. They are gone from here on, even if the journal cannot be told.
    private func retract(_ blocks: [Range<Int>]) throws(StorageError) {
        let lost = BlockSet(blocks)
        state.withLock { state in
            state.claimed.subtract(lost)
            state.readBack.subtract(lost)
            for run in blocks { state.sums.forget(run) }
        }
        try journal?.append(JournalRecord.lost(root, lost))
    }

    private func moveToBlobs() throws(StorageError) {
        let file = try openFile()
        try attempt(.setMode, partial) { () throws(Errno) in
            try fileSystem.changeMode(partial, to: StoreLayout.sealedMode)
        }
        try sync(file)
        try attempt(.rename, partial) { () throws(Errno) in
            try fileSystem.rename(partial, to: blob)
        }
        state.withLock { state in
            state.home = .blob
            state.file = nil
            state.owesDirectorySync = true
        }
        try syncDirectories()
    }

    private func syncDirectories() throws(StorageError) {
        try fileSystem.makeDurable(namesIn: layout.blobs)
        try fileSystem.makeDurable(namesIn: layout.partials)
        state.withLock { $0.owesDirectorySync = false }
        try journal?.append([JournalRecord(.sealed, root)])
    }

    /// Whether the partial may hold more than is claimed, because a journal was lost.
    var isUnread: Bool { state.withLock { $0.home == .partial } && journal?.isUnread(root) == true }

    /// Reads the pieces of the partial that are not claimed, and claims those that are right: for
    /// after a damaged journal. Returns them, numbered within the file.
    func rescan(_ checker: PieceChecker, progress: (Int) -> Void) throws(StorageError) -> [Int] {
        guard state.withLock({ $0.home == .partial }) else { return [] }
        guard let status = try fileSystem.entry(at: partial), status.size == length else {
            return []
        }
        let file = try openFile()
        try sync(file)
        fileSystem.dropCache(file.descriptor, 0..<length)
        var found: [Int] = []
        PieceChecker.withBuffer { buffer in
            for piece in checker.expected.indices {
                defer { progress(checker.length(of: piece)) }
                guard !holds(blocks(of: piece, checker)) else { continue }
                if checker.holds(piece, of: file, buffer: buffer) { found.append(piece) }
            }
        }
        let runs = found.map { blocks(of: $0, checker) }
        try journal?.append(
            JournalRecord.verified(root, BlockSet(runs)) + [JournalRecord(.reread, root)]
        )
        claim(runs)
        return found
    }
}
