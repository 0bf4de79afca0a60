package import SwarmModel

/// The HTTP tracker protocol (BEP 3, 7, 21, 23, 31, 48) with our keys.
package enum AnnounceCodec {
    /// Longest query, in bytes.
    package static let queryByteCountMax = 8192
    package static let parameterCountMax = 128
    /// Most swarms of one scrape.
    package static let scrapeCountMax = 74
    /// Longest answer, in bytes: a whole roster of some ten thousand members.
    package static let responseByteCountMax = 8 << 20
    /// Seconds between announces that we believe in.
    package static let intervalSeconds = 1...86_400
    /// Longest wait after a refusal, in minutes.
    package static let retryMinutesMax = 7 * 24 * 60

    // MARK: Requests as the tracker reads them

    /// Reads the query of an announce: what follows the `?`.
    package static func decodeRequest(
        query: some Collection<UInt8>
    ) throws(AnnounceRequestError) -> AnnounceRequest {
        let query = try QueryParameters(query)
        guard let swarm = SwarmID(try query.identifier("info_hash")),
            let peer = PeerID(try query.identifier("peer_id"))
        else { preconditionFailure("an identifier of 20 bytes was refused") }
        guard let port: UInt16 = try query.number("port") else { throw .missing(key: "port") }
        guard port != 0 else { throw .portZero }
        guard let left: UInt64 = try query.number("left") else { throw .missing(key: "left") }
        return AnnounceRequest(
            swarm: swarm,
            peer: peer,
            port: port,
            uploaded: try query.number("uploaded") ?? 0,
            downloaded: try query.number("downloaded") ?? 0,
            left: left,
            event: try event(query),
            peersWanted: try query.number("numwant"),
            key: try query.text("key").flatMap { UInt32(hexadecimal: $0) },
            wantsCompact: try query.text("compact") != "0",
            otherEndpoints: try addresses(query, port: port),
            locality: try locality(query),
            generation: try query.number("shoal_gen"),
            uplinkBytesPerSecond: try query.number("shoal_up"),
            part: try part(query),
            rosterEpoch: try epoch(query)
        )
    }

    package static func decodeRequest(
        query: String
    ) throws(AnnounceRequestError) -> AnnounceRequest {
        try decodeRequest(query: query.utf8)
    }

    private static func event(
        _ query: QueryParameters
    ) throws(AnnounceRequestError) -> AnnounceEvent? {
        // BEP 3 has the word "empty", which clients take to mean either.
        guard let text = try query.text("event"), !text.isEmpty, text != "empty" else {
            return nil
        }
        guard let event = AnnounceEvent(rawValue: text) else {
            throw .event(Excerpt.printable(text, limit: 24))
        }
        return event
    }

    /// BEP 7: an address with or without a port.
    private static func addresses(
        _ query: QueryParameters,
        port: UInt16
    ) throws(AnnounceRequestError) -> [Endpoint] {
        var endpoints: [Endpoint] = []
        for key in ["ipv4", "ipv6"] {
            guard let text = try query.text(key), !text.isEmpty else { continue }
            let plain = Endpoint.Address(parsing: text).map { Endpoint(address: $0, port: port) }
            guard let endpoint = plain ?? Endpoint(parsing: text), endpoint.port != 0,
                endpoint.isV4 == (key == "ipv4")
            else { throw .address(key: key, value: Excerpt.printable(text, limit: 48)) }
            endpoints.append(endpoint)
        }
        return endpoints
    }

    private static func locality(
        _ query: QueryParameters
    ) throws(AnnounceRequestError) -> Locality? {
        guard let bytes = try query.bytes("shoal_loc") else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .locality("bytes that are not UTF-8")
        }
        do throws(Locality.Flaw) {
            return try Locality(text)
        } catch {
            throw .locality(error.description)
        }
    }

    private static func part(
        _ query: QueryParameters
    ) throws(AnnounceRequestError) -> PartNumber? {
        guard let text = try query.text("shoal_part") else { return nil }
        guard let part = PartNumber(text) else {
            throw .part(Excerpt.printable(text, limit: 24))
        }
        return part
    }

    private static func epoch(
        _ query: QueryParameters
    ) throws(AnnounceRequestError) -> RosterEpoch? {
        guard let text = try query.text("shoal_epoch") else { return nil }
        guard let epoch = RosterEpoch(text: text) else {
            throw .epoch(Excerpt.printable(text, limit: 48))
        }
        return epoch
    }

    // MARK: Requests as the client writes them

    /// The query of an announce, in the order of libtorrent's, ours last.
    package static func encodeRequest(_ request: AnnounceRequest) -> String {
        var pairs = [
            ("info_hash", PercentCoding.encode(request.swarm.bytes)),
            ("peer_id", PercentCoding.encode(request.peer.bytes)),
            ("port", String(request.port)),
            ("uploaded", String(request.uploaded)),
            ("downloaded", String(request.downloaded)),
            ("left", String(request.left)),
        ]
        func add(_ key: String, _ value: String?) {
            if let value { pairs.append((key, value)) }
        }
        add("event", request.event?.rawValue)
        add("key", request.key.map { $0.hexadecimal })
        add("numwant", request.peersWanted.map { String(max(0, $0)) })
        add("compact", request.wantsCompact ? "1" : "0")
        for endpoint in request.otherEndpoints {
            let text = PercentCoding.encode(endpoint.description.utf8)
            add(endpoint.isV4 ? "ipv4" : "ipv6", text)
        }
        add("shoal_loc", request.locality.map { PercentCoding.encode($0.description.utf8) })
        add("shoal_gen", request.generation.map { String($0) })
        add("shoal_up", request.uplinkBytesPerSecond.map { String($0) })
        add("shoal_part", request.part.map { PercentCoding.encode($0.description.utf8) })
        add("shoal_epoch", request.rosterEpoch?.text)
        return pairs.map { "\($0)=\($1)" }.joined(separator: "&")
    }

    /// The whole URL of an announce to the tracker at `url`.
    package static func requestURL(_ request: AnnounceRequest, tracker url: String) -> String {
        TrackerURL.appending(query: encodeRequest(request), to: url)
    }
}

extension RosterEpoch {
    /// `<life>.<counter>`, both decimal.
    package var text: String { "\(life).\(counter)" }

    package init?(text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 2, let life = Decimal.unsigned(parts[0]),
            let counter = Decimal.unsigned(parts[1])
        else { return nil }
        self.init(life: life, counter: counter)
    }
}

extension UInt32 {
    /// Eight hexadecimal digits, as libtorrent writes `key`.
    fileprivate var hexadecimal: String {
        let digits = String(self, radix: 16, uppercase: true)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    /// A key of another form than ours is its client's affair, and is not used.
    fileprivate init?(hexadecimal text: String) {
        guard (1...8).contains(text.utf8.count), !"+-".contains(text.prefix(1)) else { return nil }
        self.init(text, radix: 16)
    }
}
