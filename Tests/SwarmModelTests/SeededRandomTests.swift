import SwarmModel
import Testing

@Suite("Seeded random numbers")
struct SeededRandomTests {
    @Test("are SplitMix64")
    func matchesReference() {
        // The reference implementation's first numbers for seed 1234567.
        var random = SeededRandom(seed: 1_234_567)
        let expected: [UInt64] = [
            6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
        ]
        #expect(expected.map { _ in random.next() } == expected)
    }

    @Test("are the same for the same seed, and others for another")
    func isDeterministic() {
        func run(_ seed: UInt64) -> [Int] {
            var random = SeededRandom(seed: seed)
            var fork = random.fork()
            return (0..<50).map { _ in Int.random(in: 0..<1000, using: &random) }
                + (0..<50).map { _ in Int.random(in: 0..<1000, using: &fork) }
        }
        #expect(run(7) == run(7))
        #expect(run(7) != run(8))
    }

    @Test("jitter stays within its fraction")
    func jitters() {
        var random = SeededRandom(seed: 3)
        let durations = (0..<1000).map { _ in
            random.jittered(.seconds(10), by: 0.2).inSeconds
        }
        #expect(durations.allSatisfy { (8...12).contains($0) })
        #expect(durations.min()! < 8.1 && durations.max()! > 11.9)
        #expect(random.jittered(.seconds(10), by: 0) == .seconds(10))
    }
}
