/// The traffic of one version as a matrix of clouds and one of regions, with what it cost.
package struct TrafficSummary: Hashable, Sendable, Codable {
    /// Of the version, or of its swarm where nobody has named it.
    package var name: String
    package var modelBytes: Int?
    package var reporters: Int
    package var receivedBytes: Int
    package var originBytes: Int
    package var duplicateBytes: Int
    package var costUSD: Double
    /// Had every host read the origin; nil when no source is known.
    package var costOriginOnlyUSD: Double?
    package var unpricedBytes: Int
    /// Where the prices are from, and of which day.
    package var prices: TrafficView.Prices
    /// By the nearest domain shared, near ones first.
    package var levels: [Level]
    package var clouds: Matrix
    package var regions: Matrix

    package struct Level: Hashable, Sendable, Codable {
        package var level: Proximity
        package var peerBytes = 0
        package var originBytes = 0
        package var costUSD = 0.0
    }

    /// What went from each place to each other one, rows being senders. The places that moved least
    /// are one, the last, when there are more than ``placesMax``.
    package struct Matrix: Hashable, Sendable, Codable {
        package var places: [String]
        package var bytes: [[Int]]
        package var costUSD: [[Double]]

        package static let placesMax = 16
        package static let restName = "others"
    }

    package init(name: String, _ traffic: SwarmTraffic, prices: EgressPrices) {
        let received = traffic.received
        let bill = received.bill(at: prices, sources: traffic.sources)
        self.name = name
        modelBytes = traffic.modelBytes
        reporters = traffic.reporters
        receivedBytes = received.totalBytes
        originBytes = received.originBytes
        duplicateBytes = received.duplicateBytes
        duplicateBytes.addClamped(traffic.refetchedBytes)
        costUSD = bill.costUSD
        costOriginOnlyUSD = bill.costOriginOnlyUSD
        unpricedBytes = bill.unpricedBytes
        self.prices = TrafficView.Prices(source: prices.source, date: prices.date)
        levels = Proximity.allCases.map { Level(level: $0) }
        for entry in received.entries {
            let level = entry.from.proximity(to: entry.to)
            let index = levels.firstIndex { $0.level == level }!
            levels[index].add(entry, at: prices)
        }
        let unknown = levels.firstIndex { $0.level == .unknown }!
        levels[unknown].peerBytes.addClamped(received.other.bytes)
        clouds = Matrix(received, level: 1, prices)
        regions = Matrix(received, level: 2, prices)
    }
}

extension TrafficSummary.Level {
    fileprivate mutating func add(_ entry: TrafficLedger.Entry, at prices: EgressPrices) {
        switch entry.kind {
        case .peer: peerBytes.addClamped(entry.bytes)
        case .origin: originBytes.addClamped(entry.bytes)
        }
        costUSD += prices.usd(entry) ?? 0
    }
}

extension TrafficSummary.Matrix {
    /// Priced before it is coarsened: two racks of one region may be two zones.
    fileprivate init(_ ledger: TrafficLedger, level: Int, _ prices: EgressPrices) {
        let names = Self.largest(ledger.coarsened(toLevel: level))
        places = names.shown.map { $0.labels.isEmpty ? "unknown" : $0.description }
        if names.areMore { places.append(Self.restName) }
        let count = places.count
        bytes = Array(repeating: Array(repeating: 0, count: count), count: count)
        costUSD = Array(repeating: Array(repeating: 0, count: count), count: count)
        func place(_ locality: Locality) -> Int {
            names.shown.firstIndex(of: locality.ancestor(level: level)) ?? count - 1
        }
        for entry in ledger.entries {
            let (from, to) = (place(entry.from), place(entry.to))
            bytes[from][to].addClamped(entry.bytes)
            costUSD[from][to] += prices.usd(entry) ?? 0
        }
    }

    private static func largest(
        _ ledger: TrafficLedger
    ) -> (shown: [Locality], areMore: Bool) {
        var moved: [(place: Locality, bytes: Int)] = []
        for entry in ledger.entries {
            for place in [entry.from, entry.to] {
                if let index = moved.firstIndex(where: { $0.place == place }) {
                    moved[index].bytes.addClamped(entry.bytes)
                } else {
                    moved.append((place, entry.bytes))
                }
            }
        }
        guard moved.count > placesMax else { return (moved.map(\.place).sorted(), false) }
        let first = moved.sorted { $0.bytes > $1.bytes }.prefix(placesMax - 1)
        return (first.map(\.place).sorted(), true)
    }
}

extension EgressPrices {
    fileprivate func usd(_ entry: TrafficLedger.Entry) -> Double? {
        usd(entry.bytes, from: entry.from, to: entry.to, kind: entry.kind)
    }
}
