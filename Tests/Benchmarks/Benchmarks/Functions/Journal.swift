import Benchmark
import SwarmModel
import SwarmStorage

/// The journal without its disk: what a commit encodes, and what a start reads.
func journal() {
    let root = randomDigests(1)[0]
    Benchmark("Journal: 64 records encoded", configuration: .init(scalingFactor: .kilo)) {
        benchmark in
        for _ in benchmark.scaledIterations {
            var bytes: [UInt8] = []
            for slot in 1...64 {
                let blocks = slot * 64..<slot * 64 + 64
                let record = JournalRecord(.blocksVerified, root, blocks: blocks)
                JournalCodec.append(record, slot: slot, batch: 1, to: &bytes)
            }
            blackHole(bytes)
        }
    }
    // Pieces came in no order, as rarest first has it.
    var bytes = JournalCodec.header
    var random = SeededRandom(seed: 4)
    for (index, piece) in (0..<100_000).shuffled(using: &random).enumerated() {
        let record = JournalRecord(.blocksVerified, root, blocks: piece * 64..<piece * 64 + 64)
        JournalCodec.append(record, slot: index + 1, batch: index + 1, to: &bytes)
    }
    let whole = bytes
    Benchmark("Journal: 100,000 records replayed") { benchmark in
        for _ in benchmark.scaledIterations {
            whole.withUnsafeBytes { blackHole(Journal.replay(bytes: $0)) }
        }
    }
}
