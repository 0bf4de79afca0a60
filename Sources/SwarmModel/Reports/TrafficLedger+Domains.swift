extension TrafficLedger {
    /// A line for each domain that a member is in or that sent anything.
    ///
    /// Duplicates count, and so do origins: whatever crossed was paid for.
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
                lines[line(domain)].bytesIn.addClamped(entry.bytes)
            }
            for domain in Self.prefixes(of: [entry.from]) where domain.labels.count > common {
                lines[line(domain)].bytesOut.addClamped(entry.bytes)
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
