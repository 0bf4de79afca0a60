import SwarmCore
import SwarmHash
package import SwarmModel
package import SwarmRuntime
package import SwarmStorage
import SystemPackage

/// The bytes of one version on this host, as event loops and the driver share them: where blocks go
/// when they arrive, and where they come from when they are sent.
package final class VersionFiles: Sendable {
    package let info: VersionInfo
    package let holding: Holding
    package let hashes: HashBook
    let board = PieceBoard()

    package init(info: VersionInfo, holding: Holding, layers: [PieceLayer]) {
        self.info = info
        self.holding = holding
        hashes = HashBook(info: info, layers: layers)
    }

    /// What the core needs to know of the version. `urgent` files come first.
    func content() -> SwarmContent {
        let geometry = info.geometry
        let duplicates = duplicateFiles()
        let missing = hashes.missingLayers.filter { layer in
            !duplicates.contains { $0.file == layer.file }
        }
        return SwarmContent(
            geometry: geometry,
            verified: holding.verified,
            sealed: geometry.files.filter { holding.isSealed($0) },
            isPart: holding.isPart,
            duplicates: duplicates,
            missingLayers: missing.map { MissingLayer(file: $0.file, requests: $0.requests) },
            urgent: urgentPieces(),
            roots: info.files.map(\.piecesRoot),
            metadataSize: info.isPrivate ? nil : info.infoBytes.count
        )
    }

    private func duplicateFiles() -> [DuplicateFile] {
        var firsts: [Digest: FileIndex] = [:]
        var duplicates: [DuplicateFile] = []
        for file in info.geometry.files {
            guard let root = info.entry(of: file).piecesRoot else { continue }
            if let original = firsts[root] {
                duplicates.append(DuplicateFile(file: file, original: original))
            } else {
                firsts[root] = file
            }
        }
        return duplicates
    }

    /// Pieces that come before the bulk: small files, and the first piece of each safetensors file,
    /// which holds its header. A loader can begin to plan while the rest arrives.
    private func urgentPieces() -> [PieceIndex] {
        let geometry = info.geometry
        var urgent: [PieceIndex] = []
        for file in geometry.files {
            let isSmall = geometry.length(of: file) <= Self.smallFileLength
            let hasHeader = info.entry(of: file).path.last?.hasSuffix(".safetensors") ?? false
            let pieces = geometry.pieces(of: file)
            if isSmall {
                urgent += pieces
            } else if hasHeader, let first = pieces.first {
                urgent.append(first)
            }
            if urgent.count >= Self.urgentPiecesMax { break }
        }
        return urgent
    }

    /// Whether an earlier file has the same content.
    func isDuplicate(_ file: FileIndex) -> Bool {
        let root = info.entry(of: file).piecesRoot
        return root != nil
            && info.geometry.files.contains { other in
                other < file && info.entry(of: other).piecesRoot == root
            }
    }

    /// The piece whose leaves a range of base layer 0 asks for.
    func piece(ofLeaves range: HashRange) -> PieceIndex? {
        let file = info.geometry.files.first { info.entry(of: $0).piecesRoot == range.root }
        guard let file else { return nil }
        let pieces = info.geometry.pieceNumbers(of: file)
        let number = pieces.lowerBound + Int(range.index) / info.geometry.blocksPerPiece
        return pieces.contains(number) ? info.geometry.piece(number) : nil
    }

    private static let smallFileLength = 1 << 20
    private static let urgentPiecesMax = 1024
}

// MARK: Receiving

extension VersionFiles: BlockSink {
    package func wants(_ block: RawBlock, from connection: ConnectionID) -> Bool {
        info.geometry.alignedRange(of: block).map { board.accepts($0) } ?? false
    }

    /// Hashes the block while it is in cache, writes it, and, when it was the last of its piece,
    /// compares the piece with its hash: all on the connection's event loop.
    package func store(
        _ bytes: UnsafeRawBufferPointer,
        of block: RawBlock,
        from connection: ConnectionID
    ) -> BlockOutcome {
        guard let range = info.geometry.alignedRange(of: block), let claim = board.claim(range)
        else {
            return .discarded
        }
        let sums = holding.sums(of: bytes)
        let leaves = LeafHasher.leaves(of: bytes)
        do {
            try holding.write(bytes, to: range, sums: sums)
        } catch {
            board.giveBack(claim)
            return .failed(reason: error.message)
        }
        switch board.stored(claim, leaves: leaves, from: connection) {
        case .outdated: return .discarded
        case .partOfPiece: return .stored
        case .wholePiece(let leaves, let expected):
            let file = info.geometry.file(of: range.piece)
            let hash = MerkleTree.pieceHash(
                leaves: leaves,
                pieceLength: info.geometry.pieceLength,
                fileLength: info.geometry.length(of: file)
            )
            return .pieceComplete(verified: hash == expected)
        }
    }
}

// MARK: Sending

extension VersionFiles: BlockSource {
    package func read(
        _ range: ServedRange,
        into destination: UnsafeMutableRawBufferPointer
    ) throws {
        try holding.read(range.withoutPadding, into: destination)
    }

    package func descriptor(
        for range: ServedRange
    ) throws -> (descriptor: CInt, offset: Int, owner: any AnyObject & Sendable) {
        let (file, offset) = try holding.descriptor(for: range.piece)
        return (file.descriptor.rawValue, offset + range.offset, file)
    }

    /// Leaf hashes of a file, read from its verified pieces and hashed again: nothing is kept,
    /// because they are asked for only when a block was wrong.
    ///
    /// - Throws: ``NotVerified`` when a piece that is needed is not verified.
    func leaves(of file: FileIndex, _ leaves: Range<Int>, verified: Bitfield) throws -> [Digest] {
        let geometry = info.geometry
        let pieces = geometry.pieceNumbers(of: file)
        var digests: [Digest] = []
        var next = leaves.lowerBound
        while next < leaves.upperBound {
            let number = pieces.lowerBound + next / geometry.blocksPerPiece
            guard let piece = geometry.piece(number), verified[piece] else { throw NotVerified() }
            let first = next % geometry.blocksPerPiece
            let count = min(
                leaves.upperBound - next,
                geometry.blockCount(of: piece) - first,
                Self.leavesPerRead
            )
            guard let range = geometry.range(of: first..<first + count, in: piece) else {
                throw NotVerified()
            }
            try withUnsafeTemporaryAllocation(byteCount: range.length, alignment: 64) { buffer in
                try holding.read(range, into: buffer)
                digests += LeafHasher.leaves(of: UnsafeRawBufferPointer(buffer))
            }
            next += count
        }
        return digests
    }

    struct NotVerified: Error {}

    /// Leaves read at once to answer a request: 512 KiB, however long the piece is.
    private static let leavesPerRead = 32
}
