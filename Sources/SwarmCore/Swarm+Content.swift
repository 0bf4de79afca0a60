import OrderedCollections
import SwarmModel

/// Metadata (BEP 9) and hashes (BEP 52): getting and giving them.
extension Swarm {
    mutating func handleContent(
        _ event: SwarmEvent,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        switch event {
        case .contentKnown(let content): learn(content, at: now, into: &actions)
        case .hashesChecked(let range, let id, let valid):
            hashesChecked(range, from: id, valid: valid, at: now, into: &actions)
        case .layerCompleted(let file):
            layerCompleted(file)
        case .hashesServed(let id): sessions[id]?.hashServes -= 1
        case .metadataArrived(let part, let size, let id):
            metadataArrived(part, totalSize: size, from: id, at: now, into: &actions)
        case .metadataRefuted:
            if let liar = metadata.refuted(at: now) {
                let why = "sent metadata that does not match the info-hash"
                ban(liar, why, at: now, into: &actions)
            }
            for id in sessions.keys { askMetadata(of: id, at: now, into: &actions) }
        default: preconditionFailure("not about content: \(event)")
        }
    }

    // MARK: The content becomes known

    private mutating func learn(
        _ content: SwarmContent,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        precondition(self.content == nil, "the content of a swarm does not change")
        let content = content.withCopiesAligned
        self.content = content
        picker = PiecePicker(
            geometry: content.geometry,
            verified: content.verified,
            urgent: content.urgent,
            activePiecesMax: settings.activePiecesMax,
            random: random.fork()
        )
        let missingLayers = content.isPart ? [] : content.missingLayers
        layers = LayerExchange(missingLayers, settings: settings)
        files = FileProgress(content)
        layersAwaited = missingLayers.map(\.file)
        let heldBack = content.missingLayers.map(\.file) + content.duplicates.map(\.file)
        for file in content.geometry.files where !content.isPart && !heldBack.contains(file) {
            for piece in content.geometry.pieces(of: file) { picker?.release(piece) }
        }
        slots.pieceLength = content.geometry.pieceLength
        beginScheduling(at: now)
        sealWhole(into: &actions)
        if files.isAllSealed { actions.append(.publishView) }
        for id in sessions.keys { catchUp(id, at: now, into: &actions) }
    }

    private mutating func layerCompleted(_ file: FileIndex) {
        layersAwaited.removeAll { $0 == file }
        guard let content, !content.duplicates.contains(where: { $0.file == file }) else { return }
        for piece in content.geometry.pieces(of: file) where !isBeingAudited(piece) {
            picker?.release(piece)
        }
        mustRefill = true
    }

    private func isBeingAudited(_ piece: PieceIndex) -> Bool {
        audits.contains { $0.piece == piece }
    }

    /// A connection older than the metadata: what the peer said gets its meaning, and it hears what
    /// we have.
    private mutating func catchUp(
        _ id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard let geometry else { return }
        do throws(Violation) {
            try sessions[id]?.learn(geometry)
        } catch {
            close(id, .violation(error.what), at: now, into: &actions)
            return
        }
        countWhole(id, at: now)
        havesUntold = []
        for number in picker?.verified.members ?? [] {
            send(.have(UInt32(number)), to: id, at: now, into: &actions)
        }
        if sessions[id]?.facts.supportsExtensions == true {
            // BEP 10 allows a second handshake: now we have metadata to offer.
            send(.extendedHandshake(extendedHandshake), to: id, at: now, into: &actions)
        }
        availabilityKnown(id, at: now, into: &actions)
    }

    // MARK: Metadata

    mutating func askMetadata(
        of id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard content == nil, let session = sessions[id], session.takesMetadata,
            metadata.adopt(id, size: session.extended?.metadataSize, at: now)
        else { return }
        actions.append(.beginMetadata(size: metadata.size))
        requestMetadata(at: now, into: &actions)
    }

