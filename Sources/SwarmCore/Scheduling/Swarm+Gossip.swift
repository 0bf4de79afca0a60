import OrderedCollections
import SwarmModel

/// Haves and intents: what a peer tells its neighbours of what it has and is about to have.
///
/// They are gathered for a moment, so that a burst of pieces is one write to each neighbour; the
/// first after a quiet moment goes out at once. Below 200 ms the delay costs nothing that could be
/// measured in simulation; at 2 s it cost 10 to 15 % of the time and half a copy from the origin.
extension Swarm {
    private mutating func scheduleGossip(at now: Instant) {
        guard gossipAt == nil else { return }
        let quiet = gossipedAt.map { $0 + settings.scheduler.gossipDelay } ?? now
        gossipAt = max(now, quiet)
    }

    // MARK: Saying

    /// A piece is here: those that lack it are told.
    mutating func tellHave(
        _ piece: PieceIndex,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        havesUntold.append(piece)
        scheduleGossip(at: now)
        if settings.scheduler.gossipDelay == .zero { gossip(at: now, into: &actions) }
    }

    /// A piece has been begun: when it crosses a boundary, those inside are told.
    mutating func begun(_ piece: PieceIndex, at level: Int, _ now: Instant) {
        begunAt[piece] = now
        guard settings.scheduler.policy == .nearestScope, level < domains.top else { return }
        intents.begin(piece.number, level: level + 1)
        scheduleGossip(at: now)
    }

    /// Nobody is asked for the piece any more, or it is here.
    private mutating func endImport(_ piece: Int, at now: Instant) {
        guard let own = intents.end(piece), own.saidAt != nil else { return }
        withdrawals.append((piece, own.level))
        scheduleGossip(at: now)
    }

    /// Others may import what this host has only asked for: it goes on, but nobody waits for it. A
    /// piece of which some is here comes sooner from this host than from another that begins.
    mutating func withdrawImports(at now: Instant) {
        for piece in intents.own.keys {
            let begun = geometry?.piece(piece).flatMap { picker?.activePiece($0) }
            if let begun, begun.receivedCount > 0 { continue }
            endImport(piece, at: now)
        }
    }

    mutating func gossip(at now: Instant, into actions: inout [SwarmAction]) {
        gossipAt = nil
        gossipedAt = now
        let pieces = havesUntold
        havesUntold = []
        // The have says the same as taking it back.
        for piece in pieces { _ = intents.end(piece.number) }
        sayHaves(pieces, at: now, into: &actions)
        let withdrawn = withdrawals
        withdrawals = []
        var fresh: [(piece: Int, level: Int)] = []
        for (piece, own) in intents.own where own.saidAt == nil {
            fresh.append((piece, own.level))
        }
        for (piece, _) in fresh { intents.said(piece, lifetime: intentLifetime, at: now) }
        guard !withdrawn.isEmpty || !fresh.isEmpty else { return }
        for id in sessions.keys {
            tell(id, withdrawn, isWithdrawal: true, at: now, into: &actions)
            tell(id, fresh, isWithdrawal: false, at: now, into: &actions)
        }
    }

    /// Tells each peer of those pieces that it lacks.
    private mutating func sayHaves(
        _ pieces: [PieceIndex],
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard !pieces.isEmpty else { return }
        let all = pieces.map { UInt32($0.number) }
        actions += sessions.compactMap { session in
            let lacking = session.lacking(pieces, all)
            guard let first = lacking.first else { return nil }
            session.lastSentAt = now
            return lacking.count == 1
                ? .send(.have(first), to: session.id) : .sendHaves(lacking, to: session.id)
        }
    }

    /// Tells one peer of imports into the domains that it shares.
    private mutating func tell(
        _ id: ConnectionID,
        _ imports: [(piece: Int, level: Int)],
        isWithdrawal: Bool,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard !imports.isEmpty, sessions[id]?.takesIntents == true, let near = sessions[id]?.level
        else { return }
        for level in 0...near {
            let pieces = imports.filter { $0.level == level }.map { UInt32($0.piece) }
            for start in stride(from: 0, to: pieces.count, by: ImportIntent.pieceCountMax) {
                let end = min(start + ImportIntent.pieceCountMax, pieces.count)
                let intent = ImportIntent(
                    isWithdrawal: isWithdrawal,
                    level: UInt8(level),
                    lifetime: isWithdrawal ? .zero : intentLifetime,
                    pieces: Array(pieces[start..<end])
                )
                send(.intent(intent), to: id, at: now, into: &actions)
            }
        }
    }

    /// A neighbour that has just come hears of the imports under way.
    mutating func tellImports(
        to id: ConnectionID,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        let said = intents.own.filter { $0.value.saidAt != nil }
        let imports = said.map { (piece: $0.key, level: $0.value.level) }
        tell(id, imports, isWithdrawal: false, at: now, into: &actions)
    }

    private var intentLifetime: Duration {
        max(settings.scheduler.intentLifetime, importPace * 3)
    }

    /// Repeats intents of imports that go on, and takes back those that do not.
    mutating func reviewImports(at now: Instant) {
        noteImportAge(at: now)
        for (number, own) in intents.own {
            guard let piece = geometry?.piece(number), isUnderWay(piece) else {
                endImport(number, at: now)
                continue
            }
            if let said = own.saidAt, now - said >= own.lifetime / 2 {
                intents.repeatOwn(number)
                scheduleGossip(at: now)
            }
        }
        for piece in intents.expire(at: now) { expect(piece) }
    }

    private func isUnderWay(_ piece: PieceIndex) -> Bool {
        guard let active = picker?.activePiece(piece) else { return false }
        return active.missingCount + active.receivedCount < active.blocks.count
    }

    // MARK: Hearing

    mutating func intentArrived(
        _ intent: ImportIntent,
        from id: ConnectionID,
        at now: Instant
    ) throws(Violation) {
        guard let geometry, let level = sessions[id]?.level else { return }
        let lifetime = min(intent.lifetime, intents.holdMax)
        for number in intent.pieces {
            guard let piece = geometry.piece(number) else {
                throw Violation("an intent for piece \(number) of \(geometry.pieceCount)")
            }
            if intent.isWithdrawal {
                if intents.withdrawn(piece.number, by: id) { expect(piece.number) }
                continue
            }
            // A sender that takes us for nearer than we take it may be wrong about itself too.
            guard Int(intent.level) <= level else { continue }
            let isNews = intents.hear(
                piece.number,
                from: id,
                level: level,
                lifetime: lifetime,
                at: now
            )
            guard isNews else { continue }
            sessions[id]?.progressAt = now
            if picker?.state(of: piece) == .startable {
                picker?.scopes.setPromoted(piece.number, false)
            }
            expect(piece.number)
        }
    }

    /// The peer has the piece: what it said of importing it is done.
    mutating func importDelivered(_ piece: PieceIndex, by id: ConnectionID) {
        if intents.delivered(piece.number, by: id) { expect(piece.number) }
    }

    mutating func forgetIntents(of id: ConnectionID) {
        for piece in intents.closed(id) { expect(piece) }
    }

    private mutating func expect(_ piece: Int) {
        // Most of what is heard closes something, or changes nothing.
        let hasOpened = picker?.scopes.setExpected(piece, at: intents.level(of: piece))
        if hasOpened == true { mustRefill = true }
    }

    /// The scopes are new: what is expected is put into them again.
    mutating func expectAgain() {
        for piece in intents.pieces { expect(piece) }
    }
}
