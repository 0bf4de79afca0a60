extension HostReport {
    /// What is wrong with a report that could be read; nil when it can be used. Bounds what hosts
    /// make the tracker hold.
    package var flaw: String? {
        if models.count > Self.modelCountMax {
            return "more than \(Self.modelCountMax) models"
        }
        for (index, model) in models.enumerated() {
            if models[..<index].contains(where: { $0.name == model.name }) {
                return "\(model.name) is there twice"
            }
            if let flaw = model.flaw { return "\(model.name): \(flaw)" }
        }
        return nil
    }
}

extension HostReport.Model {
    fileprivate var flaw: String? {
        if versions.count > HostReport.versionCountMax {
            return "more than \(HostReport.versionCountMax) versions"
        }
        if fence.epoch < 0 || fence.step < 0 { return "a fence below zero" }
        let isLong = (failure?.reason.utf8.count ?? 0) > HostReport.textByteCountMax
        if isLong { return "a reason of more than \(HostReport.textByteCountMax) bytes" }
        let names = [active, failure?.version].compactMap { $0 } + versions.map(\.version)
        if names.contains(where: { $0.isEmpty || $0.utf8.count > NameFlaw.byteCountMax }) {
            return "a version's name of no byte, or of more than \(NameFlaw.byteCountMax)"
        }
        for version in versions {
            let isWithin =
                version.piecesHeld >= 0 && version.piecesHeld <= version.pieceCount
                && version.bytesHeld >= 0 && version.bytesHeld <= version.byteCount
            guard isWithin, version.pieceCount <= HostReport.pieceCountMax,
                version.byteCount <= HostReport.byteCountMax
            else { return "\(version.version) holds less than nothing, or more than all" }
            if (version.problem?.utf8.count ?? 0) > HostReport.textByteCountMax {
                return "a problem of more than \(HostReport.textByteCountMax) bytes"
            }
        }
        return nil
    }
}
