import SwarmModel
import SwarmRuntime

/// The pieces that are being put together: which blocks are here, their leaves, and who sent them.
/// Shared by the event loops that receive and the driver that decides.
///
/// Invariant: a block is written by one connection at a time and never again once it counts. A
/// block is *free*, *claimed* (somebody is writing it) or *stored*. A restarted piece keeps the
/// claims of writes that are still under way, so that late bytes cannot land on newer ones.
package final class PieceBoard: Sendable {
    private enum Block: Hashable { case free, claimed, stored }

    /// What is known of a piece whose leaves did not make up its hash.
    private struct Suspect: Sendable {
        var leaves: [Digest]
    }

    private struct Assembly: Sendable {
        var expected: Digest
        var isOpen = true
        /// Raised by each restart: a write that began before it does not count.
        var attempt = 0
        var blocks: [Block]
        var leaves: [Digest]
        var senders: [ConnectionID?]
        var storedCount = 0
        var suspect: Suspect?

        init(expected: Digest, blockCount: Int) {
            self.expected = expected
            blocks = Array(repeating: .free, count: blockCount)
            leaves = Array(repeating: .zero, count: blockCount)
            senders = Array(repeating: nil, count: blockCount)
        }

        mutating func restart() {
            attempt += 1
            storedCount = 0
            for index in blocks.indices where blocks[index] == .stored { blocks[index] = .free }
        }

        var isDrained: Bool { !blocks.contains(.claimed) }

        func isFree(_ range: Range<Int>) -> Bool {
            isOpen && blocks[range].allSatisfy { $0 == .free }
        }

        mutating func mark(_ range: Range<Int>, _ block: Block) {
            for index in range { blocks[index] = block }
        }

        /// The attempt that the blocks are claimed in, when they are free.
        mutating func claim(_ range: Range<Int>) -> Int? {
            guard isFree(range) else { return nil }
            mark(range, .claimed)
            return attempt
        }

        /// What came of a claim that was written.
        mutating func store(
            _ claim: Claim,
            leaves: [Digest],
            from connection: ConnectionID
        ) -> Stored {
            guard attempt == claim.attempt, isOpen else {
                mark(claim.range.blocks, .free)
                return .outdated
            }
            for (index, leaf) in zip(claim.range.blocks, leaves) {
                blocks[index] = .stored
                self.leaves[index] = leaf
                senders[index] = connection
            }
            storedCount += claim.range.blocks.count
            guard storedCount == blocks.count else { return .partOfPiece }
            return .wholePiece(leaves: self.leaves, expected: expected)
        }
    }

    /// The right to write a range, until it is stored or given back.
    struct Claim: Sendable {
        fileprivate var range: BlockRange
        fileprivate var attempt: Int
    }

    /// What a stored range came to.
    enum Stored: Sendable {
        case partOfPiece
        /// All blocks are here; these are the leaves.
        case wholePiece(leaves: [Digest], expected: Digest)
        /// The piece was restarted meanwhile: the bytes do not count.
        case outdated
    }

    private let assemblies = Locked<[PieceIndex: Assembly]>([:])

    package init() {}

    // MARK: The driver's side

    /// Begins to accept blocks of a piece whose hash is `expected`.
    func open(_ piece: PieceIndex, expected: Digest, blockCount: Int) {
        assemblies.withLock { all in
            if all[piece] == nil {
                all[piece] = Assembly(expected: expected, blockCount: blockCount)
            } else {
                all[piece]?.isOpen = true
            }
        }
    }

    /// Forgets a piece. While a write into it is under way it is only shut.
    func abandon(_ piece: PieceIndex) {
        assemblies.withLock { all in
            all[piece]?.restart()
            all[piece]?.suspect = nil
            if all[piece]?.isDrained == true {
                all[piece] = nil
            } else {
                all[piece]?.isOpen = false
            }
        }
    }

    /// Forgets the blocks but remembers the leaves of the first whole attempt, which failed, for
    /// ``finish(_:)``.
    func restart(_ piece: PieceIndex) {
        assemblies.withLock { all in
            guard let assembly = all[piece] else { return }
            if assembly.suspect == nil, assembly.storedCount == assembly.blocks.count {
                all[piece]?.suspect = Suspect(leaves: assembly.leaves)
            }
            all[piece]?.restart()
        }
    }

    /// The piece is verified. Returns the blocks of the remembered attempt that were wrong; nil
    /// when there was none.
    func finish(_ piece: PieceIndex) -> [Int]? {
        assemblies.withLock { all in
            guard let assembly = all.removeValue(forKey: piece), let suspect = assembly.suspect
            else {
                return nil
            }
            return Self.differences(suspect.leaves, assembly.leaves)
        }
    }

    /// The leaves of a failed piece are known: reopens the blocks that differ, keeps the others,
    /// and returns the former.
    func audit(_ piece: PieceIndex, leaves: [Digest]) -> [Int] {
        assemblies.withLock { all in
            guard let assembly = all[piece] else { return [] }
            let wrong = Self.differences(assembly.leaves, leaves)
            for index in wrong where all[piece]?.blocks[index] == .stored {
                all[piece]?.blocks[index] = .free
                all[piece]?.storedCount -= 1
            }
            return wrong
        }
    }

    private static func differences(_ a: [Digest], _ b: [Digest]) -> [Int] {
        zip(a, b).enumerated().filter { $0.element.0 != $0.element.1 }.map(\.offset)
    }

    /// Who sent each block of a piece of which all are here.
    func senders(of piece: PieceIndex) -> [ConnectionID] {
        assemblies.withLock { all in all[piece]?.senders.compactMap { $0 } ?? [] }
    }

    /// Whether the range counts now.
    func holds(_ range: BlockRange) -> Bool {
        assemblies.withLock { all in
            all[range.piece]?.blocks[range.blocks].allSatisfy { $0 == .stored } ?? false
        }
    }

    // MARK: The connections' side

    func accepts(_ range: BlockRange) -> Bool {
        assemblies.withLock { all in all[range.piece]?.isFree(range.blocks) ?? false }
    }

    /// Nil when somebody else has written or is writing some of it, or nobody wants it.
    func claim(_ range: BlockRange) -> Claim? {
        assemblies.withLock { all in
            let attempt = all[range.piece]?.claim(range.blocks) ?? nil
            return attempt.map { Claim(range: range, attempt: $0) }
        }
    }

    /// The write failed.
    func giveBack(_ claim: Claim) {
        assemblies.withLock { all in
            all[claim.range.piece]?.mark(claim.range.blocks, .free)
            Self.forgetIfShut(claim.range.piece, &all)
        }
    }

    func stored(_ claim: Claim, leaves: [Digest], from connection: ConnectionID) -> Stored {
        assemblies.withLock { all in
            let piece = claim.range.piece
            let stored = all[piece]?.store(claim, leaves: leaves, from: connection) ?? .outdated
            if case .outdated = stored { Self.forgetIfShut(piece, &all) }
            return stored
        }
    }

    /// An abandoned piece is kept until the last write into it is over.
    private static func forgetIfShut(_ piece: PieceIndex, _ all: inout [PieceIndex: Assembly]) {
        guard let assembly = all[piece], !assembly.isOpen, assembly.isDrained else { return }
        all[piece] = nil
    }
}
