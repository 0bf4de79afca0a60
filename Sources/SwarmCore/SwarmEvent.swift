package import SwarmModel

/// A fact that reaches a swarm's root machine.
package enum SwarmEvent: Hashable, Sendable {
    // Connections
    case connectionOpened(ConnectionFacts)
    case dialFailed(Endpoint)
    /// Nothing more will come from it.
    case connectionClosed(ConnectionID, ClosedBy)
    /// Any message but a block, and without the bytes of ut_metadata and hash messages.
    case received(PeerMessage, from: ConnectionID)
    /// Haves that came together: what they lead to is looked at once.
    case havesReceived([UInt32], from: ConnectionID)

    // Blocks
    case blockArrived(RawBlock, from: ConnectionID, BlockResult)
    case pieceVerified(PieceIndex)
    /// Every block is here and they are not the piece. `senders` has who sent each 16 KiB block.
    case pieceFailed(PieceIndex, senders: [ConnectionID])
    /// The leaves of a failed piece are known now: these of its blocks were wrong, the others kept.
    case pieceAudited(PieceIndex, wrongBlocks: [Int])
    case blockSent(RawBlock, to: ConnectionID)
    case blockUnreadable(RawBlock, to: ConnectionID)

    // Hashes and metadata
    /// The peer's answer was proven (`true`) or refuted.
    case hashesChecked(HashRange, from: ConnectionID, valid: Bool)
    /// Every part of the file's piece layer is here.
    case layerCompleted(FileIndex)
    case hashesServed(to: ConnectionID)
    case metadataArrived(piece: UInt32, totalSize: UInt32, from: ConnectionID)
    /// All parts are here and hash to the info-hash, or not.
    case metadataRefuted
    case contentKnown(SwarmContent)

    // Storage
    case committed([PieceIndex])
    case sealed(FileIndex)
    /// The file on the medium is not what was verified; these pieces are missing again.
    case damaged(FileIndex, [PieceIndex])
    /// A write, commit or seal failed; the pieces are as if never verified.
    case storageFailed(reason: String, lost: [PieceIndex])

    // Origins
    /// Where else the version's bytes may be read; once, and before or after the content is known.
    case originsKnown([OriginFacts], hasTracker: Bool)
    case leaseAnswered(LeaseAnswer)
    /// A renewal was answered; nil when the tracker has given the pieces to somebody else.
    case leaseRenewed(number: UInt64, lifetime: Duration?)
    /// Nothing more comes from this read; nil when all of it came.
    case originReadEnded(ConnectionID, OriginFault?)

    // Tracker
    case peersLearned([Endpoint])
    case rosterUpdated(RosterUpdate)

    /// The deadline has passed. Harmless at any other time.
    case tick
}

/// What is known of a connection when both handshakes are done.
package struct ConnectionFacts: Hashable, Sendable {
    package var id: ConnectionID
    package var peer: PeerID
    /// The remote end of the socket: for an incoming connection not where the peer listens.
    package var endpoint: Endpoint
    package var isIncoming: Bool
    package var supportsFast: Bool
    package var supportsExtensions: Bool
    /// TLS with both certificates checked.
    package var isEncrypted: Bool

    package init(
        id: ConnectionID,
        peer: PeerID,
        endpoint: Endpoint,
        isIncoming: Bool,
        supportsFast: Bool = true,
        supportsExtensions: Bool = true,
        isEncrypted: Bool = false
    ) {
        self.id = id
        self.peer = peer
        self.endpoint = endpoint
        self.isIncoming = isIncoming
        self.supportsFast = supportsFast
        self.supportsExtensions = supportsExtensions
        self.isEncrypted = isEncrypted
    }
}

package enum ClosedBy: Hashable, Sendable {
    /// The other end, or the network.
    case remote
    /// We did, after an action of ours.
    case us
    /// The transport, because of what the peer sent.
    case violation
}

