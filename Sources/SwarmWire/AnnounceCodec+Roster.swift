import SwarmModel

/// `shoal_roster` in an answer: `epoch` as in the query, `joined` as a list of {`ep`: compact
/// endpoints, `gen`, `id`, `loc`, `seed`, `part` where it is 1, and where it has been measured
/// `slow` and `w`}, `left` as a list of peer ids, `whole`, `you`: {`slow`, `w`} of the receiver,
/// and `grow` while members come.
extension AnnounceCodec {
    static func encode(roster: RosterUpdate) -> BencodeTree {
        .dictionary([
            ("epoch", .text(roster.epoch.text)),
            ("grow", roster.isGrowing ? .integer(1) : nil),
            ("joined", .list(roster.joined.map(encode(entry:)))),
            ("left", .list(roster.left.map { .bytes($0.bytes) })),
            ("whole", .integer(roster.isWhole ? 1 : 0)),
            (
                "you",
                roster.ownRating == .unmeasured
                    ? nil : .dictionary(encode(rating: roster.ownRating))
            ),
        ])
    }

    private static func encode(entry: RosterEntry) -> BencodeTree {
        var keys: [(String, BencodeTree?)] = [
            ("ep", .list(entry.endpoints.map { .bytes($0.compact) })),
            ("gen", .text(String(entry.generation))),
            ("id", .bytes(entry.peer.bytes)),
            ("loc", .text(entry.locality.description)),
            ("part", entry.isPart ? .integer(1) : nil),
            ("seed", .integer(entry.isSeed ? 1 : 0)),
        ]
        if entry.rating != .unmeasured { keys += encode(rating: entry.rating) }
        return .dictionary(keys)
    }

    private static func encode(rating: UplinkRating) -> [(String, BencodeTree?)] {
        [("slow", .integer(rating.isSlow ? 1 : 0)), ("w", .integer(Int(rating.weight)))]
    }

    /// Both keys, or neither.
    private static func rating(
        in keys: BencodeValue.Entries
    ) throws(AnnounceResponseError) -> UplinkRating {
        if keys["slow"] == nil, keys["w"] == nil { return .unmeasured }
        guard let number = keys["w"]?.integer, let weight = UInt32(exactly: number),
            UplinkRating.weights.contains(weight)
        else { throw .roster(key: "w") }
        return UplinkRating(weight: weight, isSlow: try flag("slow", in: keys))
    }

    private static func ownRating(
        _ value: BencodeValue?
    ) throws(AnnounceResponseError) -> UplinkRating {
        guard let value else { return .unmeasured }
        guard let keys = value.dictionary else { throw .roster(key: "you") }
        return try rating(in: keys)
    }

    /// Unlike the keys that other trackers write, the roster is read strictly: a peer that took
    /// half of one would place its imports by a membership that nobody has.
    static func decodeRoster(
        _ value: BencodeValue
    ) throws(AnnounceResponseError) -> RosterUpdate {
        guard let keys = value.dictionary else { throw .wrongType(key: "shoal_roster") }
        guard let epoch = keys["epoch"]?.text.flatMap({ RosterEpoch(text: $0) }) else {
            throw .roster(key: "epoch")
        }
        guard let joined = keys["joined"]?.list else { throw .roster(key: "joined") }
        guard let left = keys["left"]?.list else { throw .roster(key: "left") }
        var entries: [RosterEntry] = []
        for entry in joined { entries.append(try decodeEntry(entry)) }
        var peers: [PeerID] = []
        for id in left {
            guard let peer = id.bytes.flatMap({ PeerID($0) }) else { throw .roster(key: "left") }
            peers.append(peer)
        }
        return RosterUpdate(
            epoch: epoch,
            isWhole: try flag("whole", in: keys),
            joined: entries,
            left: peers,
            ownRating: try ownRating(keys["you"]),
            isGrowing: keys["grow"] == nil ? false : try flag("grow", in: keys)
        )
    }

    private static func decodeEntry(
        _ value: BencodeValue
    ) throws(AnnounceResponseError) -> RosterEntry {
        guard let keys = value.dictionary else { throw .roster(key: "joined") }
        guard let peer = keys["id"]?.bytes.flatMap({ PeerID($0) }) else { throw .roster(key: "id") }
        guard let generation = keys["gen"]?.bytes.flatMap(Decimal.unsigned) else {
            throw .roster(key: "gen")
        }
        return RosterEntry(
            peer: peer,
            endpoints: try endpoints(keys["ep"]),
            locality: try locality(keys["loc"]),
            generation: generation,
            isSeed: try flag("seed", in: keys),
            isPart: keys["part"] == nil ? false : try flag("part", in: keys),
            rating: try rating(in: keys)
        )
    }

    private static func endpoints(
        _ value: BencodeValue?
    ) throws(AnnounceResponseError) -> [Endpoint] {
        guard let list = value?.list else { throw .roster(key: "ep") }
        var endpoints: [Endpoint] = []
        for item in list {
            guard let endpoint = item.bytes.flatMap({ Endpoint(compact: $0) }), endpoint.port != 0
            else { throw .roster(key: "ep") }
            endpoints.append(endpoint)
        }
        return endpoints
    }

    private static func locality(
        _ value: BencodeValue?
    ) throws(AnnounceResponseError) -> Locality {
        guard let text = value?.text else { throw .roster(key: "loc") }
        do throws(Locality.Flaw) {
            return try Locality(text)
        } catch {
            throw .roster(key: "loc")
        }
    }

    private static func flag(
        _ key: String,
        in keys: BencodeValue.Entries
    ) throws(AnnounceResponseError) -> Bool {
        guard let number = keys[key]?.integer, number == 0 || number == 1 else {
            throw .roster(key: key)
        }
        return number == 1
    }
}
