package import SwarmModel

/// Which peers may send requests. The fleet is cooperative: nobody is starved for lack of return,
/// and choking only bounds how many are served at once (Legout et al. 2006 show that a seed serving
/// all in turn keeps pieces diverse).
package enum Choker {
    package struct Candidate: Hashable, Sendable {
        package var id: ConnectionID
        package var isUnchoked: Bool
        /// When it was unchoked last; nil when never.
        package var unchokedAt: Instant?
        /// How many of our pieces it lacks: those with least come first.
        package var piecesHeld: Int
        /// Speaks our extensions; other clients are served too, last.
        package var isOurs: Bool

        package init(
            id: ConnectionID,
            isUnchoked: Bool,
            unchokedAt: Instant?,
            piecesHeld: Int,
            isOurs: Bool
        ) {
            self.id = id
            self.isUnchoked = isUnchoked
            self.unchokedAt = unchokedAt
            self.piecesHeld = piecesHeld
            self.isOurs = isOurs
        }
    }

    /// The peers to be unchoked until the next round, among the interested. When there are more
    /// than slots, one slot in four goes to those who waited longest, whatever they hold.
    package static func unchoked(among candidates: [Candidate], slots: Int) -> [ConnectionID] {
        guard candidates.count > slots else { return candidates.map(\.id) }
        let byNeed = candidates.sorted { a, b in
            if a.isOurs != b.isOurs { return a.isOurs }
            if a.piecesHeld != b.piecesHeld { return a.piecesHeld < b.piecesHeld }
            return a.id < b.id
        }
        let rotating = min(slots, max(1, slots / 4))
        var chosen = byNeed.prefix(slots - rotating).map(\.id)
        let waiting = byNeed.filter { !chosen.contains($0.id) }.sorted { a, b in
            let (first, second) = (
                a.unchokedAt ?? .init(nanoseconds: .min), b.unchokedAt ?? .init(nanoseconds: .min)
            )
            return first == second ? a.id < b.id : first < second
        }
        chosen += waiting.prefix(rotating).map(\.id)
        return chosen
    }
}
