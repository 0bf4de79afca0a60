import Foundation
import Hummingbird
import SwarmCore
import SwarmModel
import SwarmStorage
import SystemPackage
import Testing

@testable import SwarmPeer

/// A host on a real disk, with real hooks, that talks to a tracker over a real socket.
@Suite("A host of a fleet", .serialized)
struct HostDriverTests {
    private let directory: HostDirectory
    private let one: HostVersion
    private let two: HostVersion

    init() throws {
        directory = try HostDirectory()
        one = try HostVersion("acme/llama@1", seed: 1)
        two = try HostVersion("acme/llama@2", seed: 2)
        try one.put(into: directory.data)
        try two.put(into: directory.data)
    }

    private func wish(_ active: HostVersion?, step: Int) -> DesiredState {
        let model = DesiredState.Model(
            name: one.reference.name,
            hold: [two.wish, one.wish],
            active: active?.reference.version,
            fence: Fence(epoch: 3, step: step)
        )
        return DesiredState(generation: step, models: [model])
    }

    private func current(_ directory: HostDirectory) -> String? {
        let path = directory.data.appending("models/acme/llama/current").string
        return try? FileManager.default.destinationOfSymbolicLink(atPath: path)
    }

    private func serves(_ version: String, _ step: Int) -> (HostReport) -> Bool {
        { report in
            let model = report.models.first
            return model?.active == version && model?.fence == Fence(epoch: 3, step: step)
                && model?.versions.first { $0.version == version }?.stage == .active
        }
    }

    @Test("the host brings about what the tracker wants, and says so, one exchange after another")
    func converges() async throws {
        let (directory, one, two) = (directory, one, two)
        try await FleetTracker.run { tracker, url in
            await tracker.wish(wish(one, step: 1))
            try await HostBench.run(on: directory.data, trackers: [url]) { settings in
                let log = directory.file("log")
                let script = "echo $SHOAL_EVENT $SHOAL_PREVIOUS-$SHOAL_VERSION >> \(log)"
                settings.hooks.before = .command(["/bin/sh", "-c", script])
                settings.hooks.after = .command(["/bin/sh", "-c", script])
                settings.labels = (try? Labels(parsing: ["pool=test"])) ?? .none
            } _: { _, _ in
                let first = await tracker.report(where: serves("1", 1))
                #expect(first?.host.description == "host-1")
                #expect(first?.labels["pool"] == "test")
                #expect(first?.models.first?.versions.count == 2)
                #expect(current(directory) == "1")
                await tracker.wish(wish(two, step: 2))
                let second = await tracker.report(where: serves("2", 2))
                #expect(second?.generation == 2)
                #expect(current(directory) == "2")
                let file = directory.data.appending("models/acme/llama/current/weights")
                let bytes = FileManager.default.contents(atPath: file.string)
                #expect(bytes == Data(two.bytes))
                // A command of before changes nothing.
                await tracker.wish(wish(one, step: 1))
                _ = await tracker.report { $0.generation == 1 && $0.models[0].active == "2" }
                #expect(current(directory) == "2")
            }
            #expect(await tracker.waits.allSatisfy { (0...60).contains($0) })
        }
        let lines = ["before -1", "after -1", "before 1-2", "after 1-2"]
        #expect(directory.text("log").split(separator: "\n").map(String.init) == lines)
    }

    @Test("a probe that says no brings the version back that served, and the tracker hears why")
    func sick() async throws {
        let (directory, one, two) = (directory, one, two)
        try await FleetTracker.run { tracker, url in
            await tracker.wish(wish(one, step: 1))
            try await HostBench.run(on: directory.data, trackers: [url]) { settings in
                let script = "test $SHOAL_VERSION = 1 || { echo cannot load; exit 1; }"
                settings.hooks.probe = .command(["/bin/sh", "-c", script])
                settings.activation.probeDeadline = .milliseconds(300)
            } _: { _, _ in
                let first = await tracker.report(where: serves("1", 1))
                #expect(first?.models[0].isHealthy == true)
                await tracker.wish(wish(two, step: 2))
                let back = await tracker.report { report in
                    report.models[0].failure != nil && report.models[0].active == "1"
                        && report.models[0].versions.contains {
                            $0.version == "1" && $0.stage == .active
                        }
                }
                let failure = try #require(back?.models[0].failure)
                #expect(failure.version == "2")
                #expect(failure.fence == Fence(epoch: 3, step: 2))
                #expect(failure.reason.contains("cannot load"))
                #expect(back?.models[0].fence == Fence(epoch: 3, step: 2))
                #expect(current(directory) == "1")
            }
        }
    }

