package import SwarmModel

/// Metainfo files of BitTorrent v2 (BEP 52), read strictly and written canonically.
package enum MetainfoCodec {
    /// Reads a `.torrent` file and checks everything in it that can be checked without the content.
    /// Piece layers may be missing; those present match their root.
    package static func decode(
        _ bytes: [UInt8],
        hasher: some MerkleHashing,
        limits: MetainfoLimits = .default
    ) throws(MetainfoError) -> Metainfo {
        let top = try topLevel(bytes, key: "metainfo", limits: limits)
        guard let infoValue = top["info"] else { throw .missing(key: "info") }
        let info = try decodeInfo(infoValue, hasher: hasher, limits: limits)
        return Metainfo(
            info: info,
            pieceLayers: try decodeLayers(top["piece layers"], of: info, hasher: hasher),
            trackers: try decodeTrackers(top, limits: limits),
            comment: try text("comment", in: top, limits: limits),
            createdBy: try text("created by", in: top, limits: limits),
            reference: try decodeReference(top, limits: limits),
            origins: try decodeOrigins(top, of: info, limits: limits),
            part: try decodePart(top, limits: limits)
        )
    }

    package static func decode(
        _ bytes: RawSpan,
        hasher: some MerkleHashing,
        limits: MetainfoLimits = .default
    ) throws(MetainfoError) -> Metainfo {
        guard bytes.byteCount <= limits.byteCountMax else {
            throw .tooLong(bytes: bytes.byteCount, limit: limits.byteCountMax)
        }
        return try decode(bytes.array(), hasher: hasher, limits: limits)
    }

    /// The bytes of a `.torrent` file: the same for the same metainfo, `info` copied as it was
    /// hashed.
    package static func encode(_ metainfo: Metainfo) -> [UInt8] {
        let trackers = metainfo.trackers.filter { !$0.isEmpty }
        let isList = trackers.count > 1 || (trackers.first?.count ?? 0) > 1
        let layers = metainfo.pieceLayers.map { layer in
            var hashes: [UInt8] = []
            hashes.reserveCapacity(layer.hashes.count * Digest.byteCount)
            for hash in layer.hashes { hashes.append(hash) }
            return BencodeTree.Entry(layer.root.bytes, .bytes(hashes))
        }
        let origins = encodedOrigins(of: metainfo)
        return BencodeTree.dictionary([
            ("announce", trackers.first.map { .text($0[0]) }),
            ("announce-list", isList ? .list(trackers.map { .list($0.map { .text($0) }) }) : nil),
            ("comment", metainfo.comment.map { .text($0) }),
            ("created by", metainfo.createdBy.map { .text($0) }),
            ("info", .encoded(metainfo.info.infoBytes)),
            ("piece layers", .entries(layers)),
            ("shoal origins", origins.ours.isEmpty ? nil : .list(origins.ours)),
            ("url-list", origins.webSeeds.isEmpty ? nil : .list(origins.webSeeds)),
            ("shoal part", metainfo.part.map(encode(part:))),
            ("shoal name", metainfo.reference.map { .text($0.name.description) }),
            ("shoal version", metainfo.reference.map { .text($0.version) }),
        ]).encoding
    }

    /// Reads one value of which nothing is known yet.
    static func topLevel(
        _ bytes: [UInt8],
        key: String,
        limits: MetainfoLimits
    ) throws(MetainfoError) -> BencodeValue.Entries {
        guard bytes.count <= limits.byteCountMax else {
            throw .tooLong(bytes: bytes.count, limit: limits.byteCountMax)
        }
        let value: BencodeValue
        do throws(BencodeError) {
            value = try BencodeValue(bytes, limits: limits.bencode)
        } catch {
            throw .bencode(error)
        }
        guard let entries = value.dictionary else {
            throw .wrongType(key: key, expected: "a dictionary")
        }
        return entries
    }

    // MARK: Around the info dictionary

    /// BEP 52: one entry for each root of a file longer than a piece. Absent entries are fetched
    /// from peers.
    private static func decodeLayers(
        _ value: BencodeValue?,
        of info: VersionInfo,
        hasher: some MerkleHashing
    ) throws(MetainfoError) -> [PieceLayer] {
        guard let value else { return [] }
        guard let entries = value.dictionary else {
            throw .wrongType(key: "piece layers", expected: "a dictionary")
        }
        let expected = layersNeeded(by: info)
        var layers: [PieceLayer] = []
        for (key, value) in entries {
            guard let root = Digest(key) else { throw .layerKey(bytes: key.count) }
            guard let hashCount = hashCount(of: root, in: expected) else {
                throw .unknownLayer(root)
            }
            guard let bytes = value.bytes else {
                throw .wrongType(key: "piece layer of \(root.hex)", expected: "a string")
            }
            let length = hashCount * Digest.byteCount
            guard bytes.count == length else {
                throw .layerLength(root, bytes: bytes.count, expected: length)
            }
            let hashes = bytes.span.bytes.digests(from: 0)
            let pieceLength = info.geometry.pieceLength
            guard hasher.root(ofPieceLayer: hashes, pieceLength: pieceLength) == root else {
                throw .layerMismatch(root)
            }
            layers.append(PieceLayer(root: root, hashes: hashes))
        }
        return layers
    }

    /// The roots of files longer than a piece, sorted, with their number of pieces.
    private static func layersNeeded(by info: VersionInfo) -> [(root: Digest, hashCount: Int)] {
        info.geometry.files.filter { info.needsLayer($0) }.compactMap { file in
            info.entry(of: file).piecesRoot.map {
                (root: $0, hashCount: info.geometry.pieceNumbers(of: file).count)
            }
        }.sorted { $0.root < $1.root }
    }

    private static func hashCount(
        of root: Digest,
        in sorted: [(root: Digest, hashCount: Int)]
    ) -> Int? {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle].root < root { low = middle + 1 } else { high = middle }
        }
        return low < sorted.count && sorted[low].root == root ? sorted[low].hashCount : nil
    }

    /// BEP 12: `announce-list` replaces `announce`. URLs of other schemes than HTTP are left out.
    private static func decodeTrackers(
        _ top: BencodeValue.Entries,
        limits: MetainfoLimits
    ) throws(MetainfoError) -> [[String]] {
        var trackers: [[String]] = []
        var count = 0
        if let value = top["announce-list"] {
            guard let tiers = value.list else {
                throw .wrongType(key: "announce-list", expected: "a list of lists")
            }
            for tier in tiers {
                guard let urls = tier.list else {
                    throw .wrongType(key: "announce-list", expected: "a list of lists")
                }
                var kept: [String] = []
                for url in urls {
                    count += 1
                    guard count <= limits.trackerCountMax else {
                        throw .tooManyTrackers(limit: limits.trackerCountMax)
                    }
                    kept += try tracker(url, key: "announce-list", limits: limits)
                }
                if !kept.isEmpty { trackers.append(kept) }
            }
        }
        if let url = top["announce"] {
            let single = try tracker(url, key: "announce", limits: limits)
            if trackers.isEmpty && !single.isEmpty { trackers = [single] }
        }
        return trackers
    }

    /// The URL, or nothing when its scheme is not HTTP.
    private static func tracker(
        _ value: BencodeValue,
        key: String,
        limits: MetainfoLimits
    ) throws(MetainfoError) -> [String] {
        guard let bytes = value.bytes else { throw .wrongType(key: key, expected: "a string") }
        guard bytes.count <= limits.trackerByteCountMax else {
            throw .trackerTooLong(bytes: bytes.count, limit: limits.trackerByteCountMax)
        }
        guard let url = value.text else { throw .notText(key: key) }
        return TrackerURL.isHTTP(url) ? [url] : []
    }

    static func text(
        _ key: String,
        in top: BencodeValue.Entries,
        limits: MetainfoLimits
    ) throws(MetainfoError) -> String? {
        guard let value = top[key] else { return nil }
        guard let bytes = value.bytes else { throw .wrongType(key: key, expected: "a string") }
        guard bytes.count <= limits.textByteCountMax else {
            throw .textTooLong(key: key, bytes: bytes.count, limit: limits.textByteCountMax)
        }
        guard let text = value.text else { throw .notText(key: key) }
        return text
    }

    /// Our keys, which are outside of `info` so that a version has one identity under all names.
    private static func decodeReference(
        _ top: BencodeValue.Entries,
        limits: MetainfoLimits
    ) throws(MetainfoError) -> ModelReference? {
        let name = try text("shoal name", in: top, limits: limits)
        let version = try text("shoal version", in: top, limits: limits)
        switch (name, version) {
        case (nil, nil): return nil
        case (nil, _): throw .missing(key: "shoal name")
        case (_, nil): throw .missing(key: "shoal version")
        case (let name?, let version?):
            do throws(NameFlaw) {
                return try ModelReference(name: ModelName(name), version: version)
            } catch {
                throw .reference(error)
            }
        }
    }
}
