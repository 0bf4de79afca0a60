internal import Dispatch
internal import SwarmModel
internal import SwarmRuntime

/// Runs the catalog's blocking work on a thread of its own, one piece after the other, and bounds
/// how much of it waits.
struct CatalogDriver: Sendable {
    private let store: CatalogStore
    private let queue = DispatchQueue(label: "shoal.catalog")
    /// Files being received or checked.
    private let uploads: Locked<Int>
    private let uploadsMax: Int
    /// The info-hashes of published versions, which never change.
    private let known: Locked<[ModelReference: InfoHash]>
    /// What was last found of versions of which some parts are in; whoever waits for the others
    /// asks every second.
    private let knownParts: Locked<[ModelReference: PartsState]>

    init(store: CatalogStore, uploadsMax: Int) {
        self.store = store
        self.uploadsMax = uploadsMax
        uploads = Locked(0)
        known = Locked([:])
        knownParts = Locked([:])
    }

    var isUsable: Bool { get async throws { try await onDisk { $0.isUsable } } }

    /// The path of a published file; nil when there is none.
    func path(of reference: ModelReference) async throws -> String? {
        try await onDisk { $0.contains(reference) ? $0.path(of: reference) : nil }
    }

    /// Nil when it is not published.
    func infoHash(of reference: ModelReference) async throws -> InfoHash? {
        if let known = known.withLock({ $0[reference] }) { return known }
        let found = try await onDisk { try $0.metainfo(of: reference)?.info.infoHash }
        remember(found, of: reference)
        return found
    }

    /// Whether its file names places that hold it besides peers.
    func hasOrigin(_ reference: ModelReference) async -> Bool {
        let found = try? await onDisk { try $0.metainfo(of: reference)?.origins.isEmpty == false }
        return found ?? false
    }

    func list() async throws -> [CatalogStore.Entry] {
        let known = known.withLock { $0 }
        let entries = try await onDisk { store in store.list { known[$0] } }
        for entry in entries { remember(entry.infoHash, of: entry.reference) }
        return entries
    }

    func put(_ reference: ModelReference, _ bytes: [UInt8]) async throws -> CatalogStore.Outcome {
        let outcome = try await onDisk { try $0.put(reference, bytes) }
        knownParts.withLock { $0[reference] = nil }
        switch outcome {
        case .created(let hash), .unchanged(let hash): remember(hash, of: reference)
        case .conflict, .full: break
        }
        return outcome
    }

    // MARK: Parts

    func putPart(
        _ reference: ModelReference,
        number: Int,
        _ bytes: [UInt8],
        replacing: Bool
    ) async throws -> CatalogStore.PartOutcome {
        let outcome = try await onDisk {
            try $0.putPart(reference, number: number, bytes, replacing: replacing)
        }
        switch outcome {
        case .kept(let state, _): knownParts.withLock { $0[reference] = state }
        case .whole(let hash, _):
            knownParts.withLock { $0[reference] = nil }
            remember(hash, of: reference)
        case .full: break
        }
        return outcome
    }

    /// Nil when no part is here, or the version is published.
    func parts(of reference: ModelReference) async throws -> PartsState? {
        if let known = knownParts.withLock({ $0[reference] }) { return known }
        let state = try await onDisk { try $0.parts(of: reference) }
        if let state { knownParts.withLock { $0[reference] = state } }
        return state
    }

    /// Those of which some parts are in, in order. One that cannot be read is left out.
    func unfinished() async throws -> [(reference: ModelReference, state: PartsState)] {
        var result: [(reference: ModelReference, state: PartsState)] = []
        for reference in try await onDisk({ $0.unfinished() }) {
            guard let state = try? await parts(of: reference) else { continue }
            result.append((reference, state))
        }
        return result
    }

    /// Why a version cannot be had, for whoever asked for it.
    func absence(of reference: ModelReference) async -> String {
        guard let state = try? await parts(of: reference) else {
            return "\(reference) is not published here; "
                + "publish it with `shoal publish --tracker`, or see GET /api/v1/models"
        }
        return "\(reference) is not whole yet: \(state.missingText) missing; publish what is "
            + "missing with `shoal publish --part` on the node that has it"
    }

    /// Takes one of the places for an upload while `body` runs; nil when all are taken.
    func withUploadPlace<R: Sendable>(_ body: () async throws -> R) async throws -> R? {
        let isFree = uploads.withLock { count in
            guard count < uploadsMax else { return false }
            count += 1
            return true
        }
        guard isFree else { return nil }
        defer { uploads.withLock { $0 -= 1 } }
        return try await body()
    }

    private func remember(_ infoHash: InfoHash?, of reference: ModelReference) {
        guard let infoHash else { return }
        known.withLock { $0[reference] = infoHash }
    }

    private func onDisk<R: Sendable>(
        _ work: @escaping @Sendable (CatalogStore) throws -> R
    ) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { [store] in
                continuation.resume(with: Result { try work(store) })
            }
        }
    }
}
