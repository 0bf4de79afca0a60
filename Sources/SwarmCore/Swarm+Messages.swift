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
        guard sessions[id] != nil else { return }
        sessions[id]?.lastReceivedAt = now
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
            case .metadata(let message):
                metadataMessage(message, from: id, at: now, into: &actions)
            case .hashRequest, .hashes, .hashReject:
                hashMessage(message, from: id, at: now, into: &actions)
            case .piece: preconditionFailure("blocks come as blockArrived")
            case .keepAlive, .suggest, .allowedFast, .unknown: break
            }
        } catch {
            close(id, .violation(error.what), at: now, into: &actions)
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
            sessions[id]?.isChoking = true
            releaseAll(of: id, at: now, into: &actions)
        case .unchoke:
            sessions[id]?.isChoking = false
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
        guard let session = sessions[id], session.amChoking,
            sessions.values.count(where: { !$0.amChoking && $0.isInterested })
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
            isOurs: session.extended?.requestLengthMax != nil
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
            countWhole(id)
        case .haveAll, .haveNone:
            try sessions[id]?.saysAll(message == .haveAll, geometry)
            countWhole(id)
        case .have(let number):
            guard let piece = try sessions[id]?.saysHave(number, geometry) ?? nil else { return }
            gains(piece, id)
        case .doesNotHave(let number):
            guard let piece = try sessions[id]?.saysDoesNotHave(number, geometry) ?? nil else {
                return
            }
            loses(piece, id)
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
        if isComplete, sessions[id]?.isSeed == true {
            close(id, .bothSeeds, at: now, into: &actions)
            return
        }
        updateInterest(id, at: now, into: &actions)
        askHashes(of: id, at: now, into: &actions)
        fill(id, at: now, into: &actions)
    }

    /// A peer has said everything at once, or its early words were made into pieces.
    mutating func countWhole(_ id: ConnectionID) {
        guard let pieces = sessions[id]?.pieces, let verified = picker?.verified else { return }
        sessions[id]?.isCounted = !pieces.isFull
        if !pieces.isFull { picker?.peerJoined(with: pieces) }
        sessions[id]?.interestingCount = verified.lackCount(of: pieces)
    }

    private mutating func gains(_ piece: PieceIndex, _ id: ConnectionID) {
        // One that came complete gains nothing, so one that is not counted has said nothing before.
        sessions[id]?.isCounted = true
        picker?.peerGained(piece)
        if picker?.verified[piece] == false { sessions[id]?.interestingCount += 1 }
    }

    private mutating func loses(_ piece: PieceIndex, _ id: ConnectionID) {
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
        guard let session = sessions[id] else { return }
        let wants = session.interestingCount > 0
        guard wants != session.amInterested else { return }
        sessions[id]?.amInterested = wants
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
        if let session = sessions[id], session.facts.isIncoming,
            let endpoint = session.listenEndpoint
        {
            if book.isBanned(peer: nil, endpoint: endpoint, at: now) {
                close(id, .banned("sent wrong bytes before"), at: now, into: &actions)
                return
            }
            book.connected(endpoint, id, at: now)
        }
        askMetadata(of: id, at: now, into: &actions)
        fill(id, at: now, into: &actions)
    }
}
