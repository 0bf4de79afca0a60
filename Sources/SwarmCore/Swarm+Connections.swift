import DequeModule
import OrderedCollections
import SwarmModel

/// Opening, closing, dialling and banning.
extension Swarm {
    mutating func handleConnection(
        _ event: SwarmEvent,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        switch event {
        case .connectionOpened(let facts): connectionOpened(facts, at: now, into: &actions)
        case .dialFailed(let endpoint):
            book.dialFailed(endpoint, at: now)
            apply(roster.lost(endpoint), at: now)
        case .connectionClosed(let id, let by):
            forget(id, wasLost: by != .us, at: now, into: &actions)
        case .peersLearned(let endpoints): book.learn(endpoints, at: now)
        case .rosterUpdated(let update):
            whereabouts.learn(update)
            rosterUpdated(update, at: now)
        default: preconditionFailure("not about connections: \(event)")
        }
    }

    // MARK: Opening

    private mutating func connectionOpened(
        _ facts: ConnectionFacts,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        let endpoint = facts.isIncoming ? nil : facts.endpoint
        if facts.peer == me {
            if let endpoint { book.isOurs(endpoint) }
            refuse(facts, .violation("a connection to ourselves"), at: now, into: &actions)
            return
        }
        if book.isBanned(peer: facts.peer, endpoint: endpoint, at: now) {
            refuse(facts, .banned("sent wrong bytes before"), at: now, into: &actions)
            return
        }
        if let cause = refusal(of: facts) {
            actions.append(.trace(.plaintextRefused(facts.endpoint, reason: cause.description)))
            refuse(facts, cause, at: now, into: &actions)
            return
        }
        let key = Roster.key(of: facts.peer)
        let others = sessions.ids { $0.key == key && $0.facts.peer == facts.peer }
        if let other = others.first.flatMap({ sessions[$0] }) {
            guard replaces(facts, other.facts) else {
                refuse(facts, .duplicateConnection, at: now, into: &actions)
                return
            }
            close(other.id, .duplicateConnection, at: now, into: &actions)
        }
        makeRoom(for: facts, at: now, into: &actions)
        guard sessions.count < settings.connectionsMax else {
            refuse(facts, .tooManyConnections, at: now, into: &actions)
            return
        }
        if sessions.isEmpty { restartTimers(at: now) }
        // What it is told of itself says all that there is.
        if !havesUntold.isEmpty { gossip(at: now, into: &actions) }
        var session = PeerSession(facts, at: now, mustProvePlace: mustProvePlace(facts))
        session.level = level(of: session)
        session.isDuty = dutyKeys.contains(session.key)
        sessions[facts.id] = session
        connectionsChanged = true
        if let endpoint { book.connected(endpoint, facts.id, at: now) }
        introduce(facts, at: now, into: &actions)
    }

    /// Two peers that dial each other at once have two connections. Both ends keep the one that the
    /// peer with the lower id dialled.
    private func replaces(_ new: ConnectionFacts, _ old: ConnectionFacts) -> Bool {
        guard new.isIncoming != old.isIncoming else { return false }
        let dialler = new.isIncoming ? new.peer : me
        return dialler == min(new.peer, me)
    }

    private mutating func refuse(
        _ facts: ConnectionFacts,
        _ cause: CloseCause,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        if !facts.isIncoming { book.dialFailed(facts.endpoint, at: now) }
        actions.append(.closeConnection(facts.id, cause))
    }

    private mutating func restartTimers(at now: Instant) {
        housekeepingAt = now + Self.housekeepingInterval
        rechokeAt = now + settings.rechokeInterval
    }

