import SwarmModel
import SwarmWire

/// What `shoal publish --json` prints.
struct PublishReport: Hashable, Encodable {
    let name: String
    let version: String
    let infoHash: InfoHash
    let magnet: String
    let pieceLength: Int
    let pieces: Int
    let files: Int
    let bytes: Int
    /// Spent hashing.
    let seconds: Double
    let bytesPerSecond: Double
    /// Path of the `.torrent` file, if one was written.
    let output: String?
    let trackers: [Tracker]
    /// Where the files also lie, checked for their lengths.
    let origins: [String]

    /// What a tracker said.
    struct Tracker: Hashable, Encodable, Sendable {
        let url: String
        /// False when the tracker had the same version already.
        let isNew: Bool
    }

    init(
        _ metainfo: Metainfo,
        _ made: MadePublication,
        output: String?,
        trackers: [Tracker]
    ) {
        let info = metainfo.info
        name = metainfo.reference?.name.description ?? info.name
        version = metainfo.reference?.version ?? ""
        infoHash = info.infoHash
        magnet =
            MagnetLink(
                infoHash: info.infoHash,
                name: metainfo.reference?.description ?? info.name,
                trackers: metainfo.trackers.flatMap { $0 }
            ).description
        pieceLength = info.geometry.pieceLength
        pieces = info.geometry.pieceCount
        files = info.files.count
        bytes = info.geometry.totalLength
        seconds = made.seconds
        bytesPerSecond = made.seconds > 0 ? Double(bytes) / made.seconds : 0
        self.output = output
        self.trackers = trackers
        origins = metainfo.origins.map(\.description)
    }

    /// The report for people.
    var text: String {
        var rows = [
            ["published", "\(name)@\(version)"],
            ["info-hash", infoHash.description],
            ["size", "\(ByteCount(bytes)) (\(bytes) bytes) in \(files) files"],
            ["pieces", "\(pieces) of \(ByteCount(pieceLength).exact)"],
            ["hashed", "in \(seconds.threeDigits) s, \((bytesPerSecond / 1e9).threeDigits) GB/s"],
        ]
        if let output { rows.append(["torrent", output]) }
        for tracker in trackers {
            rows.append([
                "tracker", "\(tracker.url) (\(tracker.isNew ? "new" : "was there already"))",
            ])
        }
        for origin in origins { rows.append(["origin", "\(origin) (has every file)"]) }
        return TextTable(rows: rows).text
    }
}
