internal import SwarmModel
internal import Synchronization
internal import SystemPackage

/// The bytes under one pieces root, as one open version has them: a partial that fills, a sealed
/// blob, or a file of somebody's directory that is served in place. Files of a version with the
/// same root are one content.
///
/// A block is *written* from the first byte of a `pwrite`, *synced* when its file was, and
/// *claimed* once the journal has it; no block is two of these, and claimed blocks are never
/// written again. Legal moves: partial to blob (sealed), and nothing else.
final class Content: Sendable {
    enum Home: Equatable, Sendable {
        case partial
        case blob
        /// Served in place; the file must keep this identity.
        case source(FilePath, SourceIdentity)
        /// Not here and not to come: the version is served in place, and somebody else has this.
        case elsewhere
    }

    struct State: Sendable {
        var home: Home
        var file: OpenFile?
        /// Blocks known to be on disk and right.
        var claimed: BlockSet
        /// Blocks that were written since, and not synced.
        var written = BlockSet()
        /// Blocks that were synced and that the journal does not have yet.
        var synced = BlockSet()
        /// Which file of the version is writing the piece that starts at a block, where several
        /// files share the content: bytes of one must not land on bytes of the other that were just
        /// hashed.
        var writers: [Int: FileIndex] = [:]
        /// What the blocks that this process wrote should read as.
        var sums = PieceSums()
        /// Claimed blocks that were read from media since they were written, and were right.
        var readBack = BlockSet()
        /// The blob was renamed but its directory could not be synced.
        var owesDirectorySync = false

        mutating func forgetUnclaimed() {
            written = BlockSet()
            synced = BlockSet()
            writers = [:]
            sums.forgetOpen()
        }
    }

    let root: Digest
    let length: Int
    let layout: StoreLayout
    let fileSystem: any FileSystem
    /// How blocks are written past the page cache; nil when they are not.
    let direct: DirectIO?
    /// Where claims go; nil when this is a second opener's private partial, or a source.
    let journal: Journal?
    let partial: FilePath
    let blob: FilePath
    /// More than one file of the version has this root.
    let isShared: Bool
    let state: Mutex<State>
    /// Held through a sync and what follows from it, because the kernel reports a failed write-back
    /// to one caller only.
    let syncGate = Mutex<Void>(())
    /// Held through a seal, so that a second one finds it done.
    let sealGate = Mutex<Void>(())

    init(
        root: Digest,
        length: Int,
        layout: StoreLayout,
        fileSystem: any FileSystem,
        direct: DirectIO?,
        journal: Journal?,
        partial: FilePath,
        isShared: Bool,
        state: State
    ) {
        self.root = root
        self.length = length
        self.layout = layout
        self.fileSystem = fileSystem
        self.direct = direct
        self.journal = journal
        self.partial = partial
        blob = layout.blob(root)
        self.isShared = isShared
        self.state = Mutex(state)
    }

    var blockCount: Int { Self.blocks(0..<length).upperBound }
    var home: Home { state.withLock { $0.home } }
    var isSealed: Bool { home != .partial && home != .elsewhere }
    /// Fills without a journal, because another open version fills the same content.
    var isPrivatePartial: Bool { journal == nil && home == .partial }

    /// The 16 KiB blocks that bytes touch.
    static func blocks(_ bytes: Range<Int>) -> Range<Int> {
        let size = PieceGeometry.blockLength
        return bytes.lowerBound / size..<(bytes.upperBound + size - 1) / size
    }

    /// The bytes of blocks.
    func bytes(_ blocks: Range<Int>) -> Range<Int> {
        let size = PieceGeometry.blockLength
        return blocks.lowerBound * size..<min(length, blocks.upperBound * size)
    }

    func holds(_ blocks: Range<Int>) -> Bool {
        state.withLock { state in
            switch state.home {
            case .partial: state.claimed.covers(blocks)
            case .blob, .source: true
            case .elsewhere: false
            }
        }
    }

    /// Bytes known to be here and right.
    var verifiedByteCount: Int {
        state.withLock { state in
            guard state.home != .elsewhere else { return 0 }
            guard state.home == .partial else { return length }
            return state.claimed.ranges.reduce(0) { $0 + bytes($1).count }
        }
    }

    // MARK: Files

    /// The open file with the bytes, whichever that is now.
    func openFile() throws(StorageError) -> OpenFile {
        let (file, home) = try state.withLock { state throws(StorageError) in
            if let file = state.file { return (file, state.home) }
            let file =
                switch state.home {
                case .partial: try openPartial()
                case .blob: try open(blob, .read)
                case .source(let path, _): try open(path, .followed)
                case .elsewhere: throw notHere
                }
            state.file = file
            return (file, state.home)
        }
        if case .source(let path, let identity) = home { try identity.check(file, path) }
        return file
    }

    private var notHere: StorageError {
        StorageError(
            .sourceChanged,
            "the file with root \(root) is not among those published here; get it from the peer "
                + "that publishes its part"
        )
    }

    private func open(
        _ path: FilePath,
        _ access: FileAccess
    ) throws(StorageError) -> OpenFile {
        try attempt(.open, path) { () throws(Errno) in
            try OpenFile(path, access, in: fileSystem)
        }
    }

