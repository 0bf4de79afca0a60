internal import DequeModule
internal import OrderedCollections
internal import SwarmModel

/// A rack, a region or a cloud: within each, only so many hosts may be out of service at once.
struct Domain: Hashable, Sendable {
    enum Level: Hashable, Sendable, CaseIterable { case rack, region, cloud }

    let level: Level
    let place: Locality

    static func rack(_ place: Locality) -> Domain { Domain(level: .rack, place: place) }

    /// Those that a host is in, its rack first. A rack is all hosts of one locality, however many
    /// labels that has; hosts that do not say where they are share a rack, and no region or cloud.
    static func around(_ place: Locality) -> [Domain] {
        var domains = [rack(place)]
        if place.labels.count >= 2 {
            domains.append(Domain(level: .region, place: place.ancestor(level: 2)))
        }
        if place.labels.count >= 1 {
            domains.append(Domain(level: .cloud, place: place.ancestor(level: 1)))
        }
        return domains
    }
}

/// How many hosts of each domain are out of service, and who waits for a turn to be.
///
/// A host waits in the line of its rack. When the first of a rack may not go because of its region
/// or its cloud, the whole rack waits there, in one line only, so that a turn that becomes free
/// costs no look at racks that have nothing to do.
struct DomainBook: Sendable {
    private struct Entry: Hashable, Sendable {
        var members = 0
        var unavailable = 0
        /// Of a rack: hosts that may want to switch, in the order in which they became ready.
        var ready: Deque<HostName> = []
        /// Of a rack: it stands in the line of its region or its cloud.
        var isWaiting = false
        /// Of a region or a cloud: racks for whose hosts it had no turn.
        var waiting: Deque<Locality> = []
    }

    private var entries: OrderedDictionary<Domain, Entry> = [:]

    var racks: [Locality] { entries.keys.filter { $0.level == .rack }.map(\.place) }

    // MARK: Counting

    mutating func join(_ domains: [Domain]) {
        for domain in domains { entries[domain, default: Entry()].members += 1 }
    }

    mutating func leave(_ domains: [Domain]) {
        for domain in domains {
            entries[domain]!.members -= 1
            if entries[domain]!.members == 0 { entries.removeValue(forKey: domain) }
        }
    }

    mutating func book(_ domains: [Domain], _ sign: Int) {
        for domain in domains { entries[domain]!.unavailable += sign }
    }

    mutating func clearUnavailable() {
        for domain in entries.keys { entries[domain]!.unavailable = 0 }
    }

    func members(of domain: Domain) -> Int { entries[domain]?.members ?? 0 }

    func unavailable(in domain: Domain) -> Int { entries[domain]?.unavailable ?? 0 }

    // MARK: Lines

    func firstReady(in rack: Locality) -> HostName? { entries[.rack(rack)]?.ready.first }

    mutating func enqueue(_ host: HostName, in rack: Locality) {
        entries[.rack(rack)]!.ready.append(host)
    }

    // Both look at the line where it is: a copy of it would be made anew by each removal.
    mutating func removeFirstReady(in rack: Locality) {
        entries[.rack(rack)]!.ready.removeFirst()
    }

    mutating func wait(_ rack: Locality, for domain: Domain) {
        guard domain.level != .rack, entries[.rack(rack)]?.isWaiting == false else { return }
        entries[.rack(rack)]!.isWaiting = true
        entries[domain]!.waiting.append(rack)
    }

    /// The rack that has waited longest for a turn of the domain. It waits no more.
    mutating func nextWaiting(for domain: Domain) -> Locality? {
        guard let rack = entries[domain]?.waiting.popFirst() else { return nil }
        entries[.rack(rack)]?.isWaiting = false
        return rack
    }

    mutating func forgetWaiting() {
        for domain in entries.keys {
            entries[domain]!.waiting = []
            entries[domain]!.isWaiting = false
        }
    }
}
