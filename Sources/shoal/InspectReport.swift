import SwarmModel
import SwarmWire

/// What `shoal inspect --json` prints.
struct InspectReport: Hashable, Encodable {
    /// `ORG/MODEL` and version, when the file says under which name it was published.
    let name: String?
    let version: String?
    /// The suggested directory name, which the info-hash covers.
    let directory: String
    let infoHash: InfoHash
    let magnet: String
    let bytes: Int
    let pieceLength: Int
    let pieces: Int
    let isPrivate: Bool
    let files: [File]
    /// By tier.
    let trackers: [[String]]
    /// Where the files also lie, as URLs or as paths of named origins.
    let origins: [String]
    let comment: String?
    let createdBy: String?
    /// Files longer than a piece whose layer the file carries, and does not: those must be fetched
    /// from a peer before their pieces can be checked.
    let layersPresent: Int
    let layersMissing: Int

    struct File: Hashable, Encodable {
        let path: String
        let bytes: Int
        let pieces: Int
        /// Nil for an empty file.
        let root: Digest?
        let layer: Layer
    }

    enum Layer: String, Hashable, Encodable {
        /// The file is not longer than a piece, so its root says it all.
        case unneeded
        case present
        case missing
    }

    init(_ metainfo: Metainfo) {
        let info = metainfo.info
        let roots = Set(metainfo.pieceLayers.map(\.root))
        files = info.geometry.files.map { index in
            let entry = info.entry(of: index)
            let isPresent = entry.piecesRoot.map { roots.contains($0) } ?? false
            return File(
                path: entry.joinedPath,
                bytes: entry.length,
                pieces: info.geometry.pieceNumbers(of: index).count,
                root: entry.piecesRoot,
                layer: !info.needsLayer(index) ? .unneeded : isPresent ? .present : .missing
            )
        }
        name = metainfo.reference?.name.description
        version = metainfo.reference?.version
        directory = info.name
        infoHash = info.infoHash
        magnet =
            MagnetLink(
                infoHash: info.infoHash,
                name: metainfo.reference?.description ?? info.name,
                trackers: metainfo.trackers.flatMap { $0 }
            ).description
        bytes = info.geometry.totalLength
        pieceLength = info.geometry.pieceLength
        pieces = info.geometry.pieceCount
        isPrivate = info.isPrivate
        trackers = metainfo.trackers
        origins = metainfo.origins.map(\.description)
        comment = metainfo.comment
        createdBy = metainfo.createdBy
        layersPresent = files.filter { $0.layer == .present }.count
        layersMissing = files.filter { $0.layer == .missing }.count
    }

    /// The report for people.
    var text: String {
        var rows: [[String]] = []
        func add(_ key: String, _ value: String?) {
            if let value { rows.append([key, Terminal.safe(value)]) }
        }
        add("model", name.flatMap { name in version.map { "\(name)@\($0)" } })
        add("directory", directory)
        add("info-hash", infoHash.description)
        add("magnet", magnet)
        add("size", "\(ByteCount(bytes)) (\(bytes) bytes) in \(files.count) files")
        add("pieces", "\(pieces) of \(ByteCount(pieceLength).exact)")
        add("layers", layers)
        add("private", isPrivate ? "yes" : nil)
        for (tier, urls) in trackers.enumerated() {
            add(tier == 0 ? "trackers" : "", urls.joined(separator: ", "))
        }
        for (index, origin) in origins.enumerated() { add(index == 0 ? "origins" : "", origin) }
        add("created by", createdBy)
        add("comment", comment)
        let table = TextTable(
            rows: [["bytes", "root", "path"]]
                + files.map { file in
                    let note = file.layer == .missing ? "  (piece layer missing)" : ""
                    let root = file.root?.hex ?? String(repeating: "-", count: 64)
                    return ["\(file.bytes)", root, Terminal.safe(file.path) + note]
                },
            rightAligned: [0]
        )
        return TextTable(rows: rows).text + "\n\n" + table.text
    }

    private var layers: String {
        switch (layersPresent, layersMissing) {
        case (0, 0): "none needed: no file is longer than a piece"
        case (let present, 0): "all \(present) present"
        case (let present, let missing):
            "\(present) present, \(missing) missing (peers fetch them from each other)"
        }
    }
}
