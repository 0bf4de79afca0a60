import OrderedCollections
import SwarmModel

/// What each message of a peer does.
extension Swarm {
    mutating func receive(
        _ message: PeerMessage,
        from id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard sessions.with(id, { $0.lastReceivedAt = now }) != nil,
            admits(message, from: id, at: now, into: &actions)
        else { return }
        do throws(Violation) {
            switch message {
            case .choke, .unchoke, .interested, .notInterested:
                flowChanged(message, from: id, at: now, into: &actions)
            case .have, .bitfield, .haveAll, .haveNone, .doesNotHave:
                try availabilityChanged(message, from: id, at: now, into: &actions)
            case .request, .cancel, .reject:
                try requestChanged(message, from: id, at: now, into: &actions)
            case .extendedHandshake(let extended):
                extendedHandshakeArrived(extended, from: id, at: now, into: &actions)
            case .uploadOnly(let isUploadOnly): sessions[id]?.isUploadOnly = isUploadOnly
            case .intent(let intent): try intentArrived(intent, from: id, at: now)
            case .uplink(let report): uplinkHeard(report, from: id, at: now)
            case .metadata(let message):
                metadataMessage(message, from: id, at: now, into: &actions)
            case .hashRequest, .hashes, .hashReject:
                hashMessage(message, from: id, at: now, into: &actions)
            case .piece: preconditionFailure("blocks come as blockArrived")
            case .keepAlive: stillQueued(id, at: now, into: &actions)
            case .suggest, .allowedFast, .unknown: break
            }
        } catch {
            close(id, .violation(error.what), at: now, into: &actions)
        }
    }

    /// False when that moved nothing: no action, no deadline, nothing to be asked for anew.
    mutating func receiveHaves(
        _ numbers: [UInt32],
        from id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) -> Bool {
        guard let first = numbers.first, sessions.contains(id),
            admits(.have(first), from: id, at: now, into: &actions)
        else { return true }
        let (geometry, actionCount) = (geometry, actions.count)
        let said = sessions.with(id) { session -> ([PieceIndex], Violation?) in
            session.lastReceivedAt = now
            return session.saysHaves(numbers, geometry)
        }
        guard let (pieces, violation) = said else { return true }
        gains(pieces, id, at: now)
        if let violation {
            close(id, .violation(violation.what), at: now, into: &actions)
        } else if !pieces.isEmpty {
            availabilityKnown(id, at: now, into: &actions)
        }
        return mustRefill || actions.count > actionCount
            || sessions.with(id, { $0.isSeed }) != false
    }

    /// A keep-alive of one of ours that owes blocks says that they wait for their turn. Without it
    /// a busy source could not be told from a dead one.
    private mutating func stillQueued(
        _ id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        let found = sessions.with(id) { session -> (wasSnubbed: Bool, pieces: [PieceIndex]) in
            let wasSnubbed = session.pipeline.isSnubbed
            guard session.isOurs, !session.pipeline.isEmpty, session.pipeline.queued(at: now)
            else { return (false, []) }
            return (wasSnubbed, session.pipeline.requests.map(\.range.piece))
        }
        guard let (wasSnubbed, pieces) = found else { return }
        if wasSnubbed {
            updatePlacement(id, at: now)
            mustRefill = true
        }
        var last: PieceIndex?
        for piece in pieces where piece != last {
            last = piece
            move(piece, at: now, into: &actions)
        }
    }

    // MARK: Choking and interest

    private mutating func flowChanged(
        _ message: PeerMessage,
        from id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        switch message {
        case .choke:
            if sessions[id]?.isChoking == false { sessions[id]?.chokingSince = now }
            sessions[id]?.isChoking = true
            releaseAll(of: id, at: now, into: &actions)
        case .unchoke:
            sessions[id]?.isChoking = false
            updatePlacement(id, at: now)
            fill(id, at: now, into: &actions)
        case .interested:
            sessions[id]?.isInterested = true
            unchokeIfRoom(id, at: now, into: &actions)
        case .notInterested: sessions[id]?.isInterested = false
        default: break
        }
    }

    /// Stops waiting for what was asked of the peer; the blocks may be asked of others.
    private mutating func releaseAll(
        of id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        for range in sessions[id]?.pipeline.giveUpAll() ?? [] { giveBack(range, from: id) }
        disown(id, at: now, into: &actions)
        mustRefill = true
    }

    private mutating func unchokeIfRoom(
        _ id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard sessions[id]?.amChoking == true,
            sessions.count(where: { !$0.amChoking && $0.isInterested })
                < settings.uploadSlots
        else { return }
        unchoke(id, at: now, into: &actions)
    }

    func choice(of session: PeerSession) -> Choker.Candidate {
        Choker.Candidate(
            id: session.id,
            isUnchoked: !session.amChoking,
            unchokedAt: session.unchokedAt,
            piecesHeld: session.pieces?.population ?? 0,
            isOurs: session.isOurs
        )
    }

    mutating func unchoke(
        _ id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        sessions[id]?.amChoking = false
        sessions[id]?.unchokedAt = now
        send(.unchoke, to: id, at: now, into: &actions)
    }

    /// Requests that wait are rejected (BEP 6); those with the transport still go out.
    mutating func choke(_ id: ConnectionID, at now: Instant, into actions: inout [SwarmAction]) {
        sessions[id]?.amChoking = true
        send(.choke, to: id, at: now, into: &actions)
        let dropped = sessions[id]?.uploads.dropWaiting() ?? []
        noteWaiting(id)
        for range in dropped { reject(range.raw, to: id, at: now, into: &actions) }
    }

