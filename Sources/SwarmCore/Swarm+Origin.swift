import OrderedCollections
package import SwarmModel

/// Reading from origins, the last resort: which pieces, by which lease, and what becomes of the
/// bytes. They take the way of any peer's: the same board, the same hashes, the same blame.
///
/// No storm can come of it: a host has at most ``OriginSettings/readsMax`` leases, has one question
/// open at a time, waits longer after each fault, and without a tracker reads only when it sees no
/// peer.
extension Swarm {
    /// The rule by which this peer may read a piece from an origin now: no connected peer has it
    /// that gives anything. ``heldNearby`` is the same for all pieces at once.
    func mayReadOrigin(_ piece: PieceIndex) -> Bool {
        !sessions.values.contains { $0.isGiving && $0.pieces?[piece] == true }
    }

    /// The pieces of the connected peers that give what they are asked for.
    private func heldNearby(_ count: Int) -> Bitfield {
        var held = Bitfield(count: count)
        for session in sessions.values where session.isGiving {
            if let pieces = session.pieces { held.formUnion(pieces) }
            if held.isFull { break }
        }
        return held
    }

    mutating func handleOrigin(
        _ event: SwarmEvent,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        switch event {
        case .originsKnown(let facts, let hasTracker):
            reader.learn(facts, hasTracker: hasTracker, at: now)
        case .leaseAnswered(let answer): leaseAnswered(answer, at: now, into: &actions)
        case .leaseRenewed(let number, let lifetime):
            if let lifetime {
                reader.renewed(number, lifetime: lifetime, at: now)
            } else {
                let lost = reader.leases.first { $0.lease.claim?.number == number }
                if let lost { drop(lease: lost.key, at: now, into: &actions) }
            }
        case .originReadEnded(let id, let fault): ended(id, fault, at: now, into: &actions)
        default: preconditionFailure("not about origins: \(event)")
        }
        runOrigin(at: now, into: &actions)
    }

    private var wantsOrigin: Bool {
        picker != nil && !isSatisfied && pausedUntil == nil && reader.isUsable
    }

    // Mutating, so that nothing is copied to find it.
    mutating func originDeadline() -> Instant? {
        guard !reader.origins.isEmpty else { return nil }
        return wantsOrigin ? earlier(reader.scanAt, reader.deadline) : reader.deadline
    }

    /// All that is due: reads that stand still, leases that end, pieces that nobody has.
    mutating func runOrigin(at now: Instant, into actions: inout [SwarmAction]) {
        guard !reader.origins.isEmpty else { return }
        for read in reader.reads where now - read.progressAt >= settings.origin.stallAfter {
            actions.append(.cancelRead(read.order.id))
            ended(read.order.id, .stalled, at: now, into: &actions)
        }
        for (key, lease) in reader.leases where lease.expiresAt <= now {
            drop(lease: key, at: now, into: &actions)
        }
        // Whoever holds a lease and cannot use it would keep all others from its pieces.
        for (key, lease) in reader.leases
        where lease.isIdle && now - lease.movedAt >= settings.origin.stallAfter {
            reader.update(key) { $0.waiting = [] }
        }
        for claim in reader.dueRenewals(at: now) { actions.append(.renewLease(claim)) }
        guard wantsOrigin else {
            for (key, _) in reader.leases { reader.update(key) { $0.waiting = [] } }
            endLeases(at: now, into: &actions)
            return
        }
        if reader.scanAt <= now { reader.seen(missingEverywhere, at: now) }
        beginReads(at: now, into: &actions)
        askLease(at: now, into: &actions)
        while sessions.isEmpty, reader.mayReadAlone(at: now), takeAlone(at: now) {
            beginReads(at: now, into: &actions)
        }
    }

    // MARK: Which pieces

    private var missingEverywhere: Bitfield {
        guard let picker else { return Bitfield(count: 0) }
        var missing = Bitfield(count: picker.geometry.pieceCount)
        let held = heldNearby(missing.count)
        guard !held.isFull else { return missing }
        for piece in picker.geometry.pieces where !held[piece] && picker.isIdle(piece) {
            missing.insert(piece)
        }
        return missing
    }

    /// The due pieces that are still wanted and not leased.
    private var readable: [Int] {
        guard let picker, !reader.due.isEmpty else { return [] }
        let held = heldNearby(picker.geometry.pieceCount)
        return reader.due.filter { number in
            guard !held[bit: number], let piece = picker.geometry.piece(number) else {
                return false
            }
            return picker.isIdle(piece) && !isLeased(piece)
        }
    }

