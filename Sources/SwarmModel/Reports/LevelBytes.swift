/// Bytes by how far they went and what they came from: few numbers, for metrics.
package struct LevelBytes: Hashable, Sendable {
    private var counts = Array(
        repeating: 0,
        count: Proximity.allCases.count * SourceKind.allCases.count
    )

    package init() {}

    package init(_ ledger: TrafficLedger) {
        for entry in ledger.entries { add(entry) }
        add(ledger.other.bytes, .unknown, .peer)
    }

    package mutating func add(_ entry: TrafficLedger.Entry) {
        add(entry.bytes, entry.from.proximity(to: entry.to), entry.kind)
    }

    private mutating func add(_ bytes: Int, _ level: Proximity, _ kind: SourceKind) {
        for (index, place) in Self.places.enumerated() where place == (level, kind) {
            counts[index].addClamped(bytes)
        }
    }

    package mutating func add(_ other: LevelBytes) {
        for index in counts.indices { counts[index].addClamped(other.counts[index]) }
    }

    /// Every level and kind with its bytes, zeros included.
    package var all: [(level: Proximity, kind: SourceKind, bytes: Int)] {
        zip(Self.places, counts).map { (level: $0.0, kind: $0.1, bytes: $1) }
    }

    private static let places = Proximity.allCases.flatMap { level in
        SourceKind.allCases.map { (level, $0) }
    }
}