    func hasFast(_ id: ConnectionID) -> Bool { sessions[id]?.facts.supportsFast ?? false }

    mutating func reject(
        _ raw: RawBlock,
        to id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard hasFast(id) else { return }
        send(.reject(raw), to: id, at: now, into: &actions)
    }

    // MARK: Availability

    private mutating func availabilityChanged(
        _ message: PeerMessage,
        from id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) throws(Violation) {
        let geometry = geometry
        switch message {
        case .bitfield(let bytes):
            try sessions[id]?.saysBitfield(bytes, geometry)
            countWhole(id, at: now)
        case .haveAll, .haveNone:
            try sessions[id]?.saysAll(message == .haveAll, geometry)
            countWhole(id, at: now)
        case .have(let number):
            guard let piece = try sessions[id]?.saysHave(number, geometry) ?? nil else { return }
            gains([piece], id, at: now)
            availabilityKnown(id, at: now, into: &actions)
            return
        case .doesNotHave(let number):
            guard let piece = try sessions[id]?.saysDoesNotHave(number, geometry) ?? nil else {
                return
            }
            loses(piece, id, at: now)
        default: break
        }
        availabilityKnown(id, at: now, into: &actions)
    }

    /// What follows when it changed what a peer has.
    mutating func availabilityKnown(
        _ id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        if sessions.with(id, { $0.isSeed }) == true, isSatisfied {
            close(id, .bothSeeds, at: now, into: &actions)
            return
        }
        updateInterest(id, at: now, into: &actions)
        askHashes(of: id, at: now, into: &actions)
        fill(id, at: now, into: &actions)
    }

    /// A peer has said everything at once, or its early words were made into pieces.
    mutating func countWhole(_ id: ConnectionID, at now: Instant) {
        doubtAgain(id)
        guard let pieces = sessions[id]?.pieces, let verified = picker?.verified else { return }
        sessions[id]?.isCounted = !pieces.isFull
        if !pieces.isFull { picker?.peerJoined(with: pieces) }
        sessions[id]?.interestingCount = verified.lackCount(of: pieces)
        updatePlacement(id, at: now)
        noteWhetherSeed(id, at: now)
    }

    private mutating func noteWhetherSeed(_ id: ConnectionID, at now: Instant) {
        guard sessions[id]?.isSeed == true, let peer = sessions[id]?.facts.peer else { return }
        apply(roster.completed(peer), at: now)
    }

    /// What the peer had not before.
    mutating func gains(_ pieces: [PieceIndex], _ id: ConnectionID, at now: Instant) {
        guard !pieces.isEmpty else { return }
        settle(pieces, of: id)
        for piece in pieces { importDelivered(piece, by: id) }
        let wantedCount = picker?.peerGained(pieces) ?? 0
        let found = sessions.with(id) { $0.gained(wanted: wantedCount, at: now) }
        guard let (placement, isSeed) = found else { return }
        if let placement {
            picker?.scopes.holderGained(pieces, at: placement.level)
        } else {
            updatePlacement(id, at: now)
        }
        if isSeed { noteWhetherSeed(id, at: now) }
    }

    private mutating func loses(_ piece: PieceIndex, _ id: ConnectionID, at now: Instant) {
        defer { updatePlacement(id, at: now) }
        if let placement = sessions[id]?.placement {
            if placement.isComplete {
                picker?.scopes.completeHolderLeft(at: placement.level)
                sessions[id]?.placement = nil
            } else {
                picker?.scopes.holderLost(piece.number, at: placement.level)
            }
        }
        if sessions[id]?.isCounted == true {
            picker?.peerLost(piece)
        } else if let pieces = sessions[id]?.pieces {
            sessions[id]?.isCounted = true
            picker?.peerJoined(with: pieces)
        }
        if picker?.verified[piece] == false { sessions[id]?.interestingCount -= 1 }
    }

    /// Tells the peer whether we want something of it, when that has changed (BEP 3).
    mutating func updateInterest(
        _ id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        let isPart = isPart
        let changed = sessions.with(id) { session in
            let wants = session.interestingCount > 0 && !isPart
            defer { session.amInterested = wants }
            return wants == session.amInterested ? nil : wants
        }
        guard case let wants?? = changed else { return }
        send(wants ? .interested : .notInterested, to: id, at: now, into: &actions)
    }

    // MARK: Extensions

    private mutating func extendedHandshakeArrived(
        _ extended: ExtendedHandshake,
        from id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        sessions[id]?.says(extended)
        let found = sessions.with(id) { session in
            session.listenEndpoint.map { ($0, session.locality, session.isIncoming) }
        }
        if case (let endpoint, let locality, let isIncoming)?? = found {
            whereabouts.hear(locality, of: endpoint)
            if isIncoming, book.isBanned(peer: nil, endpoint: endpoint, at: now) {
                close(id, .banned("sent wrong bytes before"), at: now, into: &actions)
                return
            }
            if isIncoming { book.connected(endpoint, id, at: now) }
        }
        localityKnown(id, at: now)
        tellImports(to: id, at: now, into: &actions)
        tellUplink(to: id, at: now, into: &actions)
        askMetadata(of: id, at: now, into: &actions)
        fill(id, at: now, into: &actions)
    }
}
