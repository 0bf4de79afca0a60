internal import SwarmHash
internal import SwarmModel
internal import Synchronization
internal import SystemPackage

/// XXH3 of each 16 KiB block of some bytes. To be taken before the bytes are hashed with SHA-256:
/// when that hash then matches, the sums are those of the right bytes, and a later read of them
/// needs no second SHA-256 to show that the disk has kept them.
package struct BlockSums: Sendable {
    let values: [UInt64]

    package init(of bytes: UnsafeRawBufferPointer) {
        let size = PieceGeometry.blockLength
        values = stride(from: 0, to: bytes.count, by: size).map { start in
            xxh3_64(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + size, bytes.count)]))
        }
    }
}

/// What the blocks of one content should read as, by piece: 8 bytes for a whole piece, and 8 for
/// each block of one that is being put together. Against accidents on disk, not against anybody's
/// intent. Lost with the process; a piece without a sum is read back with SHA-256.
struct PieceSums: Sendable {
    private struct Whole: Sendable {
        var blocks: Range<Int>
        var sum: UInt64
    }

    /// By the first block of the piece; nil for a block that was not written by this process.
    private var open: [Int: [UInt64?]] = [:]
    private var whole: [Int: Whole] = [:]

    mutating func wrote(_ sums: ArraySlice<UInt64>, to blocks: Range<Int>, of piece: Range<Int>) {
        var values = open[piece.lowerBound] ?? Array(repeating: nil, count: piece.count)
        // Another version may cut the same content into other pieces.
        guard values.count == piece.count else { return }
        open[piece.lowerBound] = nil
        for (block, sum) in zip(blocks, sums) { values[block - piece.lowerBound] = sum }
        open[piece.lowerBound] = values
    }

    /// The piece is verified and will not be written again.
    mutating func close(_ piece: Range<Int>) {
        guard let values = open.removeValue(forKey: piece.lowerBound),
            values.count == piece.count
        else { return }
        let known = values.compactMap { $0 }
        guard known.count == values.count else { return }
        whole[piece.lowerBound] = Whole(
            blocks: piece,
            sum: Self.combined(known, from: piece.lowerBound)
        )
    }

    mutating func forgetOpen() { open = [:] }
    mutating func forget(_ piece: Range<Int>) { whole[piece.lowerBound] = nil }

    func sum(of piece: Range<Int>) -> UInt64? {
        guard let found = whole[piece.lowerBound], found.blocks == piece else { return nil }
        return found.sum
    }

    /// Each weighted by the odd number of its place, so that blocks that changed places do not
    /// cancel out.
    static func combined(_ sums: some Sequence<UInt64>, from block: Int) -> UInt64 {
        var total: UInt64 = 0
        for (index, sum) in sums.enumerated() {
            total &+= sum &* UInt64(truncatingIfNeeded: 2 * (block + index) + 1)
        }
        return total
    }
}

extension Content {
    /// Reads pieces that were just claimed back from media, so that little is left to read when
    /// the content is sealed. What does not match is left for the seal to look at with SHA-256.
    func readBack(
        _ pieces: [Range<Int>],
        _ buffer: UnsafeMutableRawBufferPointer
    ) throws(StorageError) {
        let due = state.withLock { state -> [(blocks: Range<Int>, sum: UInt64)] in
            guard state.home == .partial else { return [] }
            return pieces.compactMap { piece in
                guard state.claimed.covers(piece) else { return nil }
                return state.sums.sum(of: piece).map { (piece, $0) }
            }
        }
        guard !due.isEmpty else { return }
        let file = try openFile()
        for (blocks, sum) in due {
            fileSystem.dropCache(file.descriptor, bytes(blocks))
            guard reads(blocks, as: sum, of: file, buffer) else { continue }
            state.withLock { $0.readBack.insert(contentsOf: blocks) }
        }
    }

    /// A piece that was just claimed lies in memory as it was verified.
    func needsNoReadBack(_ piece: Range<Int>) {
        state.withLock { state in
            guard state.home == .partial, state.claimed.covers(piece) else { return }
            state.readBack.insert(contentsOf: piece)
        }
    }

    /// Whether blocks on disk are those of which the sum was taken.
    func reads(
        _ blocks: Range<Int>,
        as sum: UInt64,
        of file: OpenFile,
        _ buffer: UnsafeMutableRawBufferPointer
    ) -> Bool {
        let range = bytes(blocks)
        var found: UInt64 = 0
        var start = range.lowerBound
        while start < range.upperBound {
            let count = min(buffer.count, range.upperBound - start)
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            guard let read = try? file.read(into: part, at: start), read == count else {
                return false
            }
            found &+= PieceSums.combined(
                BlockSums(of: UnsafeRawBufferPointer(part)).values,
                from: start / PieceGeometry.blockLength
            )
            start += count
        }
        return found == sum
    }
}
