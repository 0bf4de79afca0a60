package import SwarmModel

extension ConnectionID {
    /// Reads from origins are numbered apart from connections, with the origin's place in between,
    /// so that the sender of a wrong block is known after its read has ended.
    private static let originFlag: UInt64 = 1 << 63
    private static let originShift: UInt64 = 40

    static func originRead(_ number: UInt64, ofOrigin index: Int) -> ConnectionID {
        ConnectionID(originFlag | UInt64(index) << originShift | number)
    }

    /// The place of the origin when this is a read and no connection.
    package var originIndex: Int? {
        guard number & Self.originFlag != 0 else { return nil }
        return Int((number & ~Self.originFlag) >> Self.originShift)
    }
}

/// What a peer knows of its origins, of the leases it holds and of the reads under way, and when it
/// may use which. It decides nothing about pieces; ``Swarm`` does that.
///
/// An origin is *usable*, *waiting* (backing off after a fault) or *poisoned*, which is for good. A
/// question to the tracker is outstanding or not; only then can a lease come.
package struct OriginReader: Sendable {
    struct Origin: Hashable, Sendable {
        let facts: OriginFacts
        var retryAt: Instant?
        /// Faults in a row, and changes of an object in a row.
        var faults = 0
        var changes = 0
        /// The last fault; cleared by a read that succeeds.
        var problem: OriginFault?
        var isPoisoned = false
    }

    struct Lease: Hashable, Sendable {
        /// Nil for one that we gave ourselves.
        let claim: LeaseClaim?
        let origin: Int
        /// Pieces not begun.
        var waiting: [PieceIndex]
        var reads = 0
        var hasFailed = false
        var expiresAt: Instant
        var renewAt: Instant
        /// When a read under it began or ended last.
        var movedAt: Instant

        /// There is something to read, and it is not being read.
        var isIdle: Bool { reads == 0 && !waiting.isEmpty }
    }

    struct Read: Hashable, Sendable {
        let order: OriginRead
        let pieces: [PieceIndex]
        /// The key of its lease.
        let lease: Int
        var progressAt: Instant
    }

    let settings: OriginSettings
    private(set) var origins: [Origin] = []
    private(set) var leases: [(key: Int, lease: Lease)] = []
    private(set) var reads: [Read] = []
    private var random: SeededRandom
    private var lastKey = 0
    private var lastRead: UInt64 = 0

    /// A question to the tracker is outstanding.
    private(set) var isAsking = false
    private var askAt: Instant?
    private var unansweredAsks = 0
    /// Since when no tracker answers; nil when one did last.
    private(set) var tracklessSince: Instant?
    private(set) var hasTracker = true

    /// Missing pieces that no peer had at ``candidatesAt``.
    private var candidates: Bitfield?
    private var candidatesAt = Instant.origin
    /// Pieces that have been missing everywhere for the whole patience, when last looked.
    private(set) var due: [Int] = []
    var scanAt = Instant.origin

    init(settings: OriginSettings, random: SeededRandom) {
        self.settings = settings
        self.random = random
    }

    /// Most origins of one version.
    static let originsMax = 64

    mutating func learn(_ facts: [OriginFacts], hasTracker: Bool, at now: Instant) {
        guard origins.isEmpty else { return }
        origins = facts.prefix(Self.originsMax).map { Origin(facts: $0) }
        self.hasTracker = hasTracker
        if !hasTracker { tracklessSince = now }
        scanAt = now
    }

    /// Some origin may be read from, now or later.
    var isUsable: Bool { origins.contains { !$0.isPoisoned } }
    var isIdle: Bool { leases.isEmpty && reads.isEmpty }

    /// The origin to read from now: the nearest, and of equally near ones the first.
    func choice(near here: Locality, at now: Instant) -> Int? {
        let usable = origins.indices.filter { isUsable($0, at: now) }
        return usable.min { distance($0, here) < distance($1, here) }
    }

    func isUsable(_ index: Int, at now: Instant) -> Bool {
        !origins[index].isPoisoned && origins[index].retryAt ?? now <= now
    }

    /// Levels of `here` that the origin does not share.
    private func distance(_ index: Int, _ here: Locality) -> Int {
        here.labels.count - here.commonLevels(with: origins[index].facts.locality)
    }

    // MARK: What is missing

    /// Takes a look's result: what is missing now and was a patience ago is due.
    mutating func seen(_ missing: Bitfield, at now: Instant) {
        scanAt = now + settings.scanInterval
        guard let before = candidates, before.count == missing.count else {
            candidates = missing
            candidatesAt = now
            return
        }
        guard now - candidatesAt >= settings.patience else { return }
        due = missing.members.filter { before[bit: $0] }
        candidates = missing
        candidatesAt = now
    }

    mutating func forgetDue() {
        due = []
        candidates = nil
    }

    /// The due pieces as runs: those of `urgent` first, then from a place drawn by chance on, so
    /// that hosts that start together want different pieces.
    mutating func runs(of due: [Int], urgent: [Int]) -> [Range<Int>] {
        guard let last = due.last else { return [] }
        let start = Int.random(in: 0...last, using: &random)
        var runs = Self.runs(due.filter { urgent.contains($0) })
        runs += Self.runs(due.filter { $0 >= start }) + Self.runs(due.filter { $0 < start })
        return Array(runs.prefix(LeaseWish.runsMax))
    }

    private static func runs(_ numbers: [Int]) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        for number in numbers {
            if let last = runs.last, last.upperBound == number {
                runs[runs.count - 1] = last.lowerBound..<number + 1
            } else {
                runs.append(number..<number + 1)
            }
        }
        return runs
    }

    // MARK: Asking the tracker

    func mayAsk(at now: Instant) -> Bool {
        hasTracker && !isAsking && leases.count < settings.readsMax && askAt ?? now <= now
    }

    mutating func asked() { isAsking = true }

    mutating func toldToWait(_ wait: Duration, at now: Instant) {
        answered()
        // A random part more, so that those who were told the same do not come back together.
        let wait = min(max(wait, .milliseconds(100)), settings.waitMax)
        askAt = now + wait + jitter(wait / 2)
    }

    mutating func answered() {
        isAsking = false
        unansweredAsks = 0
        tracklessSince = nil
        askAt = nil
    }

    mutating func unanswered(at now: Instant) {
        isAsking = false
        tracklessSince = tracklessSince ?? now
        let ceiling = Self.ceiling(settings.askBackoff, settings.askBackoffMax, unansweredAsks)
        unansweredAsks += 1
        askAt = now + jitter(ceiling)
    }

    /// Whether a peer without any other peer may read without a lease.
    func mayReadAlone(at now: Instant) -> Bool {
        guard let since = tracklessSince, leases.count < settings.readsMax else { return false }
        return !hasTracker || now - since >= settings.aloneAfter
    }

    // MARK: Leases

    mutating func add(
        _ claim: LeaseClaim?,
        origin: Int,
        pieces: [PieceIndex],
        lifetime: Duration,
        at now: Instant
    ) {
        let lifetime = OriginSettings.lifetimes.clamp(lifetime)
        lastKey += 1
        let lease = Lease(
            claim: claim,
            origin: origin,
            waiting: pieces,
            expiresAt: now + lifetime,
            renewAt: now + lifetime / 3,
            movedAt: now
        )
        leases.append((lastKey, lease))
    }

    mutating func renewed(_ number: UInt64, lifetime: Duration, at now: Instant) {
        for index in leases.indices where leases[index].lease.claim?.number == number {
            let lifetime = OriginSettings.lifetimes.clamp(lifetime)
            leases[index].lease.expiresAt = now + lifetime
            leases[index].lease.renewAt = now + lifetime / 3
        }
    }

    /// Claims to renew now. When the tracker is silent they are tried again at the same pace.
    mutating func dueRenewals(at now: Instant) -> [LeaseClaim] {
        var due: [LeaseClaim] = []
        for index in leases.indices where leases[index].lease.renewAt <= now {
            let rest = leases[index].lease.expiresAt - now
            leases[index].lease.renewAt = now + max(rest / 3, .milliseconds(500))
            if let claim = leases[index].lease.claim { due.append(claim) }
        }
        return due
    }

    mutating func update(_ key: Int, _ change: (inout Lease) -> Void) {
        guard let index = leases.firstIndex(where: { $0.key == key }) else { return }
        change(&leases[index].lease)
    }

    mutating func remove(lease key: Int) { leases.removeAll { $0.key == key } }

    // MARK: Reads

    func mayRead(from origin: Int, at now: Instant) -> Bool {
        let own = reads.count { $0.order.id.originIndex == origin }
        return isUsable(origin, at: now) && reads.count < settings.readsMax
            && own < origins[origin].facts.readsMax
    }

    mutating func begin(
        _ pieces: [PieceIndex],
        of file: FileIndex,
        _ bytes: Range<Int>,
        lease key: Int,
        id: ConnectionID,
        origin: Int,
        at now: Instant
    ) -> OriginRead {
        let order = OriginRead(
            id: id,
            origin: origins[origin].facts.id,
            file: file,
            bytes: bytes
        )
        reads.append(Read(order: order, pieces: pieces, lease: key, progressAt: now))
        update(key) {
            $0.reads += 1
            $0.movedAt = now
        }
        return order
    }

    mutating func nextReadID(origin: Int) -> ConnectionID {
        lastRead += 1
        return .originRead(lastRead, ofOrigin: origin)
    }

    mutating func progressed(_ id: ConnectionID, at now: Instant) {
        for index in reads.indices where reads[index].order.id == id {
            reads[index].progressAt = now
        }
    }

    /// The read has ended; nil when it is not known any more.
    mutating func end(_ id: ConnectionID, at now: Instant) -> Read? {
        guard let index = reads.firstIndex(where: { $0.order.id == id }) else { return nil }
        let read = reads.remove(at: index)
        update(read.lease) {
            $0.reads -= 1
            $0.movedAt = now
        }
        return read
    }

    // MARK: Health

    mutating func succeeded(_ index: Int) {
        origins[index].faults = 0
        origins[index].changes = 0
        origins[index].problem = nil
        origins[index].retryAt = nil
    }

    /// Books a fault; true when the origin is poisoned by it.
    mutating func failed(_ index: Int, _ fault: OriginFault, at now: Instant) -> Bool {
        guard !origins[index].isPoisoned else { return false }
        origins[index].problem = fault
        let faults = origins[index].faults
        origins[index].faults += 1
        switch fault.severity {
        case .poison:
            origins[index].isPoisoned = true
            return true
        case .changed:
            origins[index].changes += 1
            if origins[index].changes >= settings.changesMax {
                origins[index].isPoisoned = true
                return true
            }
            origins[index].retryAt = now + jitter(settings.backoff)
        case .refusal:
            origins[index].retryAt = now + settings.refusalWait + jitter(settings.refusalWait / 4)
        case .passing:
            var wait = jitter(Self.ceiling(settings.backoff, settings.backoffMax, faults))
            if case .busy(_, let asked?) = fault {
                wait = max(wait, min(max(asked, .zero), settings.retryAfterMax))
            }
            origins[index].retryAt = now + wait
        }
        return false
    }

    /// Full jitter, and never nothing, so that a deadline always lies ahead.
    private mutating func jitter(_ ceiling: Duration) -> Duration {
        let part = Double.random(in: 0..<1, using: &random)
        return max(.milliseconds(1), .nanoseconds(Int64(Double(ceiling.nanoseconds) * part)))
    }

    private static func ceiling(_ first: Duration, _ most: Duration, _ doublings: Int) -> Duration {
        min(most, first * (1 << min(doublings, 16)))
    }

    /// When reads or leases need a look.
    var deadline: Instant? {
        var next: Instant?
        for read in reads { next = earlier(next, read.progressAt + settings.stallAfter) }
        for (_, lease) in leases {
            next = earlier(next, min(lease.renewAt, lease.expiresAt))
            if lease.isIdle { next = earlier(next, lease.movedAt + settings.stallAfter) }
        }
        return next
    }
}

extension ClosedRange {
    func clamp(_ value: Bound) -> Bound { Swift.min(Swift.max(value, lowerBound), upperBound) }
}
