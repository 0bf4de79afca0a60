import SwarmModel

/// Where the files also lie: `url-list` (BEP 19), which other clients use too, and `shoal origins`
/// for what it cannot say. Both are outside of `info`.
extension MetainfoCodec {
    /// BEP 19 puts the version's own name between the URL and a file's path.
    private static func ending(_ info: VersionInfo) -> String {
        PercentCoding.encode(info.name.utf8) + "/"
    }

    /// The URL for `url-list` when it can say where the files are.
    private static func webSeed(_ origin: OriginLocation, _ info: VersionInfo) -> String? {
        let ending = ending(info)
        guard case .url(let url) = origin, TrackerURL.isHTTP(url), url.hasSuffix("/" + ending)
        else { return nil }
        let base = url.dropLast(ending.count)
        // The name may be the host's.
        return base.hasSuffix("//") ? nil : String(base)
    }

    /// Entries that are no place we could ever read from are left out, as other schemes of trackers
    /// are: the list is written for all clients. Those of `url-list` come first.
    static func decodeOrigins(
        _ top: BencodeValue.Entries,
        of info: VersionInfo,
        limits: MetainfoLimits
    ) throws(MetainfoError) -> [OriginLocation] {
        var origins: [OriginLocation] = []
        for text in try texts("url-list", in: top, limits: limits) where TrackerURL.isHTTP(text) {
            // Without a slash at the end it would be the URL of a single file.
            let base = text.hasSuffix("/") ? text : text + "/"
            guard let location = try? OriginLocation(base + ending(info)) else { continue }
            if !origins.contains(location) { origins.append(location) }
        }
        for text in try texts("shoal origins", in: top, limits: limits) {
            guard let location = try? OriginLocation(text) else { continue }
            if !origins.contains(location) { origins.append(location) }
        }
        return origins.filter { webSeed($0, info) != nil }
            + origins.filter { webSeed($0, info) == nil }
    }

    private static func texts(
        _ key: String,
        in top: BencodeValue.Entries,
        limits: MetainfoLimits
    ) throws(MetainfoError) -> [String] {
        guard let value = top[key] else { return [] }
        var texts: [String] = []
        guard let entries = value.list else {
            // BEP 19 allows a single string, and some clients write an empty one.
            return try text(key, value).map { [$0] } ?? []
        }
        for entry in entries {
            guard texts.count < limits.originCountMax else {
                throw .tooManyOrigins(limit: limits.originCountMax)
            }
            texts.append(try text(key, entry) ?? "")
        }
        return texts
    }

    /// Nil for an empty one.
    private static func text(
        _ key: String,
        _ value: BencodeValue
    ) throws(MetainfoError) -> String? {
        guard let bytes = value.bytes else { throw .wrongType(key: key, expected: "strings") }
        guard bytes.count <= OriginLocation.byteCountMax else {
            throw .textTooLong(key: key, bytes: bytes.count, limit: OriginLocation.byteCountMax)
        }
        guard let text = value.text else { throw .notText(key: key) }
        return text.isEmpty ? nil : text
    }

    /// The entries of `url-list` and those of `shoal origins`.
    static func encodedOrigins(
        of metainfo: Metainfo
    ) -> (webSeeds: [BencodeTree], ours: [BencodeTree]) {
        var webSeeds: [BencodeTree] = []
        var ours: [BencodeTree] = []
        for origin in metainfo.origins {
            if let url = webSeed(origin, metainfo.info) {
                webSeeds.append(.text(url))
            } else {
                ours.append(.text(origin.description))
            }
        }
        return (webSeeds, ours)
    }
}
