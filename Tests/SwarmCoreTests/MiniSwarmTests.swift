import SwarmModel
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Environment: `SHOAL_SEEDS` is how many seeds run beyond the first sixty, `SHOAL_SEED_FIRST`
/// where they start, `SHOAL_SEED` runs one alone, and `SHOAL_LINES` is how much of a failed run's
/// transcript is shown.
@Suite("A swarm of machines in virtual time")
struct MiniSwarmTests {
    private static let quick: ClosedRange<UInt64> = 1...60
    /// Meets what none of those does.
    private static let rare: UInt64 = 89

    private static func setting(_ name: String) -> Int? {
        getenv(name).flatMap { Int(String(cString: $0)) }
    }

    /// Runs a seed; when it fails, runs it again with a transcript and says how to repeat it.
    @discardableResult
    private static func check(_ seed: UInt64, hasOrigins: Bool = false) -> MiniSwarm {
        let world = MiniSwarm(seed: seed, hasOrigins: hasOrigins)
        let violations = world.run()
        guard !violations.isEmpty else { return world }
        let again = MiniSwarm(seed: seed, hasOrigins: hasOrigins, isRecording: true)
        _ = again.run()
        let tail = again.transcript.suffix(setting("SHOAL_LINES") ?? 40).joined(separator: "\n")
        Issue.record(
            """
            seed \(seed): \(violations.joined(separator: "; "))
            repeat with SHOAL_SEED=\(seed) swift test --filter MiniSwarmTests.more
            \(tail)
            """
        )
        return world
    }

    @Test("every peer finishes, no honest one is banned, all invariants hold, and much goes wrong")
    func first() {
        var seen: [String: Int] = [:]
        for seed in Array(Self.quick) + [Self.rare] {
            seen.merge(Self.check(seed).checker.sights, uniquingKeysWith: +)
        }
        for name in MiniChecker.expectedSights {
            #expect(seen[name, default: 0] > 0, "never seen: \(name)")
        }
    }

    /// Seeds in handfuls, so that all cores have some.
    static let handfuls: [Range<UInt64>] = {
        if let seed = setting("SHOAL_SEED") { return [UInt64(seed)..<UInt64(seed) + 1] }
        let start = UInt64(setting("SHOAL_SEED_FIRST") ?? Int(quick.upperBound) + 1)
        let end = start + UInt64(max(0, setting("SHOAL_SEEDS") ?? 200))
        return stride(from: start, to: end, by: 10).map { $0..<min($0 + 10, end) }
    }()

    @Test("so do further seeds", arguments: handfuls)
    func more(seeds: Range<UInt64>) {
        for seed in seeds { Self.check(seed) }
    }

    @Test("swarms with origins finish, without a seed too, and blame the origin that lies")
    func origins() {
        var seen: [String: Int] = [:]
        for seed in 1...UInt64(Self.setting("SHOAL_ORIGIN_SEEDS") ?? 40) {
            let world = Self.check(seed, hasOrigins: true)
            seen.merge(world.checker.sights, uniquingKeysWith: +)
        }
        let expected = [
            "lease asked", "lease done", "lease failed", "lease abandoned", "origin read",
            "read cancelled", "origin poisoned", "origin failed",
        ]
        for name in expected { #expect(seen[name, default: 0] > 0, "never seen: \(name)") }
    }

    /// Each of these failed once, when the fault behind it was still there or was put back.
    @Test("seeds that found a fault stay right", arguments: [2481, 3360, 287, 306] as [UInt64])
    func found(seed: UInt64) { Self.check(seed) }

    @Test("the same seed gives the same run", arguments: 1...8)
    func repeats(seed: UInt64) {
        let first = MiniSwarm(seed: seed)
        let second = MiniSwarm(seed: seed)
        #expect(first.run() == second.run())
        #expect(first.fingerprint == second.fingerprint)
        #expect(first.eventCount == second.eventCount)
    }
}
