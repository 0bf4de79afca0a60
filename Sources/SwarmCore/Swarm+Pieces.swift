import OrderedCollections
import SwarmModel

/// What happens to whole pieces: verified, failed, audited; and to files and the disk.
extension Swarm {
    // MARK: Verified

    mutating func pieceVerified(
        _ piece: PieceIndex,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard let content, picker?.verified[piece] == false else { return }
        cancelAll(of: piece, at: now, into: &actions)
        notePieceTime(piece, at: now)
        commits.append(piece, bytes: content.geometry.length(of: piece), at: now)
        announceVerified(piece, at: now, into: &actions)
        let file = content.geometry.file(of: piece)
        for twin in content.twins(of: piece) where picker?.verified[twin] == false {
            announceVerified(twin, at: now, into: &actions)
            _ = files.pieceVerified(in: content.geometry.file(of: twin))
        }
        if files.pieceVerified(in: file) {
            flush(at: now, into: &actions)
            actions.append(.seal(file))
        } else if let due = commits.take(at: now) {
            actions.append(.commit(due))
        }
        if isComplete { finished(at: now, into: &actions) }
        // There is room for another active piece.
        mustRefill = true
    }

    private mutating func announceVerified(
        _ piece: PieceIndex,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        picker?.markVerified(piece)
        var isLacking = false
        let sated = sessions.ids { session in
            guard session.has(piece) else {
                isLacking = true
                return false
            }
            session.interestingCount -= 1
            return session.interestingCount == 0
        }
        for id in sated { updateInterest(id, at: now, into: &actions) }
        if isLacking { tellHave(piece, at: now, into: &actions) }
    }

    private mutating func finished(at now: Instant, into actions: inout [SwarmAction]) {
        actions.append(.trace(.downloadFinished))
        gossip(at: now, into: &actions)
        for session in sessions.values {
            if session.isSeed {
                close(session.id, .bothSeeds, at: now, into: &actions)
            } else if session.takesUploadOnly {
                send(.uploadOnly(true), to: session.id, at: now, into: &actions)
            }
        }
    }

    // MARK: Failed

    mutating func pieceFailed(
        _ piece: PieceIndex,
        senders: [ConnectionID],
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard let content, picker?.activePiece(piece) != nil else { return }
        cancelAll(of: piece, at: now, into: &actions)
        let file = content.geometry.file(of: piece)
        let root = content.roots[file.number] ?? .zero
        let audit = PieceAudit(
            piece: piece,
            senders: senders,
            leafRequest: content.geometry.leafRequest(for: piece, root: root),
            at: now
        )
        let distinct = audit.distinctSenders
        actions.append(.trace(.pieceFailed(piece, senders: distinct.count)))
        if distinct.count == 1 {
            // All of it came from one peer: the piece's hash is the proof.
            retry(piece, into: &actions)
            let why = "sent a piece that does not match its hash"
            ban(distinct[0], why, of: piece, at: now, into: &actions)
        } else if audits.contains(where: { $0.piece == piece }) {
            // Late blocks of others came into the exclusive download. The first failure is still
            // known.
            retry(piece, into: &actions)
        } else {
            picker?.holdBack(piece)
            audits.append(audit)
            askLeaves(at: now, into: &actions)
        }
        mustRefill = true
    }

    /// Fetches a failed piece whole again: from one peer alone when an earlier failure of it is
    /// still to be traced.
    private mutating func retry(_ piece: PieceIndex, into actions: inout [SwarmAction]) {
        discard(piece)
        if audits.contains(where: { $0.piece == piece }) {
            picker?.restartExclusively(piece)
            actions.append(.restartPiece(piece))
        } else {
            picker?.holdBack(piece)
            picker?.release(piece)
            actions.append(.abandonPiece(piece))
        }
    }

    /// Books bytes that are fetched again: of the whole piece, or of some of its blocks.
    private mutating func discard(_ piece: PieceIndex, blocks: [Int]? = nil) {
        guard let geometry else { return }
        guard let blocks else {
            ledger.refetched(geometry.length(of: piece))
            return
        }
        for block in blocks {
            ledger.refetched(geometry.range(of: block..<block + 1, in: piece)?.length ?? 0)
        }
    }

    /// Moves each audit on: another peer for the leaves, or the exclusive download when all were
    /// asked.
    mutating func askLeaves(at now: Instant, into actions: inout [SwarmAction]) {
        for index in audits.indices {
            guard case .askingLeaves(let asked, let until) = audits[index].stage,
                asked == nil || until <= now
            else { continue }
            if let peer = leafSource(for: audits[index]) {
                audits[index].asked.append(peer)
                audits[index].stage = .askingLeaves(peer, until: now + settings.hashTimeout)
                send(.hashRequest(audits[index].leafRequest), to: peer, at: now, into: &actions)
            } else {
                audits[index].stage = .awaitingPiece
                discard(audits[index].piece)
                picker?.restartExclusively(audits[index].piece)
                actions.append(.restartPiece(audits[index].piece))
                mustRefill = true
            }
        }
    }

    /// A peer that has the piece and was not asked; one that sent none of it first.
    private func leafSource(for audit: PieceAudit) -> ConnectionID? {
        guard audit.asked.count < PieceAudit.askedMax else { return nil }
        let holders = sessions.values.filter {
            $0.pieces?[audit.piece] == true && !audit.asked.contains($0.id)
        }
        return (holders.first { !audit.senders.contains($0.id) } ?? holders.first)?.id
    }

