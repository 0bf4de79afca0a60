package import SwarmModel

/// What a seal came to.
package enum SealOutcome: Hashable, Sendable {
    case sealed
    /// Pieces, of this file and of those with the same content, to be fetched again.
    case damaged([PieceIndex])
}

extension Holding {
    /// Makes pieces, whose hashes matched, durably verified: their bytes are synced, then the
    /// journal. Commits from several threads share their syncs, and many pieces in one call cost as
    /// much as one.
    ///
    /// Returns the pieces that are verified by it: those given and, where files share a content,
    /// those of the other files. A given piece that was dropped because the other file was writing
    /// the same bytes is not among them until the other is committed.
    ///
    /// - Throws: `.syncFailed` with the pieces that are lost and have to be fetched again; the
    ///   given ones that are not among them were committed (see ``verified``). When only the
    ///   journal could not be written, no piece is lost and the same call may be repeated.
    @discardableResult
    package func commit(_ pieces: [PieceIndex]) throws(StorageError) -> [PieceIndex] {
        var byGroup: [Int: [Content.Piece]] = [:]
        for piece in pieces {
            let file = geometry.file(of: piece)
            guard let group = files.groupOfFile[file.number] else { continue }
            byGroup[group, default: []].append(place(of: piece).piece)
        }
        var failure: StorageError?
        var lost: [PieceIndex] = []
        var claims: [(group: Int, blocks: [Range<Int>])] = []
        for (group, pieces) in byGroup.sorted(by: { $0.key < $1.key }) {
            let outcome = contents[group].sync(pieces)
            failure = failure ?? outcome.failure
            lost += touched(outcome.lost, group)
            claims.append((group, outcome.claimable))
        }
        try journal(claims)
        for (group, blocks) in claims { contents[group].claim(blocks) }
        if var failure {
            failure.lostPieces = lost.sorted()
            throw failure
        }
        return verified(among: pieces)
    }

    private func journal(_ claims: [(group: Int, blocks: [Range<Int>])]) throws(StorageError) {
        var records: [JournalRecord] = []
        for (group, blocks) in claims where contents[group].journal != nil {
            records += JournalRecord.verified(contents[group].root, BlockSet(blocks))
        }
        try store.journal.append(records)
    }

    /// The pieces, in every file with the content, that blocks touch.
    private func touched(_ blocks: BlockSet, _ group: Int) -> [PieceIndex] {
        let perPiece = geometry.blocksPerPiece
        var numbers = BlockSet()
        for run in blocks.ranges where !run.isEmpty {
            numbers.insert(
                contentsOf: run.lowerBound / perPiece..<(run.upperBound - 1) / perPiece + 1
            )
        }
        return pieces(numbers.ranges.flatMap { $0 }, ofGroup: group).filter {
            !contents[group].holds(place(of: $0).piece.blocks)
        }
    }

    /// Those of the pieces that are verified, and their twins in files with the same content.
    /// Ascending.
    private func verified(among pieces: [PieceIndex]) -> [PieceIndex] {
        var result: [PieceIndex] = []
        for piece in pieces {
            let place = place(of: piece)
            guard place.content.holds(place.piece.blocks),
                let group = files.groupOfFile[place.piece.file.number]
            else { continue }
            result += self.pieces([place.offset / geometry.pieceLength], ofGroup: group)
        }
        result.sort()
        return result.reduce(into: []) { if $0.last != $1 { $0.append($1) } }
    }

    /// Reads pieces that were just committed back from media: work that ``seal(_:)`` then need not
    /// do. It returns nothing, because a seal looks again at whatever was not right.
    package func readBack(_ pieces: [PieceIndex]) throws(StorageError) {
        if store.isMemory {
            for piece in pieces {
                let place = place(of: piece)
                place.content.needsNoReadBack(place.piece.blocks)
            }
            return
        }
        // One buffer for all: pages that are taken anew cost more than the reading.
        try PieceChecker.withBuffer { buffer throws(StorageError) in
            for piece in pieces {
                let place = place(of: piece)
                try place.content.readBack([place.piece.blocks], buffer)
            }
        }
    }

    /// Reads what was not yet read back of a complete file from media and, when all is right, makes
    /// it a sealed blob.
    /// Pieces that are missing or damaged are returned instead, and are not verified any more.
    package func seal(_ file: FileIndex) throws(StorageError) -> SealOutcome {
        guard let group = files.groupOfFile[file.number] else { return .sealed }
        if case .source = contents[group].home { return .sealed }
        try store.journal.repairIfBroken()
        let damaged = try contents[group].seal(checker(group))
        return damaged.isEmpty ? .sealed : .damaged(pieces(damaged, ofGroup: group).sorted())
    }

    /// A journal that vouched for pieces of this version was lost or has rotted, so that a
    /// ``rescan(progress:)`` is worth its reading. Remembered over a restart until that is done.
    package var mustRescan: Bool { contents.contains(where: \.isUnread) }

    /// Looks for verified pieces among the bytes on disk that the journal does not vouch for.
    /// Returns the pieces found, which are verified from now on. A file whose layer is not known is
    /// left for later.
    ///
    /// - Parameter progress: given the bytes of each piece looked at.
    package func rescan(progress: (Int) -> Void = { _ in }) throws(StorageError) -> [PieceIndex] {
        try store.journal.repairIfBroken()
        var found: [PieceIndex] = []
        for group in files.groups.indices {
            guard hasLayer(group) else { continue }
            let numbers = try contents[group].rescan(checker(group), progress: progress)
            found += pieces(numbers, ofGroup: group)
        }
        return found.sorted()
    }
}
