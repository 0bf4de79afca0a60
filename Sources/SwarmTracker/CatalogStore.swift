internal import SwarmModel
internal import SwarmWire

/// The published `.torrent` files on disk: `<data>/catalog/<org>/<model>/<version>.torrent`.
///
/// A file appears whole and synchronised by one link under its name, and is never written again, so
/// reading needs no lock and a crash leaves at most an unnamed file in `catalog/.partial`.
/// Blocking: call it from a thread that may wait.
struct CatalogStore: Sendable {
    let root: String
    let versionsMax: Int
    let hasher: any MerkleHashing

    static let suffix = ".torrent"
    var partial: String { root + "/.partial" }

    init(dataDirectory: String, versionsMax: Int, hasher: any MerkleHashing) {
        root = dataDirectory + "/catalog"
        self.versionsMax = versionsMax
        self.hasher = hasher
    }

    /// Makes the directories and removes what a crash may have left.
    func prepare() throws(TrackerError) {
        do {
            try CatalogFiles.makeDirectory(partial)
            for name in CatalogFiles.names(in: partial) {
                CatalogFiles.remove(partial + "/" + name)
            }
            removeStaleParts()
        } catch {
            throw TrackerError(
                code: .dataDirectory,
                message: "cannot use \(root) for the catalog: \(error.message); "
                    + "choose a writable directory with --data"
            )
        }
    }

    var isUsable: Bool { CatalogFiles.isWritable(partial) }

    func path(of reference: ModelReference) -> String {
        let name = reference.name
        return "\(root)/\(name.organisation)/\(name.model)/\(reference.version)\(Self.suffix)"
    }

    // MARK: Publishing

    enum Outcome: Hashable, Sendable {
        case created(InfoHash)
        /// The version is there with this info-hash; what is there stays.
        case unchanged(InfoHash)
        case conflict(there: InfoHash, offered: InfoHash)
        case full
    }

    /// Checks and keeps a `.torrent` file under a name.
    func put(_ reference: ModelReference, _ bytes: [UInt8]) throws -> Outcome {
        let offered = try decoded(bytes, as: reference)
        if let part = offered.part { throw IsPart(number: part.number) }
        defer { if contains(reference) { removeParts(of: reference) } }
        let path = path(of: reference)
        if let there = try infoHash(at: path) {
            return compared(there: there, offered: offered.info.infoHash)
        }
        if references().count >= versionsMax { return .full }
        try CatalogFiles.makeDirectory(CatalogFiles.parent(of: path))
        let wasFirst = try CatalogFiles.write(bytes, to: path, by: partial)
        guard wasFirst else {
            guard let there = try infoHash(at: path) else { throw Unreadable(path: path) }
            return compared(there: there, offered: offered.info.infoHash)
        }
        return .created(offered.info.infoHash)
    }

    func decoded(_ bytes: [UInt8], as reference: ModelReference) throws -> Metainfo {
        let offered = try MetainfoCodec.decode(bytes, hasher: hasher)
        if let named = offered.reference, named != reference {
            throw OtherName(named: named)
        }
        return offered
    }

    private func compared(there: InfoHash, offered: InfoHash) -> Outcome {
        there == offered ? .unchanged(there) : .conflict(there: there, offered: offered)
    }

    /// The file says that it is another version than the one it is published as.
    struct OtherName: Error { var named: ModelReference }
    /// The file has one part of a version, and was to be published as the whole.
    struct IsPart: Error { var number: PartNumber }
    /// A file of the catalog cannot be read as what was published: damaged, or removed by somebody.
    struct Unreadable: Error { var path: String }

    // MARK: Reading

    /// Nil when it is not published.
    func metainfo(of reference: ModelReference) throws -> Metainfo? {
        try metainfo(at: path(of: reference))
    }

    /// Nil when there is no file.
    private func infoHash(at path: String) throws -> InfoHash? {
        try metainfo(at: path)?.info.infoHash
    }

    func metainfo(at path: String) throws -> Metainfo? {
        guard let bytes = try CatalogFiles.read(path) else { return nil }
        do throws(MetainfoError) {
            return try MetainfoCodec.decode(bytes, hasher: hasher)
        } catch {
            throw Unreadable(path: path)
        }
    }

    func contains(_ reference: ModelReference) -> Bool {
        CatalogFiles.length(path(of: reference)) != nil
    }

    struct Entry: Hashable, Sendable {
        var reference: ModelReference
        /// Of the `.torrent` file, in bytes.
        var byteCount: Int
        /// Nil when the file cannot be read.
        var infoHash: InfoHash?
    }

    /// Everything published, in order. Reads each file whose info-hash is not in `known`.
    func list(known: (ModelReference) -> InfoHash?) -> [Entry] {
        references().compactMap { reference in
            let path = path(of: reference)
            guard let byteCount = CatalogFiles.length(path) else { return nil }
            let infoHash = known(reference) ?? (try? infoHash(at: path)) ?? nil
            return Entry(reference: reference, byteCount: byteCount, infoHash: infoHash)
        }
    }

    var hasVersions: Bool { !references().isEmpty }

    /// Names that could not have been published here are not looked at.
    private func references() -> [ModelReference] { references(in: root, suffix: Self.suffix) }

    func references(in root: String, suffix: String) -> [ModelReference] {
        var result: [ModelReference] = []
        for organisation in CatalogFiles.names(in: root) where !organisation.hasPrefix(".") {
            for model in CatalogFiles.names(in: "\(root)/\(organisation)") {
                guard let name = try? ModelName("\(organisation)/\(model)") else { continue }
                for file in CatalogFiles.names(in: "\(root)/\(organisation)/\(model)")
                where file.hasSuffix(suffix) {
                    let version = file.dropLast(suffix.count)
                    guard let reference = try? ModelReference(name: name, version: version) else {
                        continue
                    }
                    result.append(reference)
                }
            }
        }
        return result.sorted()
    }
}
