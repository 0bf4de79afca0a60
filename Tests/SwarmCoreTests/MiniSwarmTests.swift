import SwarmModel
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite("A swarm of machines in virtual time")
struct MiniSwarmTests {
    /// Runs a seed; when it fails, runs it again with a transcript and says how to repeat it.
    private static func check(_ seed: UInt64) {
        let violations = MiniSwarm(seed: seed).run()
        guard !violations.isEmpty else { return }
        let again = MiniSwarm(seed: seed, isRecording: true)
        _ = again.run()
        let tail = again.transcript.suffix(setting("SHOAL_LINES") ?? 40).joined(separator: "\n")
        Issue.record(
            """
            seed \(seed): \(violations.joined(separator: "; "))
            repeat with SHOAL_SEED=\(seed)
            \(tail)
            """
        )
    }

    private static func setting(_ name: String) -> Int? {
        getenv(name).flatMap { Int(String(cString: $0)) }
    }

    @Test("every peer finishes, no honest one is banned, and all invariants hold, whatever goes wrong")
    func seeds() {
        if let seed = Self.setting("SHOAL_SEED") {
            Self.check(UInt64(seed))
            return
        }
        let first = Self.setting("SHOAL_SEED_FIRST") ?? 1
        for seed in first..<first + (Self.setting("SHOAL_SEEDS") ?? 200) {
            Self.check(UInt64(seed))
        }
    }

    @Test("the same seed gives the same run", arguments: 1...8)
    func repeats(seed: UInt64) {
        let first = MiniSwarm(seed: seed)
        let second = MiniSwarm(seed: seed)
        #expect(first.run() == second.run())
        #expect(first.fingerprint == second.fingerprint)
        #expect(first.eventCount == second.eventCount)
    }
}
