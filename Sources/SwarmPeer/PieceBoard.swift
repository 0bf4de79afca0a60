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
        assemblies.withLock { all in Self.isFree(range, all[range.piece]) }
    }

    /// Nil when somebody else has written or is writing some of it, or nobody wants it.
    func claim(_ range: BlockRange) -> Claim? {
        assemblies.withLock { all in
            guard let attempt = all[range.piece]?.attempt, Self.isFree(range, all[range.piece])
            else {
                return nil
            }
            for index in range.blocks { all[range.piece]?.blocks[index] = .claimed }
            return Claim(range: range, attempt: attempt)
        }
    }

    private static func isFree(_ range: BlockRange, _ assembly: Assembly?) -> Bool {
        guard let assembly, assembly.isOpen else { return false }
        return assembly.blocks[range.blocks].allSatisfy { $0 == .free }
    }

    /// The write failed.
    func giveBack(_ claim: Claim) {
        assemblies.withLock { all in Self.free(claim, &all) }
    }

    func stored(_ claim: Claim, leaves: [Digest], from connection: ConnectionID) -> Stored {
        assemblies.withLock { all in
            let piece = claim.range.piece
            guard all[piece]?.attempt == claim.attempt, all[piece]?.isOpen == true else {
                Self.free(claim, &all)
                return .outdated
            }
            for (index, leaf) in zip(claim.range.blocks, leaves) {
                all[piece]?.blocks[index] = .stored
                all[piece]?.leaves[index] = leaf
                all[piece]?.senders[index] = connection
            }
            all[piece]?.storedCount += claim.range.blocks.count
            guard let assembly = all[piece], assembly.storedCount == assembly.blocks.count else {
                return .partOfPiece
            }
            return .wholePiece(leaves: assembly.leaves, expected: assembly.expected)
        }
    }

    private static func free(_ claim: Claim, _ all: inout [PieceIndex: Assembly]) {
        let piece = claim.range.piece
        for index in claim.range.blocks { all[piece]?.blocks[index] = .free }
        if all[piece]?.isOpen == false, all[piece]?.isDrained == true { all[piece] = nil }
    }
}
