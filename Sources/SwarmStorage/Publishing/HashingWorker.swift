internal import Glibc
internal import SwarmHash
internal import SwarmModel
internal import SystemPackage

/// One thread's share of a hashing run: its buffer, and the leaves of the piece that it is at.
struct HashingWorker: ~Copyable {
    private let pieceLength: Int
    private let progress: HashingProgress
    private let beforeRead: (@Sendable (String, Int) -> Void)?
    private let buffer: UnsafeMutableRawBufferPointer
    private var leaves: [Digest] = []
    private var ahead = FetchAhead()

    init(
        pieceLength: Int,
        progress: HashingProgress,
        beforeRead: (@Sendable (String, Int) -> Void)?
    ) {
        self.pieceLength = pieceLength
        self.progress = progress
        self.beforeRead = beforeRead
        buffer = .allocate(byteCount: ContentHasher.bufferLength, alignment: 4096)
    }

    deinit { buffer.deallocate() }

    /// The hashes of the pieces of one chunk.
    mutating func hash(
        _ chunk: HashingChunk,
        of file: ScannedFile
    ) throws(HashingFailure) -> [Digest] {
        let descriptor = try Self.open(file)
        try Self.check(descriptor, is: file)
        posix_fadvise(descriptor.number, chunk.offset, chunk.length, POSIX_FADV_SEQUENTIAL)
        ahead = FetchAhead()
        leaves.removeAll(keepingCapacity: true)
        var hashes: [Digest] = []
        var done = 0
        while done < chunk.length {
            if progress.isCancelled { throw .cancelled }
            let part = min(buffer.count, chunk.length - done)
            try read(part, at: chunk.offset + done, from: descriptor, of: file)
            done += part
            let next = ahead.fetch(
                min(buffer.count, chunk.length - done),
                at: chunk.offset + done,
                of: descriptor.number
            )
            leaves += LeafHasher.leaves(
                of: UnsafeRawBufferPointer(rebasing: buffer[..<part]),
                ahead: next
            )
            progress.add(part)
            closePieces(into: &hashes, fileLength: file.length, atEnd: done == chunk.length)
        }
        try Self.check(descriptor, is: file)
        return hashes
    }

    /// Turns the leaves of whole pieces, and at the chunk's end those of a short one, into hashes.
    private mutating func closePieces(
        into hashes: inout [Digest],
        fileLength: Int,
        atEnd: Bool
    ) {
        let leavesPerPiece = pieceLength / PieceGeometry.blockLength
        var start = 0
        while leaves.count - start >= leavesPerPiece || (atEnd && start < leaves.count) {
            let end = min(start + leavesPerPiece, leaves.count)
            hashes.append(
                MerkleTree.pieceHash(
                    leaves: Array(leaves[start..<end]),
                    pieceLength: pieceLength,
                    fileLength: fileLength
                )
            )
            start = end
        }
        leaves.removeFirst(start)
    }

    /// Fills the first `count` bytes of the buffer.
    private func read(
        _ count: Int,
        at offset: Int,
        from descriptor: borrowing ScopedDescriptor,
        of file: ScannedFile
    ) throws(HashingFailure) {
        beforeRead?(file.filePath, offset)
        var filled = 0
        while filled < count {
            let got = pread(
                descriptor.number,
                buffer.baseAddress! + filled,
                count - filled,
                offset + filled
            )
            if got > 0 {
                filled += got
            } else if got == 0 {
                // The scan saw more bytes, so somebody made the file shorter.
                throw .changed(path: file.joinedPath)
            } else if errno != EINTR {
                throw .unreadable(path: file.joinedPath, code: errno)
            }
        }
    }

    /// Checks that the path still leads to the file that was scanned.
    static func check(_ file: ScannedFile) throws(HashingFailure) {
        try check(try open(file), is: file)
    }

    private static func check(
        _ descriptor: borrowing ScopedDescriptor,
        is file: ScannedFile
    ) throws(HashingFailure) {
        let status: stat
        do {
            status = try descriptor.status()
        } catch {
            throw .unreadable(path: file.joinedPath, code: error.rawValue)
        }
        guard status.isRegular, ScannedFile.Identity(status) == file.identity else {
            throw .changed(path: file.joinedPath)
        }
    }

    private static func open(_ file: ScannedFile) throws(HashingFailure) -> ScopedDescriptor {
        do {
            return try ScopedDescriptor(opening: file.filePath)
        } catch {
            switch error {
            case .noSuchFileOrDirectory, .notDirectory, .tooManySymbolicLinkLevels:
                throw .changed(path: file.joinedPath)
            default: throw .unreadable(path: file.joinedPath, code: error.rawValue)
            }
        }
    }
}
