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
        /// The time to live that was said.
        package var lifetime = Duration.zero
    }

    /// By piece; as long as the last piece that was ever heard of demands.
    private var heard: [[Heard]] = []
    /// How many there are of each piece: it is asked at each have, and for most there is none.
    private var counts: [UInt8] = []
    private(set) var own: OrderedDictionary<Int, Own> = [:]
    package var holdMax: Duration

    /// Intents kept for one piece: further ones say nothing new.
    package static let perPieceMax = 16

    package init(holdMax: Duration) { self.holdMax = holdMax }

    // MARK: Of others

    /// The pieces of which something has been heard.
    package var pieces: [Int] { counts.indices.filter { counts[$0] > 0 } }

    /// The highest level at which somebody is about to import the piece.
    package func level(of piece: Int) -> Int? {
        guard piece < counts.count, counts[piece] > 0 else { return nil }
        var level: Int?
        for entry in heard[piece] where entry.isLive { level = max(level ?? 0, entry.level) }
        return level
    }

    /// Somebody at `level` says that it imports the piece. True when that is news.
    package mutating func hear(
        _ piece: Int,
        from id: ConnectionID,
        level: Int,
        lifetime: Duration,
        at now: Instant
    ) -> Bool {
        while heard.count <= piece {
            heard.append([])
            counts.append(0)
        }
        var list = heard[piece]
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
        counts[piece] = UInt8(list.count)
        return !wasLive
    }

    /// The sender has the piece.
    package mutating func delivered(_ piece: Int, by id: ConnectionID) -> Bool {
        guard piece < counts.count, counts[piece] > 0,
            let index = heard[piece].firstIndex(where: { $0.from == id })
        else { return false }
        heard[piece].remove(at: index)
        counts[piece] -= 1
        return true
    }

    /// The sender imports it no more.
    package mutating func withdrawn(_ piece: Int, by id: ConnectionID) -> Bool {
        guard heard.indices.contains(piece),
            let index = heard[piece].firstIndex(where: { $0.from == id && $0.isLive })
        else { return false }
        heard[piece][index].isLive = false
        return true
    }

    /// The connection is gone. Returns the pieces that its peer was about to import.
    package mutating func closed(_ id: ConnectionID) -> [Int] {
        let pieces = pieces.filter { heard[$0].contains { $0.from == id } }
        for piece in pieces { _ = delivered(piece, by: id) }
        return pieces
    }

    /// Returns the pieces of which an intent has ended.
    package mutating func expire(at now: Instant) -> [Int] {
        var changed: [Int] = []
        for piece in pieces {
            for index in heard[piece].indices {
                let entry = heard[piece][index]
                guard entry.isLive, entry.expiresAt <= now else { continue }
                heard[piece][index].isLive = false
                changed.append(piece)
            }
            heard[piece].removeAll { !$0.isLive && now - $0.firstAt >= holdMax * 2 }
            counts[piece] = UInt8(heard[piece].count)
        }
        return changed
    }

    // MARK: Of this host

    package mutating func begin(_ piece: Int, level: Int) { own[piece] = Own(level: level) }
    package mutating func said(_ piece: Int, lifetime: Duration, at now: Instant) {
        own[piece]?.saidAt = now
        own[piece]?.lifetime = lifetime
    }
    /// To be said again.
    package mutating func repeatOwn(_ piece: Int) { own[piece]?.saidAt = nil }
    package mutating func end(_ piece: Int) -> Own? { own.removeValue(forKey: piece) }
}
