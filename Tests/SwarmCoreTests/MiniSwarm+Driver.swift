import SwarmModel

@testable import SwarmCore

/// What a driver does: bytes to facts on the way in, actions to deeds on the way out.
extension MiniSwarm {
    // MARK: Packets in

    func receive(_ packet: Packet, _ link: Link, _ end: Int, _ node: MiniNode) {
        let id = link.id(end)
        switch packet {
        case .message(.request(let raw)):
            switch node.role.vice {
            case .stalls: return
            case .refuses: send(.message(.reject(raw)), link, from: end)
            default: mail(.event(.received(.request(raw), from: id)), to: node, after: .zero)
            }
        case .message(let message):
            mail(.event(.received(message, from: id)), to: node, after: .zero)
        case .block(let raw, let wrong): blockArrived(raw, wrong, id, node)
        case .metadata(let piece, let size, let wrong):
            mail(
                .metadataArrived(piece: piece, totalSize: size, id, wrong: wrong),
                to: node,
                after: .zero
            )
        case .hashes(let range, let wrong):
            mail(.hashesArrived(range, id, wrong: wrong), to: node, after: .zero)
        case .end: break
        }
    }

    private func blockArrived(_ raw: RawBlock, _ wrong: Bool, _ id: ConnectionID, _ node: MiniNode)
    {
        guard let range = node.geometry.alignedRange(of: raw) else {
            mail(.event(.blockArrived(raw, from: id, .discarded)), to: node, after: .zero)
            return
        }
        let isRefused = node.role.hasBadDisk && now < plan.faultsEnd && chance(150)
        let stored = isRefused ? .failed : node.board.store(range, wrong: wrong, from: id)
        mail(.blockStored(raw, range, id, stored), to: node, after: .zero)
    }

    // MARK: The driver's queue

    func deliver(_ item: MiniNode.Mail, to node: MiniNode) {
        switch item {
        case .event(let event):
            if case .connectionClosed(let id, _) = event { node.links[id] = nil }
            handle(event, node)
        case .blockStored(let raw, let range, let id, let stored):
            blockStored(raw, range, id, stored, node)
        case .leavesChecked(let range, let id, let attempt):
            leavesChecked(range, id, attempt, node)
        case .layerChecked(let range, let id, let wrong): layerChecked(range, id, wrong, node)
        case .metadataArrived(let piece, let size, let id, let wrong):
            node.metadataPartAtHand = !wrong
            handle(.metadataArrived(piece: piece, totalSize: size, from: id), node)
            node.metadataPartAtHand = nil
        case .hashesArrived(let range, let id, let wrong):
            node.areHashesAtHandWrong = wrong
            handle(.received(.hashes(range, []), from: id), node)
        case .metadataChecked: metadataChecked(node)
        case .committed(let pieces): committed(pieces, node)
        case .sealed(let file): sealed(file, node)
        case .published: node.isPublished = node.swarm.isSealed
        case .layerRequestAnswered(let range, let id): answer(range, id, node)
        }
    }

    private func blockStored(
        _ raw: RawBlock,
        _ range: BlockRange,
        _ id: ConnectionID,
        _ stored: MiniBoard.Stored,
        _ node: MiniNode
    ) {
        guard case .stored(let attempt, let isWhole) = stored else {
            let result = stored == .failed ? BlockResult.failed(reason: "no space") : .discarded
            handle(.blockArrived(raw, from: id, result), node)
            return
        }
        let counts = node.board.holds(range, attempt: attempt)
        handle(.blockArrived(raw, from: id, counts ? .stored : .discarded), node)
        guard isWhole, let assembly = node.board.assemblies[range.piece],
            assembly.attempt == attempt, assembly.isWhole
        else { return }
        if assembly.wrongBlocks.isEmpty {
            node.gain([range.piece], \.verified)
            handle(.pieceVerified(range.piece), node)
            if let wrong = node.board.finish(range.piece) {
                checker.auditAnswered(node, range.piece, wrong)
                handle(.pieceAudited(range.piece, wrongBlocks: wrong), node)
            }
        } else {
            let senders = assembly.senders.compactMap { $0 }
            checker.pieceFailed(node, assembly, senders)
            handle(.pieceFailed(range.piece, senders: senders), node)
        }
    }

