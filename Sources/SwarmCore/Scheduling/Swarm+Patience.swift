import OrderedCollections
import SwarmModel

/// What keeps a piece from waiting for an importer that never comes.
///
/// A host that has nothing else to do, and sees a piece only beyond a boundary that others should
/// carry it over, waits `patience` for each member that comes before it, counted from when it
/// became idle or the last of those before it that it is connected to made progress. Then it
/// imports the piece itself. Busy hosts do not count the time: a slow source would make everybody
/// impatient at once, which cost three to five copies in simulation.
extension Swarm {
    /// Ranks looked up in one round: each costs some fifty hashes.
    private static let ranksPerRoundMax = 128

    /// Nobody is asked for anything that might still come.
    private mutating func isIdle() -> Bool {
        !sessions.contains { !$0.pipeline.isEmpty && !$0.pipeline.isUnreliable }
    }

    mutating func growImpatient(at now: Instant, into actions: inout [SwarmAction]) {
        guard settings.scheduler.policy == .nearestScope, domains.top > 0, settledAt == nil,
            pausedUntil == nil, !isSatisfied, isIdle()
        else {
            // A peer that is asked and sends nothing only stops the clock: one that comes back
            // again and again would turn it back for ever.
            if let since = idleSince { idleBefore = now - since }
            idleSince = nil
            return
        }
        let since = idleSince ?? now + (.zero - idleBefore)
        idleSince = since
        guard now - since >= patience else { return }
        promoteDue(idleSince: since, at: now, into: &actions)
    }

    /// Something came.
    mutating func noLongerIdle() {
        idleSince = nil
        idleBefore = .zero
    }

    /// The wait for each member before this host.
    private var patience: Duration {
        let wait = importPace * settings.scheduler.patienceImportTimes
        return min(max(wait, settings.scheduler.patience), settings.scheduler.patienceMax)
    }

    private mutating func promoteDue(
        idleSince: Instant,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard let picker, let duty else { return }
        let count = picker.geometry.pieceCount
        var looked = 0
        // Where pieces would be had if their holders served: one that was silent is asked again, a
        // block at a time, and must not be waited for by all.
        let silent = sessions.values.filter {
            $0.placement == nil && !$0.isChoking && $0.pieces != nil
        }
        // Two hosts that promise in turn could hold a piece up for ever.
        let heedsIntents = now - idleSince < intents.holdMax * 2
        for step in 0..<count where looked < Self.ranksPerRoundMax {
            let number = (patienceCursor + step) % count
            guard let piece = picker.geometry.piece(number),
                let level = boundary(of: piece, silent, heeding: heedsIntents)
            else { continue }
            looked += 1
            if looked == Self.ranksPerRoundMax { patienceCursor = number + 1 }
            let before = duty.before(
                number,
                inDomainAt: level + 1,
                countMax: settings.scheduler.patienceRanks
            )
            if now >= due(number, before, idleSince: idleSince) {
                self.picker?.scopes.setPromoted(number, true)
                takeBack(piece, at: now, into: &actions)
                promotionCount += 1
                mustRefill = true
            }
        }
    }

    /// The level from which a piece would have to be imported by somebody else; nil when it may be
    /// asked for, is not wanted, or is nowhere to be seen.
    private func boundary(
        of piece: PieceIndex,
        _ silent: [PeerSession],
        heeding heedsIntents: Bool
    ) -> Int? {
        guard let picker,
            let level = picker.scopes.nearest(piece.number)
                ?? silent.filter({ $0.pieces?[piece] == true }).map(\.level).max(),
            level < domains.top, !picker.scopes.promoted[piece],
            !(heedsIntents && picker.scopes.isExpected(piece.number, above: level)),
            !picker.scopes.permits(piece.number, at: level)
        else { return nil }
        switch picker.state(of: piece) {
        case .startable: return level
        case .active: return isStranded(piece) ? level : nil
        case .verified, .heldBack: return nil
        }
    }

    /// Blocks of a piece in progress are asked of nobody, or of those that do not send.
    private func isStranded(_ piece: PieceIndex) -> Bool {
        picker?.activePiece(piece)?.blocks.contains { block in
            switch block {
            case .missing: true
            case .requested(let id): sessions[id]?.pipeline.isUnreliable == true
            case .received: false
            }
        } ?? false
    }

    /// What is asked of those that do not send may be asked of others.
    private mutating func takeBack(
        _ piece: PieceIndex,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        for id in sessions.ids(where: { !$0.pipeline.isEmpty && $0.pipeline.isUnreliable }) {
            cancel(piece, of: id, at: now, into: &actions)
        }
    }

    private func due(_ piece: Int, _ before: [Standing], idleSince: Instant) -> Instant {
        var since = idleSince
        for member in before {
            guard let id = connectionOf[member.key], let session = sessions[id] else { continue }
            since = max(since, session.progressAt)
        }
        let ranks = settings.scheduler.patienceRanks
        var waits = before.count
        if waits >= ranks {
            let draw = RendezvousRank.key(piece: piece, salt: Roster.key(of: me))
            waits = ranks + Int(draw % UInt64(max(1, settings.scheduler.patienceSpread)))
        }
        return since + patience * waits
    }

    /// How long a piece takes from its first request, smoothed: of all, and of imports.
    mutating func notePieceTime(_ piece: PieceIndex, at now: Instant) {
        guard let begun = begunAt.removeUnordered(piece) else { return }
        let took = now - begun
        func smooth(_ time: Duration) -> Duration {
            time == .zero ? took : time * 0.75 + took * 0.25
        }
        pieceTime = smooth(pieceTime)
        guard intents.own[piece.number] != nil else { return }
        importTime = smooth(importTime)
        importsMax += 1
        picker?.offerAgain()
        mustRefill = true
    }

    /// How long an import takes as far as is known: the first is no quicker than its age.
    var importPace: Duration { max(importTime == .zero ? importAge : importTime, pieceTime) }

    /// How long a peer is believed that says that what was asked of it waits. Longer waits for one
    /// that hardly sends, shorter imports twice when all sources are slow.
    var queuedMax: Duration {
        let scheduler = settings.scheduler
        let wait = importPace * scheduler.patienceImportTimes
        return min(max(wait, scheduler.queuedMin), scheduler.queuedMax)
    }

    mutating func noteImportAge(at now: Instant) {
        importAge = .zero
        for number in intents.own.keys {
            guard let begun = geometry?.piece(number).flatMap({ begunAt[$0] }) else { continue }
            importAge = max(importAge, now - begun)
        }
        let scheduler = settings.scheduler
        intents.holdMax = max(
            scheduler.intentHoldMax,
            importPace * scheduler.intentHoldImportTimes
        )
    }
}
