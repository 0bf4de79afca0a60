import Benchmark
import SwarmCore
import SwarmModel

/// Bitfields and the choice of what to ask for, at the size of a large model.
func core() {
    let count = 100_000
    var random = SeededRandom(seed: 3)
    var half = Bitfield(count: count)
    for index in 0..<count where random.next() & 1 == 0 { half.insert(bit: index) }
    let (mine, full) = (half, Bitfield(fullCount: count))
    Benchmark("Bitfield of 100,000: what the other has and we lack") { benchmark in
        for _ in benchmark.scaledIterations { blackHole(mine.lackCount(of: full)) }
    }
    Benchmark("Bitfield of 100,000: its members") { benchmark in
        for _ in benchmark.scaledIterations {
            var sum = 0
            for member in mine.members { sum += member }
            blackHole(sum)
        }
    }
    guard
        let geometry = try? PieceGeometry(pieceLength: 1 << 20, fileLengths: [count << 20])
    else { preconditionFailure("a geometry of \(count) pieces") }
    Benchmark("Picker of 100,000 pieces: a peer joins") { benchmark in
        var picker = picker(geometry)
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations {
            picker.peerJoined(with: mine)
            picker.peerLeft(with: mine)
        }
    }
    Benchmark("Picker of 100,000 pieces: 1,000 choices") { benchmark in
        var picker = picker(geometry)
        picker.peerJoined(with: mine)
        benchmark.startMeasurement()
        for _ in 0..<1000 {
            let choice = picker.next(for: ConnectionID(1), having: full, lengthMax: 1 << 20)
            guard let choice else { break }
            picker.markVerified(choice.range.piece)
        }
        benchmark.stopMeasurement()
        blackHole(picker)
    }
}

private func picker(_ geometry: PieceGeometry) -> PiecePicker {
    var picker = PiecePicker(
        geometry: geometry,
        verified: Bitfield(count: geometry.pieceCount),
        urgent: [],
        activePiecesMax: 2000,
        random: SeededRandom(seed: 1)
    )
    for piece in geometry.pieces { picker.release(piece) }
    return picker
}
