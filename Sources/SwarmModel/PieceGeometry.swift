/// The index of a piece that exists. Only ``PieceGeometry`` makes one.
package struct PieceIndex: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let number: Int
    fileprivate init(_ number: Int) { self.number = number }
    @inlinable
    package static func == (a: Self, b: Self) -> Bool { a.number == b.number }
    @inlinable
    package static func < (a: Self, b: Self) -> Bool { a.number < b.number }
    package var description: String { "piece \(number)" }
}

/// The index of a file that exists, in file-tree order. Only ``PieceGeometry`` makes one.
package struct FileIndex: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let number: Int
    fileprivate init(_ number: Int) { self.number = number }
    package static func < (a: Self, b: Self) -> Bool { a.number < b.number }
    package var description: String { "file \(number)" }
}

/// A run of bytes inside one piece: the unit of request and transfer. Only ``PieceGeometry`` makes
/// one, so it always lies inside its piece; `offset` is a multiple of the block size.
package struct BlockRange: Hashable, Sendable, Comparable {
    package let piece: PieceIndex
    /// First byte within the piece.
    package let offset: Int
    /// Bytes, at least one.
    package let length: Int

    fileprivate init(piece: PieceIndex, offset: Int, length: Int) {
        self.piece = piece
        self.offset = offset
        self.length = length
    }

    /// The 16 KiB blocks that the range touches, by index within the piece.
    package var blocks: Range<Int> {
        offset / PieceGeometry.blockLength..<(offset + length + PieceGeometry.blockLength - 1)
            / PieceGeometry.blockLength
    }

    package static func < (a: Self, b: Self) -> Bool {
        (a.piece, a.offset, a.length) < (b.piece, b.offset, b.length)
    }
}

/// How the pieces of a version lie over its files. Each non-empty file starts on a piece boundary,
/// in file-tree order; empty files take no piece (BEP 52). Every index of a piece, file or block is
/// made here, once checked, and never checked again.
package struct PieceGeometry: Hashable, Sendable {
    /// Bytes of a Merkle leaf (BEP 52).
    package static let blockLength = 16384
    /// Most pieces of one version: a bitfield of 256 KiB (libtorrent's limit too).
    package static let pieceCountMax = 1 << 21
    /// Shortest and longest piece that we load. Longer ones break other clients.
    package static let pieceLengths = 16384...(256 << 20)
    /// Most bytes of one version.
    package static let totalLengthMax = 1 << 46

    package let pieceLength: Int
    package let fileLengths: [Int]
    /// Bytes of all files together.
    package let totalLength: Int
    package let pieceCount: Int
    /// For each file the number of its first piece; for an empty file, of the piece after it.
    private let firstPieces: [Int]

    package enum Flaw: Error, Hashable {
        case pieceLength(Int)
        case fileLength(Int)
        case totalLength
        case pieceCount
    }

    package init(pieceLength: Int, fileLengths: [Int]) throws(Flaw) {
        guard Self.pieceLengths.contains(pieceLength), pieceLength.nonzeroBitCount == 1 else {
            throw .pieceLength(pieceLength)
        }
        var total = 0
        var pieces = 0
        var firsts: [Int] = []
        firsts.reserveCapacity(fileLengths.count)
        for length in fileLengths {
            guard length >= 0 else { throw .fileLength(length) }
            let (sum, overflow) = total.addingReportingOverflow(length)
            guard !overflow, sum <= Self.totalLengthMax else { throw .totalLength }
            total = sum
            firsts.append(pieces)
            pieces += (length + pieceLength - 1) / pieceLength
            guard pieces <= Self.pieceCountMax else { throw .pieceCount }
        }
        self.pieceLength = pieceLength
        self.fileLengths = fileLengths
        totalLength = total
        pieceCount = pieces
        firstPieces = firsts
    }

    package var blocksPerPiece: Int { pieceLength / Self.blockLength }

    // MARK: Pieces

    /// Nil when no such piece exists.
    package func piece(_ number: some BinaryInteger) -> PieceIndex? {
        guard let number = Int(exactly: number), (0..<pieceCount).contains(number) else {
            return nil
        }
        return PieceIndex(number)
    }

    /// The same of what is on the wire: asked for by the million.
    package func piece(_ number: UInt32) -> PieceIndex? {
        Int(number) < pieceCount ? PieceIndex(Int(number)) : nil
    }

    package var pieces: LazyMapSequence<Range<Int>, PieceIndex> {
        (0..<pieceCount).lazy.map(PieceIndex.init)
    }

    /// Bytes of a piece; the last of a file may be short.
    package func length(of piece: PieceIndex) -> Int {
        let file = file(of: piece)
        return min(pieceLength, fileLengths[file.number] - offsetInFile(of: piece))
    }

    package func file(of piece: PieceIndex) -> FileIndex {
        // The last file whose first piece is not after this one. Empty files share their first
        // piece with the next file, which comes later, so the last one is the owner.
        var low = 0
        var high = firstPieces.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if firstPieces[middle] <= piece.number { low = middle } else { high = middle }
        }
        return FileIndex(low)
    }

    package func offsetInFile(of piece: PieceIndex) -> Int {
        (piece.number - firstPieces[file(of: piece).number]) * pieceLength
    }

    /// 16 KiB blocks of a piece.
    package func blockCount(of piece: PieceIndex) -> Int {
        (length(of: piece) + Self.blockLength - 1) / Self.blockLength
    }

    // MARK: Files

    package func file(_ number: Int) -> FileIndex? {
        fileLengths.indices.contains(number) ? FileIndex(number) : nil
    }

    package var files: LazyMapSequence<Range<Int>, FileIndex> {
        fileLengths.indices.lazy.map(FileIndex.init)
    }

    package func length(of file: FileIndex) -> Int { fileLengths[file.number] }

    /// The pieces of a file; none for an empty one.
    package func pieces(of file: FileIndex) -> LazyMapSequence<Range<Int>, PieceIndex> {
        pieceNumbers(of: file).lazy.map(PieceIndex.init)
    }

    package func pieceNumbers(of file: FileIndex) -> Range<Int> {
        let first = firstPieces[file.number]
        return first..<first + (length(of: file) + pieceLength - 1) / pieceLength
    }

    // MARK: Blocks

    /// The blocks `blocks` of a piece as one range. Nil when empty or outside the piece.
    package func range(of blocks: Range<Int>, in piece: PieceIndex) -> BlockRange? {
        guard !blocks.isEmpty, blocks.lowerBound >= 0, blocks.upperBound <= blockCount(of: piece)
        else { return nil }
        let start = blocks.lowerBound * Self.blockLength
        let end = min(blocks.upperBound * Self.blockLength, length(of: piece))
        return BlockRange(piece: piece, offset: start, length: end - start)
    }

    /// The whole of a piece as one range.
    package func wholeRange(of piece: PieceIndex) -> BlockRange {
        BlockRange(piece: piece, offset: 0, length: length(of: piece))
    }

    /// The range that a message names, when it is one that ``range(of:in:)`` could have made: it
    /// starts on a block boundary and ends on one or at the piece's end.
    package func alignedRange(of raw: RawBlock) -> BlockRange? {
        guard let piece = piece(raw.piece) else { return nil }
        let (begin, count) = (Int(raw.begin), Int(raw.length))
        guard begin % Self.blockLength == 0, count > 0, begin + count <= length(of: piece) else {
            return nil
        }
        let end = begin + count
        guard end % Self.blockLength == 0 || end == length(of: piece) else { return nil }
        return BlockRange(piece: piece, offset: begin, length: count)
    }
}

