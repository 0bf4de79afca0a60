internal import OrderedCollections
internal import SwarmModel

/// Which host belongs to which wave.
enum WaveOrder {
    struct Host: Hashable, Sendable {
        var name: HostName
        var locality: Locality
        var labels: Labels
    }

    /// The hosts so that every beginning of the list is spread over clouds, then regions, then
    /// racks as evenly as can be: the domains of each level take turns.
    static func spread(_ hosts: [Host]) -> [Host] {
        spread(hosts.sorted { $0.name < $1.name }, level: 0)
    }

    private static func spread(_ hosts: [Host], level: Int) -> [Host] {
        guard hosts.count > 1, level < Locality.levelCountMax else { return hosts }
        var domains: OrderedDictionary<String, [Host]> = [:]
        for host in hosts {
            let labels = host.locality.labels
            domains[level < labels.count ? labels[level] : "", default: []].append(host)
        }
        let queues = domains.keys.sorted().map { spread(domains[$0]!, level: level + 1) }
        var result: [Host] = []
        result.reserveCapacity(hosts.count)
        var round = 0
        while result.count < hosts.count {
            for queue in queues where round < queue.count { result.append(queue[round]) }
            round += 1
        }
        return result
    }

    /// The wave of each host, in the order of `spread`. The last wave must take all that are left.
    static func assign(
        _ hosts: [Host],
        to waves: [RolloutPlan.Wave]
    ) throws(FleetRefusal) -> [(host: HostName, wave: Int)] {
        var rest = spread(hosts)
        var result: [(host: HostName, wave: Int)] = []
        for (index, wave) in waves.enumerated() {
            let chosen = choose(wave.hosts, of: &rest, total: hosts.count, taken: result.count)
            result += chosen.map { (host: $0.name, wave: index) }
            if chosen.isEmpty, let flaw = emptiness(wave.hosts, index, isAllTaken: rest.isEmpty) {
                throw flaw
            }
        }
        guard rest.isEmpty else {
            let named = rest.prefix(5).map(\.name.description).joined(separator: ", ")
            throw FleetRefusal(
                .invalid,
                "the waves leave out \(rest.count) of the channel's \(hosts.count) hosts: "
                    + named + (rest.count > 5 ? ", …" : "") + "; end with a wave of 100%"
            )
        }
        return result
    }

    private static func choose(
        _ scope: RolloutPlan.Scope,
        of rest: inout [Host],
        total: Int,
        taken: Int
    ) -> [Host] {
        let goal: Int
        switch scope {
        case .count(let count): goal = count
        case .percent(let percent): goal = (total * percent + 99) / 100
        case .selector(let selector):
            let chosen = rest.filter {
                selector.matches($0.labels, host: $0.name, at: $0.locality)
            }
            rest.removeAll { selector.matches($0.labels, host: $0.name, at: $0.locality) }
            return chosen
        }
        let count = min(rest.count, max(0, goal - taken))
        let chosen = Array(rest.prefix(count))
        rest.removeFirst(count)
        return chosen
    }

    /// A share may come to no further host in a small fleet, and a wave after all are taken has
    /// nothing to do; a selector that selects nobody is a slip of the pen.
    private static func emptiness(
        _ scope: RolloutPlan.Scope,
        _ index: Int,
        isAllTaken: Bool
    ) -> FleetRefusal? {
        switch scope {
        case .percent(let percent) where percent > 0: return nil
        case .selector where isAllTaken: return nil
        case .count(let count) where count > 0 && isAllTaken: return nil
        case .selector(let selector):
            return FleetRefusal(
                .invalid,
                "wave \(index + 1) selects '\(selector)', and no host that is left has these "
                    + "labels; see GET /api/v1/hosts for what hosts say of themselves"
            )
        case .count, .percent:
            return FleetRefusal(
                .invalid,
                "wave \(index + 1) is of \(scope) hosts and adds none to the waves before it; "
                    + "waves count all hosts up to and including them"
            )
        }
    }

    /// The wave of a host that joins the channel during a rollout.
    static func lateWave(_ host: Host, of waves: [RolloutPlan.Wave]) -> Int {
        let selected = waves.firstIndex { wave in
            guard case .selector(let selector) = wave.hosts else { return false }
            return selector.matches(host.labels, host: host.name, at: host.locality)
        }
        return selected ?? waves.count - 1
    }
}