    private func isLeased(_ piece: PieceIndex) -> Bool {
        reader.leases.contains { $0.lease.waiting.contains(piece) }
    }

    private var leaseCountMax: Int {
        let length = geometry?.pieceLength ?? PieceGeometry.blockLength
        return max(1, min(settings.origin.runPiecesMax, settings.origin.runBytes / length))
    }

    // MARK: Leases

    private mutating func askLease(at now: Instant, into actions: inout [SwarmAction]) {
        guard reader.mayAsk(at: now), let origin = reader.choice(near: settings.locality, at: now)
        else { return }
        let runs = wantedRuns()
        guard !runs.isEmpty else { return }
        reader.asked()
        let wish = LeaseWish(
            origin: reader.origins[origin].facts.id,
            pieces: runs,
            countMax: leaseCountMax
        )
        actions.append(.askLease(wish))
    }

    /// A lease that nobody gave: no tracker answers, and there is no peer to be in the way of.
    private mutating func takeAlone(at now: Instant) -> Bool {
        guard let origin = reader.choice(near: settings.locality, at: now),
            let run = wantedRuns().first
        else { return false }
        let pieces = run.prefix(leaseCountMax)
        take(nil, pieces, origin, settings.origin.aloneLifetime, at: now)
        return true
    }

    private mutating func wantedRuns() -> [Range<Int>] {
        let readable = readable
        guard !readable.isEmpty else { return [] }
        return reader.runs(of: readable, urgent: content?.urgent.map(\.number) ?? [])
    }

    private mutating func leaseAnswered(
        _ answer: LeaseAnswer,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard reader.isAsking else { return }
        switch answer {
        case .unanswered: reader.unanswered(at: now)
        case .wait(let wait): reader.toldToWait(wait, at: now)
        case .granted(let claim, let lifetime):
            reader.answered()
            let origin = reader.origins.firstIndex { $0.facts.id == claim.origin }
            guard let origin, wantsOrigin, claim.pieces.count <= leaseCountMax else {
                actions.append(.endLease(claim, .abandoned))
                return
            }
            take(claim, claim.pieces, origin, lifetime, at: now)
        }
    }

    private mutating func take(
        _ claim: LeaseClaim?,
        _ numbers: Range<Int>,
        _ origin: Int,
        _ lifetime: Duration,
        at now: Instant
    ) {
        guard let picker else { return }
        let pieces = numbers.compactMap { picker.geometry.piece($0) }
            .filter { picker.isIdle($0) && !isLeased($0) }
        reader.add(claim, origin: origin, pieces: pieces, lifetime: lifetime, at: now)
    }

    /// Ends the leases of which nothing is left to read.
    private mutating func endLeases(at now: Instant, into actions: inout [SwarmAction]) {
        for (key, lease) in reader.leases where lease.reads == 0 && lease.waiting.isEmpty {
            reader.remove(lease: key)
            guard let claim = lease.claim else { continue }
            let isDone = claim.pieces.allSatisfy { picker?.verified[bit: $0] ?? false }
            let end = lease.hasFailed ? LeaseEnd.failed : isDone ? .done : .abandoned
            actions.append(.endLease(claim, end))
        }
    }

    /// The lease is over: what is still being read under it is not any more.
    private mutating func drop(
        lease key: Int,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        for read in reader.reads where read.lease == key {
            actions.append(.cancelRead(read.order.id))
            giveBack(read, at: now, into: &actions)
        }
        reader.remove(lease: key)
    }

    // MARK: Reads

    private mutating func beginReads(at now: Instant, into actions: inout [SwarmAction]) {
        for (key, lease) in reader.leases where !lease.waiting.isEmpty {
            if !reader.isUsable(lease.origin, at: now) {
                reader.update(key) {
                    $0.waiting = []
                    $0.hasFailed = true
                }
                continue
            }
            var mayBegin = true
            while mayBegin, reader.mayRead(from: lease.origin, at: now) {
                mayBegin = beginRead(lease: key, at: now, into: &actions)
            }
        }
        endLeases(at: now, into: &actions)
    }

