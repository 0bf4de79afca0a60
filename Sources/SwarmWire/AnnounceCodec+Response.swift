package import SwarmModel

extension AnnounceCodec {
    static let responseLimits = BencodeLimits(
        byteCountMax: responseByteCountMax,
        tokenCountMax: 1_000_000,
        depthMax: 16
    )

    /// Reads a tracker's answer. Peers come compact or as dictionaries, whatever was asked for (BEP
    /// 23).
    package static func decodeResponse(
        _ bytes: [UInt8]
    ) throws(AnnounceResponseError) -> AnnounceResponse {
        let keys = try dictionary(bytes)
        if let reason = keys["failure reason"] {
            guard let text = lossyText(reason) else { throw .wrongType(key: "failure reason") }
            return .failure(reason: text, retry: retry(keys["retry in"]))
        }
        guard let interval = try count("interval", in: keys) else {
            throw .missing(key: "interval")
        }
        var peers = try decodePeers(keys["peers"], key: "peers", stride: 6)
        peers += try decodePeers(keys["peers6"], key: "peers6", stride: 18)
        return .success(
            AnnounceSuccess(
                intervalSeconds: clamped(interval),
                intervalSecondsMin: try count("min interval", in: keys).map(clamped),
                seeds: try count("complete", in: keys),
                leeches: try count("incomplete", in: keys),
                peers: peers,
                warning: keys["warning message"].flatMap(lossyText),
                trackerID: keys["tracker id"]?.bytes.map { Array($0) },
                roster: try keys["shoal_roster"].map(decodeRoster)
            )
        )
    }

    package static func decodeResponse(
        _ bytes: RawSpan
    ) throws(AnnounceResponseError) -> AnnounceResponse {
        try decodeResponse(bytes.array())
    }

    static func dictionary(
        _ bytes: [UInt8]
    ) throws(AnnounceResponseError) -> BencodeValue.Entries {
        let value: BencodeValue
        do throws(BencodeError) {
            value = try BencodeValue(bytes, limits: responseLimits)
        } catch {
            throw .notBencode(excerpt: Excerpt.printable(bytes), error)
        }
        guard let keys = value.dictionary else { throw .notDictionary }
        return keys
    }

    /// A count; a negative one is taken for zero.
    static func count(
        _ key: String,
        in keys: BencodeValue.Entries
    ) throws(AnnounceResponseError) -> Int? {
        guard let value = keys[key] else { return nil }
        guard let number = value.integer else { throw .wrongType(key: key) }
        return max(0, number)
    }

    static func lossyText(_ value: BencodeValue) -> String? {
        value.bytes.map { String(decoding: $0, as: UTF8.self) }
    }

    private static func clamped(_ seconds: Int) -> Int {
        min(max(seconds, intervalSeconds.lowerBound), intervalSeconds.upperBound)
    }

    /// BEP 31: minutes, or `never`. Anything else is as if it were not there.
    private static func retry(_ value: BencodeValue?) -> AnnounceRetry? {
        guard let value else { return nil }
        if value.text == "never" { return .never }
        let minutes =
            value.integer ?? value.bytes.flatMap(Decimal.unsigned).map { Int(clamping: $0) }
        guard let minutes, minutes >= 0 else { return nil }
        return .minutes(min(minutes, retryMinutesMax))
    }

    // MARK: Peers

    /// Compact (BEP 23, BEP 7) or a list of dictionaries (BEP 3). Peers without a port or with a
    /// host name are left out.
    private static func decodePeers(
        _ value: BencodeValue?,
        key: String,
        stride: Int
    ) throws(AnnounceResponseError) -> [Endpoint] {
        guard let value else { return [] }
        if let bytes = value.bytes {
            guard bytes.count % stride == 0 else {
                throw .compactLength(key: key, bytes: bytes.count)
            }
            return Swift.stride(from: bytes.startIndex, to: bytes.endIndex, by: stride).compactMap {
                Endpoint(compact: bytes[$0..<$0 + stride])
            }.filter { $0.port != 0 }
        }
        guard let list = value.list else { throw .wrongType(key: key) }
        var peers: [Endpoint] = []
        for item in list {
            guard let peer = item.dictionary else { throw .wrongType(key: key) }
            guard let host = peer["ip"]?.text, let port = peer["port"]?.integer,
                let port = UInt16(exactly: port), port != 0,
                let address = Endpoint.Address(parsing: host)
            else { continue }
            peers.append(Endpoint(address: address, port: port))
        }
        return peers
    }

    // MARK: Writing

    /// An answer. Without `isCompact` the peers are a list of dictionaries, as BEP 3 had it first.
    package static func encodeResponse(_ response: AnnounceResponse, isCompact: Bool) -> [UInt8] {
        switch response {
        case .failure(let reason, let retry):
            let retryIn: BencodeTree? =
                switch retry {
                case nil: nil
                case .never: .text("never")
                case .minutes(let minutes): .integer(minutes)
                }
            return BencodeTree.dictionary([
                ("failure reason", .text(reason)), ("retry in", retryIn),
            ]).encoding
        case .success(let success):
            return encode(success, isCompact: isCompact)
        }
    }

    private static func encode(_ success: AnnounceSuccess, isCompact: Bool) -> [UInt8] {
        let v6 = success.peers.filter { !$0.isV4 }.flatMap(\.compact)
        let peers: BencodeTree =
            isCompact
            ? .bytes(success.peers.filter(\.isV4).flatMap(\.compact))
            : .list(success.peers.map(dictionary(of:)))
        return BencodeTree.dictionary([
            ("complete", success.seeds.map { .integer($0) }),
            ("incomplete", success.leeches.map { .integer($0) }),
            ("interval", .integer(success.intervalSeconds)),
            ("min interval", success.intervalSecondsMin.map { .integer($0) }),
            ("peers", peers),
            ("peers6", isCompact && !v6.isEmpty ? .bytes(v6) : nil),
            ("shoal_roster", success.roster.map(encode(roster:))),
            ("tracker id", success.trackerID.map { .bytes($0) }),
            ("warning message", success.warning.map { .text($0) }),
        ]).encoding
    }

    private static func dictionary(of peer: Endpoint) -> BencodeTree {
        .dictionary([("ip", .text(peer.addressText)), ("port", .integer(Int(peer.port)))])
    }
}
