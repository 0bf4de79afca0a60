import Logging
import SwarmCore
import SwarmModel
import SwarmRuntime
import SwarmStorage

/// Carrying out the core's actions.
extension SwarmDriver {
    func perform(_ actions: [SwarmAction]) {
        // Messages to one connection in a row go in one call.
        var batch: [PeerMessage] = []
        var receiver: ConnectionID?
        func flush() {
            if let receiver, !batch.isEmpty { transports[receiver]?.send(batch) }
            batch = []
        }
        for action in actions {
            if case .send(let message, let id) = action {
                if id != receiver { flush() }
                receiver = id
                batch.append(message)
            } else {
                flush()
                perform(action)
            }
        }
        flush()
    }

    private func perform(_ action: SwarmAction) {
        switch action {
        case .dial(let endpoint): jobs.dials.add(Dial(endpoint, swarm.protection(of: endpoint)))
        case .closeConnection(let id, let cause):
            transports[id]?.close(.localRequest(cause.description))
        case .send(let message, let id): transports[id]?.send([message])
        case .sendHaves(let pieces, let id): transports[id]?.send(pieces.map { .have($0) })
        case .sendBlock(let range, let id): transports[id]?.sendBlock(range)
        case .sendMetadata(let part, let id): sendMetadata(part, to: id)
        case .serveHashes(let range, let id): jobs.hashServes.add(.init(range: range, peer: id))
        case .openPiece, .abandonPiece, .restartPiece: changePiece(action)
        case .checkHashes(let range, let id): checkHashes(range, from: id)
        case .beginMetadata(let size): metadata = Array(repeating: 0, count: size)
        case .keepMetadata(let part): keepMetadata(part)
        case .checkMetadata: checkMetadata()
        case .askLease, .renewLease, .endLease, .readOrigin, .cancelRead: performOrigin(action)
        case .commit(let pieces): jobs.disk.add(.commit(pieces))
        case .seal(let file): jobs.disk.add(.seal(file))
        case .publishView: jobs.disk.add(.publishView)
        case .trace(let trace): log(trace)
        }
    }

    private func changePiece(_ action: SwarmAction) {
        guard let files else { return }
        switch action {
        case .openPiece(let piece):
            guard let expected = files.hashes.hash(of: piece) else {
                preconditionFailure("\(piece) was begun before its layer was known")
            }
            let count = files.info.geometry.blockCount(of: piece)
            files.board.open(piece, expected: expected, blockCount: count)
        case .abandonPiece(let piece): files.board.abandon(piece)
        case .restartPiece(let piece): files.board.restart(piece)
        default: break
        }
    }

    // MARK: Hashes

    private func checkHashes(_ range: HashRange, from id: ConnectionID) {
        guard let files else { return }
        let hashes = hashesAtHand
        // With pieces of one block the piece layer is the leaves.
        if !files.hashes.isArriving(range.root) {
            checkLeaves(range, hashes, from: id, files)
            return
        }
        switch files.hashes.accept(range, hashes) {
        case .refuted: handle(.hashesChecked(range, from: id, valid: false))
        case .accepted: handle(.hashesChecked(range, from: id, valid: true))
        case .completed(let layer):
            files.holding.supply(layer)
            handle(.hashesChecked(range, from: id, valid: true))
            for file in files.info.geometry.files
            where files.info.entry(of: file).piecesRoot == layer.root {
                if !files.isDuplicate(file) { handle(.layerCompleted(file)) }
            }
            jobs.disk.add(.keepTorrent)
        }
    }

    private func checkLeaves(
        _ range: HashRange,
        _ hashes: [Digest],
        from id: ConnectionID,
        _ files: VersionFiles
    ) {
        guard let piece = files.piece(ofLeaves: range),
            let leaves = files.hashes.leaves(of: piece, range, hashes)
        else {
            handle(.hashesChecked(range, from: id, valid: false))
            return
        }
        let wrong = files.board.audit(piece, leaves: leaves)
        handle(.hashesChecked(range, from: id, valid: true))
        handle(.pieceAudited(piece, wrongBlocks: wrong))
    }

    // MARK: Metadata

    private func sendMetadata(_ part: UInt32, to id: ConnectionID) {
        guard let info = files?.info else { return }
        let start = Int(part) * MetadataExchange.partLength
        let end = min(start + MetadataExchange.partLength, info.infoBytes.count)
        guard start < end else { return }
        let message = MetadataMessage.data(
            piece: part,
            totalSize: UInt32(info.infoBytes.count),
            bytes: Array(info.infoBytes[start..<end])
        )
        transports[id]?.send([.metadata(message)])
    }

    private func keepMetadata(_ part: UInt32) {
        let start = Int(part) * MetadataExchange.partLength
        let length = min(MetadataExchange.partLength, metadata.count - start)
        // A part of another length cannot be right; the hash of the whole will say so.
        guard length > 0, metadataAtHand.count == length else { return }
        metadata.replaceSubrange(start..<start + length, with: metadataAtHand)
    }

    // MARK: Traces

    private func log(_ trace: SwarmTrace) {
        switch trace {
        case .peerBanned(let peer, let endpoint, let reason):
            counters.bans += 1
            logger.warning(
                "peer banned",
                metadata: ["peer": "\(endpoint)", "id": "\(peer)", "reason": "\(reason)"]
            )
        case .peerSnubbed(let id): logger.info("peer sends nothing", metadata: ["at": "\(id)"])
        case .pieceFailed(let piece, let senders):
            counters.hashFailures += 1
            logger.warning(
                "a piece does not match its hash",
                metadata: ["piece": "\(piece.number)", "senders": "\(senders)"]
            )
        case .plaintextRefused(let endpoint, let reason):
            logger.warning(
                "plaintext refused",
                metadata: ["peer": "\(endpoint)", "reason": "\(reason)"]
            )
        case .storagePaused(let reason):
            logger.error("paused: the disk refuses writes", metadata: ["reason": "\(reason)"])
        case .originFailed(let id, let fault, let isPoisoned):
            log(id, fault, isPoisoned: isPoisoned)
        case .downloadFinished:
            logger.info("every piece is verified")
            finishedAt = clock.now
            announcer.completed()
            pollAnnouncer()
        case .completed: break
        }
    }
}
