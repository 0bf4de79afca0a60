/// The least time in which every host can have the model, whatever the schedule: the fluid bound
/// (Kumar and Ross, HotWeb 2006), the cut around each domain, and the price of letting only one
/// copy into each domain. No schedule that keeps amplification at 1 beats it; one that spends more
/// egress may beat the last term.
///
/// Rates are bytes per second. The model is taken as fluid: with P pieces a real schedule needs up
/// to log2(N)/P more (Mundinger, Weber and Weiss 2008).
package struct CompletionBound: Hashable, Sendable {
    package struct Host: Hashable, Sendable {
        package var locality: Locality
        package var uploadRate: Double
        package var downloadRate: Double

        package init(locality: Locality, uploadRate: Double, downloadRate: Double) {
            self.locality = locality
            self.uploadRate = uploadRate
            self.downloadRate = downloadRate
        }
    }

    /// Where the model is at the start: an origin, or a peer that has all of it.
    package struct Source: Hashable, Sendable {
        package var locality: Locality
        package var uploadRate: Double

        package init(locality: Locality, uploadRate: Double) {
            self.locality = locality
            self.uploadRate = uploadRate
        }
    }

    /// The link around a cloud, region or rack; nil where nothing limits it.
    package struct Domain: Hashable, Sendable {
        package var name: Locality
        package var ingressRate: Double?
        package var egressRate: Double?

        package init(name: Locality, ingressRate: Double?, egressRate: Double?) {
            self.name = name
            self.ingressRate = ingressRate
            self.egressRate = egressRate
        }
    }

    /// One term of the bound, and what it says.
    package struct Term: Hashable, Sendable {
        package enum Kind: Hashable, Sendable {
            /// F / u_seed
            case sources
            /// F / d_min
            case slowestDownload
            /// N·F / (u_seed + Σu)
            case fleetUpload
            /// F / c_in(D)
            case ingress(Locality)
            /// F / c_out(D) of a domain with every source inside
            case egress(Locality)
            /// (n_D − 1)·F / Σu_D; with a source inside, n_D·F / (Σu_D + its rate)
            case localUpload(Locality)
        }

        package var kind: Kind
        package var seconds: Double
    }

    /// The longest first.
    package let terms: [Term]

    package var seconds: Double { terms.first?.seconds ?? 0 }
    /// What limits.
    package var tightest: Term? { terms.first }

    /// The bound for hosts that start empty. `domains` names the links that limit; the terms for
    /// local upload are made for every domain that a host is in.
    package init(bytes: Int, hosts: [Host], sources: [Source], domains: [Domain]) {
        let size = Double(bytes)
        guard bytes > 0, !hosts.isEmpty else {
            terms = []
            return
        }
        let sourceRate = sources.reduce(0) { $0 + $1.uploadRate }
        let fleetRate = hosts.reduce(0) { $0 + $1.uploadRate }
        var terms = [
            Term(kind: .sources, seconds: size / sourceRate),
            Term(
                kind: .slowestDownload,
                seconds: size / (hosts.map(\.downloadRate).min() ?? .infinity)
            ),
            Term(
                kind: .fleetUpload,
                seconds: Double(hosts.count) * size / (sourceRate + fleetRate)
            ),
        ]
        for domain in domains {
            terms += Self.cuts(around: domain, size, hosts, sources)
        }
        terms += Self.localUploads(size, hosts, sources)
        self.terms = terms.sorted { $0.seconds > $1.seconds }
    }

    private static func cuts(
        around domain: Domain,
        _ size: Double,
        _ hosts: [Host],
        _ sources: [Source]
    ) -> [Term] {
        var terms: [Term] = []
        let hasHosts = hosts.contains { domain.name.contains($0.locality) }
        let hasSource = sources.contains { domain.name.contains($0.locality) }
        if let rate = domain.ingressRate, hasHosts, !hasSource {
            terms.append(Term(kind: .ingress(domain.name), seconds: size / rate))
        }
        let isAllInside = sources.allSatisfy { domain.name.contains($0.locality) }
        let hasHostsOutside = hosts.contains { !domain.name.contains($0.locality) }
        if let rate = domain.egressRate, isAllInside, hasHostsOutside {
            terms.append(Term(kind: .egress(domain.name), seconds: size / rate))
        }
        return terms
    }

    /// Sums for each domain at once: hosts sorted by locality, each prefix a run.
    private static func localUploads(
        _ size: Double,
        _ hosts: [Host],
        _ sources: [Source]
    ) -> [Term] {
        let sorted = hosts.sorted { $0.locality < $1.locality }
        var terms: [Term] = []
        for level in 1...Locality.levelCountMax {
            var start = 0
            while start < sorted.count {
                guard sorted[start].locality.labels.count >= level else {
                    start += 1
                    continue
                }
                let name = sorted[start].locality.ancestor(level: level)
                var end = start
                var rate = 0.0
                while end < sorted.count, name.contains(sorted[end].locality) {
                    rate += sorted[end].uploadRate
                    end += 1
                }
                let inside = sources.filter { name.contains($0.locality) }
                let copies = Double(end - start - (inside.isEmpty ? 1 : 0))
                rate += inside.reduce(0) { $0 + $1.uploadRate }
                if copies > 0 {
                    terms.append(Term(kind: .localUpload(name), seconds: copies * size / rate))
                }
                start = end
            }
        }
        return terms
    }
}

extension CompletionBound.Term: CustomStringConvertible {
    package var description: String {
        let limit =
            switch kind {
            case .sources: "the upload of origin and seeds"
            case .slowestDownload: "the slowest host's download"
            case .fleetUpload: "the upload of the whole fleet"
            case .ingress(let domain): "the link into \(domain)"
            case .egress(let domain): "the link out of \(domain)"
            case .localUpload(let domain): "the upload of the hosts of \(domain)"
            }
        return "\(seconds) s by \(limit)"
    }
}
