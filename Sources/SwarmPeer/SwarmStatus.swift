package import SwarmModel

/// How far a version is.
struct VersionProgress: Hashable, Sendable {
    var names: [ModelReference]
    var infoHash: InfoHash
    var state: SwarmStatus.State
    var problem: String?
    var pieceCount: Int
    var piecesHeld: Int
    var byteCount: Int
    var bytesHeld: Int
}

/// What one swarm of this peer looks like from outside; the peer's API sends it as JSON.
package struct SwarmStatus: Codable, Hashable, Sendable {
    package enum State: String, Codable, Hashable, Sendable {
        /// The description of the version is being fetched from peers (BEP 9).
        case metadata
        case downloading
        /// Every piece is verified; files are read once more from the medium.
        case sealing
        /// Complete and visible.
        case seeding
        /// The disk refuses writes; see `problem`.
        case paused
        /// It cannot go on without help; see `problem`.
        case failed
    }

    package var name: String
    package var version: String
    /// Every name under which the version is visible here, `name@version` first.
    package var names: [String]
    package var infoHash: String
    package var state: State
    /// Why it is paused or failed, or what the tracker last complained of.
    package var problem: String?
    package var bytes: Int
    package var verifiedBytes: Int
    package var pieces: Int
    package var verifiedPieces: Int
    /// Bytes that were verified when the swarm was opened.
    package var resumedBytes: Int
    package var receivedBytes: Int
    package var duplicateBytes: Int
    package var uploadedBytes: Int
    package var receivedBytesPerSecond: Int
    package var peers: Int
    package var seeds: Int
    package var knownPeers: Int
    package var bannedPeers: [String]
    /// Verified pieces that no connected peer and not this one has: as long as there are any, the
    /// download cannot end.
    package var unavailablePieces: Int
    /// The first of them by file and number.
    package var unavailable: [MissingPieces]
    package var from: [PullReport.Source]
    /// The ledger: payload by both ends and kind, as received and as sent.
    package var received: [TrafficLedger.Entry]
    package var sent: [TrafficLedger.Entry]
    /// What the bytes received cost their senders, and what those sent cost here; whoever shows the
    /// status fills them in from a price file.
    package var costUSD: Double?
    package var sentCostUSD: Double?
    /// The view, once it is there; for a version seeded in place, its directory.
    package var path: String?
    package var seconds: Double
}
