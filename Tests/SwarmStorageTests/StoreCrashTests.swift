import SwarmModel
import SwarmStorage
import SystemPackage
import Testing

/// The same life, cut short or spoilt at every single call of the file system.
@Suite struct StoreCrashTests {
    @Test(
        "a kill or a power loss at any call loses nothing promised and shows nothing unverified",
        arguments: [false, true]
    )
    func deathAtEachCall(directIO: Bool) throws {
        let journey = try Journey(try .varied(), directIO: directIO)
        var number = 1
        while true {
            let disk = MemoryDisk()
            let faulty = FaultyDisk(disk, call: number, .death)
            var promises = Journey.Promises()
            do {
                try journey.run(faulty, &promises)
                #expect(!faulty.hasFired, "call \(number) failed and nobody noticed")
            } catch { #expect(faulty.hasFired, "\(error)") }
            guard faulty.hasFired else { break }
            for loss in Self.losses(number) {
                let comment: Comment = "call \(number), \(loss)"
                let next = disk.rebooted(after: loss)
                try journey.check(next.rebooted(after: .none), promises, comment)
                var later = Journey.Promises()
                try journey.run(next, &later)
                try journey.checkView(next, comment)
                try journey.check(next.rebooted(after: .dropAll), later, comment)
            }
            number += 1
        }
        #expect(number > 100, "the journey has only \(number) calls")
    }

    private static func losses(_ number: Int) -> [MemoryDisk.PowerLoss] {
        [.none, .dropAll, .mixed(seed: UInt64(number))]
    }

    @Test(
        "any call may fail once: the same store then finishes, and what it promised survives",
        arguments: [
            (FaultyDisk.Fault.error(.ioError), false), (.error(.noSpace), false),
            (.error(.interrupted), false), (.short, false),
            (.error(.noSpace), true), (.short, true),
        ]
    )
    func faultAtEachCall(_ fault: FaultyDisk.Fault, directIO: Bool) throws {
        let journey = try Journey(try .varied(), directIO: directIO)
        var number = 0
        while true {
            number += 1
            let disk = MemoryDisk()
            let faulty = FaultyDisk(disk, call: number, fault)
            var promises = Journey.Promises()
            let comment: Comment = "call \(number), \(fault)"
            let store = try Self.opened(faulty, journey)
            do { try journey.run(store, &promises) } catch {
                #expect(faulty.hasFired, "\(error), \(comment)")
                #expect(fault != .short, "a short transfer is no error; \(comment)")
                // A dirty death here must already be safe.
                try journey.check(disk.rebooted(after: .dropAll), promises, comment)
                do { try journey.run(store, &promises) } catch {
                    Issue.record("the second run failed: \(error); \(comment)")
                    continue
                }
            }
            try journey.checkView(disk, comment)
            try journey.check(disk.rebooted(after: .dropAll), promises, comment)
            guard faulty.hasFired else { break }
        }
        #expect(number > (fault == .short ? 1 : 100))
    }

    /// The second attempt at opening finds a healthy disk.
    private static func opened(_ faulty: FaultyDisk, _ journey: Journey) throws -> Store {
        do {
            return try journey.open(faulty)
        } catch {
            #expect(faulty.hasFired, "\(error)")
            return try journey.open(faulty)
        }
    }

    @Test("a removal cut short anywhere leaves either the version or no trace of it in sight")
    func deathDuringRemoval() throws {
        let journey = try Journey(try .varied())
        var number = 1
        while true {
            let disk = MemoryDisk()
            var promises = Journey.Promises()
            try journey.run(disk, &promises)
            let start = disk.rebooted(after: .none)
            let faulty = FaultyDisk(start, call: number, .death)
            do {
                let store = try Store.open(directory: journey.directory, fileSystem: faulty)
                try store.remove(journey.reference)
                #expect(!faulty.hasFired)
            } catch { #expect(faulty.hasFired, "\(error)") }
            guard faulty.hasFired else { break }
            for loss in Self.losses(number) {
                let comment: Comment = "call \(number), \(loss)"
                let next = start.rebooted(after: loss)
                let store = try Store.open(directory: journey.directory, fileSystem: next)
                if try store.versions().isEmpty {
                    try store.removeOrphans()
                    #expect(try next.list(store.layout.blobs).isEmpty, comment)
                } else {
                    try journey.checkView(next, comment)
                }
                #expect(try next.list(store.layout.models).allSatisfy { !$0.hasPrefix(".") })
                try journey.check(next.rebooted(after: .none), Journey.Promises(), comment)
            }
            number += 1
        }
        #expect(number > 20)
    }
}
