package import SwarmModel

/// Scrape (BEP 48): counts of swarms without joining them.
extension AnnounceCodec {
    /// The swarms asked for; none when the query names none, which is a request for all.
    package static func decodeScrapeRequest(
        query: some Collection<UInt8>
    ) throws(AnnounceRequestError) -> [SwarmID] {
        let query = try QueryParameters(query)
        var swarms: [SwarmID] = []
        for value in query.all("info_hash") {
            guard let swarm = SwarmID(value) else {
                throw .identifierLength(key: "info_hash", bytes: value.count)
            }
            guard swarms.count < scrapeCountMax else { throw .tooManySwarms }
            swarms.append(swarm)
        }
        return swarms
    }

    package static func decodeScrapeRequest(
        query: String
    ) throws(AnnounceRequestError) -> [SwarmID] {
        try decodeScrapeRequest(query: query.utf8)
    }

    package static func encodeScrapeRequest(_ swarms: [SwarmID]) -> String {
        swarms.map { "info_hash=\(PercentCoding.encode($0.bytes))" }.joined(separator: "&")
    }

    /// Entries of one swarm must not be there twice.
    package static func encodeScrapeResponse(_ entries: [ScrapeEntry]) -> [UInt8] {
        let files = entries.map { entry in
            BencodeTree.Entry(
                entry.swarm.bytes,
                .dictionary([
                    ("complete", .integer(entry.complete)),
                    ("downloaded", .integer(entry.downloaded)),
                    ("incomplete", .integer(entry.incomplete)),
                ])
            )
        }
        return BencodeTree.dictionary([("files", .entries(files))]).encoding
    }

    package static func decodeScrapeResponse(
        _ bytes: [UInt8]
    ) throws(AnnounceResponseError) -> [ScrapeEntry] {
        let keys = try dictionary(bytes)
        if let reason = keys["failure reason"].flatMap(lossyText) {
            throw .refused(reason: reason)
        }
        guard let files = keys["files"] else { throw .missing(key: "files") }
        guard let entries = files.dictionary else { throw .wrongType(key: "files") }
        var result: [ScrapeEntry] = []
        for (key, value) in entries {
            guard let swarm = SwarmID(key) else { throw .swarmLength(bytes: key.count) }
            guard let counts = value.dictionary else { throw .wrongType(key: "files") }
            result.append(
                ScrapeEntry(
                    swarm: swarm,
                    complete: try count("complete", in: counts) ?? 0,
                    incomplete: try count("incomplete", in: counts) ?? 0,
                    downloaded: try count("downloaded", in: counts) ?? 0
                )
            )
        }
        return result
    }

    package static func decodeScrapeResponse(
        _ bytes: RawSpan
    ) throws(AnnounceResponseError) -> [ScrapeEntry] {
        try decodeScrapeResponse(bytes.array())
    }
}