    mutating func pieceAudited(
        _ piece: PieceIndex,
        wrongBlocks: [Int],
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard let index = audits.firstIndex(where: { $0.piece == piece }) else { return }
        let audit = audits.remove(at: index)
        if case .askingLeaves = audit.stage {
            if wrongBlocks.isEmpty {
                // All blocks match their leaves and yet the piece failed: our memory or disk is at
                // fault.
                retry(piece, into: &actions)
            } else {
                picker?.resume(piece, missing: wrongBlocks)
                discard(piece, blocks: wrongBlocks)
            }
            mustRefill = true
        }
        var guilty: [ConnectionID] = []
        for block in wrongBlocks where audit.senders.indices.contains(block) {
            let sender = audit.senders[block]
            if !guilty.contains(sender) { guilty.append(sender) }
        }
        for sender in guilty {
            let why = "sent a block that does not match its leaf"
            ban(sender, why, of: piece, at: now, into: &actions)
        }
    }

    // MARK: Storage

    mutating func handleStorage(
        _ event: SwarmEvent,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        switch event {
        case .committed(let pieces):
            commits.committed(pieces)
            if let due = commits.take(at: now) { actions.append(.commit(due)) }
        case .sealed(let file): fileSealed(file, into: &actions)
        case .damaged(let file, let pieces):
            commits.forget(pieces)
            lose(pieces, at: now, into: &actions)
            files.markUnsealed(file)
            // Sealed again when the pause ends.
            if pieces.isEmpty { pause("a file could not be read back", at: now, into: &actions) }
        case .storageFailed(let reason, let lost):
            commits.failed(losing: lost, at: now)
            lose(lost, at: now, into: &actions)
            pause(reason, at: now, into: &actions)
        default: preconditionFailure("not about storage: \(event)")
        }
    }

    private mutating func fileSealed(_ file: FileIndex, into actions: inout [SwarmAction]) {
        // Pieces may have been lost while it was being sealed; then it is sealed again later.
        guard let content, !files.isAllSealed, files.missing[file.number] == 0 else { return }
        files.markSealed(file)
        for duplicate in content.duplicates where duplicate.original == file {
            files.markSealed(duplicate.file)
        }
        if files.isAllSealed { actions.append(.publishView) }
    }

    /// Pieces that were verified are not on the medium: fetched again, and peers are told (BEP 54).
    private mutating func lose(
        _ pieces: [PieceIndex],
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard let content else { return }
        let affected = pieces.flatMap { content.sharingBytes(with: $0) }
        // What is told of must be what is here: a piece that is lost before its have was sent is
        // never announced (found by `shoal simulate mixed`, seeds 15 and 22).
        havesUntold.removeAll { affected.contains($0) }
        for piece in affected where picker?.state(of: piece) == .active {
            // Some of its blocks are gone with the others that were not synced.
            cancelAll(of: piece, at: now, into: &actions)
            retry(piece, into: &actions)
        }
        for piece in affected where picker?.verified[piece] == true {
            picker?.markLost(piece)
            let file = content.geometry.file(of: piece)
            files.pieceLost(in: file)
            if content.isDuplicate(piece) || layersAwaited.contains(file) {
                picker?.holdBack(piece)
            }
            for id in sessions.keys {
                if sessions[id]?.pieces?[piece] == true {
                    sessions[id]?.interestingCount += 1
                    updateInterest(id, at: now, into: &actions)
                }
                if sessions[id]?.takesDoesNotHave == true {
                    send(.doesNotHave(UInt32(piece.number)), to: id, at: now, into: &actions)
                }
            }
        }
        for id in sessions.keys {
            for range in sessions[id]?.uploads.dropWaiting(for: affected) ?? [] {
                reject(range.raw, to: id, at: now, into: &actions)
            }
            noteWaiting(id)
        }
        mustRefill = true
    }

    /// The disk refuses writes: nothing is asked for a while, and what is here is still served.
    mutating func pause(_ reason: String, at now: Instant, into actions: inout [SwarmAction]) {
        guard pausedUntil == nil else { return }
        pausedUntil = now + settings.storagePause
        pauseReason = reason
        stopReading(at: now, into: &actions)
        for id in sessions.keys {
            let given = sessions[id]?.pipeline.giveUpAll() ?? []
            for range in given {
                giveBack(range, from: id)
                send(.cancel(RawBlock(range)), to: id, at: now, into: &actions)
            }
        }
        actions.append(.trace(.storagePaused(reason: reason)))
    }

    /// The pause is over: what the disk may have refused is tried again.
    mutating func resume(into actions: inout [SwarmAction]) {
        pausedUntil = nil
        pauseReason = nil
        mustRefill = true
        sealWhole(into: &actions)
    }

    /// Seals the files of which every piece is verified and which are not sealed. Copies come with
    /// their originals.
    func sealWhole(into actions: inout [SwarmAction]) {
        guard let content else { return }
        for file in content.geometry.files
        where files.awaitsSeal(file) && !content.duplicates.contains(where: { $0.file == file }) {
            actions.append(.seal(file))
        }
    }
}