/// What became of a block that arrived.
package enum BlockResult: Hashable, Sendable {
    /// Written; it is one of the blocks of its piece now.
    case stored
    /// Not wanted any more: the bytes were skipped.
    case discarded
    /// The disk refused it.
    case failed(reason: String)
}

/// What a swarm is about, once the metainfo is known.
package struct SwarmContent: Hashable, Sendable {
    package var geometry: PieceGeometry
    /// Pieces on disk and verified when the swarm starts.
    package var verified: Bitfield
    /// Files of ``verified`` pieces only that are sealed already.
    package var sealed: [FileIndex]
    /// What is not ``verified`` is not wanted either: somebody else publishes it.
    package var isPart: Bool
    /// Files with the same root as an earlier one: their pieces come with the earlier file's.
    package var duplicates: [DuplicateFile]
    /// Files whose piece layer must be fetched first, with the requests that fetch it.
    package var missingLayers: [MissingLayer]
    /// Pieces that come before all others: headers, configuration, tokenizer.
    package var urgent: [PieceIndex]
    /// Roots of the files, for hash requests.
    package var roots: [Digest?]
    /// Bytes of `info`, offered by ut_metadata; nil for a private swarm (BEP 27).
    package var metadataSize: Int?

    package init(
        geometry: PieceGeometry,
        verified: Bitfield,
        sealed: [FileIndex] = [],
        isPart: Bool = false,
        duplicates: [DuplicateFile] = [],
        missingLayers: [MissingLayer] = [],
        urgent: [PieceIndex] = [],
        roots: [Digest?] = [],
        metadataSize: Int? = nil
    ) {
        precondition(verified.count == geometry.pieceCount, "a bitfield of another version")
        self.geometry = geometry
        self.verified = verified
        self.sealed = sealed
        self.isPart = isPart
        self.duplicates = duplicates
        self.missingLayers = missingLayers
        self.urgent = urgent
        self.roots = roots
        self.metadataSize = metadataSize
    }
}

/// Files with the same content have the same bytes on disk, and so the same pieces verified.
extension SwarmContent {
    package func isDuplicate(_ piece: PieceIndex) -> Bool {
        let file = geometry.file(of: piece)
        return duplicates.contains { $0.file == file }
    }

    /// The pieces of later files that come with a piece of an original.
    package func twins(of piece: PieceIndex) -> [PieceIndex] {
        let file = geometry.file(of: piece)
        return duplicates.filter { $0.original == file }
            .compactMap { counterpart(of: piece, in: $0.file) }
    }

    /// A piece, original or not, and all that are the same bytes; the original's first.
    package func sharingBytes(with piece: PieceIndex) -> [PieceIndex] {
        let file = geometry.file(of: piece)
        let original = duplicates.first { $0.file == file }
            .flatMap { counterpart(of: piece, in: $0.original) }
        return [original ?? piece] + twins(of: original ?? piece)
    }

    private func counterpart(of piece: PieceIndex, in file: FileIndex) -> PieceIndex? {
        let offset = piece.number - geometry.pieceNumbers(of: geometry.file(of: piece)).lowerBound
        return geometry.piece(geometry.pieceNumbers(of: file).lowerBound + offset)
    }

    /// The same, with the copies' pieces verified exactly when the originals' are.
    var withCopiesAligned: SwarmContent {
        var aligned = self
        for copy in duplicates {
            for piece in geometry.pieces(of: copy.original) {
                guard let twin = counterpart(of: piece, in: copy.file) else { continue }
                if verified[piece] {
                    aligned.verified.insert(twin)
                } else {
                    aligned.verified.remove(twin)
                }
            }
        }
        return aligned
    }
}

package struct DuplicateFile: Hashable, Sendable {
    package var file: FileIndex
    package var original: FileIndex
    package init(file: FileIndex, original: FileIndex) {
        self.file = file
        self.original = original
    }
}

package struct MissingLayer: Hashable, Sendable {
    package var file: FileIndex
    package var requests: [HashRange]
    package init(file: FileIndex, requests: [HashRange]) {
        self.file = file
        self.requests = requests
    }
}
