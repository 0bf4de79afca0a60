/// What a gigabyte costs on its way from one locality to another. The sender pays.
///
/// Rules are looked at in order, and the first that fits decides: narrow rules stand before wide
/// ones. Bytes that no rule fits have no price, which is not the same as free.
package struct EgressPrices: Hashable, Sendable, Encodable {
    /// Where the prices are from, for reports.
    package var source: String
    /// When they were looked up, as `2026-09-20`.
    package var date: String
    package var continents: [Continent]
    package var rules: [Rule]

    package static let rulesMax = 1024
    package static let continentsMax = 32
    package static let patternsPerContinentMax = 256
    /// Longest source or date, in bytes.
    package static let textByteCountMax = 512
    /// Highest price that is believed, in dollars: a gigabyte costs cents.
    package static let usdPerGBMax = 1000.0
    /// Providers bill gigabytes of 10⁹ bytes.
    package static let bytesPerGB = 1e9

    /// Regions that count as near each other: prices differ between continents.
    package struct Continent: Hashable, Sendable, Encodable {
        package var name: String
        package var regions: [DomainPattern]

        package init(name: String, regions: [DomainPattern]) {
            self.name = name
            self.regions = regions
        }
    }

    package struct Rule: Hashable, Sendable, Encodable {
        /// Nil fits everything.
        package var from: DomainPattern?
        package var to: DomainPattern?
        package var level: PriceLevel?
        package var kind: SourceKind?
        package var usdPerGB: Double
        /// Where this price is from, when it is not the file's source.
        package var source: String?
        package var date: String?

        package init(
            from: DomainPattern? = nil,
            to: DomainPattern? = nil,
            level: PriceLevel? = nil,
            kind: SourceKind? = nil,
            usdPerGB: Double,
            source: String? = nil,
            date: String? = nil
        ) {
            self.from = from
            self.to = to
            self.level = level
            self.kind = kind
            self.usdPerGB = usdPerGB
            self.source = source
            self.date = date
        }
    }

    package init(
        source: String,
        date: String,
        continents: [Continent] = [],
        rules: [Rule]
    ) {
        self.source = source
        self.date = date
        self.continents = continents
        self.rules = rules
    }

    /// Dollars for a gigabyte; nil when no rule fits.
    package func usdPerGB(from: Locality, to: Locality, kind: SourceKind) -> Double? {
        let level = level(from: from, to: to)
        return rules.first { rule in
            (rule.kind == nil || rule.kind == kind) && (rule.level == nil || rule.level == level)
                && rule.from?.fits(from) ?? true && rule.to?.fits(to) ?? true
        }?.usdPerGB
    }

    /// Dollars for bytes; nil when no rule fits.
    package func usd(_ bytes: Int, from: Locality, to: Locality, kind: SourceKind) -> Double? {
        usdPerGB(from: from, to: to, kind: kind).map { Double(bytes) / Self.bytesPerGB * $0 }
    }

    /// How far apart two localities are, as prices go.
    package func level(from: Locality, to: Locality) -> PriceLevel {
        switch from.proximity(to: to) {
        case .rack: return .rack
        case .region: return .region
        case .otherCloud: return .otherCloud
        case .unknown: return .unknown
        case .cloud:
            guard let a = continent(of: from), let b = continent(of: to) else { return .cloud }
            return a == b ? .cloud : .otherContinent
        }
    }

    private func continent(of place: Locality) -> Int? {
        continents.firstIndex { $0.regions.contains { $0.fits(place) } }
    }
}

/// The nearest that two hosts share, as prices distinguish it.
package enum PriceLevel: String, Codable, Hashable, Sendable, CaseIterable {
    /// One zone: all labels, or three, in common.
    case rack
    /// One region, different zones.
    case region
    /// One cloud, different regions of one continent, or of continents that are not known.
    case cloud
    /// One cloud, different continents.
    case otherContinent
    case otherCloud
    /// One of the hosts did not say where it is.
    case unknown
}

/// Domains by name: labels as in a locality, each of which may end with `*` for any rest. A pattern
/// fits everything inside the domains that it names, so `aws/us-*` fits `aws/us-east-1/rack3`.
package struct DomainPattern: Hashable, Sendable, CustomStringConvertible {
    private let labels: [Label]

    private struct Label: Hashable, Sendable {
        var text: String
        /// Any rest may follow.
        var isPrefix: Bool

        func fits(_ label: String) -> Bool {
            isPrefix ? label.utf8.starts(with: text.utf8) : label == text
        }
    }

    package enum Flaw: Error, Hashable, CustomStringConvertible {
        case empty
        case starNotLast(String)
        case locality(Locality.Flaw)

        package var description: String {
            switch self {
            case .empty: "is empty; leave the key out where anything fits"
            case .starNotLast(let label): "has '\(label)': a * may only be the end of a label"
            case .locality(let flaw): "has \(flaw)"
            }
        }
    }

    package init(_ text: String) throws(Flaw) {
        let place: Locality
        do {
            place = try Locality(text)
        } catch {
            throw .locality(error)
        }
        if place.labels.isEmpty { throw .empty }
        labels = try place.labels.map { label throws(Flaw) in
            let isPrefix = label.hasSuffix("*")
            let text = isPrefix ? String(label.dropLast()) : label
            if text.contains("*") { throw .starNotLast(label) }
            return Label(text: text, isPrefix: isPrefix)
        }
    }

    package func fits(_ place: Locality) -> Bool {
        guard place.labels.count >= labels.count else { return false }
        return labels.indices.allSatisfy { labels[$0].fits(place.labels[$0]) }
    }

    package var description: String {
        labels.map { $0.text + ($0.isPrefix ? "*" : "") }.joined(separator: "/")
    }
}
