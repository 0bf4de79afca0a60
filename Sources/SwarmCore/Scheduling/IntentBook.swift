import OrderedCollections
package import SwarmModel

/// Who has said that it is about to import which piece: from others, and what this host has said
/// itself. Without intents a timer alone decides when an importer is taken for dead, and with a
/// slow source it is wrong three to five times for each piece.
///
/// An intent is live until the piece is there, it is taken back, its connection closes, or its time
/// to live is over. Of one sender for one piece intents are live for `holdMax` at most, counted
/// from the first, and then for as long none: who promises and never delivers holds nobody up.
package struct IntentBook: Sendable {
    private struct Heard: Hashable, Sendable {
        var from: ConnectionID
        var level: Int
        var firstAt: Instant
        var expiresAt: Instant
        var isLive = true
    }

    /// An import of this host.
    package struct Own: Hashable, Sendable {
        /// The level of the domain that the piece enters.
        package var level: Int
        package var saidAt: Instant?
    }

    private var heard: OrderedDictionary<Int, [Heard]> = [:]
    private(set) var own: OrderedDictionary<Int, Own> = [:]
    private let holdMax: Duration

    /// Intents kept for one piece: further ones say nothing new.
    package static let perPieceMax = 16

    package init(holdMax: Duration) { self.holdMax = holdMax }

    // MARK: Of others

    /// The pieces of which something has been heard.
    package var pieces: [Int] { Array(heard.keys) }

    /// The highest level at which somebody is about to import the piece.
    package func level(of piece: Int) -> Int? {
        heard[piece]?.filter(\.isLive).map(\.level).max()
    }

    /// Somebody at `level` says that it imports the piece. True when that is news.
    package mutating func hear(
        _ piece: Int,
        from id: ConnectionID,
        level: Int,
        lifetime: Duration,
        at now: Instant
    ) -> Bool {
        var list = heard[piece] ?? []
        let index = list.firstIndex { $0.from == id }
        var entry = Heard(from: id, level: level, firstAt: now, expiresAt: now + lifetime)
        if let index, now - list[index].firstAt < holdMax * 2 {
            entry.firstAt = list[index].firstAt
            entry.expiresAt = min(entry.expiresAt, entry.firstAt + holdMax)
            guard entry.expiresAt > now else { return false }
        }
        let wasLive = index.map { list[$0].isLive } ?? false
        if let index {
            list[index] = entry
        } else if list.count < Self.perPieceMax {
            list.append(entry)
        } else if let dead = list.firstIndex(where: { !$0.isLive }) {
            list[dead] = entry
        } else {
            return false
        }
        heard[piece] = list
        return !wasLive
    }

    /// The sender has the piece.
    package mutating func delivered(_ piece: Int, by id: ConnectionID) -> Bool {
        guard !heard.isEmpty, var list = heard[piece],
            let index = list.firstIndex(where: { $0.from == id })
        else { return false }
        list.remove(at: index)
        heard[piece] = list.isEmpty ? nil : list
        return true
    }

    /// The sender imports it no more.
    package mutating func withdrawn(_ piece: Int, by id: ConnectionID) -> Bool {
        guard let index = heard[piece]?.firstIndex(where: { $0.from == id && $0.isLive }) else {
            return false
        }
        heard[piece]?[index].isLive = false
        return true
    }

    /// The connection is gone. Returns the pieces that its peer was about to import.
    package mutating func closed(_ id: ConnectionID) -> [Int] {
        let pieces = Array(heard.keys).filter { piece in
            heard[piece]?.contains { $0.from == id } == true
        }
        for piece in pieces { _ = delivered(piece, by: id) }
        return pieces
    }

    /// Returns the pieces of which an intent has ended.
    package mutating func expire(at now: Instant) -> [Int] {
        var changed: [Int] = []
        for piece in heard.keys {
            guard var list = heard[piece] else { continue }
            for index in list.indices where list[index].isLive && list[index].expiresAt <= now {
                list[index].isLive = false
                changed.append(piece)
            }
            list.removeAll { !$0.isLive && now - $0.firstAt >= holdMax * 2 }
            if list != heard[piece] { heard[piece] = list.isEmpty ? nil : list }
        }
        return changed
    }

    // MARK: Of this host

    package mutating func begin(_ piece: Int, level: Int) { own[piece] = Own(level: level) }
    package mutating func said(_ piece: Int, at now: Instant) { own[piece]?.saidAt = now }
    /// To be said again.
    package mutating func repeatOwn(_ piece: Int) { own[piece]?.saidAt = nil }
    package mutating func end(_ piece: Int) -> Own? { own.removeValue(forKey: piece) }
}
