import Logging
import NIOPosix
import SwarmCore
import SwarmModel
import SwarmRuntime
import SwarmStorage
import SystemPackage

/// The disk budget: what fits is known before the first byte, and what nothing keeps here goes,
/// the least recently used first, each version whole.
extension HostDriver {
    /// Shares of the budget: above the high one versions go until the low one is reached.
    static let highWatermark = 0.95
    static let lowWatermark = 0.85
    /// Evictable versions that an error names.
    private static let namesMax = 5

    /// Joins a version's swarm, once there is room for it.
    ///
    /// - Throws: `PeerError` `.overBudget` when even without every version that may go it does not
    ///   fit. Nothing is deleted then.
    @discardableResult
    func join(_ metainfo: Metainfo, as reference: ModelReference) async throws -> SwarmDriver {
        await admission.enter()
        defer { admission.leave() }
        try await makeRoom(for: metainfo.info, reference)
        let driver = try await node.join(metainfo, as: reference)
        used(reference)
        return driver
    }

    /// Takes over what a directory of this host has of a version, and joins its swarm for the rest.
    func adopt(
        _ metainfo: Metainfo,
        as reference: ModelReference,
        from directory: FilePath
    ) async throws -> AdoptReport {
        guard directory.isAbsolute else {
            throw PeerError(.conflict, "'\(directory)' does not begin at the root; give all of it")
        }
        await admission.enter()
        defer { admission.leave() }
        try await makeRoom(for: metainfo.info, reference)
        let adoption = try await node.adopt(metainfo, from: directory)
        try await node.join(metainfo, as: reference)
        used(reference)
        return AdoptReport(
            name: reference.name.description,
            version: reference.version,
            infoHash: metainfo.info.infoHash,
            bytes: metainfo.info.geometry.totalLength,
            adoptedBytes: adoption.bytes,
            problems: adoption.problems
        )
    }

    private func makeRoom(for info: VersionInfo, _ reference: ModelReference) async throws {
        guard let budget = settings.diskBudget, await node.driver(of: info.infoHash) == nil else {
            return
        }
        let store = node.store
        let needed = try await node.threads.runIfActive { try store.bytesNeeded(for: info) }
        guard needed > 0 else { return }
        let used = try await usage().used
        guard used + needed > budget else { return }
        let candidates = machine.evictable
        let freed = try await node.threads.runIfActive {
            try store.bytesFreed(byRemoving: candidates)
        }
        guard used + needed - freed <= budget else {
            throw PeerError(
                .overBudget,
                "\(reference) needs \(needed) bytes of the disk budget of \(budget), of which "
                    + "\(used) are used\(try await largest(candidates)); raise --disk-budget, "
                    + "`shoal unpin` or `shoal remove` versions, or choose another disk"
            )
        }
        try await evict(until: budget - needed)
    }

    private func largest(_ candidates: [ModelReference]) async throws -> String {
        let store = node.store
        let sizes = try await node.threads.runIfActive {
            try candidates.map { ($0, try store.bytesFreed(byRemoving: [$0])) }
        }
        let named = sizes.sorted { $0.1 > $1.1 }.prefix(Self.namesMax)
        guard !named.isEmpty else { return " by versions that must stay" }
        let list = named.map { "\($0.0) (\($0.1))" }.joined(separator: ", ")
        return "; the largest that may go are \(list)"
    }

    /// Removes versions that may go until no more than `goal` bytes are used.
    private func evict(until goal: Int) async throws {
        for victim in machine.evictable {
            guard try await usage().used > goal else { return }
            // Something may have come to need it meanwhile.
            guard machine.evictable.contains(victim) else { continue }
            do {
                try await remove(victim)
                logger.notice("evicted", metadata: ["version": "\(victim)"])
            } catch {
                logger.warning(
                    "a version cannot be evicted",
                    metadata: ["version": "\(victim)", "reason": "\(error)"]
                )
            }
        }
    }

    /// Keeps the use of the disk below the high watermark.
    func tidy() async {
        do {
            let used = try await usage().used
            guard let budget = settings.diskBudget,
                Double(used) > Double(budget) * Self.highWatermark
            else { return }
            await admission.enter()
            defer { admission.leave() }
            try await evict(until: Int(Double(budget) * Self.lowWatermark))
        } catch {
            logger.warning("the use of the disk is not known", metadata: ["why": "\(error)"])
        }
    }

    @discardableResult
    private func usage() async throws -> StoreUsage {
        let store = node.store
        let usage = try await node.threads.runIfActive { try store.usage() }
        diskUse = HostReport.Disk(
            budget: settings.diskBudget ?? usage.used + usage.free,
            used: usage.used,
            free: usage.free
        )
        return usage
    }
}

/// Lets one task in at a time, in the order in which they came.
final class Turnstile: Sendable {
    private struct State {
        var isTaken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Locked(State())

    func enter() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                defer { state.isTaken = true }
                if state.isTaken { state.waiting.append(continuation) }
                return !state.isTaken
            }
            if isFree { continuation.resume() }
        }
    }

    func leave() {
        let next = state.withLock { state in
            if state.waiting.isEmpty {
                state.isTaken = false
                return CheckedContinuation<Void, Never>?.none
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}
