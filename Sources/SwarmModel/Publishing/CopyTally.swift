/// How many copies there are of each piece of a version, against how many there should be.
package struct CopyTally: Hashable, Sendable {
    package let geometry: PieceGeometry
    package let goal: Int
    /// Copies of the whole.
    private var complete = 0
    /// Further ones of each piece.
    private var partial: [Int]

    package init(geometry: PieceGeometry, goal: Int) {
        self.geometry = geometry
        self.goal = goal
        partial = Array(repeating: 0, count: geometry.pieceCount)
    }

    package mutating func addComplete() { complete += 1 }

    /// Adds one holder of some pieces. Those of another version are not counted.
    package mutating func add(_ pieces: Bitfield) {
        guard pieces.count == partial.count else { return }
        for number in pieces.members { partial[number] += 1 }
    }

    /// Copies of the piece that has the fewest.
    package var least: Int { complete + (partial.min() ?? 0) }
    package var isEnough: Bool { least >= goal }

    /// The pieces with fewer copies than there should be, ascending.
    package var short: [PieceIndex] {
        geometry.pieces.filter { complete + partial[$0.number] < goal }
    }

    /// Bytes that were copied, up to the goal.
    package var byteCount: Int {
        geometry.pieces.reduce(0) { sum, piece in
            sum + geometry.length(of: piece) * min(goal, complete + partial[piece.number])
        }
    }
}
