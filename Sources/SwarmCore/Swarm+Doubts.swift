import OrderedCollections
import SwarmModel

/// Pieces that a peer has sent wrong before: see ``DoubtBook``.
extension Swarm {
    /// The peer has just said all that it has.
    mutating func doubtAgain(_ id: ConnectionID) {
        guard !doubts.isEmpty, let session = sessions[id] else { return }
        let suspects = doubts.pieces(of: session.facts.peer, at: session.listenEndpoint)
        sessions[id]?.doubt(suspects)
    }

    /// It says that it has the pieces anew, and not as before.
    mutating func settle(_ pieces: [PieceIndex], of id: ConnectionID) {
        guard !doubts.isEmpty else { return }
        let doubted = sessions.with(id) { session in
            session.doubted.isEmpty ? nil : (session.facts.peer, session.listenEndpoint)
        }
        guard case (let peer, let endpoint)?? = doubted else { return }
        doubts.settle(pieces, of: peer, at: endpoint)
        sessions[id]?.settle(pieces)
    }

    /// Doubts that have ended: those peers are asked again.
    mutating func believeAgain(at now: Instant, into actions: inout [SwarmAction]) {
        guard doubts.expire(at: now) else { return }
        for id in sessions.ids(where: { !$0.doubted.isEmpty }) {
            guard let session = sessions[id] else { continue }
            let still = doubts.pieces(of: session.facts.peer, at: session.listenEndpoint)
            let believed = sessions[id]?.believe(except: still) ?? []
            gains(believed, id, at: now)
            availabilityKnown(id, at: now, into: &actions)
        }
    }
}
