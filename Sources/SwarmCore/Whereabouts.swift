import OrderedCollections
package import SwarmModel

/// Where the hosts at known addresses are: what the tracker's roster says, and for others what they
/// said of themselves when they were connected. Bounded; what does not fit counts as unknown.
package struct Whereabouts: Hashable, Sendable {
    private var localities: OrderedDictionary<Endpoint, Locality> = [:]
    private let countMax: Int

    package init(countMax: Int) { self.countMax = countMax }

    package var count: Int { localities.count }

    package func locality(of endpoint: Endpoint) -> Locality { localities[endpoint] ?? .unknown }

    package mutating func learn(_ update: RosterUpdate) {
        let expected = min(update.joined.count, countMax)
        if localities.count < expected { localities.reserveCapacity(expected) }
        for entry in update.joined {
            for endpoint in entry.endpoints { set(entry.locality, of: endpoint) }
        }
    }

    /// A host's own word, which counts where the tracker has none.
    package mutating func hear(_ locality: Locality, of endpoint: Endpoint) {
        if localities[endpoint] == nil { set(locality, of: endpoint) }
    }

    private mutating func set(_ locality: Locality, of endpoint: Endpoint) {
        guard localities.count < countMax || localities[endpoint] != nil else { return }
        localities[endpoint] = locality
    }
}
