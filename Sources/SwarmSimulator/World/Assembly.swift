import OrderedCollections
import SwarmCore
import SwarmModel

/// The driver's record of pieces that are being put together: which blocks are here, from whom, and
/// which of them are wrong. Follows the rules of the real one without its bytes.
struct AssemblyBoard {
    struct Assembly {
        /// Numbers the tries of all pieces, so that a late fact about an earlier one is known.
        var attempt: Int
        /// Who sent each block; nil while it is not here.
        var senders: [ConnectionID?]
        var isWrong: [Bool]
        var presentCount = 0
        /// The wrong blocks of the first whole attempt, which failed.
        var suspects: [Int]?

        var isWhole: Bool { presentCount == senders.count }
        var wrongBlocks: [Int] { isWrong.indices.filter { isWrong[$0] } }
    }

    enum Stored: Hashable {
        case discarded
        case failed
        case stored(attempt: Int, isWhole: Bool)
    }

    private(set) var assemblies: OrderedDictionary<PieceIndex, Assembly> = [:]
    private var attempts = 0

    mutating func open(_ piece: PieceIndex, blockCount: Int) {
        guard assemblies[piece] == nil else { return }
        attempts += 1
        assemblies[piece] = Assembly(
            attempt: attempts,
            senders: Array(repeating: nil, count: blockCount),
            isWrong: Array(repeating: false, count: blockCount)
        )
    }

    mutating func abandon(_ piece: PieceIndex) { assemblies.removeUnordered(piece) }

    mutating func restart(_ piece: PieceIndex) {
        guard let assembly = assemblies[piece] else { return }
        attempts += 1
        var next = Assembly(
            attempt: attempts,
            senders: Array(repeating: nil, count: assembly.senders.count),
            isWrong: Array(repeating: false, count: assembly.senders.count)
        )
        next.suspects = assembly.suspects
        if assembly.isWhole, assembly.suspects == nil { next.suspects = assembly.wrongBlocks }
        assemblies[piece] = next
    }

    mutating func store(_ range: BlockRange, isWrong: Bool, from id: ConnectionID) -> Stored {
        guard let index = assemblies.index(forKey: range.piece) else { return .discarded }
        let blocks = range.blocks
        for block in blocks where assemblies.values[index].senders[block] != nil {
            return .discarded
        }
        for block in blocks {
            assemblies.values[index].senders[block] = id
            assemblies.values[index].isWrong[block] = false
        }
        assemblies.values[index].presentCount += blocks.count
        // One block of the range is enough to spoil it.
        if isWrong { assemblies.values[index].isWrong[blocks.lowerBound] = true }
        let assembly = assemblies.values[index]
        return .stored(attempt: assembly.attempt, isWhole: assembly.isWhole)
    }

    /// No block of it is wrong, nor has it failed before.
    func isSound(_ piece: PieceIndex) -> Bool {
        guard let assembly = assemblies[piece] else { return true }
        return assembly.suspects == nil && !assembly.isWrong.contains(true)
    }

    func isWhole(_ piece: PieceIndex, attempt: Int) -> Bool {
        guard let assembly = assemblies[piece] else { return false }
        return assembly.attempt == attempt && assembly.isWhole
    }

    func holds(_ range: BlockRange, attempt: Int) -> Bool {
        guard let assembly = assemblies[range.piece] else { return false }
        return assembly.attempt == attempt
            && range.blocks.allSatisfy { assembly.senders[$0] != nil }
    }

    /// The piece is verified: what was wrong with the remembered attempt, if there was one.
    mutating func finish(_ piece: PieceIndex) -> [Int]? {
        assemblies.removeUnordered(piece)?.suspects
    }

    /// The leaves are known: reopens the wrong blocks and names them.
    mutating func audit(_ piece: PieceIndex) -> [Int] {
        let wrong = assemblies[piece]?.wrongBlocks ?? []
        for block in wrong {
            assemblies[piece]?.senders[block] = nil
            assemblies[piece]?.isWrong[block] = false
        }
        assemblies[piece]?.presentCount -= wrong.count
        return wrong
    }
}
