import DequeModule
import OrderedCollections
import SwarmModel

/// Asking for blocks, and serving those asked of us.
extension Swarm {
    // MARK: Asking

    /// Asks one peer for as much as its pipeline takes.
    mutating func fill(_ id: ConnectionID, at now: Instant, into actions: inout [SwarmAction]) {
        guard pausedUntil == nil else { return }
        let askable = sessions.with(id) { session in
            session.isAskable ? (session.level, session.barrenSince) : nil
        }
        guard case (let level, let barrenSince)?? = askable,
            let offers = picker?.offers(at: level), barrenSince != offers
        else { return }
        guard picker?.mayAsk(at: level) == true,
            var pieces = sessions.with(id, { $0.pieces }) ?? nil,
            picker?.mayAsk(having: pieces, at: level) == true
        else {
            sessions.with(id) { $0.barrenSince = offers }
            return
        }
        let limits = limits
        guard let need = sessions.with(id, { $0.need(limits, at: now) }) else { return }
        var (room, requests) = (need.bytes, need.requests)
        if !pace.isSlow, sessions[id]?.isSlow == true {
            guard sessions.with(id, { $0.pipeline.isEmpty }) == true else { return }
            requests = min(requests, 1)
            spareSlow(&pieces, at: level)
        }
        while room > 0, requests > 0 {
            guard
                let choice = picker?.next(
                    for: id,
                    having: pieces,
                    lengthMax: need.unit,
                    at: level,
                    mayBegin: level >= domains.top || intents.own.count < importsMax
                )
            else {
                let offers = picker?.offers(at: level)
                sessions.with(id) { $0.barrenSince = offers }
                return
            }
            if choice.isNewPiece {
                actions.append(.openPiece(choice.range.piece))
                begun(choice.range.piece, at: level, now)
            }
            request(choice.range, of: id, at: now, into: &actions)
            room -= choice.range.length
            requests -= 1
        }
    }

    /// Leaves only what none but slow peers have that are as near.
    private mutating func spareSlow(_ pieces: inout Bitfield, at level: Int) {
        let slow = sessions.compactMap { session in
            session.isSlow && session.placement?.level ?? -1 >= level ? session.pieces : nil
        }
        guard let scopes = picker?.scopes else { return }
        for number in pieces.members {
            let slowCount = slow.count { $0[bit: number] }
            if scopes.holderCount(of: number, from: level) > slowCount {
                pieces.remove(bit: number)
            }
        }
    }

    private mutating func request(
        _ range: BlockRange,
        of id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        sessions.with(id) { $0.pipeline.sent(range, at: now) }
        send(.request(RawBlock(range)), to: id, at: now, into: &actions)
    }

    /// A peer that is not known to have nothing to be asked for.
    private struct Hungry {
        let id: ConnectionID
        let isSnubbed: Bool
        /// It has nothing, unless what others are asked for first changes that.
        let isBarren: Bool
    }

    mutating func refillAll(at now: Instant, into actions: inout [SwarmAction]) {
        mustRefill = false
        guard pausedUntil == nil, let offers = picker?.offerCount() else { return }
        let hungry = hungryPeers()
        var hasChanged = false
        // Snubbed peers get what nobody else takes.
        for isSnubbed in [false, true] {
            for peer in hungry where peer.isSnubbed == isSnubbed {
                if peer.isBarren, !hasChanged { continue }
                fill(peer.id, at: now, into: &actions)
                hasChanged = hasChanged || picker?.offerCount() != offers
            }
        }
    }

    /// All are looked at where they are: there are many of them, and most have nothing.
    private mutating func hungryPeers() -> [Hungry] {
        guard let offers = picker?.offers() else { return [] }
        return sessions.compactMap { session in
            let count = offers.at(session.level)
            guard session.isAskable, session.barrenSince != count else { return nil }
            let isBarren = !session.mayBeAsked(offers)
            if isBarren { session.barrenSince = count }
            return Hungry(
                id: session.id,
                isSnubbed: session.pipeline.isSnubbed,
                isBarren: isBarren
            )
        }
    }

    // MARK: Giving blocks back

