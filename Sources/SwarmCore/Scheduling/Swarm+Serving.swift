import DequeModule
import OrderedCollections
import SwarmModel

/// Sending what was asked of us, a few peers at a time.
extension Swarm {
    /// The slots that the settings come to.
    static func slots(_ settings: SwarmSettings) -> UploadSlots {
        let scheduler = settings.scheduler
        var near = scheduler.nearSlots
        var far = scheduler.farSlots
        if let uplink = scheduler.uplinkBytesPerSecond {
            let rate = scheduler.nearSlotBytesPerSecond
            near = min(max(uplink / rate, scheduler.nearSlotsMin), scheduler.nearSlotsMax)
            let share = min(uplink, scheduler.regionEgressShare ?? uplink)
            far = max(1, share / scheduler.farSlotBytesPerSecond)
        }
        return UploadSlots(
            near: max(1, near),
            far: max(1, far),
            turnBytes: scheduler.turnBytes,
            turnTime: scheduler.turnTime,
            isUplinkKnown: scheduler.uplinkBytesPerSecond != nil
        )
    }

    /// What this host can send, for the tracker; nil when that is not known.
    package var uplinkBytesPerSecond: Int? {
        settings.scheduler.uplinkBytesPerSecond ?? uplink.bytesPerSecond
    }

    private func pool(ofLevel level: Int) -> UploadSlots.Pool {
        // Within a region links are short and wide; of a shallow locality the rack is all.
        level < min(2, domains.top) ? .far : .near
    }

    /// Hands the transport what the peer's turn and credit allow.
    mutating func serve(_ id: ConnectionID, at now: Instant, into actions: inout [SwarmAction]) {
        let found = sessions.with(id) { ($0.level, $0.uploads.isWaiting) }
        guard let (level, isWaiting) = found else { return }
        if isWaiting, isScarce(at: now), !slots.hasTurn(id) {
            // Whose turn it is is not for who asks to say.
            noteWaiting(id)
            for pool in UploadSlots.Pool.allCases { serveOthers(pool, at: now, into: &actions) }
            return
        }
        send(to: id, ofLevel: level, at: now, into: &actions)
    }

    /// The same for one whose turn it is, or who may begin one.
    private mutating func send(
        to id: ConnectionID,
        ofLevel level: Int,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        let pool = pool(ofLevel: level)
        let credit = slots.isSlow ? 0 : settings.uploadCreditBytes
        func nextRange() -> ServedRange? {
            guard sessions.with(id, { $0.uploads.isWaiting }) == true,
                slots.admits(id, pool, at: now)
            else { return nil }
            return sessions.with(id) { session in
                guard let range = session.uploads.next(credit: credit, at: now) else { return nil }
                session.lastSentAt = now
                return range
            } ?? nil
        }
        while let range = nextRange() {
            actions.append(.sendBlock(range, to: id))
            let othersWait = isAnybodyWaiting(in: pool, except: id)
            slots.sent(range.length, of: range.piece, to: id, othersWait: othersWait, at: now)
        }
        noteWaiting(id)
        if sessions.with(id, { $0.uploads.isInTransport }) != true {
            slots.drained(id, at: now)
            let next = slots.isSlow ? UploadSlots.Pool.allCases : [pool]
            for pool in next { serveOthers(pool, at: now, into: &actions) }
        }
    }

    /// Keeps the list of those that wait for a turn: it is looked at for each block, and the
    /// sessions are many.
    mutating func noteWaiting(_ id: ConnectionID) {
        let waits = sessions.with(id) { $0.uploads.isWaiting && !$0.uploads.isInTransport }
        if waits == true {
            uploadsWaiting.append(id)
        } else {
            uploadsWaiting.remove(id)
        }
    }

    private mutating func isAnybodyWaiting(
        in pool: UploadSlots.Pool,
        except id: ConnectionID
    ) -> Bool {
        for other in uploadsWaiting where other != id {
            let level = sessions.with(other) { $0.level }
            if level.map({ self.pool(ofLevel: $0) }) == pool { return true }
        }
        return false
    }

    /// Begins turns while there is room and somebody waits.
    mutating func serveOthers(
        _ pool: UploadSlots.Pool,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        while slots.hasRoom(pool), !uploadsWaiting.isEmpty {
            let next = slots.next(among: candidates(for: pool, at: now))
            guard let next, slots.admits(next, pool, at: now), let level = sessions[next]?.level
            else { return }
            let before = actions.count
            send(to: next, ofLevel: level, at: now, into: &actions)
            // One with nothing to send has given its turn back, and would be chosen again.
            if actions.count == before { return }
        }
    }