/// A block as a message names it: nothing about it has been checked.
package struct RawBlock: Hashable, Sendable {
    package var piece: UInt32
    package var begin: UInt32
    package var length: UInt32

    package init(piece: UInt32, begin: UInt32, length: UInt32) {
        self.piece = piece
        self.begin = begin
        self.length = length
    }

    package init(_ range: BlockRange) {
        piece = UInt32(range.piece.number)
        begin = UInt32(range.offset)
        length = UInt32(range.length)
    }
}

/// Bytes that a peer asks of us: checked to lie in an existing piece, of any alignment. The part
/// past the end of the file, which libtorrent up to 2.0.12 asks for, is answered with zeros.
package struct ServedRange: Hashable, Sendable {
    package let piece: PieceIndex
    package let offset: Int
    /// Bytes of the file, possibly none.
    package let length: Int
    /// Zero bytes after them.
    package let padding: Int

    package var raw: RawBlock {
        RawBlock(
            piece: UInt32(piece.number),
            begin: UInt32(offset),
            length: UInt32(length + padding)
        )
    }
}

extension PieceGeometry {
    /// What to send for a request, or nil when it names bytes outside of the (padded) piece or more
    /// than `lengthMax` bytes.
    package func servedRange(of raw: RawBlock, lengthMax: Int) -> ServedRange? {
        guard let piece = piece(raw.piece) else { return nil }
        let (begin, count) = (Int(raw.begin), Int(raw.length))
        guard count > 0, count <= lengthMax, begin + count <= pieceLength else { return nil }
        let data = max(0, min(count, length(of: piece) - begin))
        return ServedRange(piece: piece, offset: begin, length: data, padding: count - data)
    }
}

extension ServedRange {
    /// The part with bytes of the file.
    package var withoutPadding: ServedRange {
        ServedRange(piece: piece, offset: offset, length: length, padding: 0)
    }

    /// `count` bytes of the file from the `start`th on.
    package func part(from start: Int, count: Int) -> ServedRange {
        precondition(start >= 0 && count >= 0 && start + count <= length, "not a part of a range")
        return ServedRange(piece: piece, offset: offset + start, length: count, padding: 0)
    }
}
