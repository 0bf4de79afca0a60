import SwarmModel

/// A host that obeys its desired state, as `Docs/Rollouts.md` says hosts do: fences never go back,
/// the newest command is durable before its effect, and a failed activation returns to what served
/// before.
struct ObedientHost {
    enum Flaw { case ignoresFences, losesPrevious }

    let name: HostName
    let locality: Locality
    var labels = Labels.none
    var flaw: Flaw?

    // Durable.
    var desired: [DesiredState.Model] = []
    var fence = Fence.zero
    var active: DesiredState.Version?
    /// What served before the activation at hand.
    var before: DesiredState.Version?
    var pending: DesiredState.Version?
    var isActivating = false
    var failure: HostReport.Failure?
    var held: [(version: DesiredState.Version, pieces: Int)] = []
    /// Every fence obeyed, in order.
    var obeyed: [(fence: Fence, version: String)] = []

    var isUp = true
    var isHealthy = true
    /// Whether the activation at hand takes out of service what was in it.
    var isOut = false
    var lastSync = Instant(nanoseconds: 0)

    static let pieceCount = 3

    init(_ name: String, at locality: String) {
        guard let name = try? HostName(name), let locality = try? Locality(locality) else {
            preconditionFailure("\(name) at \(locality)")
        }
        self.name = name
        self.locality = locality
    }

    func holds(_ version: DesiredState.Version) -> Bool {
        held.contains { $0.version == version && $0.pieces == Self.pieceCount }
    }

    mutating func apply(_ models: [DesiredState.Model]) {
        desired = models
        guard let model = models.first else { return }
        for version in model.hold where !held.contains(where: { $0.version == version }) {
            held.append((version, 0))
        }
        let isNewer = flaw == .ignoresFences ? model.fence != fence : model.fence > fence
        if let active = model.active, isNewer {
            fence = model.fence
            pending = model.hold.first { $0.version == active }
            obeyed.append((fence, active))
        }
    }

    /// One step of its own work. `succeeds` is what the probe says of an activation.
    mutating func work(succeeds: Bool) {
        if isActivating {
            isActivating = false
            isOut = false
            if succeeds {
                failure = nil
                isHealthy = true
            } else {
                failure = HostReport.Failure(
                    version: active!.version,
                    fence: fence,
                    reason: "the probe said no"
                )
                active = before
                isHealthy = true
            }
            return
        }
        if let version = pending, holds(version) {
            pending = nil
            if active == version {
                failure = nil
                return
            }
            before = active
            active = version
            isOut = before != nil && isHealthy
            isActivating = true
            if flaw == .losesPrevious { held.removeAll { $0.version == before } }
            return
        }
        if let index = held.firstIndex(where: { $0.pieces < Self.pieceCount }) {
            held[index].pieces += 1
            return
        }
        // Nothing is deleted that is wanted or serves.
        held.removeAll { entry in
            entry.version != active && entry.version != pending && entry.version != before
                && !(desired.first?.hold.contains(entry.version) ?? true)
        }
    }

    var report: HostReport {
        let versions = held.map { entry in
            let isActive = entry.version == active
            let stage: VersionStage =
                isActive
                ? (isActivating ? .activating : .active)
                : (entry.pieces == Self.pieceCount ? .sealed : .fetching)
            return HostReport.Version(
                version: entry.version.version,
                infoHash: entry.version.infoHash,
                stage: stage,
                pieceCount: Self.pieceCount,
                piecesHeld: entry.pieces,
                byteCount: Self.pieceCount,
                bytesHeld: entry.pieces,
                problem: nil
            )
        }
        // One that waits for its version to be sealed has not obeyed yet, in effect: it serves what
        // it did, and says the fence.
        let model = HostReport.Model(
            name: FleetWorld.model,
            active: active?.version,
            isHealthy: active == nil || isActivating ? nil : isHealthy,
            fence: fence,
            failure: failure,
            versions: versions
        )
        return HostReport(
            host: name,
            locality: locality,
            labels: labels,
            generation: 0,
            models: [model],
            disk: nil
        )
    }
}