    /// Who may begin a turn.
    private func candidates(
        for pool: UploadSlots.Pool,
        at now: Instant
    ) -> [UploadSlots.Candidate] {
        let all = uploadsWaiting.compactMap { sessions[$0] }
        let waiting = all.filter { self.pool(ofLevel: $0.level) == pool }
        // What goes to one nearby can go on from there.
        let nearby = pool == .far ? all.filter { self.pool(ofLevel: $0.level) == .near } : []
        let nearer = OrderedSet(nearby.compactMap(\.uploads.next))
        let candidates = waiting.map { session in
            var candidate = candidate(session, at: now)
            if let next = session.uploads.next, nearer.contains(next) {
                candidate.isFirst = false
            }
            return candidate
        }
        guard isScarce(at: now) else { return candidates }
        let nearbyFirst = nearby.contains { self.candidate($0, at: now).isFirst }
        return patient(candidates, nearbyFirst: nearbyFirst, at: now)
    }

    /// Whether this host has everything, and an uplink that all wait for. Who is still fetching is
    /// an importer, of whom its domain waits for copies.
    private func isScarce(at now: Instant) -> Bool {
        picker?.isComplete == true && slots.isNarrow(at: now)
    }

    /// While a narrow uplink has pieces to send that only this host has, nothing else takes a share
    /// of it: who asks for what was sent before hears that it waits, and where it can be had. What
    /// only this host has goes to one nearby first, when one nearby wants such a piece.
    private func patient(
        _ candidates: [UploadSlots.Candidate],
        nearbyFirst: Bool,
        at now: Instant
    ) -> [UploadSlots.Candidate] {
        let isSendingOnlyCopy = slots.sending.contains { id, piece in
            sessions[id].map { isOnlyHere(piece, at: $0.level) } ?? false
        }
        let isBusy =
            slots.isBusy && (isSendingOnlyCopy || candidates.contains(where: \.isFirst))
        return candidates.filter { candidate in
            if now - candidate.waitsSince >= Self.secondCopyAfter { return true }
            if nearbyFirst, slots.isBusy { return false }
            return candidate.isFirst || (!isBusy && !isSettling(candidate.id, at: now))
        }
    }

    /// Who has waited so long for a piece that others have gets it from here all the same.
    private static let secondCopyAfter = Duration.seconds(60)

    /// Waits for a piece that has just been sent to another, who can pass it on.
    private func isSettling(_ id: ConnectionID, at now: Instant) -> Bool {
        sessions[id]?.uploads.next.map { slots.isSettling($0, besides: id, at: now) } ?? false
    }

    private func candidate(_ session: PeerSession, at now: Instant) -> UploadSlots.Candidate {
        UploadSlots.Candidate(
            id: session.id,
            isOurs: session.isOurs,
            level: session.level,
            piecesHeld: session.pieces?.population ?? 0,
            waitsSince: session.uploads.waitsSince ?? now,
            isFirst: session.uploads.next.map { isUnsent($0, to: session, at: now) } ?? false
        )
    }

    /// Only this host has the piece in the domain that the peer and it are in, as far as it knows,
    /// and nobody else is being sent it.
    private func isUnsent(_ piece: PieceIndex, to session: PeerSession, at now: Instant) -> Bool {
        !slots.isSending(piece, besides: session.id, at: now)
            && isOnlyHere(piece, at: session.level)
    }

    private func isOnlyHere(_ piece: PieceIndex, at level: Int) -> Bool {
        picker.map { $0.scopes.nearest(piece.number) ?? -1 < level } ?? false
    }

    /// Frees the slots of those that take nothing, and gives them to others.
    mutating func reviewSlots(at now: Instant, into actions: inout [SwarmAction]) {
        for session in sessions.values {
            guard let since = session.uploads.progressAt, session.uploads.isInTransport,
                now - since >= settings.scheduler.slotStall
            else { continue }
            // When nothing goes out soon it is this host that is slow, and not the peer.
            let isAlone = slots.soonAt ?? since > since
            if isAlone || now - since >= settings.scheduler.slotStallMax {
                slots.stalled(session.id)
            }
        }
        // One alone that waits, or one that is slow itself, may take no more than it gets.
        let waiting = sessions.count { $0.uploads.isWaiting && !$0.isSlow }
        uplink.sample(isSaturated: waiting > 1, at: now)
        for pool in UploadSlots.Pool.allCases { serveOthers(pool, at: now, into: &actions) }
    }

    mutating func uploadFinished(
        _ raw: RawBlock,
        to id: ConnectionID,
        wasSent: Bool,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        var place = 0
        if wasSent {
            let guess = sessions.with(id) { $0.bookedSent } ?? 0
            place = ledger.sent(Int(raw.length), to: locality(of: id), guess: guess)
        }
        let found = sessions.with(id) { session in
            if wasSent { session.bookedSent = place }
            defer { session.uploads.finished(raw, wasSent: wasSent, at: now) }
            return session.uploads.progressAt
        }
        guard let before = found else { return }
        if wasSent {
            if let before { slots.finished(Int(raw.length), after: now - before, at: now) }
            uplink.sent(Int(raw.length), at: now)
        } else {
            reject(raw, to: id, at: now, into: &actions)
        }
        serve(id, at: now, into: &actions)
    }
}
