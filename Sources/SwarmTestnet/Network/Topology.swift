package import SwarmModel

/// Hosts in racks in regions in clouds, and the rate of the link around each.
///
/// Invariant: a domain stands after the domain that it lies in; every host is in a domain of the
/// narrowest level, and every name and path is there once.
package struct Topology: Hashable, Sendable {
    /// Rates of a link in megabits (10⁶ bits) per second of frames, as a shaper counts them; nil
    /// where nothing limits.
    package struct Rate: Hashable, Sendable {
        package var into: Double?
        package var out: Double?

        package static let unlimited = Rate()

        package init(into: Double? = nil, out: Double? = nil) {
            self.into = into
            self.out = out
        }
    }

    package struct Domain: Hashable, Sendable {
        package var path: Locality
        /// Index of the domain around it; nil for a cloud.
        package var parent: Int?
        package var rate: Rate
    }

    package struct Host: Hashable, Sendable {
        package var name: String
        /// Index of the rack that it is in.
        package var domain: Int
        /// Among the hosts of the rack, from 1.
        package var number: Int
        package var rate: Rate
    }

    package var name: String
    package var about: String
    /// What the levels are called, from wide to narrow.
    package var levels: [String]
    package var domains: [Domain]
    package var hosts: [Host]

    package static let hostsMax = 128
    package static let hostsPerDomainMax = 200
    package static let domainsMax = 250

    package func host(named name: String) -> Int? { hosts.firstIndex { $0.name == name } }

    package func domain(at path: String) -> Int? {
        domains.firstIndex { $0.path.description == path }
    }

    package func locality(ofHost host: Int) -> Locality { domains[hosts[host].domain].path }

    /// Whether a domain lies in another or is it.
    package func isInside(_ domain: Int, _ outer: Int) -> Bool {
        var current: Int? = domain
        while let index = current {
            if index == outer { return true }
            current = domains[index].parent
        }
        return false
    }

    package func hosts(inside domain: Int) -> [Int] {
        hosts.indices.filter { isInside(hosts[$0].domain, domain) }
    }

    /// The hosts that a name stands for: one host, or all in a domain.
    package func hosts(matching name: String) -> [Int] {
        if let host = host(named: name) { return [host] }
        return domain(at: name).map { hosts(inside: $0) } ?? []
    }

    /// The level of a domain by name, such as "rack".
    package func level(of domain: Int) -> String {
        levels[domains[domain].path.labels.count - 1]
    }

    /// Addresses are for inside of the namespaces; nothing routes them anywhere else.
    package func address(ofHost host: Int) -> String {
        "10.77.\(hosts[host].domain + 1).\(hosts[host].number)"
    }
}
