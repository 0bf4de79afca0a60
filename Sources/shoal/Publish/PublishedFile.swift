import Foundation
import SwarmModel

/// The `.torrent` file that `shoal publish` leaves.
enum PublishedFile {
    /// Refuses a path below the published directory: the file would be part of the next
    /// publication.
    static func check(_ path: String, isOutside root: String) throws(CommandFailure) {
        let directory = URL(filePath: path).deletingLastPathComponent().resolvingSymlinksInPath()
            .path
        guard directory == root || directory.hasPrefix(root == "/" ? "/" : root + "/") else {
            return
        }
        throw CommandFailure(
            .failure,
            "'\(path)' lies in the published directory and would change what is published",
            remedy: "--output with a path outside of '\(root)'"
        )
    }

    /// Writes the file, or leaves it when it is there already. A file of another version under the
    /// same name stays: versions do not change.
    static func write(
        _ bytes: [UInt8],
        of metainfo: Metainfo,
        to path: String
    ) throws(CommandFailure) {
        guard FileManager.default.fileExists(atPath: path) else {
            return try FileContent.write(bytes, to: path)
        }
        let there: Metainfo
        do {
            there = try TorrentFile.read(path)
        } catch {
            throw CommandFailure(
                .conflict,
                "'\(path)' is there and is not a .torrent file of this version",
                remedy: "another path for --output, or remove the file"
            )
        }
        guard there.info.infoHash == metainfo.info.infoHash else {
            throw CommandFailure(
                .conflict,
                "'\(path)' is there and describes other content (\(there.info.infoHash))",
                remedy: "publish changed content under a new --version"
            )
        }
        if there != metainfo { try FileContent.write(bytes, to: path) }
    }
}
