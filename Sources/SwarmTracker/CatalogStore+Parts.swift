internal import SwarmModel
internal import SwarmWire

/// Versions of which not all parts are in: `<data>/catalog/.parts/<org>/<model>/<version>/K.part`,
/// each the `.torrent` file of one node's files. When the last part comes, the version is put
/// together and published in one step, and the parts go. A crash leaves either the parts that were
/// answered for, or the version.
extension CatalogStore {
    /// Versions of which not all parts are in. More would fill the disk of whoever never finishes.
    static let unfinishedMax = 64

    private static let partSuffix = ".part"
    private var partsRoot: String { root + "/.parts" }

    private func directory(ofPartsOf reference: ModelReference) -> String {
        let name = reference.name
        return "\(partsRoot)/\(name.organisation)/\(name.model)/\(reference.version)"
    }

    enum PartOutcome: Hashable, Sendable {
        /// Others are still missing.
        case kept(PartsState, isNew: Bool)
        case whole(InfoHash, isNew: Bool)
        case full
    }

    /// The part does not fit to what is there.
    struct PartRefused: Error {
        var reason: String
        /// ``putPart(_:_:replacing:)`` may replace what is in the way.
        var isReplaceable: Bool
    }
    /// The file is not the part that it is published as.
    struct NotThatPart: Error {}

    // MARK: Publishing

    /// Checks and keeps a part, and publishes the version when it was the last. `replacing` puts it
    /// in the place of the same part with other files.
    func putPart(
        _ reference: ModelReference,
        number: Int,
        _ bytes: [UInt8],
        replacing: Bool
    ) throws -> PartOutcome {
        let offered = try decoded(bytes, as: reference)
        guard let label = offered.part, label.number.number == number else { throw NotThatPart() }
        if let there = try metainfo(of: reference) {
            return try compare(offered, with: there, as: reference)
        }
        let before = try assembly(of: reference)
        let after: PartAssembly
        do throws(PartConflict) {
            after = try before.adding(offered, replacing: replacing)
        } catch {
            throw PartRefused(reason: "\(error)", isReplaceable: error.isReplaceable)
        }
        if after.isWhole { return try publish(after, as: reference) }
        let isThere = before.state.present.contains(number)
        if isThere, !replacing { return .kept(after.state, isNew: false) }
        if before.parts.isEmpty, unfinished().count >= Self.unfinishedMax { return .full }
        let directory = directory(ofPartsOf: reference)
        try CatalogFiles.makeDirectory(directory)
        _ = try CatalogFiles.write(
            bytes,
            to: path(of: number, in: directory),
            by: partial,
            replacing: true
        )
        return .kept(after.state, isNew: true)
    }

    /// A version that is published has the part's files, or it is another one.
    private func compare(
        _ offered: Metainfo,
        with there: Metainfo,
        as reference: ModelReference
    ) throws -> PartOutcome {
        removeParts(of: reference)
        guard let lacking = there.info.lacking(from: offered.info) else {
            return .whole(there.info.infoHash, isNew: false)
        }
        throw PartRefused(
            reason: "\(reference) is published with info-hash \(there.info.infoHash), and has no "
                + "'\(lacking.joinedPath)' with these bytes; a version never changes, so publish "
                + "it under a new one",
            isReplaceable: false
        )
    }

    private func publish(
        _ assembly: PartAssembly,
        as reference: ModelReference
    ) throws -> PartOutcome {
        let metainfo = try whole(assembly, as: reference)
        switch try put(reference, MetainfoCodec.encode(metainfo)) {
        case .created(let hash): return .whole(hash, isNew: true)
        case .unchanged(let hash): return .whole(hash, isNew: false)
        case .full: return .full
        case .conflict(let there, let offered):
            throw PartRefused(
                reason: "\(reference) is published with info-hash \(there), and the parts make "
                    + "\(offered)",
                isReplaceable: false
            )
        }
    }

    private func whole(
        _ assembly: PartAssembly,
        as reference: ModelReference
    ) throws -> Metainfo {
        guard let first = assembly.parts.first else { throw NotThatPart() }
        let pieceLength: Int
        do {
            pieceLength = try assembly.pieceLength()
        } catch {
            throw PartRefused(
                reason: "the parts cannot be one version: \(error)",
                isReplaceable: true
            )
        }
        let info: VersionInfo
        do {
            info = try MetainfoCodec.makeInfo(
                name: first.info.name,
                pieceLength: pieceLength,
                files: assembly.files,
                isPrivate: first.info.isPrivate,
                hasher: hasher
            )
        } catch {
            throw PartRefused(
                reason: "the parts cannot be one version: \(error)",
                isReplaceable: true
            )
        }
        return Metainfo(
            info: info,
            pieceLayers: assembly.layers(pieceLength: pieceLength, hasher: hasher),
            trackers: assembly.trackers,
            createdBy: first.createdBy,
            reference: reference,
            origins: assembly.origins
        )
    }

    // MARK: What is there

    /// Nil when no part is here, or the version is published.
    func parts(of reference: ModelReference) throws -> PartsState? {
        guard !contains(reference) else { return nil }
        let assembly = try assembly(of: reference)
        return assembly.parts.isEmpty ? nil : assembly.state
    }

    /// The versions of which some parts are in, in order.
    func unfinished() -> [ModelReference] {
        references(in: partsRoot, suffix: "").filter {
            !CatalogFiles.names(in: directory(ofPartsOf: $0)).isEmpty
        }
    }

    private func assembly(of reference: ModelReference) throws -> PartAssembly {
        let directory = directory(ofPartsOf: reference)
        var assembly = PartAssembly()
        for name in CatalogFiles.names(in: directory) where name.hasSuffix(Self.partSuffix) {
            let path = directory + "/" + name
            guard let part = try metainfo(at: path) else { continue }
            do {
                assembly = try assembly.adding(part)
            } catch {
                throw Unreadable(path: path)
            }
        }
        return assembly
    }

    private func path(of number: Int, in directory: String) -> String {
        "\(directory)/\(number)\(Self.partSuffix)"
    }

    func removeParts(of reference: ModelReference) {
        CatalogFiles.removeDirectory(directory(ofPartsOf: reference))
    }

    /// What a crash between publishing a version and removing its parts may have left.
    func removeStaleParts() {
        for reference in references(in: partsRoot, suffix: "") where contains(reference) {
            removeParts(of: reference)
        }
    }
}
