import OrderedCollections
package import SwarmModel

/// What the host says of itself.
extension HostModels {
    /// The models of the report: those that the tracker names first, then those that serve here,
    /// then the rest, up to the limits of a report.
    package var reports: [HostReport.Model] {
        var names = OrderedSet(desired.models.map(\.name))
        names.formUnion(models.keys)
        names.formUnion(versions.keys.map(\.name))
        return names.prefix(HostReport.modelCountMax).map { report(of: $0) }
    }

    package func report(of name: ModelName) -> HostReport.Model {
        let model = models[name]
        return HostReport.Model(
            name: name,
            active: model?.current,
            isHealthy: model?.isHealthy,
            fence: model?.record.fence ?? .zero,
            failure: model?.record.failure,
            versions: versionReports(of: name, model)
        )
    }

    /// The version that a rollback of the model would go to: the latest that served before and is
    /// still here.
    package func previous(of name: ModelName) -> String? {
        let here = sealed(name)
        return models[name]?.record.earlier.first { here.contains($0, nil) }
    }

    private func versionReports(
        of name: ModelName,
        _ model: ModelActivation?
    ) -> [HostReport.Version] {
        var result: [HostReport.Version] = []
        let wish = desired.models.first { $0.name == name }
        for held in wish?.hold ?? [] {
            guard let reference = try? ModelReference(name: name, version: held.version) else {
                continue
            }
            result.append(report(of: reference, wanted: held.infoHash, model))
        }
        for (reference, version) in versions where reference.name == name {
            guard !result.contains(where: { $0.version == reference.version }) else { continue }
            result.append(report(of: reference, wanted: version.infoHash, model))
        }
        return Array(result.prefix(HostReport.versionCountMax))
    }

    private func report(
        of reference: ModelReference,
        wanted: InfoHash,
        _ model: ModelActivation?
    ) -> HostReport.Version {
        guard var version = versions[reference] else {
            return missing(reference, wanted: wanted)
        }
        guard version.infoHash == wanted else {
            var missing = missing(reference, wanted: wanted)
            missing.stage = .failed
            missing.problem =
                "this host has other content under that name, \(version.infoHash); "
                + "`shoal remove \(reference)` there"
            return missing
        }
        if version.stage == .sealed, let model {
            version.stage = model.stage(of: reference.version)
        }
        if let model, reference.version == model.record.serving {
            version.problem = model.returnProblem ?? version.problem
        }
        return version
    }

    private func missing(_ reference: ModelReference, wanted: InfoHash) -> HostReport.Version {
        let problem = fetches.problem(of: reference)
        return HostReport.Version(
            version: reference.version,
            infoHash: wanted,
            stage: problem?.isFinal == true ? .failed : .fetching,
            pieceCount: 0,
            piecesHeld: 0,
            byteCount: 0,
            bytesHeld: 0,
            problem: problem.map { String($0.reason.prefix(HostReport.textByteCountMax / 4)) }
        )
    }
}

extension ModelActivation {
    /// Of a version that is sealed.
    func stage(of version: String) -> VersionStage {
        switch record.phase {
        case .idle: version == record.serving ? .active : .sealed
        case .before, .switching, .after, .probing:
            version == record.target ? .activating : version == current ? .active : .sealed
        case .returning, .settling: version == record.serving ? .activating : .sealed
        }
    }
}
