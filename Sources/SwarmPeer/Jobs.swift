import SwarmCore
import SwarmModel

/// Work that an actor hands to its child tasks: an unbounded stream whose length the core bounds.
struct JobQueue<Job: Sendable>: Sendable {
    let stream: AsyncStream<Job>
    private let continuation: AsyncStream<Job>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream(of: Job.self) }

    func add(_ job: Job) { continuation.yield(job) }
    func finish() { continuation.finish() }
}

/// A connection to open.
struct Dial: Sendable {
    let endpoint: Endpoint
    let protection: LinkProtection

    init(_ endpoint: Endpoint, _ protection: LinkProtection) {
        self.endpoint = endpoint
        self.protection = protection
    }
}

/// The queues of one driver.
struct Jobs: Sendable {
    enum Disk: Sendable {
        case commit([PieceIndex])
        /// Read committed pieces from media while others arrive.
        case readBack([PieceIndex])
        case seal(FileIndex)
        case publishView
        /// Write the metainfo, with the layers that are known now, for the next start.
        case keepTorrent
    }

    struct HashServe: Sendable {
        var range: HashRange
        var peer: ConnectionID
    }

    enum Lease: Sendable {
        case ask(LeaseWish)
        case renew(LeaseClaim)
        case end(LeaseClaim, LeaseEnd)
    }

    struct Read: Sendable {
        var order: OriginRead
        /// Ends when nobody wants the read any more.
        var stop: AsyncStream<Void>
    }

    /// In order, because a view follows its seals and a seal the commits before it.
    let disk = JobQueue<Disk>()
    /// At most ``SwarmSettings/hashServesPerPeer`` for each peer.
    let hashServes = JobQueue<HashServe>()
    /// At most one.
    let announces = JobQueue<AnnounceOrder>()
    /// URLs of trackers to report traffic to: at most one for each.
    let reports = JobQueue<String>()
    /// At most ``SwarmSettings/dialsMax``.
    let dials = JobQueue<Dial>()
    /// One question, and two words for each lease.
    let leases = JobQueue<Lease>()
    /// At most ``OriginSettings/readsMax``, and those that are ending.
    let reads = JobQueue<Read>()
}
