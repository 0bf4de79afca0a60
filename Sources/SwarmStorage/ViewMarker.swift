internal import SwarmModel
internal import SystemPackage

/// The record beside a view: whose it is and what it holds, so that listing and removing versions
/// needs neither the metainfo nor a walk. It is written before its view appears; a marker without a
/// view means nothing.
struct ViewMarker: Sendable, Equatable {
    var infoHash: InfoHash
    /// Bytes of all files.
    var bytes: Int
    /// Distinct contents, sorted.
    var roots: [Digest]

    /// Longest marker that is read: a million contents.
    static let byteCountMax = 64 << 20
    private static let greeting = "shoal view 1"

    init(_ info: VersionInfo) {
        infoHash = info.infoHash
        bytes = info.geometry.totalLength
        roots = FilesByContent(info).groups.map(\.root).sorted()
    }

    /// Nil when the text is not a marker.
    init?(_ text: [UInt8]) {
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        guard lines.count >= 3, lines[0] == Self.greeting,
            let infoHash = InfoHash(hex: lines[1]), let bytes = Int(lines[2])
        else { return nil }
        self.infoHash = infoHash
        self.bytes = bytes
        roots = []
        for line in lines[3...] {
            guard let root = Digest(hex: line) else { return nil }
            roots.append(root)
        }
    }

    var text: [UInt8] {
        let lines = [Self.greeting, infoHash.digest.hex, "\(bytes)"] + roots.map(\.hex)
        return Array((lines.joined(separator: "\n") + "\n").utf8)
    }
}
