package import SwarmModel
internal import SystemPackage

/// Metainfo files kept for a restart. The store does not look inside.
extension Store {
    /// Longest metainfo file that is kept.
    package static let torrentByteCountMax = 256 << 20

    package func saveTorrent(
        _ bytes: [UInt8],
        for infoHash: InfoHash,
        as reference: ModelReference? = nil
    ) throws(StorageError) {
        precondition(bytes.count <= Self.torrentByteCountMax, "metainfo of \(bytes.count) bytes")
        if let reference {
            let text = Array("\(reference)\n".utf8)
            try fileSystem.replace(layout.torrentName(infoHash), with: text)
        }
        try fileSystem.replace(layout.torrent(infoHash), with: bytes)
    }

    /// The metainfo files kept, by info-hash, and the names they were kept under.
    package func torrents()
        throws(StorageError) -> [(infoHash: InfoHash, reference: ModelReference?)]
    {
        var result: [(infoHash: InfoHash, reference: ModelReference?)] = []
        for name in try fileSystem.names(in: layout.torrents) where name.hasSuffix(".torrent") {
            guard let infoHash = InfoHash(hex: name.dropLast(".torrent".count)) else { continue }
            let text = try fileSystem.contents(
                of: layout.torrentName(infoHash),
                byteCountMax: 3 * NameFlaw.byteCountMax + 8
            )
            let line = text.map { String(decoding: $0, as: UTF8.self) }?.split(separator: "\n")
                .first
            result.append((infoHash, line.flatMap { try? ModelReference($0) }))
        }
        return result
    }

    /// Nil when none is kept.
    package func torrent(for infoHash: InfoHash) throws(StorageError) -> [UInt8]? {
        try fileSystem.contents(
            of: layout.torrent(infoHash),
            byteCountMax: Self.torrentByteCountMax
        )
    }

    package func removeTorrent(_ infoHash: InfoHash) throws(StorageError) {
        try fileSystem.removeTree(layout.torrent(infoHash))
        try fileSystem.removeTree(layout.torrentName(infoHash))
    }
}
