import SwarmModel
import Testing

@testable import SwarmCore

/// Any order of commands, answers, failures and crashes: what must hold always, and that all ends
/// where it should once things go well.
@Suite("Activation amid crashes")
struct ActivationCrashTests {
    private static let versions = ["v1", "v2", "v3", "v4"]

    /// What chance does to a host.
    private struct Storm {
        var host: ActivationHost
        var random: SeededRandom
        var step = 0
        var wish: (version: String, fence: Fence)?

        init(seed: UInt64, mistake: ActivationHost.Mistake? = nil) throws {
            random = SeededRandom(seed: seed)
            var settings = ActivationSettings()
            settings.hasBeforeHook = Bool.random(using: &random)
            settings.hasAfterHook = Bool.random(using: &random)
            settings.hasProbe = Bool.random(using: &random)
            host = try ActivationHost(settings, sealed: ["v1", "v2"])
            host.mistake = mistake
        }

        mutating func run(steps: Int) throws {
            for _ in 0..<steps where host.violations.isEmpty { try blow() }
        }

        private mutating func blow() throws {
            switch Int.random(in: 0..<21, using: &random) {
            case 0..<9:
                guard !host.pending.isEmpty else { return }
                host.perform(at: Int.random(in: 0..<host.pending.count, using: &random))
            case 9..<11: host.endHook()
            case 11..<13: host.sleep()
            case 13: command()
            case 14:
                host.seal(ActivationCrashTests.versions.randomElement(using: &random) ?? "v1")
            case 15: host.evict()
            case 16: host.crash(keepsRecord: Bool.random(using: &random))
            case 17: try host.order(versions.randomElement(using: &random) ?? "v1")
            case 18: host.rot()
            default: changeConduct()
            }
        }

        private var versions: [String] { ActivationCrashTests.versions }

        private mutating func command() {
            step += Int.random(in: -2...3, using: &random)
            let fence = Fence(epoch: 1, step: max(0, step))
            let version = versions.randomElement(using: &random) ?? "v1"
            host.desire(version, hold: [version, "v1"], fence: fence, generation: step)
            if fence > wish?.fence ?? .zero { wish = (version, fence) }
        }

        private mutating func changeConduct() {
            host.conduct.hooksFail = Int.random(in: 0..<4, using: &random) == 0
            host.conduct.hooksHang = Int.random(in: 0..<4, using: &random) == 0
            host.conduct.linksFail = Int.random(in: 0..<8, using: &random) == 0
            host.conduct.recordsFail = Int.random(in: 0..<8, using: &random) == 0
            host.conduct.sick = versions.filter { _ in
                Int.random(in: 0..<4, using: &random) == 0
            }
        }
    }

    @Test("no order of events breaks what must always hold, and good times bring the wish about")
    func storms() throws {
        for seed in 0..<800 as Range<UInt64> {
            var storm = try Storm(seed: seed)
            try storm.run(steps: 120)
            // From here on all goes well, except that v4 is sick.
            storm.host.conduct = ActivationHost.Conduct()
            storm.host.conduct.sick = ["v4"]
            for version in Self.versions { storm.host.seal(version) }
            storm.host.settle()
            let before = storm.host.link
            let fence = Fence(epoch: 2, step: 0)
            storm.host.desire("v3", hold: ["v3"], fence: fence, generation: 1000)
            storm.host.settle()
            #expect(storm.host.link == "v3", "seed \(seed): \(storm.host.record)")
            guard storm.host.link == "v3" else { return }
            let last = Fence(epoch: 2, step: 1)
            storm.host.desire("v4", hold: ["v4", "v3"], fence: last, generation: 1001)
            storm.host.settle()
            let end = storm.host.settings.hasProbe ? "v3" : "v4"
            #expect(storm.host.link == end, "seed \(seed), from \(before ?? "nothing")")
            #expect(storm.host.report.active == end, "seed \(seed)")
            #expect(storm.host.report.fence == last, "seed \(seed)")
            #expect(storm.host.violations == [], "seed \(seed)")
            guard storm.host.violations.isEmpty else { return }
        }
    }

    @Test("a crash in each phase is made up for, wherever it strikes")
    func crashInEachPhase() throws {
        var phases: [ActivationRecord.Phase] = []
        for stop in 0..<60 {
            for keepsRecord in [false, true] {
                var settings = ActivationHost.everything()
                settings.probeDeadline = .seconds(5)
                var host = try ActivationHost(settings, sealed: ["v1", "v2"])
                host.desire("v1", hold: ["v1"], fence: Fence(epoch: 1, step: 1))
                host.settle()
                host.conduct.sick = ["v2"]
                host.desire("v2", hold: ["v2", "v1"], fence: Fence(epoch: 1, step: 2))
                for _ in 0..<stop {
                    if !host.pending.isEmpty {
                        host.perform(at: 0)
                    } else if host.isHookRunning {
                        host.endHook()
                    } else {
                        host.sleep()
                    }
                }
                if let phase = host.durable.models.first?.phase { phases.append(phase) }
                host.crash(keepsRecord: keepsRecord)
                // As the tracker says when the host is back.
                host.desire("v2", hold: ["v2", "v1"], fence: Fence(epoch: 1, step: 2))
                host.settle()
                #expect(host.link == "v1")
                #expect(host.report.failure?.version == "v2")
                #expect(host.violations == [])
            }
        }
        for phase in ActivationRecord.Phase.allCases {
            #expect(phases.contains(phase), "no crash in \(phase)")
        }
    }

    @Test(
        "the checks find each mistake that a driver could make",
        arguments: [
            ActivationHost.Mistake.lostRecord, .twoHooks, .removedVersion,
        ]
    )
    func planted(mistake: ActivationHost.Mistake) throws {
        let found = try (0..<300 as Range<UInt64>).contains { seed in
            var storm = try Storm(seed: seed, mistake: mistake)
            try storm.run(steps: 120)
            return !storm.host.violations.isEmpty
        }
        #expect(found, "\(mistake) goes unnoticed")
    }
}
