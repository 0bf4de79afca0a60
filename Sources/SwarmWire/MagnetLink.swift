package import SwarmModel

/// A magnet link of a v2 torrent (BEP 9): `magnet:?xt=urn:btmh:1220…&dn=…&tr=…`.
package struct MagnetLink: Hashable, Sendable {
    package var infoHash: InfoHash
    /// `dn`: a name to show until the metainfo is there.
    package var name: String?
    /// `tr`: trackers; those of other schemes than HTTP are left out.
    package var trackers: [String]

    /// Longest link that is read, in bytes.
    package static let byteCountMax = 16_384
    package static let trackerCountMax = 64

    package init(infoHash: InfoHash, name: String? = nil, trackers: [String] = []) {
        self.infoHash = infoHash
        self.name = name
        self.trackers = trackers
    }
}

/// Why text is not a magnet link that can be used.
package enum MagnetError: Error, Hashable, Sendable, CustomStringConvertible {
    case tooLong(bytes: Int)
    case notMagnet
    case noHash
    /// `urn:btih:` without `urn:btmh:`.
    case version1Only
    case hash(String)
    case twoHashes
    case escape(key: String)
    case notText(key: String)
    case tooManyTrackers

    package var description: String {
        switch self {
        case .tooLong(let bytes):
            "a link of \(bytes) bytes; at most \(MagnetLink.byteCountMax) are read"
        case .notMagnet: "not a magnet link: it does not start with 'magnet:?'"
        case .noHash: "the magnet link has no 'xt=urn:btmh:…'"
        case .version1Only:
            "the magnet link is for BitTorrent v1 (urn:btih); only v2 (urn:btmh) is understood"
        case .hash(let text):
            "'\(text)' is not a SHA-256 multihash: 1220 and 64 hexadecimal digits"
        case .twoHashes: "the magnet link names two v2 torrents"
        case .escape(let key): "the value of '\(key)' has a bad percent escape"
        case .notText(let key): "the value of '\(key)' is not valid UTF-8"
        case .tooManyTrackers: "more than \(MagnetLink.trackerCountMax) trackers"
        }
    }
}

extension MagnetLink: CustomStringConvertible {
    private static let scheme = "magnet:?"
    private static let v2Prefix = "urn:btmh:"
    private static let v1Prefix = "urn:btih:"
    /// SHA-256 (0x12) of 32 bytes (0x20), as multihash writes it.
    private static let multihash = "1220"

    package var description: String {
        var text = Self.scheme + "xt=" + Self.v2Prefix + Self.multihash + infoHash.description
        if let name { text += "&dn=" + PercentCoding.encode(name.utf8) }
        for tracker in trackers { text += "&tr=" + PercentCoding.encode(tracker.utf8) }
        return text
    }

    package init(_ text: String) throws(MagnetError) {
        guard text.utf8.count <= Self.byteCountMax else { throw .tooLong(bytes: text.utf8.count) }
        let head = String(text.prefix(Self.scheme.count))
        guard head.lowercased() == Self.scheme else { throw .notMagnet }
        var hash: InfoHash?
        var isVersion1 = false
        var name: String?
        var trackers: [String] = []
        for pair in text.utf8.dropFirst(Self.scheme.utf8.count).split(separator: UInt8(ascii: "&"))
        {
            let key = String(decoding: pair.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self)
            let raw = pair.dropFirst(key.utf8.count + 1)
            // BEP 9 allows several of a key, as `tr.1`, `tr.2`.
            switch key.prefix(while: { $0 != "." }) {
            case "xt":
                let topic = try Self.value(raw, key: key)
                isVersion1 = isVersion1 || topic.lowercased().hasPrefix(Self.v1Prefix)
                guard let found = try Self.hash(topic) else { continue }
                guard hash == nil || hash == found else { throw .twoHashes }
                hash = found
            case "dn":
                // Browsers write a space of a name as '+'.
                name = try Self.value(raw.map { $0 == UInt8(ascii: "+") ? 32 : $0 }, key: key)
            case "tr":
                let url = try Self.value(raw, key: key)
                guard TrackerURL.isHTTP(url) else { continue }
                guard trackers.count < Self.trackerCountMax else { throw .tooManyTrackers }
                trackers.append(url)
            default: continue
            }
        }
        guard let hash else { throw isVersion1 ? .version1Only : .noHash }
        self.init(infoHash: hash, name: name, trackers: trackers)
    }

    private static func value(
        _ raw: some Collection<UInt8>,
        key: String
    ) throws(MagnetError) -> String {
        let shown = Excerpt.printable(key, limit: 16)
        guard let bytes = PercentCoding.decode(raw) else { throw .escape(key: shown) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .notText(key: shown)
        }
        return text
    }

    /// Nil when the topic is not of BitTorrent v2.
    private static func hash(_ topic: String) throws(MagnetError) -> InfoHash? {
        let lower = topic.lowercased()
        guard lower.hasPrefix(v2Prefix) else { return nil }
        let hex = lower.dropFirst(v2Prefix.count)
        guard hex.hasPrefix(multihash), let hash = InfoHash(hex: hex.dropFirst(multihash.count))
        else { throw .hash(Excerpt.printable(String(hex), limit: 80)) }
        return hash
    }
}
