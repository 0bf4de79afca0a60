import Benchmark
import SwarmModel

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.cpuTotal, .wallClock],
        warmupIterations: 2,
        maxDuration: .milliseconds(700),
        maxIterations: 10_000
    )
    hashing()
    wire()
    core()
    journal()
}

/// Bytes that depend on the seed alone.
func randomBytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var random = SeededRandom(seed: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count {
        withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) }
    }
    bytes.removeLast(bytes.count - count)
    return bytes
}

func randomDigest(_ random: inout SeededRandom) -> Digest {
    guard let digest = Digest((0..<32).map { _ in UInt8(truncatingIfNeeded: random.next()) }) else {
        preconditionFailure("thirty-two bytes are a digest")
    }
    return digest
}

func randomDigests(_ count: Int) -> [Digest] {
    var random = SeededRandom(seed: 2)
    return (0..<count).map { _ in randomDigest(&random) }
}
