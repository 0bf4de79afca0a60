package import SwarmModel
internal import Synchronization
internal import SystemPackage

/// One open version: bytes in, bytes out, and which pieces are verified. Safe to call from several
/// threads. The version is open for as long as the object is referenced.
///
/// The life of a piece: `write` its blocks, hash them, `commit` it; from then on it is verified and
/// survives a crash. When all pieces of a file are, `seal` the file; when all files are,
/// `publishView`.
package final class Holding: Sendable {
    package let info: VersionInfo
    package let store: Store
    let number: Int
    let contents: [Content]
    let files: FilesByContent
    private let layers: Mutex<[Digest: PieceLayer]>
    /// The disk had room for the rest when it was first asked.
    private let hasCheckedSpace = Atomic(false)

    init(
        info: VersionInfo,
        layers: [PieceLayer],
        store: Store,
        number: Int,
        contents: [Content],
        files: FilesByContent
    ) {
        self.info = info
        self.store = store
        self.number = number
        self.contents = contents
        self.files = files
        self.layers = Mutex(Dictionary(layers.map { ($0.root, $0) }, uniquingKeysWith: { $1 }))
    }

    deinit { store.closed(number) }

    package var geometry: PieceGeometry { info.geometry }

    // MARK: What is here

    /// Pieces that are on disk and right, as far as the journal and the seals say.
    package var verified: Bitfield {
        var result = Bitfield(count: geometry.pieceCount)
        for (index, group) in files.groups.enumerated() {
            for file in group.files {
                for piece in geometry.pieces(of: file)
                where contents[index].holds(place(of: piece).piece.blocks) {
                    result.insert(piece)
                }
            }
        }
        return result
    }

    /// Files whose bytes are sealed (or served in place), empty ones among them.
    package func isSealed(_ file: FileIndex) -> Bool {
        guard let group = files.groupOfFile[file.number] else { return true }
        return contents[group].isSealed
    }

    /// Some files are served by somebody else and will never be here.
    package var isPart: Bool { contents.contains { $0.home == .elsewhere } }

    /// Adds a piece layer that came from a peer and was checked against its root.
    package func supply(_ layer: PieceLayer) { layers.withLock { $0[layer.root] = layer } }

    // MARK: Bytes

    /// Where a piece lies.
    struct Place {
        var content: Content
        var piece: Content.Piece
        /// First byte of the piece within the content.
        var offset: Int
    }

    func place(of piece: PieceIndex) -> Place {
        let file = geometry.file(of: piece)
        guard let group = files.groupOfFile[file.number] else {
            preconditionFailure("\(piece) of an empty file")
        }
        let offset = geometry.offsetInFile(of: piece)
        let blocks = Content.blocks(offset..<offset + geometry.length(of: piece))
        return Place(
            content: contents[group],
            piece: Content.Piece(file: file, blocks: blocks),
            offset: offset
        )
    }

    /// Writes bytes of a piece that is not committed yet. Writing into a committed one is a
    /// programmer's error, except where another file has the same content and has just completed
    /// the piece: then the bytes are dropped. `sums` are what ``sums(of:)`` said before the bytes
    /// were hashed.
    ///
    /// - Throws: `.diskFull` when there is no room, at the first write for the whole version or
    ///   later for this one. Nothing that is verified is lost; call again when there is room.
    package func write(
        _ bytes: UnsafeRawBufferPointer,
        to range: BlockRange,
        sums: BlockSums?
    ) throws(StorageError) {
        precondition(bytes.count == range.length, "\(bytes.count) bytes for \(range)")
        try store.journal.repairIfBroken()
        try checkSpaceOnce()
        let place = place(of: range.piece)
        try place.content.write(
            bytes,
            at: place.offset + range.offset,
            in: place.piece,
            sums: sums
        )
    }

    /// What the bytes should read back as; nil where nothing is read back.
    package func sums(of bytes: UnsafeRawBufferPointer) -> BlockSums? {
        store.isMemory ? nil : BlockSums(of: bytes)
    }

    /// Reads bytes of a piece. Fills the whole buffer, which is as long as the range.
    package func read(
        _ range: BlockRange,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) {
        precondition(buffer.count == range.length, "\(buffer.count) bytes for \(range)")
        let place = place(of: range.piece)
        try place.content.read(buffer, at: place.offset + range.offset)
    }

    /// Reads bytes that a peer asked for, with the zeros after them.
    package func read(
        _ range: ServedRange,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) {
        precondition(
            buffer.count == range.length + range.padding,
            "\(buffer.count) bytes for \(range)"
        )
        let place = place(of: range.piece)
        let data = UnsafeMutableRawBufferPointer(rebasing: buffer[..<range.length])
        try place.content.read(data, at: place.offset + range.offset)
        let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[range.length...])
        rest.initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// The file that has a piece and the offset of the piece in it, for `sendfile`. The descriptor
    /// is open for as long as the object is referenced, also when the file is sealed meanwhile.
    package func descriptor(
        for piece: PieceIndex
    ) throws(StorageError) -> (file: OpenFile, offset: Int) {
        let place = place(of: piece)
        return (try place.content.openFile(), place.offset)
    }

    // MARK: Space

    /// Reserves the disk space of everything that is missing.
    ///
    /// - Throws: `.diskFull` with what is needed and what is free, before anything is reserved.
    package func reserve() throws(StorageError) {
        try checkSpace()
        for content in contents { try content.reserve() }
    }

    /// Compares what is missing with what is free.
    package func checkSpace() throws(StorageError) {
        var needed = 0
        for content in contents { needed += try content.missingAllocation() }
        guard needed > 0 else { return }
        let path = store.layout.partials
        let free = try attempt(.inspect, path) { () throws(Errno) in
            try store.fileSystem.freeBytes(at: path)
        }
        let spare = store.settings.spareBytesMin
        guard needed > free - spare else { return }
        throw StorageError(
            .diskFull,
            "'\(info.name)' needs \(needed) more bytes below '\(store.layout.root)', of which "
                + "\(free) are free and \(spare) are kept free; free some, or choose another "
                + "directory with --data",
            cause: .noSpace,
            path: path
        )
    }

    private func checkSpaceOnce() throws(StorageError) {
        guard !hasCheckedSpace.load(ordering: .relaxed) else { return }
        try checkSpace()
        hasCheckedSpace.store(true, ordering: .relaxed)
    }

    // MARK: Hashes

    /// Whether the hashes of a content's pieces are known.
    func hasLayer(_ group: Int) -> Bool {
        let (root, length) = (files.groups[group].root, files.groups[group].length)
        return length <= geometry.pieceLength || layers.withLock { $0[root] != nil }
    }

    /// What the pieces of a content should hash to.
    func checker(_ group: Int) throws(StorageError) -> PieceChecker {
        let (root, length) = (files.groups[group].root, files.groups[group].length)
        let expected: [Digest]
        if length <= geometry.pieceLength {
            expected = [root]
        } else if let layer = layers.withLock({ $0[root] }) {
            expected = layer.hashes
        } else {
            let name = info.entry(of: files.groups[group].files[0]).joinedPath
            throw StorageError(
                .layerMissing,
                "the piece layer of '\(name)' is not known; fetch it from a peer first"
            )
        }
        return PieceChecker(
            expected: expected,
            pieceLength: geometry.pieceLength,
            fileLength: length
        )
    }

    /// The pieces, in every file with the content, that have these numbers within the file.
    func pieces(_ numbers: some Sequence<Int>, ofGroup group: Int) -> [PieceIndex] {
        let numbers = Array(numbers)
        return files.groups[group].files.flatMap { file in
            let all = geometry.pieces(of: file)
            return numbers.map { all[all.index(all.startIndex, offsetBy: $0)] }
        }
    }
}
