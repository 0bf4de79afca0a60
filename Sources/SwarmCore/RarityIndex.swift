package import SwarmModel

/// The pieces that may be started, ordered by how many peers have them, so that the rarest is found
/// without looking at all (rarest first: Legout et al. 2006). Peers that have everything change no
/// order and are not counted here.
///
/// Invariant: `order[start(c)..<start(c + 1)]` are the pieces with `counts == c`; `positions` is
/// its inverse.
package struct RarityIndex: Sendable {
    private var order: [Int32] = []
    private var positions: [Int32]
    private var counts: [Int32]
    /// `starts[c]` is where the pieces held by at least `c` peers begin; one more entry than
    /// buckets.
    private var starts: [Int] = [0, 0]

    private static let absent: Int32 = -1

    /// No piece may be started yet.
    package init(pieceCount: Int) {
        positions = Array(repeating: Self.absent, count: pieceCount)
        counts = Array(repeating: 0, count: pieceCount)
    }

    package var isEmpty: Bool { order.isEmpty }
    package var startableCount: Int { order.count }

    package func contains(_ piece: Int) -> Bool { positions[piece] != Self.absent }
    /// How many peers, not counting complete ones, have the piece.
    package func availability(of piece: Int) -> Int { Int(counts[piece]) }

    private var bucketCount: Int { starts.count - 1 }

    package mutating func insert(_ piece: Int) {
        guard !contains(piece) else { return }
        let count = Int(counts[piece])
        grow(toBucket: count)
        var index = order.count
        order.append(Int32(piece))
        positions[piece] = Int32(index)
        starts[bucketCount] += 1
        for bucket in stride(from: bucketCount - 1, to: count, by: -1) {
            swap(index, starts[bucket])
            index = starts[bucket]
            starts[bucket] += 1
        }
    }

    package mutating func remove(_ piece: Int) {
        guard contains(piece) else { return }
        var index = Int(positions[piece])
        for bucket in Int(counts[piece])..<bucketCount {
            starts[bucket + 1] -= 1
            swap(index, starts[bucket + 1])
            index = starts[bucket + 1]
        }
        order.removeLast()
        positions[piece] = Self.absent
    }

    package mutating func increment(_ piece: Int) {
        let count = Int(counts[piece])
        counts[piece] += 1
        guard contains(piece) else { return }
        grow(toBucket: count + 1)
        starts[count + 1] -= 1
        swap(Int(positions[piece]), starts[count + 1])
    }

    package mutating func decrement(_ piece: Int) {
        precondition(counts[piece] > 0, "piece \(piece) is held by nobody")
        let count = Int(counts[piece])
        counts[piece] -= 1
        guard contains(piece) else { return }
        swap(Int(positions[piece]), starts[count])
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
                guard counts[piece] == bucket, positions[piece] == index else { return false }
            }
        }
        return positions.count { $0 != Self.absent } == order.count
    }

    private mutating func grow(toBucket bucket: Int) {
        while bucketCount <= bucket { starts.append(order.count) }
    }

    private mutating func swap(_ a: Int, _ b: Int) {
        guard a != b else { return }
        order.swapAt(a, b)
        positions[Int(order[a])] = Int32(a)
        positions[Int(order[b])] = Int32(b)
    }
}