    /// The extended handshake, and what we have: exactly once and before anything else (BEP 6).
    private mutating func introduce(
        _ facts: ConnectionFacts,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        if facts.supportsExtensions {
            send(.extendedHandshake(extendedHandshake), to: facts.id, at: now, into: &actions)
        }
        let pieces = picker?.verified
        if facts.supportsFast {
            if let pieces, pieces.isFull, pieces.count > 0 {
                send(.haveAll, to: facts.id, at: now, into: &actions)
            } else if let pieces, !pieces.isEmpty {
                send(.bitfield(pieces.wire), to: facts.id, at: now, into: &actions)
            } else {
                send(.haveNone, to: facts.id, at: now, into: &actions)
            }
        } else if let pieces, !pieces.isEmpty {
            send(.bitfield(pieces.wire), to: facts.id, at: now, into: &actions)
        }
    }

    var extendedHandshake: ExtendedHandshake {
        ExtendedHandshake(
            metadataID: content != nil && content?.metadataSize == nil
                ? nil : LocalExtensionID.metadata,
            doesNotHaveID: LocalExtensionID.doesNotHave,
            uploadOnlyID: LocalExtensionID.uploadOnly,
            intentID: LocalExtensionID.intent,
            uplinkID: LocalExtensionID.uplink,
            client: settings.client,
            listenPort: settings.listenPort,
            requestQueueLength: settings.uploadQueueLength,
            metadataSize: content?.metadataSize,
            uploadOnly: isSatisfied,
            locality: settings.locality,
            generation: settings.generation,
            requestLengthMax: settings.requestLengthMax
        )
    }

    // MARK: Closing

    mutating func close(
        _ id: ConnectionID,
        _ cause: CloseCause,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard sessions[id] != nil else { return }
        forget(id, wasLost: cause.isLoss, at: now, into: &actions)
        actions.append(.closeConnection(id, cause))
    }

    /// `wasLost` when the peer can no more be counted on, as after a close of its own.
    private mutating func forget(
        _ id: ConnectionID,
        wasLost: Bool,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard let session = sessions[id] else { return }
        removePlacement(of: session)
        sessions[id] = nil
        connectionsChanged = true
        forgetIntents(of: id)
        slots.left(id)
        uploadsWaiting.remove(id)
        leaveRoster(session, wasLost: wasLost, at: now)
        if let pieces = session.pieces, session.isCounted { picker?.peerLeft(with: pieces) }
        for request in session.pipeline.requests { giveBack(request.range, from: id) }
        disown(id, at: now, into: &actions)
        layers.peerLeft(id)
        // What it has sent may be seen, and the liar's metadata be refuted, only after it has gone.
        if session.receivedBytes > 0 || session.pipeline.mayStillSend || metadata.source == id {
            departed.remember(session)
        }
        metadata.peerLeft(id, at: now)
        for index in audits.indices {
            if case .askingLeaves(id, _) = audits[index].stage {
                audits[index].stage = .askingLeaves(nil, until: now)
            }
        }
        if let endpoint = session.listenEndpoint { book.disconnected(endpoint, id, at: now) }
        mustRefill = true
    }

    /// Bans the peer behind a connection, open or closed, that has sent provably wrong bytes, of a
    /// piece or others.
    mutating func ban(
        _ id: ConnectionID,
        _ reason: String,
        of piece: PieceIndex? = nil,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        if let index = id.originIndex {
            originFailed(index, .wrongBytes, at: now, into: &actions)
            return
        }
        let peer: PeerID
        let endpoint: Endpoint?
        if let session = sessions[id] {
            (peer, endpoint) = (session.facts.peer, session.listenEndpoint)
        } else if let sender = departed.sender(id) {
            (peer, endpoint) = (sender.peer, sender.endpoint)
        } else {
            return
        }
        let end = book.ban(peer: peer, endpoint: endpoint, at: now)
        if let piece {
            let until = end + settings.doubtDuration
            doubts.doubt(piece, of: peer, at: endpoint, until: until)
        }
        let shown = endpoint ?? sessions[id]?.facts.endpoint
        if let shown { actions.append(.trace(.peerBanned(peer, shown, reason: reason))) }
        // The same peer may be back on another connection.
        for other in sessions.values.filter({ $0.facts.peer == peer }) {
            close(other.id, .banned(reason), at: now, into: &actions)
        }
    }
}