    private func leavesChecked(
        _ range: HashRange,
        _ id: ConnectionID,
        _ attempt: Int?,
        _ node: MiniNode
    ) {
        handle(.hashesChecked(range, from: id, valid: true), node)
        guard let piece = node.piece(ofLeaves: range), let attempt,
            let assembly = node.board.assemblies[piece], assembly.attempt == attempt,
            assembly.isWhole
        else { return }
        let wrong = node.board.audit(piece)
        checker.auditAnswered(node, piece, wrong)
        handle(.pieceAudited(piece, wrongBlocks: wrong), node)
    }

    private func layerChecked(
        _ range: HashRange,
        _ id: ConnectionID,
        _ wrong: Bool,
        _ node: MiniNode
    ) {
        handle(.hashesChecked(range, from: id, valid: !wrong), node)
        guard !wrong, let file = node.file(range), !node.knownLayers[file.number] else { return }
        if !node.provenRequests.contains(range) { node.provenRequests.append(range) }
        guard node.layerRequests(file).allSatisfy({ node.provenRequests.contains($0) }) else {
            return
        }
        node.knownLayers[file.number] = true
        handle(.layerCompleted(file), node)
    }

    private func metadataChecked(_ node: MiniNode) {
        guard !node.knowsContent else { return }
        guard node.metadataParts.allSatisfy({ $0 == true }) else {
            handle(.metadataRefuted, node)
            return
        }
        node.knowsContent = true
        handle(.contentKnown(node.content), node)
    }

    // MARK: Disk

    private func diskFails(_ node: MiniNode, _ one: Int) -> Bool {
        node.role.hasBadDisk && now < plan.faultsEnd && chance(one)
    }

    private func committed(_ pieces: [PieceIndex], _ node: MiniNode) {
        if diskFails(node, 8) {
            // Nothing that was written and not synced is there any more, unless only the journal
            // failed.
            let lost = chance(3) ? [] : node.unsynced(with: pieces)
            node.drop(lost)
            handle(.storageFailed(reason: "fdatasync", lost: lost), node)
        } else {
            node.gain(pieces.filter { node.verified[$0] }, \.committed)
            handle(.committed(pieces), node)
        }
    }

    private func sealed(_ file: FileIndex, _ node: MiniNode) {
        if diskFails(node, 6) {
            if chance(2) {
                handle(.storageFailed(reason: "seal", lost: []), node)
            } else {
                let pieces = Array(node.geometry.pieces(of: file))
                node.drop(pieces)
                handle(.storageFailed(reason: "seal", lost: pieces), node)
            }
            return
        }
        if diskFails(node, 6) {
            node.lose(file, in: self)
            return
        }
        guard node.geometry.pieces(of: file).allSatisfy({ node.verified[$0] }) else { return }
        node.gain(node.geometry.pieces(of: file), \.committed)
        node.isSealed[file.number] = true
        for copy in plan.duplicates where copy.original == file {
            node.isSealed[copy.file.number] = true
        }
        handle(.sealed(file), node)
    }

    // MARK: Actions out

    func carryOut(_ action: SwarmAction, _ node: MiniNode) {
        record("node \(node.index)     > \(MiniTranscript.text(action))")
        switch action {
        case .dial(let endpoint): dial(endpoint, node)
        case .closeConnection(let id, _): close(id, node)
        case .send(let message, let id): transmit(.message(message), id, node)
        case .sendHaves(let pieces, let id):
            for piece in pieces { transmit(.message(.have(piece)), id, node) }
        case .sendBlock(let range, let id): sendBlock(range, id, node)
        case .sendMetadata(let piece, let id):
            let wrong = node.role.liesAboutMetadata
            let size = UInt32(plan.metadataSize ?? 0)
            transmit(.metadata(piece: piece, totalSize: size, wrong: wrong), id, node)
        case .serveHashes(let range, let id):
            mail(.layerRequestAnswered(range, id), to: node, after: .milliseconds(3))
        case .openPiece, .abandonPiece, .restartPiece: changeBoard(action, node)
        case .checkHashes(let range, let id): checkHashes(range, id, node)
        case .beginMetadata(let size):
            let parts = (size + MetadataExchange.partLength - 1) / MetadataExchange.partLength
            node.metadataParts = Array(repeating: nil, count: parts)
        case .keepMetadata(let piece): node.metadataParts[Int(piece)] = node.metadataPartAtHand
        case .checkMetadata: mail(.metadataChecked, to: node, after: .milliseconds(7))
        case .askLease, .renewLease, .endLease, .readOrigin, .cancelRead: atOrigin(action, node)
        case .commit(let pieces): onDisk(.committed(pieces), node)
        case .seal(let file): onDisk(.sealed(file), node)
        case .publishView: onDisk(.published, node)
        case .trace: break
        }
    }

