import OrderedCollections
package import SwarmModel

/// Payload bytes by where they came from, booked at the receiver.
package struct Ledger: Hashable, Sendable {
    private var received: OrderedDictionary<Locality, Int> = [:]
    /// Bytes that came and were not kept: late, duplicate, or of a failed piece.
    package var duplicateBytes = 0

    /// Localities kept apart; further ones are booked as unknown.
    package static let localitiesMax = 4096

    package init() {}

    package mutating func book(_ bytes: Int, from locality: Locality) {
        let isNew = received[locality] == nil
        let key = isNew && received.count >= Self.localitiesMax ? .unknown : locality
        received[key, default: 0] += bytes
    }

    package var total: Int { received.values.reduce(0, +) }
    /// Sorted by locality.
    package var entries: [(locality: Locality, bytes: Int)] {
        received.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
    }
}