    @Test("without its tracker a host goes on as it was, also over a restart")
    func deadTracker() async throws {
        let (directory, one) = (directory, one)
        try await FleetTracker.run { tracker, url in
            await tracker.wish(wish(one, step: 1))
            try await HostBench.run(on: directory.data, trackers: [url]) { _, _ in
                _ = await tracker.report(where: serves("1", 1))
            }
        }
        // Nobody listens at that port.
        try await HostBench.run(on: directory.data, trackers: ["http://127.0.0.1:9"]) { _, host in
            await eventually { await host.status.models.first?.report.active == "1" }
            let status = await host.status
            #expect(status.generation == 1)
            #expect(status.models.first?.report.fence == Fence(epoch: 3, step: 1))
            #expect(current(directory) == "1")
            let evictable = await host.machine.evictable
            #expect(evictable == [])
        }
    }

    @Test("a tracker that knows nothing of fleets is noted, and the next one is asked")
    func unknown() async throws {
        let (directory, one) = (directory, one)
        try await FleetTracker.run { old, oldURL in
            await old.refuse(.notFound)
            try await HostBench.run(on: directory.data, trackers: [oldURL]) { _, host in
                await eventually { await host.syncProblem != nil }
                #expect(await host.syncProblem?.contains("takes reports") == true)
            }
            // What the store finds at the start may overtake the first report. After it, none.
            let asked = await old.reports.count
            #expect((1...2).contains(asked))
            try await FleetTracker.run { tracker, url in
                await tracker.wish(wish(one, step: 1))
                try await HostBench.run(on: directory.data, trackers: [oldURL, url]) { _, _ in
                    let report = await tracker.report(where: serves("1", 1))
                    #expect(report != nil)
                }
            }
        }
    }

    @Test("the operator's own activation, pin and removal")
    func orders() async throws {
        let (directory, one, two) = (directory, one, two)
        try await HostBench.run(on: directory.data) { node, host in
            await eventually { await host.isVisible(one.reference) }
            _ = try await host.activate(one.reference)
            await eventually { await host.status.models.first?.report.active == "1" }
            let error = await #expect(throws: StorageError.self) {
                try await host.remove(one.reference)
            }
            #expect(error?.code == .inUse)
            let other = try ModelReference("acme/llama@9")
            await #expect(throws: PeerError.self) { try await host.activate(other) }
            await #expect(throws: PeerError.self) { try await host.pin(other, isPinned: true) }
            let status = try await host.pin(two.reference, isPinned: true)
            #expect(status.pinned == ["acme/llama@2"])
            // Whoever still has its driver, as the node has for a moment, has none of its files.
            let driver = await node.driver(of: two.metainfo.info.infoHash)
            #expect(driver != nil)
            try await host.remove(two.reference)
            withExtendedLifetime(driver) {}
            #expect(await host.status.pinned == [])
            #expect(await host.status.stage(of: two.reference) == nil)
        }
    }

    @Test("a record that is damaged is not taken for none")
    func damagedRecord() async throws {
        let name = try ModelName("acme/llama")
        // JSON, and yet nothing that a host has written.
        let impossible = [
            HostRecord(models: [ActivationRecord(name: name, phase: .switching)]),
            HostRecord(models: [ActivationRecord(name: name, phase: .settling, target: "1")]),
        ]
        let texts = try impossible.map {
            String(decoding: try JSONEncoder().encode($0), as: UTF8.self)
        }
        for text in ["{"] + texts {
            try directory.write(text, to: "data/host.json")
            let error = await #expect(throws: PeerError.self) {
                try await HostBench.run(on: directory.data) { _, _ in }
            }
            #expect(error?.message.contains("host.json") == true)
        }
    }
}
