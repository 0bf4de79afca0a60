/// What `shoal simulate --json` and `shoal testnet run --json` end with. Field names are fixed by
/// section 8 of the design; a tool may rely on those listed there. More may be added.
package struct ScenarioReport: Codable, Hashable, Sendable {
    package var scenario: String
    /// No assertion of the scenario failed; ``violations`` is empty.
    package var ok: Bool
    /// Hosts that wanted the model, not counting seeds and the origin.
    package var hosts: Int
    package var modelBytes: Int
    /// Every boundary that traffic could cross, wide ones first, then by name.
    package var domains: [Domain]
    /// Payload bytes read from origins.
    package var originBytes: Int
    /// Payload bytes received more than once, or received and not kept.
    package var duplicateBytes: Int
    package var completionSeconds: Spread
    /// The least time in which it could have been done: see ``CompletionBound``.
    package var boundSeconds: Double
    /// ``Spread/p99`` of ``completionSeconds`` over ``boundSeconds``.
    package var ratioToBound: Double
    /// What did not hold, in plain words; empty when all is well.
    package var violations: [String]
    /// What the bytes that crossed boundaries cost by ``EgressPrices``.
    package var costUSD: Double
    /// What it would have cost if each host had read the model from the origin.
    package var costOriginOnlyUSD: Double

    /// One boundary: the edge of a cloud, region or rack.
    package struct Domain: Codable, Hashable, Sendable {
        /// `cloud`, `cloud/region`, …
        package var domain: String
        /// Labels in the name: 1 for a cloud.
        package var level: Int
        package var hosts: Int
        /// Payload bytes that came in from outside, over the bytes of the model. 1 is the optimum
        /// for a domain that starts empty.
        package var amplification: Double
        package var bytesIn: Int
        package var bytesOut: Int

        package init(
            domain: String,
            level: Int,
            hosts: Int,
            amplification: Double,
            bytesIn: Int,
            bytesOut: Int
        ) {
            self.domain = domain
            self.level = level
            self.hosts = hosts
            self.amplification = amplification
            self.bytesIn = bytesIn
            self.bytesOut = bytesOut
        }
    }

    /// How the hosts' completion times are spread. Zero when no host completed.
    package struct Spread: Codable, Hashable, Sendable {
        package var p50: Double
        package var p99: Double
        package var max: Double

        package init(p50: Double, p99: Double, max: Double) {
            self.p50 = p50
            self.p99 = p99
            self.max = max
        }

        /// Percentiles by nearest rank.
        package init(of seconds: [Double]) {
            let sorted = seconds.sorted()
            func rank(_ share: Double) -> Double {
                guard !sorted.isEmpty else { return 0 }
                let index = Int((share * Double(sorted.count)).rounded(.up)) - 1
                return sorted[Swift.min(Swift.max(index, 0), sorted.count - 1)]
            }
            self.init(p50: rank(0.50), p99: rank(0.99), max: sorted.last ?? 0)
        }
    }

    /// Makes the whole report of what was measured.
    ///
    /// - `members`: the locality of each host that wanted the model, in any order; domains are
    ///   counted from them.
    /// - `completions`: seconds from the start of each host's wish to its last verified byte, for
    ///   the hosts that completed.
    package init(
        scenario: String,
        modelBytes: Int,
        members: [Locality],
        completions: [Double],
        traffic: TrafficLedger,
        duplicateBytes: Int,
        boundSeconds: Double,
        originLocality: Locality,
        prices: EgressPrices = .defaults,
        violations: [String]
    ) {
        self.scenario = scenario
        ok = violations.isEmpty
        hosts = members.count
        self.modelBytes = modelBytes
        domains = traffic.domains(of: members, modelBytes: modelBytes)
        originBytes = traffic.originBytes
        self.duplicateBytes = duplicateBytes
        completionSeconds = Spread(of: completions)
        self.boundSeconds = boundSeconds
        ratioToBound = boundSeconds > 0 ? completionSeconds.p99 / boundSeconds : 0
        self.violations = violations
        costUSD = traffic.cost(prices)
        costOriginOnlyUSD = members.reduce(0) { sum, member in
            sum + (prices.usd(modelBytes, from: originLocality, to: member, kind: .origin) ?? 0)
        }
    }
}

extension ScenarioReport {
    /// The worst amplification of the boundaries at a level that have at least one host; 0 when
    /// there is none.
    package func amplificationMax(level: Int) -> Double {
        domains.filter { $0.level == level && $0.hosts > 0 }.map(\.amplification).max() ?? 0
    }

    /// Bytes that crossed boundaries of a level over what one copy for each domain would have been:
    /// the fleet's mean, which one unlucky domain moves less than the maximum.
    package func amplificationMean(level: Int) -> Double {
        let chosen = domains.filter { $0.level == level && $0.hosts > 0 }
        guard !chosen.isEmpty else { return 0 }
        return chosen.reduce(0) { $0 + $1.amplification } / Double(chosen.count)
    }
}
