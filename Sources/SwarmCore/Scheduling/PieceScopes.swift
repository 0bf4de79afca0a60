package import SwarmModel

/// Where each piece is to be had, and over which distance this host may fetch it. Holders are the
/// connected peers that serve, counted for each level of domain; a piece's nearest scope is the
/// highest level with a holder.
///
/// A piece is *open* at a level when it may be begun from a peer there: it is startable, nobody
/// nearer holds it or is about to, and the level is this host's own rack, or it is the importer of
/// the domain whose boundary the piece would cross (`reach ≤ level + 1`), or its patience is at an
/// end. What is open is kept as one set for each level and brought up to date piece by piece, so
/// that a choice is one `and` of two sets.
package struct PieceScopes: Sendable {
    package let policy: SchedulerSettings.Policy
    /// The level within which everything is allowed.
    package let top: Int
    /// Those of a piece beside each other, by level.
    private var holders: [UInt16]
    /// Holders that came complete, which count for every piece.
    private var completeHolders: [Int]
    private var startable: Bitfield
    /// Begun, and blocks of it may be asked for.
    private var unasked: Bitfield
    private var reach: [UInt8]
    /// Pieces that this host imports because nobody before it did.
    package private(set) var promoted: Bitfield
    /// The highest level at which somebody has said that it imports the piece, plus one.
    private var expected: [UInt8]
    /// No import is begun yet: those that started together learn of each other first.
    package private(set) var isSettling = false
    package private(set) var open: [Bitfield]
    /// For each level, how often something may have become allowed there that was not before.
    package private(set) var openings: [UInt64]

    package init(
        pieceCount: Int,
        top: Int = 0,
        policy: SchedulerSettings.Policy = .randomRarest
    ) {
        self.policy = policy
        self.top = top
        holders = Array(repeating: 0, count: pieceCount * (top + 1))
        completeHolders = Array(repeating: 0, count: top + 1)
        startable = Bitfield(count: pieceCount)
        unasked = startable
        reach = Array(repeating: UInt8(top + 1), count: pieceCount)
        promoted = Bitfield(count: pieceCount)
        expected = Array(repeating: 0, count: pieceCount)
        open = Array(repeating: Bitfield(count: pieceCount), count: top + 1)
        openings = Array(repeating: 0, count: top + 1)
    }

    /// The same pieces in domains of another depth; holders must be counted anew.
    package func rebuilt(top: Int, policy: SchedulerSettings.Policy) -> PieceScopes {
        var fresh = PieceScopes(pieceCount: startable.count, top: top, policy: policy)
        fresh.startable = startable
        fresh.unasked = unasked
        fresh.isSettling = isSettling
        fresh.refreshAll()
        return fresh
    }

    private func place(_ piece: Int, _ level: Int) -> Int { piece * (top + 1) + level }

    // MARK: Questions

    /// The highest level with a holder; nil when nobody connected serves the piece.
    package func nearest(_ piece: Int) -> Int? {
        for level in stride(from: top, through: 0, by: -1)
        where completeHolders[level] > 0 || holders[place(piece, level)] > 0 { return level }
        return nil
    }

    /// How many peers serve the piece that are at this level or nearer.
    package func holderCount(of piece: Int, from level: Int) -> Int {
        (level...top).reduce(0) { $0 + completeHolders[$1] + Int(holders[place(piece, $1)]) }
    }

    /// Whether a piece, begun or not, may be asked of a peer at that level.
    package func permits(_ piece: Int, at level: Int) -> Bool {
        permits(piece, at: level, nearest: nearest(piece) ?? 0)
    }

    private func permits(_ piece: Int, at level: Int, nearest: Int) -> Bool {
        if level == top || policy == .randomRarest { return true }
        if level < nearest { return false }
        if policy == .localityBiased { return true }
        if isSettling { return false }
        return promoted[bit: piece]
            || Int(expected[piece]) <= level + 1 && Int(reach[piece]) <= level + 1
    }

    /// Somebody at a higher level than this has said that it imports the piece.
    package func isExpected(_ piece: Int, above level: Int) -> Bool {
        Int(expected[piece]) > level + 1
    }

    /// Whether this host is the importer over the boundary just inside of a level.
    package func isImporter(_ piece: Int, from level: Int) -> Bool {
        Int(reach[piece]) <= level + 1
    }

    package func isStartable(_ piece: Int) -> Bool { startable[bit: piece] }

    // MARK: Changes

    private mutating func refresh(_ piece: Int) {
        let isStartable = startable[bit: piece]
        let nearest = nearest(piece) ?? 0
        for level in 0...top {
            guard isStartable else {
                open[level].remove(bit: piece)
                // It may be asked of more peers now.
                if unasked[bit: piece] { openings[level] += 1 }
                continue
            }
            if !permits(piece, at: level, nearest: nearest) {
                open[level].remove(bit: piece)
            } else if open[level].insert(bit: piece) {
                openings[level] += 1
            }
        }
    }

    private mutating func refreshAll() {
        for piece in 0..<startable.count { refresh(piece) }
    }

    package mutating func setStartable(_ piece: Int, _ isStartable: Bool) {
        if isStartable {
            if startable.insert(bit: piece) { refresh(piece) }
        } else if startable.remove(bit: piece) {
            // Nothing of it may be asked for that might not before.
            for level in 0...top { open[level].remove(bit: piece) }
        }
    }

    /// A piece in progress has blocks that nobody has been asked for, or no more.
    package mutating func setUnasked(_ piece: Int, _ isUnasked: Bool) {
        if isUnasked { unasked.insert(bit: piece) } else { unasked.remove(bit: piece) }
    }

    package mutating func holderGained(_ piece: Int, at level: Int) {
        let place = place(piece, level)
        holders[place] += 1
        if holders[place] == 1, level > 0 { refresh(piece) }
    }

    package mutating func holderGained(_ pieces: [PieceIndex], at level: Int) {
        for piece in pieces { holderGained(piece.number, at: level) }
    }

    package mutating func holderLost(_ piece: Int, at level: Int) {
        let place = place(piece, level)
        precondition(holders[place] > 0, "piece \(piece) has no holder at level \(level)")
        holders[place] -= 1
        if holders[place] == 0, level > 0 { refresh(piece) }
    }

    package mutating func completeHolderJoined(at level: Int) {
        completeHolders[level] += 1
        if completeHolders[level] == 1, level > 0 { refreshAll() }
    }

    package mutating func completeHolderLeft(at level: Int) {
        precondition(completeHolders[level] > 0, "no complete holder at level \(level)")
        completeHolders[level] -= 1
        if completeHolders[level] == 0, level > 0 { refreshAll() }
    }

    /// The reach of all pieces has been found anew.
    package mutating func setReach(_ all: [UInt8]) {
        precondition(all.count == reach.count, "reaches of another version")
        for piece in all.indices where all[piece] != reach[piece] {
            reach[piece] = all[piece]
            refresh(piece)
        }
    }

    package mutating func setReach(_ piece: Int, _ level: UInt8) {
        guard reach[piece] != level else { return }
        reach[piece] = level
        refresh(piece)
    }

    package mutating func setPromoted(_ piece: Int, _ isPromoted: Bool) {
        let changed = isPromoted ? promoted.insert(bit: piece) : promoted.remove(bit: piece)
        if changed { refresh(piece) }
    }

    /// Somebody at `level` imports the piece; nil when nobody does. True when that lets this host
    /// ask for something that it might not ask for before.
    package mutating func setExpected(_ piece: Int, at level: Int?) -> Bool {
        let value = UInt8((level ?? -1) + 1)
        guard expected[piece] != value else { return false }
        let hasFallen = value < expected[piece]
        expected[piece] = value
        refresh(piece)
        return hasFallen
    }

    package mutating func setSettling(_ isSettling: Bool) {
        guard isSettling != self.isSettling else { return }
        self.isSettling = isSettling
        refreshAll()
    }
}
