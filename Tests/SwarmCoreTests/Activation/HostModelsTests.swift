import SwarmModel
import Testing

@testable import SwarmCore

@Suite("Activation on a host")
struct HostModelsTests {
    private func fence(_ step: Int) -> Fence { Fence(epoch: 1, step: step) }

    /// A host on which v1 serves, by fence 1.1.
    private func serving(
        _ settings: ActivationSettings = ActivationHost.everything()
    ) throws -> ActivationHost {
        var host = try ActivationHost(settings, sealed: ["v1", "v2"])
        host.desire("v1", hold: ["v1"], fence: fence(1))
        host.settle()
        #expect(host.link == "v1")
        #expect(host.report.active == "v1")
        return host
    }

    @Test("an activation runs hook, switch, hook and probe, in this order, each after the record")
    func order() throws {
        var host = try serving()
        host.desire("v2", hold: ["v2", "v1"], fence: fence(2))
        #expect(host.record.phase == .before)
        #expect(host.report.versions.first?.stage == .activating)
        host.settle()
        #expect(host.link == "v2")
        let calls = host.hooksRun.suffix(2)
        #expect(
            Array(calls) == [
                HookCall(kind: .before, version: "v2", previous: "v1"),
                HookCall(kind: .after, version: "v2", previous: "v1"),
            ]
        )
        #expect(host.report.versions.first?.stage == .active)
        #expect(host.report.isHealthy == true)
        #expect(host.report.fence == fence(2))
        #expect(host.machine.previous(of: host.model) == "v1")
        #expect(host.violations == [])
    }

    @Test("nothing is done before the record is durable, and a disk that refuses is tried again")
    func recordFirst() throws {
        var host = try serving()
        host.conduct.recordsFail = true
        host.desire("v2", hold: ["v2", "v1"], fence: fence(2))
        for _ in 0..<20 {
            if host.pending.isEmpty { host.sleep() } else { host.perform(at: 0) }
        }
        #expect(!host.isHookRunning)
        #expect(host.link == "v1")
        host.conduct.recordsFail = false
        host.settle()
        #expect(host.link == "v2")
        #expect(host.violations == [])
    }

    @Test("a probe that says no until the deadline brings the previous version back, with its hook")
    func sick() throws {
        var host = try serving()
        host.conduct.sick = ["v2"]
        host.desire("v2", hold: ["v2", "v1"], fence: fence(2))
        host.settle()
        #expect(host.link == "v1")
        #expect(host.linksMade.suffix(2) == ["v2", "v1"])
        #expect(host.hooksRun.last == HookCall(kind: .after, version: "v1", previous: "v2"))
        let failure = try #require(host.report.failure)
        #expect(failure.version == "v2")
        #expect(failure.fence == fence(2))
        #expect(failure.reason.contains("503"))
        #expect(failure.reason.contains("back to v1"))
        #expect(host.report.versions.first?.stage == .sealed)
    }

    @Test("a fence that failed is not tried again; a newer one may try the same version")
    func retry() throws {
        var host = try serving()
        host.conduct.sick = ["v2"]
        host.desire("v2", hold: ["v2", "v1"], fence: fence(2))
        host.settle()
        let count = host.linksMade.count
        host.desire("v2", hold: ["v2", "v1"], fence: fence(2), generation: 9)
        host.crash(keepsRecord: true)
        host.settle()
        #expect(host.linksMade.count == count)
        host.conduct.sick = []
        host.desire("v2", hold: ["v2", "v1"], fence: fence(3), generation: 10)
        host.settle()
        #expect(host.link == "v2")
        #expect(host.report.failure == nil)
    }

    @Test("each hook that fails brings the previous version back", arguments: [true, false])
    func failingHook(isBefore: Bool) throws {
        var host = try serving()
        host.desire("v2", hold: ["v2", "v1"], fence: fence(2))
        while !host.isHookRunning { host.perform(at: 0) }
        host.conduct.hooksFail = isBefore
        host.endHook()
        while !host.isHookRunning { host.perform(at: 0) }
        host.conduct.hooksFail = true
        host.endHook()
        host.settle()
        #expect(host.link == "v1")
        #expect(host.report.failure?.reason.contains(isBefore ? "before" : "after") == true)
        #expect(host.violations == [])
    }

    @Test("a hook that never ends is ended by its time limit, and the machine goes on")
    func hangingHook() throws {
        var host = try serving()
        host.conduct.hooksHang = true
        host.desire("v2", hold: ["v2", "v1"], fence: fence(2))
        host.settle()
        #expect(host.link == "v1")
        #expect(host.report.failure?.reason.contains("no end within") == true)
        #expect(host.violations == [])
    }

    @Test("a command that is not newer than the one obeyed is ignored")
    func oldFence() throws {
        var host = try serving()
        host.desire("v2", hold: ["v2", "v1"], fence: Fence(epoch: 0, step: 99))
        host.settle()
        #expect(host.link == "v1")
        #expect(host.report.fence == fence(1))
    }

    @Test("the abort of an activation waits for no hook and no probe", arguments: [true, false])
    func abort(inHook: Bool) throws {
        var host = try serving()
        host.conduct.sick = ["v2"]
        host.conduct.hooksHang = inHook
        host.desire("v2", hold: ["v2", "v1"], fence: fence(2))
        while inHook ? !host.isHookRunning : host.record.phase != .probing {
            if host.isHookRunning { host.endHook() } else { host.perform(at: 0) }
        }
        let begun = host.now
        host.desire("v1", hold: ["v2", "v1"], fence: fence(3))
        host.conduct.hooksHang = false
        host.settle()
        #expect(host.now == begun)
        #expect(host.link == "v1")
        #expect(host.report.fence == fence(3))
        // Nothing was wrong with it.
        #expect(host.report.failure == nil)
        #expect(host.violations == [])
    }

    @Test("the activation of a version that is not sealed waits until it is")
    func unsealed() throws {
        var host = try serving()
        host.desire("v3", hold: ["v3", "v1"], fence: fence(2))
        host.settle()
        #expect(host.link == "v1")
        #expect(host.report.fence == fence(1))
        #expect(host.report.versions.first?.stage == .fetching)
        host.seal("v3")
        host.settle()
        #expect(host.link == "v3")
        #expect(host.report.fence == fence(2))
    }

    @Test("other content under the same name is never activated, and is reported")
    func otherContent() throws {
        var host = try serving()
        let other = InfoHash(Digest(lanes: SIMD4(repeating: 77)))
        let wish = DesiredState.Model(
            name: host.model,
            hold: [DesiredState.Version(version: "v2", infoHash: other)],
            active: "v2",
            fence: fence(2)
        )
        host.desire(DesiredState(generation: 5, models: [wish]))
        host.settle()
        #expect(host.link == "v1")
        let version = try #require(host.report.versions.first { $0.infoHash == other })
        #expect(version.stage == .failed)
        #expect(version.problem?.contains("shoal remove") == true)
    }

    @Test("the operator's own order counts until the tracker has a newer command")
    func localOrder() throws {
        var host = try serving()
        try host.order("v2")
        host.settle()
        #expect(host.link == "v2")
        host.desire("v1", hold: ["v1"], fence: fence(1), generation: 4)
        host.settle()
        #expect(host.link == "v2")
        host.desire("v1", hold: ["v1"], fence: fence(2), generation: 5)
        host.settle()
        #expect(host.link == "v1")
    }

    @Test("without anything before, a failure leaves no version serving")
    func nothingBefore() throws {
        var host = try ActivationHost(ActivationHost.everything(), sealed: ["v1"])
        host.conduct.sick = ["v1"]
        host.desire("v1", hold: ["v1"], fence: fence(1))
        host.settle()
        #expect(host.link == nil)
        #expect(host.report.active == nil)
        #expect(host.report.failure?.reason.contains("nothing served before") == true)
    }

    @Test("a version that was damaged serves again once it is whole, and its server is told")
    func repaired() throws {
        var host = try serving()
        host.rot()
        host.settle()
        #expect(host.link == nil)
        #expect(host.report.active == nil)
        let count = host.hooksRun.count
        host.seal("v1")
        host.settle()
        #expect(host.link == "v1")
        #expect(host.report.active == "v1")
        let calls = Array(host.hooksRun[count...])
        #expect(calls == [HookCall(kind: .after, version: "v1", previous: nil)])
        #expect(host.violations == [])
    }

    @Test("a version that serves is probed on, and a change is news")
    func health() throws {
        var host = try serving()
        host.conduct.sick = ["v1"]
        host.sleep()
        while !host.pending.isEmpty { host.perform(at: 0) }
        #expect(host.report.isHealthy == false)
        #expect(host.link == "v1")
    }

    @Test(
        "what serves, served last, is pinned or wanted is not evicted; the rest, oldest use first"
    )
    func evictable() throws {
        var host = try serving()
        for version in ["v3", "v4", "v5"] { host.seal(version) }
        host.desire("v2", hold: ["v2"], fence: fence(2))
        host.settle()
        host.pin("v3")
        host.use("v4")
        let names = host.machine.evictable.map(\.version)
        #expect(names == ["v5", "v4"])
        host.unpin("v3")
        #expect(host.machine.evictable.map(\.version) == ["v3", "v5", "v4"])
    }
}

extension ActivationHost {
    mutating func desire(_ state: DesiredState) { tell(.desired(state)) }

    mutating func pin(_ version: String) {
        if let reference = try? reference(version) { tell(.pinned(reference)) }
    }

    mutating func unpin(_ version: String) {
        if let reference = try? reference(version) { tell(.unpinned(reference)) }
    }

    mutating func use(_ version: String) {
        if let reference = try? reference(version) { tell(.used(reference)) }
    }
}
