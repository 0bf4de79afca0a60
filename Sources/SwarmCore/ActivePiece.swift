package import SwarmModel

/// A piece in progress: what has become of each of its blocks. Each block is missing, asked of one
/// peer, or here; in the endgame a second peer may have been asked too, which is not kept here.
package struct ActivePiece: Hashable, Sendable {
    package enum Block: Hashable, Sendable {
        case missing
        case requested(from: ConnectionID)
        case received
    }

    package let piece: PieceIndex
    /// The peer that new blocks of this piece are asked of, so that a failed piece has one sender.
    package var owner: ConnectionID?
    /// After a failure that could not be traced: only the owner is asked, and no other helps.
    package var isExclusive: Bool
    package private(set) var blocks: [Block]
    package private(set) var missingCount: Int
    package private(set) var receivedCount = 0

    package init(
        piece: PieceIndex,
        blockCount: Int,
        owner: ConnectionID?,
        isExclusive: Bool = false
    ) {
        self.piece = piece
        self.owner = owner
        self.isExclusive = isExclusive
        blocks = Array(repeating: .missing, count: blockCount)
        missingCount = blockCount
    }

    package var isAllReceived: Bool { receivedCount == blocks.count }

    /// The first run of missing blocks, of at most `countMax`.
    package func firstMissingRun(countMax: Int) -> Range<Int>? {
        guard missingCount > 0, let first = blocks.firstIndex(of: .missing) else { return nil }
        var end = first + 1
        while end < blocks.count, end - first < countMax, blocks[end] == .missing { end += 1 }
        return first..<end
    }

    package mutating func markRequested(_ range: Range<Int>, from peer: ConnectionID) {
        for index in range { set(index, .requested(from: peer)) }
    }

    /// Marks every missing block; returns the run from the first to the last of them.
    package mutating func requestMissing(from source: ConnectionID) -> Range<Int>? {
        guard let first = blocks.firstIndex(of: .missing),
            let last = blocks.lastIndex(of: .missing)
        else { return nil }
        for index in first...last where blocks[index] == .missing {
            set(index, .requested(from: source))
        }
        return first..<last + 1
    }

    package mutating func markReceived(_ range: Range<Int>) {
        for index in range { set(index, .received) }
    }

    /// Blocks of the range that are asked of `peer` become missing.
    package mutating func release(_ range: Range<Int>, from peer: ConnectionID) {
        for index in range where blocks[index] == .requested(from: peer) { set(index, .missing) }
    }

    package mutating func transfer(
        _ range: Range<Int>,
        from peer: ConnectionID,
        to other: ConnectionID
    ) {
        for index in range where blocks[index] == .requested(from: peer) {
            set(index, .requested(from: other))
        }
    }

    package mutating func markMissing(_ indices: some Sequence<Int>) {
        for index in indices { set(index, .missing) }
    }

    private mutating func set(_ index: Int, _ state: Block) {
        switch blocks[index] {
        case .missing: missingCount -= 1
        case .received: receivedCount -= 1
        case .requested: break
        }
        switch state {
        case .missing: missingCount += 1
        case .received: receivedCount += 1
        case .requested: break
        }
        blocks[index] = state
    }
}
