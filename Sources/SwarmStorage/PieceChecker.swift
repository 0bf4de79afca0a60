internal import SwarmHash
internal import SwarmModel
internal import SystemPackage

/// Reads pieces of one file and compares them with what the metainfo says, in memory that does not
/// depend on the piece length beyond 32 bytes a block.
struct PieceChecker: Sendable {
    /// The hashes of a file's pieces: its layer, or its root where it is no longer than a piece.
    let expected: [Digest]
    let pieceLength: Int
    let fileLength: Int

    /// Bytes read at once: as many leaves as the widest kernel hashes, which stay in the
    /// second-level cache beside those that come next.
    static let chunkBytes = 256 << 10

    init(expected: [Digest], pieceLength: Int, fileLength: Int) {
        precondition(
            expected.count == (fileLength + pieceLength - 1) / pieceLength,
            "\(expected.count) hashes for \(fileLength) bytes in pieces of \(pieceLength)"
        )
        self.expected = expected
        self.pieceLength = pieceLength
        self.fileLength = fileLength
    }

    func length(of piece: Int) -> Int { min(pieceLength, fileLength - piece * pieceLength) }

    /// Whether a piece, numbered within the file, is on disk as it should be. A piece that cannot
    /// be read is not. `ahead` is asked where so many bytes at an offset, which follow what is
    /// being hashed, can be prefetched.
    func holds(
        _ piece: Int,
        of file: OpenFile,
        buffer: UnsafeMutableRawBufferPointer,
        ahead: (_ count: Int, _ offset: Int) -> UnsafeRawPointer? = { _, _ in nil }
    ) -> Bool {
        let start = piece * pieceLength
        let length = length(of: piece)
        var leaves: [Digest] = []
        leaves.reserveCapacity(LeafHasher.leafCount(of: length))
        var done = 0
        while done < length {
            let count = min(buffer.count, length - done)
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            guard let read = try? file.read(into: part, at: start + done), read == count else {
                return false
            }
            done += count
            let next = ahead(min(buffer.count, fileLength - start - done), start + done)
            leaves += LeafHasher.leaves(of: UnsafeRawBufferPointer(part), ahead: next)
        }
        let hash = MerkleTree.pieceHash(
            leaves: leaves,
            pieceLength: pieceLength,
            fileLength: fileLength
        )
        return hash == expected[piece]
    }

    /// Reads a whole piece into `buffer`, which is as long. False unless it is what it should be.
    func fill(
        _ buffer: UnsafeMutableRawBufferPointer,
        with piece: Int,
        of file: OpenFile
    ) -> Bool {
        precondition(buffer.count == length(of: piece), "\(buffer.count) bytes for \(piece)")
        let count = try? file.read(into: buffer, at: piece * pieceLength)
        guard count == buffer.count else { return false }
        let hash = MerkleTree.pieceHash(
            leaves: LeafHasher.leaves(of: UnsafeRawBufferPointer(buffer)),
            pieceLength: pieceLength,
            fileLength: fileLength
        )
        return hash == expected[piece]
    }

    /// Of the pieces given, those that are not on disk as they should be.
    func damaged(among pieces: some Sequence<Int>, of file: OpenFile) -> [Int] {
        Self.withBuffer { buffer in pieces.filter { !holds($0, of: file, buffer: buffer) } }
    }

    static func withBuffer<R, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> R
    ) throws(Failure) -> R {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkBytes, alignment: 4096)
        defer { buffer.deallocate() }
        return try body(buffer)
    }
}
