import DequeModule
import OrderedCollections
import SwarmModel

/// What happens because time has passed.
extension Swarm {
    mutating func runTimers(at now: Instant, into actions: inout [SwarmAction]) {
        if let due = commits.take(at: now) { actions.append(.commit(due)) }
        if let until = pausedUntil, until <= now {
            resume(into: &actions)
        }
        settle(at: now)
        runOrigin(at: now, into: &actions)
        if housekeepingAt <= now {
            housekeepingAt = now + Self.housekeepingInterval
            for id in sessions.keys { inspect(id, at: now, into: &actions) }
            believeAgain(at: now, into: &actions)
            for id in sessions.keys { updatePlacement(id, at: now) }
            reviewSlots(at: now, into: &actions)
            reviewPace(at: now, into: &actions)
            reviewImports(at: now)
            moveQueued(at: now, into: &actions)
            growImpatient(at: now, into: &actions)
            helpInEndgame(at: now, into: &actions)
        }
        if rechokeAt <= now {
            rechokeAt = now + settings.rechokeInterval
            rechoke(at: now, into: &actions)
        }
        // Last: a connection that was closed above may have owed hashes.
        expireHashes(at: now, into: &actions)
    }

    private mutating func expireHashes(at now: Instant, into actions: inout [SwarmAction]) {
        let hasExpired = metadata.expire(at: now)
        if content == nil, hasExpired || metadata.source == nil {
            for id in sessions.keys { askMetadata(of: id, at: now, into: &actions) }
        }
        guard !layers.isComplete || !audits.isEmpty else { return }
        layers.expire(at: now)
        for id in sessions.keys { askHashes(of: id, at: now, into: &actions) }
        askLeaves(at: now, into: &actions)
    }

    // MARK: One connection

    private mutating func inspect(
        _ id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        let (settings, queuedMax) = (settings, queuedMax)
        let found = sessions.with(id) { session in
            (session.endRefusal(at: now), Self.finding(session, settings, queuedMax, now))
        }
        guard let (isRefusalOver, finding) = found else { return }
        if isRefusalOver { mustRefill = true }
        switch finding {
        case .fine: break
        case .hopeless(let cause): close(id, cause, at: now, into: &actions)
        case .silent: snub(id, at: now, into: &actions)
        case .owesNotice:
            sessions.with(id) { $0.noticedAt = now }
            send(.keepAlive, to: id, at: now, into: &actions)
        case .owesSign: send(.keepAlive, to: id, at: now, into: &actions)
        }
    }

    /// What the time that has passed means for a connection.
    private enum Finding {
        case fine
        case hopeless(CloseCause)
        case silent
        /// One of ours waits for its turn, and has not heard so for a while.
        case owesNotice
        case owesSign
    }

    private static func finding(
        _ session: PeerSession,
        _ settings: SwarmSettings,
        _ queuedMax: Duration,
        _ now: Instant
    ) -> Finding {
        if now - session.lastReceivedAt >= settings.idleCloseAfter { return .hopeless(.idle) }
        if let since = session.uploads.progressAt, session.uploads.isInTransport,
            now - since >= settings.uploadStallCloseAfter
        {
            return .hopeless(.notReading)
        }
        if !session.pipeline.isEmpty,
            now - session.pipeline.silentSince(queuedMax) >= settings.snubAfter
        {
            return .silent
        }
        if session.isOurs, let since = session.uploads.waitsSince,
            now - max(since, session.noticedAt ?? since) >= settings.scheduler.queuedNotice
        {
            return .owesNotice
        }
        return now - session.lastSentAt >= settings.keepAliveInterval ? .owesSign : .fine
    }

    private func silentSince(_ session: PeerSession) -> Instant {
        session.pipeline.silentSince(queuedMax)
    }

    /// The peer sends nothing of what it was asked for: others are asked, it gets one request at a
    /// time until it delivers, and is closed when it never does.
    private mutating func snub(
        _ id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard let session = sessions[id] else { return }
        if now - silentSince(session) >= settings.stallCloseAfter {
            close(id, .stalled, at: now, into: &actions)
            return
        }
        guard !session.pipeline.isSnubbed else { return }
        actions.append(.trace(.peerSnubbed(id)))
        for range in sessions[id]?.pipeline.snub(at: now) ?? [] {
            giveBack(range, from: id)
            send(.cancel(RawBlock(range)), to: id, at: now, into: &actions)
        }
        disown(id, at: now, into: &actions)
        mustRefill = true
    }

    // MARK: Endgame

    /// When every block is asked of somebody, idle peers are asked for the oldest ones too, each at
    /// most once more (BitTorrent's endgame, bounded as in Dean and Barroso, The Tail at Scale).
    /// Only within the cloud, where a second copy costs time and no money, and for a small share of
    /// the version.
    private mutating func helpInEndgame(at now: Instant, into actions: inout [SwarmAction]) {
        let age = hedgeAge
        guard pausedUntil == nil, picker?.isEndgame == true,
            sessions.contains(where: { session in
                session.pipeline.requests.contains { now - $0.sentAt >= age }
            }), let picker
        else { return }
        for id in sessions.keys {
            guard let session = sessions[id], session.pipeline.isEmpty, !session.isChoking,
                session.refusesUntil == nil, session.amInterested, let pieces = session.pieces
            else { continue }
            guard session.level >= min(1, domains.top) else { continue }
            let unit = session.requestLength(limits, at: now)
            let overdue = overdueRequest(having: pieces, lengthMax: unit, at: now)
            guard let overdue, picker.activePiece(overdue.piece)?.isExclusive == false,
                picker.scopes.permits(overdue.piece.number, at: session.level),
                hedgedBytes + overdue.length <= hedgeBytesMax
            else { continue }
            hedgedBytes += overdue.length
            copies.append(EndgameCopy(range: overdue, peer: id))
            sessions[id]?.pipeline.sent(overdue, at: now)
            send(.request(RawBlock(overdue)), to: id, at: now, into: &actions)
        }
    }

    private var hedgeBytesMax: Int {
        let total = Double(geometry?.totalLength ?? 0)
        return max(
            settings.scheduler.hedgeBytesMin,
            Int(total * settings.scheduler.hedgeShareMax)
        )
    }

    /// How old a request is that is late. Where everything is slow nothing is: a second copy would
    /// make it slower still.
    private var hedgeAge: Duration { max(settings.endgameAge, pieceTime * 2) }

    /// The oldest request of any peer that is old enough, asked of one peer only, and within reach.
    private func overdueRequest(
        having pieces: Bitfield,
        lengthMax: Int,
        at now: Instant
    ) -> BlockRange? {
        var oldest: RequestPipeline.Request?
        let age = hedgeAge
        for session in sessions.values {
            for request in session.pipeline.requests
            where now - request.sentAt >= age && pieces[request.range.piece]
                && request.range.length <= lengthMax
                && request.sentAt < oldest?.sentAt ?? now
                && !copies.contains(where: { $0.range == request.range })
            { oldest = request }
        }
        return oldest?.range
    }

    // MARK: Choking

    private mutating func rechoke(at now: Instant, into actions: inout [SwarmAction]) {
        let candidates = sessions.values.filter(\.isInterested).map { choice(of: $0) }
        let chosen = Choker.unchoked(among: candidates, slots: settings.uploadSlots)
        for candidate in candidates {
            let isChosen = chosen.contains(candidate.id)
            if isChosen, !candidate.isUnchoked {
                unchoke(candidate.id, at: now, into: &actions)
            } else if !isChosen, candidate.isUnchoked {
                choke(candidate.id, at: now, into: &actions)
            }
        }
    }
}