    /// The peer will not send a range that was asked of it. When a second peer was asked for it in
    /// the endgame it is that one's now, else anybody's.
    mutating func giveBack(_ range: BlockRange, from id: ConnectionID) {
        if let index = copies.firstIndex(of: EndgameCopy(range: range, peer: id)) {
            copies.remove(at: index)
        } else if let index = copies.firstIndex(where: { $0.range == range }) {
            picker?.transfer(range, from: id, to: copies.remove(at: index).peer)
        } else {
            picker?.release(range, from: id)
        }
    }

    /// The peer owns no piece any more; those that must come from one peer alone start anew.
    mutating func disown(_ id: ConnectionID, at now: Instant, into actions: inout [SwarmAction]) {
        for piece in picker?.disown(id) ?? [] {
            cancelAll(of: piece, at: now, into: &actions)
            picker?.restartExclusively(piece)
            actions.append(.restartPiece(piece))
        }
    }

    // MARK: Moving on

    /// What waits in the queues of busy peers is asked of others that have it by now.
    mutating func moveQueued(at now: Instant, into actions: inout [SwarmAction]) {
        guard let picker, sessions.contains(where: { $0.pipeline.isQueued }) else { return }
        for piece in picker.activePieces { move(piece, at: now, into: &actions) }
    }

    /// A piece that waits in the queue of a busy peer is asked of the nearest other that has it by
    /// now, has room, and is no farther. So a seed whose uplink is the narrowest link sends each
    /// piece about once, and who got it first passes it on. Not at once when another has it: the
    /// block is often on its way by then, and would come twice.
    mutating func move(
        _ piece: PieceIndex,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard pausedUntil == nil, let state = picker?.activePiece(piece), !state.isExclusive,
            let owner = state.owner, let level = queueLevel(of: owner, piece),
            let next = idleHolder(of: piece, level: level, except: owner, at: now)
        else { return }
        let ranges = sessions[owner]?.pipeline.requests.map(\.range) ?? []
        for range in ranges where range.piece == piece {
            _ = sessions[owner]?.pipeline.giveUp(range)
            giveBack(range, from: owner)
            send(.cancel(RawBlock(range)), to: owner, at: now, into: &actions)
        }
        picker?.free(piece)
        sessions.with(next) { $0.barrenSince = nil }
        fill(next, at: now, into: &actions)
        mustRefill = true
    }

    /// How far the owner of a piece is when it has said that what was asked of it waits.
    private func queueLevel(of owner: ConnectionID, _ piece: PieceIndex) -> Int? {
        guard let session = sessions[owner], session.pipeline.isQueued,
            session.pipeline.requests.contains(where: { $0.range.piece == piece })
        else { return nil }
        return session.level
    }

    /// The nearest peer that has the piece, could be asked for more, and is as near as `level`.
    private mutating func idleHolder(
        of piece: PieceIndex,
        level: Int,
        except owner: ConnectionID,
        at now: Instant
    ) -> ConnectionID? {
        let limits = limits
        func takesMore(_ session: inout PeerSession) -> Bool {
            session.level >= level && session.isAskable && !session.pipeline.isSnubbed
                && !session.pipeline.isQueued && session.has(piece)
                && session.need(limits, at: now).bytes > 0
        }
        var best: (level: Int, id: ConnectionID)?
        _ = sessions.contains { session in
            guard session.id != owner, session.level > best?.level ?? -1, takesMore(&session)
            else { return false }
            best = (session.level, session.id)
            return false
        }
        return best?.id
    }

    // MARK: Blocks that arrive

    mutating func blockArrived(
        _ raw: RawBlock,
        from id: ConnectionID,
        _ result: BlockResult,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        if id.originIndex != nil {
            originBlockArrived(raw, from: id, result, at: now, into: &actions)
            return
        }
        sessions[id]?.lastReceivedAt = now
        guard let range = geometry?.alignedRange(of: raw) else {
            close(id, .violation("a block that was not asked for"), at: now, into: &actions)
            return
        }
        // A closed connection's block still counts: its bytes are on disk.
        let arrival = sessions[id]?.pipeline.arrived(range, at: now) ?? .late
        book(range.length, from: id, kept: result == .stored)
        if arrival == .expected {
            sessions[id]?.obliged()
            updatePlacement(id, at: now)
        }
        switch result {
        case .stored:
            noLongerIdle()
            cancelElsewhere(range, except: id, at: now, into: &actions)
            picker?.markReceived(range)
        case .discarded:
            // A late block was given back when the wait for it ended.
            if arrival == .expected { giveBack(range, from: id) }
            mustRefill = true
        case .failed(let reason):
            if arrival == .expected { giveBack(range, from: id) }
            pause(reason, at: now, into: &actions)
        }
        if arrival == .unsolicited {
            close(id, .violation("a block that was not asked for"), at: now, into: &actions)
            return
        }
        fill(id, at: now, into: &actions)
    }

