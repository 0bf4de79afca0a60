import Foundation
import SwarmCore
import SwarmModel
import Testing

/// Environment: `SHOAL_FLEET_SEEDS` is how many seeds run, `SHOAL_FLEET_SEED` runs one alone.
@Suite("A fleet by chance")
struct FleetRandomTests {
    private static func setting(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }

    private static let stepCount = 700

    private static func run(_ seed: UInt64, bug: FleetWorld.Bug? = nil) -> FleetWorld {
        var world = FleetWorld(seed: seed, bug: bug)
        for _ in 0..<stepCount {
            world.step(allowsTwo: seed % 4 == 0)
            if !world.violations.isEmpty { return world }
        }
        world.checkEnd(isSeeded: seed % 3 != 0)
        return world
    }

    @Test("S9 to S12 and L5 hold over hundreds of seeds, and much goes wrong in them")
    func invariants() async {
        let one = Self.setting("SHOAL_FLEET_SEED")
        let last = one ?? Self.setting("SHOAL_FLEET_SEEDS") ?? 120
        var sights: [String: Int] = [:]
        await withTaskGroup(of: (sights: [String: Int], violations: [String]).self) { group in
            for seed in (one ?? 1)...last {
                group.addTask {
                    let world = Self.run(UInt64(seed))
                    return (world.sights, world.violations.map { "seed \(seed): \($0)" })
                }
            }
            for await found in group {
                sights.merge(found.sights, uniquingKeysWith: +)
                for violation in found.violations { Issue.record("\(violation)") }
            }
        }
        guard one == nil else { return }
        if Self.setting("SHOAL_FLEET_SHOW") != nil { print(sights.sorted { $0.key < $1.key }) }
        let expected = [
            "restart", "two controllers", "late report", "late answer", "host down", "host back",
            "late host", "gate result", "created", "pause", "resume", "approve", "abort",
            "rollback", "out 1 of 4", "out 2 of 6", "refused: conflict", "refused: stale-revision",
            "ends complete",
            "ends rolledBack", "ends paused",
        ]
        for name in expected {
            #expect(sights[name, default: 0] > 0, "never seen: \(name) among \(sights)")
        }
    }

    @Test("each planted bug is found", arguments: FleetWorld.Bug.allCases)
    func planted(bug: FleetWorld.Bug) {
        let expected: [FleetWorld.Bug: String] = [
            .keepsEpoch: "S9", .ignoresFences: "S9", .losesCommands: "S11", .losesReturns: "S10",
            .losesPrevious: "S12",
            .neverTicks: "L5",
        ]
        for seed in 1...200 {
            let world = Self.run(UInt64(seed), bug: bug)
            if world.violations.contains(where: { $0.hasPrefix(expected[bug] ?? "?") }) { return }
        }
        Issue.record("\(bug) was not found")
    }
}
