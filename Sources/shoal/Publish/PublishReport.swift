import SwarmModel
import SwarmRuntime
import SwarmWire

/// What `shoal publish --json` prints.
struct PublishReport: Hashable, Encodable {
    let name: String
    let version: String
    /// Of the version; nil as long as parts of it are missing.
    let infoHash: InfoHash?
    let magnet: String?
    /// `K/N` for a part. Pieces, files and bytes are then those of the part.
    let part: String?
    let missingParts: [Int]?
    /// Named by an index, and in no part that is in.
    let missingFiles: [String]?
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
        (part, missingParts, missingFiles) = (nil, nil, nil)
    }

    /// Of a part, with what the trackers say of the whole.
    init(
        _ part: Metainfo,
        _ made: MadePublication,
        _ states: [PartsReport],
        at addresses: [TrackerAddress]
    ) {
        let info = part.info
        // What is missing at one of several trackers is missing.
        let state = states.first { $0.infoHash == nil } ?? states[0]
        name = state.name.description
        version = state.version
        infoHash = state.infoHash
        magnet = nil
        self.part = part.part?.number.description
        missingParts = state.missing
        missingFiles = state.missingFiles
        pieceLength = info.geometry.pieceLength
        pieces = info.geometry.pieceCount
        files = info.files.count
        bytes = info.geometry.totalLength
        seconds = made.seconds
        bytesPerSecond = made.seconds > 0 ? Double(bytes) / made.seconds : 0
        output = nil
        trackers = zip(addresses, states).map { address, state in
            Tracker(url: "\(address)", isNew: state.created ?? true)
        }
        origins = part.origins.map(\.description)
    }

    /// All parts are in, and files that an index names are in none: nobody else will bring them.
    func requireNamedFiles() throws(CommandFailure) {
        guard let missingFiles, !missingFiles.isEmpty, missingParts == [] else { return }
        throw CommandFailure(
            .notFound,
            "all parts of \(name)@\(version) are in, and none has \(missingText ?? "")",
            remedy: "--replace-part on the node that has it"
        )
    }

    private var missingText: String? {
        guard let missingParts, let missingFiles, infoHash == nil else { return nil }
        let count = part.flatMap { PartNumber($0)?.count } ?? 0
        return PartsState(
            count: count,
            present: (1...max(1, count)).filter { !missingParts.contains($0) },
            missingFiles: missingFiles
        ).missingText
    }

    /// The report for people.
    var text: String {
        var rows = [
            ["published", (part.map { "part \($0) of " } ?? "") + "\(name)@\(version)"],
            infoHash.map { ["info-hash", $0.description] } ?? ["missing", missingText ?? ""],
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
