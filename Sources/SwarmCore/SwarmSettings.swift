package import SwarmModel

/// The knobs of one swarm on one peer. What all peers must agree on is in the metainfo, never here.
package struct SwarmSettings: Hashable, Sendable {
    // MARK: Connections

    /// Most open connections. Each costs a socket and some 10 KiB; during a block up to 1 MiB.
    package var connectionsMax = 400
    /// A peer that still downloads dials until it has this many.
    package var connectionsWanted = 50
    /// Most dials under way at once. More fill the swarm faster and hit a restarted host harder.
    package var dialsMax = 16
    /// Most addresses remembered (libtorrent keeps 3,000 a swarm).
    package var knownPeersMax = 4096
    /// First and longest wait after a failed dial; doubled each time, with full jitter.
    package var dialBackoff = Duration.seconds(1)
    package var dialBackoffMax = Duration.seconds(60)
    /// A ban for proven wrong bytes; doubled for each further one, up to the longest.
    package var banDuration = Duration.seconds(600)
    package var banDurationMax = Duration.seconds(3600)
    /// How long after its ban a peer is not asked for the piece that it sent wrong.
    package var doubtDuration = Duration.seconds(3600)
    /// Silence after which a keep-alive is sent (BEP 3 closes after 120 s).
    package var keepAliveInterval = Duration.seconds(60)
    /// Silence after which a connection is closed.
    package var idleCloseAfter = Duration.seconds(150)
    /// Which connections must be TLS. TLS costs encryption and three copies at each end.
    package var transportPolicy = TransportPolicy.plain

    // MARK: Requests

    /// Bytes of a request to one of our peers; to others ``foreignRequestLength``. Longer saves
    /// headers and system calls, shorter spreads a piece over sources sooner.
    package var requestLength = 256 << 10
    /// The same for a peer that sends at least so many bytes a second: a block is one system call
    /// and one wake-up, and on such a path takes 125 ms at most.
    package var longRequestLength = 1 << 20
    package var longRequestRate = 8 << 20
    /// Longest request that we serve; announced as `shoal_maxreq`.
    package var requestLengthMax = 1 << 20
    /// Other clients serve 16 KiB (BEP 3's customary block).
    package var foreignRequestLength = PieceGeometry.blockLength
    /// Bytes asked of one peer and not yet here, at least and at most. The most bounds what a
    /// dead peer holds up; it caps one connection at this many bytes per round trip.
    package var outstandingBytesMin = 512 << 10
    package var outstandingBytesMax = 16 << 20
    /// How much transfer time the outstanding requests cover, beyond twice the round trip.
    package var pipelineWindow = Duration.milliseconds(250)
    /// Requests kept at a foreign peer that does not say how many it queues (libtorrent's 250).
    package var foreignQueueLength = 250
    /// Pieces in progress at once: each costs 32 bytes for every 16 KiB of it.
    package var activePiecesMax = 256
    /// No block for this long while some are due: the peer is snubbed, its blocks asked elsewhere.
    package var snubAfter = Duration.seconds(8)
    /// Still none after this long: the connection is closed.
    package var stallCloseAfter = Duration.seconds(60)
    /// Age of a request at which an idle source may be asked for it too, when nothing else is left.
    package var endgameAge = Duration.milliseconds(1500)

    // MARK: Uploads

    /// Requests queued for one peer (`reqq`); more are rejected.
    package var uploadQueueLength = 2048
    /// Bytes handed to one connection and not yet written. Bounds the memory of a slow reader.
    package var uploadCreditBytes = 2 << 20
    /// Peers unchoked at once: all that are connected. A cooperative fleet needs flow control,
    /// which the slots of the scheduler are, and not tit-for-tat: an importer that is choked holds
    /// up its whole domain. Each costs the requests it has queued, below 100 KiB.
    package var uploadSlots = 400
    package var rechokeInterval = Duration.seconds(10)
    /// Blocks that a peer has not taken after this long: it never reads; closed.
    package var uploadStallCloseAfter = Duration.seconds(60)

    // MARK: Hashes and metadata

    /// Hash requests outstanding at one peer (libtorrent's 2) and the wait for an answer.
    package var hashRequestsPerPeer = 2
    package var hashTimeout = Duration.seconds(5)
    /// Hash requests of one peer being answered at once; more are rejected.
    package var hashServesPerPeer = 64
    /// Longest `info` dictionary fetched from peers.
    package var metadataLengthMax = 32 << 20
    package var metadataRequestsMax = 8
    package var metadataTimeout = Duration.seconds(10)

    // MARK: Storage

    /// Verified bytes, and time, after which the journal is brought up to date. A crash loses at
    /// most that much work; each costs one fdatasync of the data and one of the journal.
    package var commitBytes = 64 << 20
    package var commitAfter = Duration.seconds(1)
    /// After a failed write no blocks are requested for this long.
    package var storagePause = Duration.seconds(30)

    // MARK: Scheduling

    package var scheduler = SchedulerSettings()

    // MARK: Origins

    package var origin = OriginSettings()

    // MARK: What we say of ourselves

    package var client = "Shoal/0.1"
    package var listenPort: UInt16?
    package var locality = Locality.unknown
    package var generation: UInt64 = 0

    package init() {}
}
