package import SwarmModel

/// The pieces that may be started, ordered by how many peers have them, so that the rarest is found
/// without looking at all (rarest first: Legout et al. 2006). Peers that have everything change no
/// order and are not counted here.
///
/// Invariant: `order[start(c)..<start(c + 1)]` are the pieces with a count of `c`; their positions
/// are its inverse.
package struct RarityIndex: Sendable {
    /// Of a piece, beside each other: both are looked at for each have.
    private struct Entry {
        var position = RarityIndex.absent
        var count: Int32 = 0
    }

    private var order: [Int32] = []
    private var entries: [Entry]
    /// `starts[c]` is where the pieces held by at least `c` peers begin; one more entry than
    /// buckets.
    private var starts: [Int] = [0, 0]

    private static let absent: Int32 = -1

    /// No piece may be started yet.
    package init(pieceCount: Int) {
        entries = Array(repeating: Entry(), count: pieceCount)
    }

    package var isEmpty: Bool { order.isEmpty }
    package var startableCount: Int { order.count }

    package func contains(_ piece: Int) -> Bool { entries[piece].position != Self.absent }
    /// How many peers, not counting complete ones, have the piece.
    package func availability(of piece: Int) -> Int { Int(entries[piece].count) }

    private var bucketCount: Int { starts.count - 1 }

    package mutating func insert(_ piece: Int) {
        guard !contains(piece) else { return }
        let count = Int(entries[piece].count)
        grow(toBucket: count)
        var index = order.count
        order.append(Int32(piece))
        entries[piece].position = Int32(index)
        starts[bucketCount] += 1
        for bucket in stride(from: bucketCount - 1, to: count, by: -1) {
            swap(index, starts[bucket])
            index = starts[bucket]
            starts[bucket] += 1
        }
    }

    package mutating func remove(_ piece: Int) {
        guard contains(piece) else { return }
        var index = Int(entries[piece].position)
        for bucket in Int(entries[piece].count)..<bucketCount {
            starts[bucket + 1] -= 1
            swap(index, starts[bucket + 1])
            index = starts[bucket + 1]
        }
        order.removeLast()
        entries[piece].position = Self.absent
    }

    package mutating func increment(_ piece: Int) {
        let count = Int(entries[piece].count)
        entries[piece].count += 1
        guard contains(piece) else { return }
        grow(toBucket: count + 1)
        starts[count + 1] -= 1
        swap(Int(entries[piece].position), starts[count + 1])
    }

    package mutating func decrement(_ piece: Int) {
        precondition(entries[piece].count > 0, "piece \(piece) is held by nobody")
        let count = Int(entries[piece].count)
        entries[piece].count -= 1
        guard contains(piece) else { return }
        swap(Int(entries[piece].position), starts[count])
        starts[count] += 1
    }

    /// The rarest piece that `isCandidate` accepts. Among equally rare ones the search starts at
    /// random, so that peers with the same view choose differently.
    package func rarest(
        using random: inout SeededRandom,
        where isCandidate: (Int) -> Bool
    ) -> Int? {
        for bucket in 0..<bucketCount {
            let range = starts[bucket]..<starts[bucket + 1]
            guard !range.isEmpty else { continue }
            let middle = Int.random(in: range, using: &random)
            for index in middle..<range.upperBound where isCandidate(Int(order[index])) {
                return Int(order[index])
            }
            for index in range.lowerBound..<middle where isCandidate(Int(order[index])) {
                return Int(order[index])
            }
        }
        return nil
    }

    /// The invariant, for tests.
    var isConsistent: Bool {
        guard starts.first == 0, starts.last == order.count else { return false }
        for bucket in 0..<bucketCount {
            guard starts[bucket] <= starts[bucket + 1] else { return false }
            for index in starts[bucket]..<starts[bucket + 1] {
                let piece = Int(order[index])
                guard entries[piece].count == bucket, entries[piece].position == index else {
                    return false
                }
            }
        }
        return entries.count { $0.position != Self.absent } == order.count
    }

    private mutating func grow(toBucket bucket: Int) {
        while bucketCount <= bucket { starts.append(order.count) }
    }

    private mutating func swap(_ a: Int, _ b: Int) {
        guard a != b else { return }
        order.swapAt(a, b)
        entries[Int(order[a])].position = Int32(a)
        entries[Int(order[b])].position = Int32(b)
    }
}
