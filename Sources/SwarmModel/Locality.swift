/// Where a host is: an ordered path of labels from wide to narrow, `cloud/region/rack`. More levels
/// are allowed, up to ``levelCountMax``. A host of unknown locality has none.
package struct Locality: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let labels: [String]

    package static let levelCountMax = 6
    /// Longest label, in bytes of UTF-8.
    package static let labelByteCountMax = 64
    package static let unknown = Locality(validated: [])

    private init(validated labels: [String]) { self.labels = labels }

    package enum Flaw: Error, Hashable, CustomStringConvertible {
        case emptyLabel
        case labelTooLong(String)
        case tooManyLevels(Int)
        case controlCharacter

        package var description: String {
            switch self {
            case .emptyLabel: "an empty label; write it as cloud/region/rack"
            case .labelTooLong(let label):
                "the label '\(label.prefix(16))…' is longer than \(labelByteCountMax) bytes"
            case .tooManyLevels(let count): "\(count) levels; at most \(levelCountMax) are allowed"
            case .controlCharacter: "a control character or space"
            }
        }
    }

    /// Parses `cloud/region/rack`; the empty string is ``unknown``.
    package init(_ text: some StringProtocol) throws(Flaw) {
        if text.isEmpty {
            self = .unknown
            return
        }
        if text.unicodeScalars.contains(where: { $0.value <= 32 || (127...159).contains($0.value) })
        {
            throw .controlCharacter
        }
        let labels = String(text).split(separator: "/", omittingEmptySubsequences: false)
            .map { String($0) }
        guard labels.count <= Self.levelCountMax else { throw .tooManyLevels(labels.count) }
        for label in labels {
            if label.isEmpty { throw .emptyLabel }
            if label.utf8.count > Self.labelByteCountMax { throw .labelTooLong(label) }
        }
        self.init(validated: labels)
    }

    package var description: String { labels.joined(separator: "/") }

    /// How many leading labels the two have in common: the level of a link between them.
    package func commonLevels(with other: Locality) -> Int {
        // By hand: `zip` and `prefix` would allocate, and trackers compare localities all day.
        let count = min(labels.count, other.labels.count)
        return (0..<count).first { labels[$0] != other.labels[$0] } ?? count
    }

    /// The domain around it at a level: its first `level` labels, or all when it has fewer.
    package func ancestor(level: Int) -> Locality {
        level >= labels.count ? self : Locality(validated: Array(labels.prefix(max(0, level))))
    }

    /// Whether a host there is inside of this domain. Everything is inside of the unknown one.
    package func contains(_ other: Locality) -> Bool {
        labels.count <= other.labels.count && commonLevels(with: other) == labels.count
    }

    /// How near two hosts are, by the names of the first three levels.
    package func proximity(to other: Locality) -> Proximity {
        guard !labels.isEmpty, !other.labels.isEmpty else { return .unknown }
        let common = commonLevels(with: other)
        if common == 0 { return .otherCloud }
        if common >= max(labels.count, other.labels.count) { return .rack }
        return common == 1 ? .cloud : (common == 2 ? .region : .rack)
    }

    package static func < (a: Self, b: Self) -> Bool {
        a.labels.lexicographicallyPrecedes(b.labels)
    }
}

/// The nearest domain that two hosts share.
package enum Proximity: String, Hashable, Sendable, Codable, Comparable, CaseIterable {
    case rack, region, cloud, otherCloud, unknown

    private var rank: Int { Self.allCases.firstIndex(of: self)! }
    package static func < (a: Self, b: Self) -> Bool { a.rank < b.rank }
}

extension Locality: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do {
            try self.init(text)
        } catch {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "locality '\(text)' has \(error)"
            )
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
