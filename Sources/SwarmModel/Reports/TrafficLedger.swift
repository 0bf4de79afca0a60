/// Payload bytes by where they came from and where they went: the sum of what receivers booked.
/// Sums of thousands of hosts stay small, since hosts of one locality share an entry.
package struct TrafficLedger: Hashable, Sendable, Codable {
    package typealias Kind = PullReport.Source.Kind

    package struct Entry: Hashable, Sendable, Codable {
        package var from: Locality
        package var to: Locality
        package var kind: Kind
        package var bytes: Int

        package init(from: Locality, to: Locality, kind: Kind, bytes: Int) {
            self.from = from
            self.to = to
            self.kind = kind
            self.bytes = bytes
        }

        fileprivate func precedes(_ other: Entry) -> Bool {
            if to != other.to { return to < other.to }
            if from != other.from { return from < other.from }
            return kind.rawValue < other.kind.rawValue
        }
    }

    /// Sorted by receiver, sender and kind; no two have all three in common.
    package private(set) var entries: [Entry] = []

    package init() {}

    package init(_ entries: some Sequence<Entry>) {
        // Sorted once: inserting each by itself would be quadratic for a fleet's racks.
        var merged: [Entry] = []
        for entry in entries.sorted(by: { $0.precedes($1) }) {
            if let last = merged.last, !last.precedes(entry) {
                merged[merged.count - 1].bytes += entry.bytes
            } else {
                merged.append(entry)
            }
        }
        self.entries = merged
    }

    /// Enters `bytes` received at `to`.
    package mutating func book(_ bytes: Int, from: Locality, to: Locality, kind: Kind) {
        let entry = Entry(from: from, to: to, kind: kind, bytes: bytes)
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].precedes(entry) { low = middle + 1 } else { high = middle }
        }
        if low < entries.count, !entry.precedes(entries[low]) {
            entries[low].bytes += bytes
        } else {
            entries.insert(entry, at: low)
        }
    }

    package var originBytes: Int { entries.reduce(0) { $0 + ($1.kind == .origin ? $1.bytes : 0) } }
    package var totalBytes: Int { entries.reduce(0) { $0 + $1.bytes } }

    package func cost(_ prices: EgressPrices) -> Double {
        entries.reduce(0) { sum, entry in
            sum + prices.cost(ofBytes: entry.bytes, from: entry.from, to: entry.to)
        }
    }

    /// Bytes between hosts whose localities have `level` leading labels in common. Beyond the
    /// deepest label of either everything is local.
    package func bytes(atLevel level: Int) -> Int {
        entries.reduce(0) { sum, entry in
            sum + (entry.from.commonLevels(with: entry.to) == level ? entry.bytes : 0)
        }
    }

    /// A line for each domain that a member is in or that sent anything.
    package func domains(of members: [Locality], modelBytes: Int) -> [ScenarioReport.Domain] {
        var names = Self.prefixes(of: members + entries.flatMap { [$0.from, $0.to] })
        names.sort { ($0.labels.count, $0) < ($1.labels.count, $1) }
        var lines = names.map { name in
            ScenarioReport.Domain(
                domain: name.description,
                level: name.labels.count,
                hosts: 0,
                amplification: 0,
                bytesIn: 0,
                bytesOut: 0
            )
        }
        func line(_ domain: Locality) -> Int { Self.index(of: domain, in: names) }
        for member in members {
            for domain in Self.prefixes(of: [member]) { lines[line(domain)].hosts += 1 }
        }
        for entry in entries {
            let common = entry.from.commonLevels(with: entry.to)
            for domain in Self.prefixes(of: [entry.to]) where domain.labels.count > common {
                lines[line(domain)].bytesIn += entry.bytes
            }
            for domain in Self.prefixes(of: [entry.from]) where domain.labels.count > common {
                lines[line(domain)].bytesOut += entry.bytes
            }
        }
        for index in lines.indices where modelBytes > 0 {
            lines[index].amplification = Double(lines[index].bytesIn) / Double(modelBytes)
        }
        return lines
    }

    /// Every domain around the given places, each once, sorted by path.
    private static func prefixes(of places: [Locality]) -> [Locality] {
        var all: [Locality] = []
        for place in distinct(places) {
            for level in stride(from: 1, through: place.labels.count, by: 1) {
                all.append(place.ancestor(level: level))
            }
        }
        return distinct(all)
    }

    private static func distinct(_ places: [Locality]) -> [Locality] {
        var result: [Locality] = []
        for place in places.sorted() where result.last != place { result.append(place) }
        return result
    }

    /// `names` are sorted by number of labels, then by path.
    private static func index(of domain: Locality, in names: [Locality]) -> Int {
        var low = 0
        var high = names.count
        while low < high {
            let middle = (low + high) / 2
            let name = names[middle]
            if (name.labels.count, name) < (domain.labels.count, domain) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }
}
