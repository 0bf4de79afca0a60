package import SwarmModel

/// Pieces that a peer sent wrong, and is not asked for again when its ban has ended.
///
/// A disk that rots gives the same wrong bytes each time. Were they asked for again at once, the
/// peer would be banned for ever longer, and with it all that it holds and is sound. Bounded;
/// doubts end, since a disk can be mended.
package struct DoubtBook: Sendable {
    private struct Doubt: Hashable, Sendable {
        var peer: PeerID
        var endpoint: Endpoint?
        var piece: PieceIndex
        var until: Instant

        func concerns(_ peer: PeerID, _ endpoint: Endpoint?) -> Bool {
            self.peer == peer || (self.endpoint != nil && self.endpoint == endpoint)
        }
    }

    private var doubts: [Doubt] = []

    /// Doubts kept; beyond, the oldest is dropped.
    package static let doubtsMax = 1024

    package init() {}

    package var isEmpty: Bool { doubts.isEmpty }

    /// The peer with this id, or that listens there, has sent the piece wrong.
    package mutating func doubt(
        _ piece: PieceIndex,
        of peer: PeerID,
        at endpoint: Endpoint?,
        until: Instant
    ) {
        settle([piece], of: peer, at: endpoint)
        if doubts.count >= Self.doubtsMax { doubts.removeFirst() }
        doubts.append(Doubt(peer: peer, endpoint: endpoint, piece: piece, until: until))
    }

    /// What is not to be asked of the peer.
    package func pieces(of peer: PeerID, at endpoint: Endpoint?) -> [PieceIndex] {
        doubts.filter { $0.concerns(peer, endpoint) }.map(\.piece)
    }

    /// It has said that it has them anew.
    package mutating func settle(_ pieces: [PieceIndex], of peer: PeerID, at endpoint: Endpoint?) {
        doubts.removeAll { $0.concerns(peer, endpoint) && pieces.contains($0.piece) }
    }

    /// Ends the doubts that are due; whether there were any.
    package mutating func expire(at now: Instant) -> Bool {
        let before = doubts.count
        doubts.removeAll { $0.until <= now }
        return doubts.count < before
    }
}