    private func onDisk(_ job: MiniNode.Mail, _ node: MiniNode) {
        let time = Duration.microseconds(Int64.random(in: 100...80_000, using: &random))
        node.diskFreeAt = max(now, node.diskFreeAt) + time
        mail(job, to: node, after: node.diskFreeAt - now)
    }

    private func transmit(_ packet: Packet, _ id: ConnectionID, _ node: MiniNode) {
        guard let (link, end) = node.links[id] else { return }
        send(packet, link, from: end)
    }

    private func changeBoard(_ action: SwarmAction, _ node: MiniNode) {
        switch action {
        case .openPiece(let piece):
            node.board.open(piece, blockCount: node.geometry.blockCount(of: piece))
        case .abandonPiece(let piece): node.board.abandon(piece)
        case .restartPiece(let piece): node.board.restart(piece)
        default: break
        }
    }

    /// Blocks leave one after another at the speed of the node's uplink.
    private func sendBlock(_ range: ServedRange, _ id: ConnectionID, _ node: MiniNode) {
        guard let (link, end) = node.links[id] else { return }
        guard node.isReadable(range.piece) else {
            mail(.event(.blockUnreadable(range.raw, to: id)), to: node, after: .milliseconds(1))
            return
        }
        let bytes = Double(range.length + range.padding)
        var time = Duration.nanoseconds(Int64(bytes / Double(node.role.bytesPerSecond) * 1e9))
        if node.role.vice == .dawdles { time = .seconds(60) }
        node.uplinkFreeAt = max(now, node.uplinkFreeAt) + time
        agenda.add(.blockWritten(link, end: end, range), at: node.uplinkFreeAt)
    }

    func blockWritten(_ range: ServedRange, _ link: Link, _ end: Int) {
        guard link.ends[end].isOpen else { return }
        let node = nodes[link.ends[end].node]
        let wrong =
            switch node.role.vice {
            case .corruptsAlways: true
            case .corruptsSometimes: chance(4)
            default: false
            }
        send(.block(range.raw, wrong: wrong), link, from: end)
        mail(.event(.blockSent(range.raw, to: link.id(end))), to: node, after: .zero)
    }

    private func checkHashes(_ range: HashRange, _ id: ConnectionID, _ node: MiniNode) {
        if node.areHashesAtHandWrong {
            mail(.layerChecked(range, id, wrong: true), to: node, after: .milliseconds(2))
        } else if node.isLeafRequest(range), let piece = node.piece(ofLeaves: range) {
            let attempt = node.board.assemblies[piece]?.attempt
            let delay = Duration.milliseconds(Int64.random(in: 1...30, using: &random))
            mail(.leavesChecked(range, id, attempt: attempt), to: node, after: delay)
        } else {
            mail(.layerChecked(range, id, wrong: false), to: node, after: .milliseconds(2))
        }
    }

    private func answer(_ range: HashRange, _ id: ConnectionID, _ node: MiniNode) {
        let canAnswer: Bool
        if node.isLeafRequest(range) {
            canAnswer =
                !node.role.refusesLeaves
                && node.piece(ofLeaves: range).map { node.verified[$0] } ?? false
        } else {
            canAnswer = node.file(range).map { node.knownLayers[$0.number] } ?? false
        }
        if canAnswer {
            transmit(.hashes(range, wrong: node.role.liesAboutHashes), id, node)
        } else {
            transmit(.message(.hashReject(range)), id, node)
        }
        handle(.hashesServed(to: id), node)
    }
}
