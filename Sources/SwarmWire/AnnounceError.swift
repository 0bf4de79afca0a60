/// Why a request to the tracker cannot be answered. The description is sent as `failure reason`, so
/// it is written for whoever runs the client.
package enum AnnounceRequestError: Error, Hashable, Sendable, CustomStringConvertible {
    case queryTooLong(bytes: Int)
    case tooManyParameters
    case escape(key: String)
    case missing(key: String)
    case duplicate(key: String)
    /// `info_hash` or `peer_id` of another length than 20 bytes.
    case identifierLength(key: String, bytes: Int)
    case number(key: String, value: String)
    case portZero
    case event(String)
    case address(key: String, value: String)
    case locality(String)
    case epoch(String)
    case part(String)
    case tooManySwarms

    package var description: String {
        switch self {
        case .queryTooLong(let bytes):
            "the query has \(bytes) bytes; at most \(AnnounceCodec.queryByteCountMax) are read"
        case .tooManyParameters:
            "the query has more than \(AnnounceCodec.parameterCountMax) parameters"
        case .escape(let key): "the value of \(key) has a bad percent escape"
        case .missing(let key): "\(key) is missing"
        case .duplicate(let key): "\(key) is there more than once"
        case .identifierLength(let key, let bytes): "\(key) has \(bytes) bytes instead of 20"
        case .number(let key, let value): "\(key) is not a number in range: '\(value)'"
        case .portZero: "port is 0, where nobody can be reached"
        case .event(let value):
            "event is '\(value)'; it is started, completed, stopped, paused or empty"
        case .address(let key, let value): "\(key) is not an address: '\(value)'"
        case .locality(let flaw): "shoal_loc has \(flaw)"
        case .part(let value): "shoal_part is '\(value)'; it is K/N with 1 ≤ K ≤ N ≤ 256"
        case .epoch(let value): "shoal_epoch is '\(value)'; it is two numbers with a dot between"
        case .tooManySwarms:
            "a scrape of more than \(AnnounceCodec.scrapeCountMax) swarms; ask in several requests"
        }
    }
}

/// Why the answer of a tracker cannot be used.
package enum AnnounceResponseError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not bencode: an HTML page of a proxy or a wrong URL, most often.
    case notBencode(excerpt: String, BencodeError)
    case notDictionary
    case missing(key: String)
    case wrongType(key: String)
    case compactLength(key: String, bytes: Int)
    case roster(key: String)
    case swarmLength(bytes: Int)
    /// A scrape that the tracker refused.
    case refused(reason: String)

    package var description: String {
        switch self {
        case .notBencode(let excerpt, let error):
            "the tracker answered something that is not bencode: \(error); it starts '\(excerpt)'"
        case .notDictionary: "the tracker's answer is not a dictionary"
        case .missing(let key): "the tracker's answer lacks '\(key)'"
        case .wrongType(let key): "'\(key)' in the tracker's answer is of the wrong type"
        case .compactLength(let key, let bytes):
            "'\(key)' in the tracker's answer has \(bytes) bytes: not whole addresses"
        case .roster(let key): "the tracker's roster has an ill-formed '\(key)'"
        case .swarmLength(let bytes):
            "the tracker's answer names a swarm with \(bytes) bytes instead of 20"
        case .refused(let reason): "the tracker refused: \(reason)"
        }
    }
}