    /// Begins one read of as many pieces in a row as lie in one file; false when there is none.
    private mutating func beginRead(
        lease key: Int,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) -> Bool {
        guard let geometry, let lease = reader.leases.first(where: { $0.key == key })?.lease else {
            return false
        }
        let id = reader.nextReadID(origin: lease.origin)
        var taken: [PieceIndex] = []
        var bytes = 0..<0
        var waiting = lease.waiting[...]
        while let piece = waiting.first {
            let start = geometry.offsetInFile(of: piece)
            if let last = taken.last {
                // Only whole pieces that follow one another make one run.
                guard piece.number == last.number + 1, bytes.upperBound == start,
                    geometry.file(of: piece) == geometry.file(of: last),
                    picker?.state(of: piece) == .startable
                else { break }
            }
            guard mayReadOrigin(piece), picker?.isIdle(piece) == true else {
                // A peer has it by now.
                waiting.removeFirst()
                if taken.isEmpty { continue } else { break }
            }
            guard let choice = picker?.claim(piece, for: id) else { break }
            if choice.isNewPiece { actions.append(.openPiece(piece)) }
            let first = taken.isEmpty ? start + choice.range.offset : bytes.lowerBound
            bytes = first..<start + choice.range.offset + choice.range.length
            taken.append(piece)
            waiting.removeFirst()
        }
        reader.update(key) { $0.waiting = Array(waiting) }
        guard let file = taken.first.map({ geometry.file(of: $0) }) else { return false }
        let order = reader.begin(
            taken,
            of: file,
            bytes,
            lease: key,
            id: id,
            origin: lease.origin,
            at: now
        )
        actions.append(.readOrigin(order))
        return true
    }

    private mutating func ended(
        _ id: ConnectionID,
        _ fault: OriginFault?,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard let read = reader.reads.first(where: { $0.order.id == id }),
            let index = id.originIndex
        else { return }
        giveBack(read, at: now, into: &actions)
        guard let fault else {
            reader.succeeded(index)
            return
        }
        reader.update(read.lease) {
            $0.hasFailed = true
            $0.waiting = []
        }
        originFailed(index, fault, at: now, into: &actions)
    }

    /// What the read did not bring may be asked of others.
    private mutating func giveBack(
        _ read: OriginReader.Read,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        _ = reader.end(read.order.id, at: now)
        guard let geometry else { return }
        for piece in read.pieces {
            picker?.release(geometry.wholeRange(of: piece), from: read.order.id)
        }
        disown(read.order.id, at: now, into: &actions)
        mustRefill = true
    }

    /// Nothing is read any more: the disk takes nothing.
    mutating func stopReading(at now: Instant, into actions: inout [SwarmAction]) {
        for (key, lease) in reader.leases {
            drop(lease: key, at: now, into: &actions)
            if let claim = lease.claim { actions.append(.endLease(claim, .abandoned)) }
        }
        reader.forgetDue()
    }

    // MARK: What came

    mutating func originBlockArrived(
        _ raw: RawBlock,
        from id: ConnectionID,
        _ result: BlockResult,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard let range = geometry?.alignedRange(of: raw), let index = id.originIndex,
            reader.origins.indices.contains(index)
        else { return }
        reader.progressed(id, at: now)
        ledger.received(
            range.length,
            from: reader.origins[index].facts.locality,
            kind: .origin,
            kept: result == .stored
        )
        switch result {
        case .stored:
            cancelElsewhere(range, except: id, at: now, into: &actions)
            picker?.markReceived(range)
        case .discarded: picker?.release(range, from: id)
        case .failed(let reason):
            picker?.release(range, from: id)
            pause(reason, at: now, into: &actions)
        }
    }

    /// Books a fault of an origin; a poisoned one is read from no more.
    mutating func originFailed(
        _ index: Int,
        _ fault: OriginFault,
        at now: Instant,
        into actions: inout [SwarmAction]
    ) {
        guard reader.origins.indices.contains(index), !reader.origins[index].isPoisoned else {
            return
        }
        let isPoisoned = reader.failed(index, fault, at: now)
        let id = reader.origins[index].facts.id
        actions.append(.trace(.originFailed(id, fault, isPoisoned: isPoisoned)))
        guard isPoisoned else { return }
        for read in reader.reads where read.order.id.originIndex == index {
            actions.append(.cancelRead(read.order.id))
            giveBack(read, at: now, into: &actions)
            reader.update(read.lease) {
                $0.hasFailed = true
                $0.waiting = []
            }
        }
        endLeases(at: now, into: &actions)
    }
}

extension PeerSession {
    /// It neither refuses nor keeps silent about what it is asked for.
    fileprivate var isGiving: Bool { refusesUntil == nil && !pipeline.isSnubbed }
}

/// What the peer shows of its origins.
package struct OriginHealth: Hashable, Sendable {
    package var facts: OriginFacts
    package var isPoisoned: Bool
    package var problem: OriginFault?
}

extension Swarm {
    package var originHealth: [OriginHealth] {
        reader.origins.map {
            OriginHealth(facts: $0.facts, isPoisoned: $0.isPoisoned, problem: $0.problem)
        }
    }
}
