import SwarmModel

/// The driver's record of pieces that are being put together, in the mini swarm: which blocks are
/// here, from whom, and which of them are wrong. Mirrors the rules of the real one without its
/// bytes.
struct MiniBoard {
    struct Assembly {
        var attempt = 0
        /// Who sent each block; nil while it is not here.
        var senders: [ConnectionID?]
        var wrong: [Bool]
        /// The wrong blocks of the first whole attempt, which failed.
        var suspect: [Int]?

        init(blockCount: Int) {
            senders = Array(repeating: nil, count: blockCount)
            wrong = Array(repeating: false, count: blockCount)
        }

        var isWhole: Bool { !senders.contains { $0 == nil } }
        var wrongBlocks: [Int] { wrong.indices.filter { wrong[$0] } }

        mutating func restart() {
            attempt += 1
            for index in senders.indices {
                senders[index] = nil
                wrong[index] = false
            }
        }
    }

    enum Stored: Hashable {
        case discarded
        case failed
        case stored(attempt: Int, isWhole: Bool)
    }

    private(set) var assemblies: [PieceIndex: Assembly] = [:]
    private var attempts = 0

    mutating func open(_ piece: PieceIndex, blockCount: Int) {
        guard assemblies[piece] == nil else { return }
        var assembly = Assembly(blockCount: blockCount)
        // Attempts are never used again, as in the real board, where claims keep a piece alive.
        attempts += 1000
        assembly.attempt = attempts
        assemblies[piece] = assembly
    }

    mutating func abandon(_ piece: PieceIndex) { assemblies[piece] = nil }

    mutating func restart(_ piece: PieceIndex) {
        guard let assembly = assemblies[piece] else { return }
        if assembly.isWhole, assembly.suspect == nil {
            assemblies[piece]?.suspect = assembly.wrongBlocks
        }
        assemblies[piece]?.restart()
    }

    mutating func store(_ range: BlockRange, wrong: Bool, from id: ConnectionID) -> Stored {
        guard let assembly = assemblies[range.piece],
            range.blocks.allSatisfy({ assembly.senders[$0] == nil })
        else { return .discarded }
        for block in range.blocks {
            assemblies[range.piece]?.senders[block] = id
            assemblies[range.piece]?.wrong[block] = false
        }
        // One block of the range is enough to spoil it.
        if wrong { assemblies[range.piece]?.wrong[range.blocks.lowerBound] = true }
        let isWhole = assemblies[range.piece]?.isWhole ?? false
        return .stored(attempt: assembly.attempt, isWhole: isWhole)
    }

    func holds(_ range: BlockRange, attempt: Int) -> Bool {
        guard let assembly = assemblies[range.piece] else { return false }
        return assembly.attempt == attempt
            && range.blocks.allSatisfy { assembly.senders[$0] != nil }
    }

    /// The piece is verified: what was wrong with the remembered attempt, if there was one.
    mutating func finish(_ piece: PieceIndex) -> [Int]? {
        assemblies.removeValue(forKey: piece)?.suspect
    }

    /// The leaves are known: reopens the wrong blocks and names them.
    mutating func audit(_ piece: PieceIndex) -> [Int] {
        let wrong = assemblies[piece]?.wrongBlocks ?? []
        for block in wrong {
            assemblies[piece]?.senders[block] = nil
            assemblies[piece]?.wrong[block] = false
        }
        return wrong
    }
}

/// What is due in the mini swarm, earliest first; of two at one time, the one that was planned
/// first.
struct MiniAgenda<Item> {
    private struct Entry {
        var at: Instant
        var order: UInt64
        var item: Item

        func precedes(_ other: Entry) -> Bool { (at, order) < (other.at, other.order) }
    }

    private var heap: [Entry] = []
    private var planned: UInt64 = 0

    mutating func add(_ item: Item, at: Instant) {
        planned += 1
        heap.append(Entry(at: at, order: planned, item: item))
        var child = heap.count - 1
        while child > 0, heap[child].precedes(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next() -> (at: Instant, item: Item)? {
        guard let first = heap.first else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].precedes(heap[least]) {
                least = child
            }
            if least == parent { break }
            heap.swapAt(parent, least)
            parent = least
        }
        return (first.at, first.item)
    }
}
