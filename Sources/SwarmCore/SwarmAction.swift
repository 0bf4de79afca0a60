package import SwarmModel

/// A thing for the driver to do, in the order of the list.
package enum SwarmAction: Hashable, Sendable {
    // Connections
    case dial(Endpoint)
    case closeConnection(ConnectionID, CloseCause)
    case send(PeerMessage, to: ConnectionID)
    /// A have for each of these pieces, in order.
    case sendHaves([UInt32], to: ConnectionID)
    case sendBlock(ServedRange, to: ConnectionID)
    case sendMetadata(piece: UInt32, to: ConnectionID)
    /// Answer a hash request with message 22, or 23 when it cannot be answered; then report
    /// ``SwarmEvent/hashesServed(to:)``.
    case serveHashes(HashRange, to: ConnectionID)

    // Blocks
    /// Begin to accept blocks of this piece.
    case openPiece(PieceIndex)
    /// Stop accepting blocks of it and forget those that came.
    case abandonPiece(PieceIndex)
    /// Forget all blocks of a failed piece and accept them anew, but remember who sent what: when
    /// the piece is verified, compare, and report ``SwarmEvent/pieceAudited(_:wrongBlocks:)``.
    case restartPiece(PieceIndex)

    // Hashes and metadata
    /// Prove the hashes of the message at hand, keep them, and report
    /// ``SwarmEvent/hashesChecked(_:from:valid:)``.
    case checkHashes(HashRange, from: ConnectionID)
    /// A new source: make room for this many bytes of `info` and forget what another one sent.
    case beginMetadata(size: Int)
    /// Keep the part of the message at hand.
    case keepMetadata(piece: UInt32)
    /// All parts of `info` are here: check them, and report the content or
    /// ``SwarmEvent/metadataRefuted``.
    case checkMetadata

    // Origins
    /// Ask the tracker and report ``SwarmEvent/leaseAnswered(_:)``; one question at a time.
    case askLease(LeaseWish)
    case renewLease(LeaseClaim)
    case endLease(LeaseClaim, LeaseEnd)
    /// Read the bytes and report each block as ``SwarmEvent/blockArrived(_:from:_:)`` from the
    /// read's id, then ``SwarmEvent/originReadEnded(_:_:)``.
    case readOrigin(OriginRead)
    /// Nothing of this read is wanted any more; no report of its end is needed.
    case cancelRead(ConnectionID)

    // Storage
    case commit([PieceIndex])
    case seal(FileIndex)
    /// Every file is sealed: make the view appear.
    case publishView

    case trace(SwarmTrace)
}

/// Why we close a connection; the words reach the log.
package enum CloseCause: Hashable, Sendable, CustomStringConvertible {
    case violation(String)
    case banned(String)
    case duplicateConnection
    case tooManyConnections
    case idle
    case stalled
    case notReading
    case bothSeeds
    /// In the clear where the policy demands TLS.
    case unprotected(String)

    /// The peer, rather than the connection, is at fault.
    var isLoss: Bool {
        switch self {
        case .violation, .banned, .idle, .stalled, .notReading: true
        case .duplicateConnection, .tooManyConnections, .bothSeeds, .unprotected: false
        }
    }

    package var description: String {
        switch self {
        case .violation(let what): "protocol violation: \(what)"
        case .banned(let why): "banned: \(why)"
        case .duplicateConnection: "a second connection to the same peer"
        case .tooManyConnections: "too many connections"
        case .idle: "idle"
        case .stalled: "sent no block that was asked for"
        case .notReading: "does not read what it asked for"
        case .bothSeeds: "both ends are complete"
        case .unprotected(let what): "plaintext refused: \(what)"
        }
    }
}

/// What the core reports for logs, metrics and transcripts; nothing depends on it.
package enum SwarmTrace: Hashable, Sendable {
    case peerBanned(PeerID, Endpoint, reason: String)
    case peerSnubbed(ConnectionID)
    case pieceFailed(PieceIndex, senders: Int)
    /// A connection in the clear was closed because the policy demands TLS of it.
    case plaintextRefused(Endpoint, reason: String)
    /// The layer of the file can be asked of no connected peer.
    case storagePaused(reason: String)
    case originFailed(OriginID, OriginFault, isPoisoned: Bool)
    /// All pieces are verified.
    case downloadFinished
    /// All files are sealed.
    case completed
}