    private mutating func requestMetadata(at now: Instant, into actions: inout [SwarmAction]) {
        guard let source = metadata.source else { return }
        for part in metadata.nextRequests() {
            send(.metadata(.request(piece: part)), to: source, at: now, into: &actions)
        }
    }

    private mutating func metadataArrived(
        _ part: UInt32,
        totalSize: UInt32,
        from id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        sessions[id]?.lastReceivedAt = now
        switch metadata.arrived(part: part, totalSize: totalSize, from: id, at: now) {
        case .ignored: return
        case .partial:
            actions.append(.keepMetadata(piece: part))
            requestMetadata(at: now, into: &actions)
        case .complete:
            actions.append(.keepMetadata(piece: part))
            actions.append(.checkMetadata)
        }
    }

    mutating func metadataMessage(
        _ message: MetadataMessage,
        from id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        switch message {
        case .request(let part):
            guard sessions[id]?.takesMetadata == true else { return }
            let parts =
                ((content?.metadataSize ?? 0) + MetadataExchange.partLength - 1)
                / MetadataExchange.partLength
            let served = sessions[id]?.metadataServes ?? 0
            if part < parts, served < parts * MetadataExchange.servesMax {
                sessions[id]?.metadataServes += 1
                actions.append(.sendMetadata(piece: part, to: id))
            } else {
                send(.metadata(.reject(piece: part)), to: id, at: now, into: &actions)
            }
        case .reject:
            metadata.rejected(by: id, at: now)
            for id in sessions.keys { askMetadata(of: id, at: now, into: &actions) }
        case .data: preconditionFailure("metadata comes as metadataArrived")
        }
    }

    // MARK: Hashes

    /// Asks a peer for parts of missing layers, as many as it may be asked at once.
    mutating func askHashes(
        of id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard !layers.isComplete, let pieces = sessions[id]?.pieces, !pieces.isEmpty else { return }
        while let range = layers.next(for: id, at: now) {
            send(.hashRequest(range), to: id, at: now, into: &actions)
        }
    }

    private func isAuditing(_ range: HashRange, by id: ConnectionID) -> Int? {
        audits.firstIndex { audit in
            guard audit.leafRequest == range, case .askingLeaves(let asked?, _) = audit.stage else {
                return false
            }
            return asked == id
        }
    }

    mutating func hashMessage(
        _ message: PeerMessage,
        from id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        switch message {
        case .hashRequest(let range):
            guard let serves = sessions[id]?.hashServes, content != nil,
                serves < settings.hashServesPerPeer
            else {
                send(.hashReject(range), to: id, at: now, into: &actions)
                return
            }
            sessions[id]?.hashServes += 1
            actions.append(.serveHashes(range, to: id))
        case .hashes(let range, _):
            guard layers.isExpected(range, from: id) || isAuditing(range, by: id) != nil else {
                return
            }
            if let index = isAuditing(range, by: id) {
                audits[index].stage = .askingLeaves(id, until: now + settings.hashTimeout)
            }
            actions.append(.checkHashes(range, from: id))
        case .hashReject(let range):
            if layers.rejected(range, from: id, at: now) {
                for id in sessions.keys { askHashes(of: id, at: now, into: &actions) }
            } else if let index = isAuditing(range, by: id) {
                audits[index].stage = .askingLeaves(nil, until: now)
                askLeaves(at: now, into: &actions)
            }
        default: break
        }
    }

    private mutating func hashesChecked(
        _ range: HashRange,
        from id: ConnectionID,
        valid: Bool,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        layers.checked(range, from: id, valid: valid, at: now)
        if !valid {
            if let index = isAuditing(range, by: id) {
                audits[index].stage = .askingLeaves(nil, until: now)
            }
            // Not a ban: two known clients disagree over proofs of odd trees (libtorrent, 513
            // pieces).
            close(id, .violation("hashes that do not prove"), at: now, into: &actions)
            askLeaves(at: now, into: &actions)
        }
        for id in sessions.keys { askHashes(of: id, at: now, into: &actions) }
    }
}