    func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) {
        try openFile().read(all: buffer, at: offset)
    }

    // MARK: Writing

    /// A piece of one file of the version, as blocks of the content.
    struct Piece: Hashable, Sendable {
        var file: FileIndex
        var blocks: Range<Int>
    }

    /// Writes bytes that start on a block boundary within `piece`. `sums` are theirs; without them
    /// the seal reads the piece with SHA-256.
    func write(
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int,
        in piece: Piece,
        sums: BlockSums?
    ) throws(StorageError) {
        let blocks = Self.blocks(offset..<offset + bytes.count)
        let work = try state.withLock { state throws(StorageError) in
            try beginWriting(blocks, in: piece, &state)
        }
        guard let (file, runs) = work else { return }
        for run in runs {
            let range = self.bytes(run)
            let part = bytes[range.lowerBound - offset..<range.upperBound - offset]
            do {
                try file.store(UnsafeRawBufferPointer(rebasing: part), at: range.lowerBound, direct)
            } catch { throw refusal(.write, error, needed: bytes.count) }
        }
        guard let sums else { return }
        state.withLock { state in
            for run in runs {
                let part = sums.values[
                    run.lowerBound - blocks.lowerBound..<run.upperBound - blocks.lowerBound
                ]
                state.sums.wrote(part, to: run, of: piece.blocks)
            }
        }
    }

    private func beginWriting(
        _ blocks: Range<Int>,
        in piece: Piece,
        _ state: inout State
    ) throws(StorageError) -> (OpenFile, [Range<Int>])? {
        if state.home == .elsewhere { throw notHere }
        let isCommitted = state.home != .partial || state.claimed.covers(piece.blocks)
        if isCommitted {
            // A file with a twin may still receive what has just become verified through the twin.
            precondition(isShared, "a write into a committed piece of '\(partial)'")
            return nil
        }
        if isShared {
            let writer = state.writers[piece.blocks.lowerBound] ?? piece.file
            guard writer == piece.file else { return nil }
            state.writers[piece.blocks.lowerBound] = writer
        }
        let file = try writableFile(&state)
        // Claims of finer pieces (of another version) stay as they are.
        let fresh = state.claimed.missing(of: blocks)
        for run in fresh {
            state.written.insert(contentsOf: run)
            state.synced.remove(contentsOf: run)
        }
        return (file, fresh)
    }

    private func writableFile(_ state: inout State) throws(StorageError) -> OpenFile {
        if let file = state.file { return file }
        let file = try isPartialInPlace(&state) ? openPartial() : createPartial()
        state.file = file
        return file
    }

    private func isPartialInPlace(_ state: inout State) throws(StorageError) -> Bool {
        let status = try fileSystem.entry(at: partial)
        if let status, status.kind == .file, status.size == length { return true }
        // The claims speak of a file that is gone. They must be taken back before another is made.
        if !state.claimed.isEmpty {
            state.claimed = BlockSet()
            state.forgetUnclaimed()
            try journal?.append([JournalRecord(.removed, root)])
        }
        if status != nil { try fileSystem.removeTree(partial) }
        return false
    }

    private func openPartial() throws(StorageError) -> OpenFile {
        try attempt(.open, partial) { () throws(Errno) in
            // A seal that was cut short leaves the file read-only.
            try fileSystem.changeMode(partial, to: StoreLayout.fileMode)
            return try OpenFile(partial, .readWrite, in: fileSystem, alsoDirect: direct != nil)
        }
    }

    private func createPartial() throws(StorageError) -> OpenFile {
        let file = try attempt(.create, partial) { () throws(Errno) in
            try OpenFile(
                partial,
                .created(StoreLayout.fileMode),
                in: fileSystem,
                alsoDirect: direct != nil
            )
        }
        do throws(Errno) { try file.allocate(length: length) } catch {
            // What was reserved so far is of no use, and its size would be taken for the whole.
            try? fileSystem.unlink(partial)
            throw refusal(.allocate, error, needed: length)
        }
        try fileSystem.makeDurable(namesIn: layout.partials)
        return file
    }

    /// Reserves the space of the content now rather than at the first write.
    func reserve() throws(StorageError) {
        try state.withLock { state throws(StorageError) in
            if state.home == .partial { _ = try writableFile(&state) }
        }
    }

    /// Bytes that a partial of this content still needs.
    func missingAllocation() throws(StorageError) -> Int {
        guard state.withLock({ $0.home == .partial }) else { return 0 }
        return max(0, length - (try fileSystem.entry(at: partial)?.allocated ?? 0))
    }

    private func refusal(_ deed: StorageError.Deed, _ cause: Errno, needed: Int) -> StorageError {
        var error = StorageError.refused(deed, partial, cause)
        if error.code == .diskFull {
            let free = (try? fileSystem.freeBytes(at: layout.partials)) ?? 0
            error.message =
                "no space to write \(needed) bytes to '\(partial)', \(free) bytes are free; free "
                + "some (`shoal remove`) and the transfer goes on"
        }
        return error
    }
}