    private mutating func book(_ bytes: Int, from id: ConnectionID, kept: Bool) {
        let place = ledger.received(
            bytes,
            from: locality(of: id),
            kind: .peer,
            kept: kept,
            guess: sessions.with(id) { $0.bookedReceived } ?? 0
        )
        // Without a session it was on its way when the connection was closed.
        let isFirst = sessions.with(id) { session in
            session.bookedReceived = place
            session.receivedBytes += bytes
            return session.receivedBytes == bytes
        }
        if isFirst == true, let endpoint = sessions[id]?.listenEndpoint {
            self.book.proved(endpoint)
        }
    }

    /// Where the other end of a connection is or was.
    mutating func locality(of id: ConnectionID) -> Locality {
        sessions.with(id) { $0.locality } ?? departed.sender(id)?.locality ?? .unknown
    }

    /// The block is here: others that were asked for it, in the endgame or because it was late,
    /// need not send it.
    mutating func cancelElsewhere(
        _ range: BlockRange,
        except id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        var others = copies.filter { $0.range == range }.map(\.peer)
        copies.removeAll { $0.range == range }
        if let first = picker?.peerAsked(for: range) { others.append(first) }
        for other in others where other != id {
            guard sessions[other]?.pipeline.giveUp(range) == true else { continue }
            send(.cancel(RawBlock(range)), to: other, at: now, into: &actions)
        }
    }

    /// Nobody needs to send blocks of this piece any more.
    mutating func cancelAll(
        of piece: PieceIndex,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        for id in sessions.ids(where: { $0.pipeline.isAsked(for: piece) }) {
            cancel(piece, of: id, at: now, into: &actions)
        }
    }

    mutating func cancel(
        _ piece: PieceIndex,
        of id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        let ranges = sessions[id]?.pipeline.requests.map(\.range).filter { $0.piece == piece }
        for range in ranges ?? [] {
            _ = sessions[id]?.pipeline.giveUp(range)
            giveBack(range, from: id)
            send(.cancel(RawBlock(range)), to: id, at: now, into: &actions)
        }
    }

    // MARK: Requests of the peer, and its rejects

    mutating func requestChanged(
        _ message: PeerMessage,
        from id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) throws(Violation) {
        switch message {
        case .request(let raw): try requested(raw, by: id, at: now, into: &actions)
        case .cancel(let raw):
            if sessions[id]?.uploads.cancel(raw) == true {
                reject(raw, to: id, at: now, into: &actions)
                noteWaiting(id)
            }
        case .reject(let raw):
            guard hasFast(id) else { throw Violation("a reject without BEP 6") }
            guard let range = geometry?.alignedRange(of: raw) else {
                throw Violation("a reject of a block that was not asked for")
            }
            if sessions[id]?.pipeline.rejected(range) == true {
                sessions[id]?.refused(at: now)
                updatePlacement(id, at: now)
                giveBack(range, from: id)
                disown(id, at: now, into: &actions)
                mustRefill = true
            }
        default: break
        }
    }

    private mutating func requested(
        _ raw: RawBlock,
        by id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) throws(Violation) {
        guard let content, let verified = picker?.verified else {
            throw Violation("a request before we have metadata")
        }
        guard let piece = content.geometry.piece(raw.piece), raw.length > 0,
            UInt64(raw.begin) + UInt64(raw.length) <= UInt64(content.geometry.pieceLength)
        else { throw Violation("a request outside of its piece: \(raw)") }
        guard sessions[id]?.amChoking == false, verified[piece],
            let range = content.geometry.servedRange(of: raw, lengthMax: settings.requestLengthMax),
            sessions[id]?.uploads.append(range, lengthMax: settings.uploadQueueLength, at: now)
                == true
        else {
            reject(raw, to: id, at: now, into: &actions)
            return
        }
        serve(id, at: now, into: &actions)
    }
}
