import SwarmModel
import SwarmRuntime

/// A swarm's traffic for people: who sent how much to whom, how many copies crossed each boundary,
/// and what it cost.
enum TrafficText {
    static func text(of view: SwarmView, level: Int, prices: EgressPrices) -> String {
        var lines = [
            "swarm \(view.swarm): \(view.seeds) seeds, \(view.leeches) others, "
                + "\(view.completed) completed"
        ]
        guard let traffic = view.traffic else {
            return lines[0] + "\nno peer has reported traffic yet"
        }
        lines.append(summary(of: traffic))
        lines.append("")
        lines.append(matrix(of: ledger(traffic), level: level, prices: prices))
        lines.append("")
        lines.append(domains(of: traffic, level: level))
        lines.append("")
        lines.append(bill(of: traffic))
        return lines.joined(separator: "\n")
    }

    private static func ledger(_ traffic: TrafficView) -> TrafficLedger {
        TrafficLedger(traffic.entries)
    }

    private static func summary(of traffic: TrafficView) -> String {
        var text = "\(traffic.reporters) peers reported"
        if let size = traffic.modelBytes { text += "; model \(ByteCount(size))" }
        text += ", received \(ByteCount(traffic.receivedBytes))"
        text += ", of it from origins \(ByteCount(traffic.originBytes))"
        text += ", duplicates \(ByteCount(traffic.duplicateBytes))"
        return text
    }

    /// The traffic between the domains of a level, with its price.
    static func matrix(of ledger: TrafficLedger, level: Int, prices: EgressPrices) -> String {
        var rows = [["FROM", "TO", "KIND", "BYTES", "USD"]]
        let total = ledger.coarsened(toLevel: level)
        for entry in total.entries {
            let parts = ledger.entries.filter { part in
                part.kind == entry.kind && part.from.ancestor(level: level) == entry.from
                    && part.to.ancestor(level: level) == entry.to
            }
            let costs = parts.map {
                prices.usd($0.bytes, from: $0.from, to: $0.to, kind: $0.kind)
            }
            let isPriced = costs.contains { $0 != nil }
            rows.append([
                name(entry.from), name(entry.to), entry.kind.rawValue, "\(ByteCount(entry.bytes))",
                isPriced ? dollars(costs.reduce(0) { $0 + ($1 ?? 0) }) : "-",
            ])
        }
        if total.other.bytes > 0 {
            rows.append(["(others)", "", "", "\(ByteCount(total.other.bytes))", "-"])
        }
        return TextTable(rows: rows, rightAligned: [3, 4]).text
    }

    private static func domains(of traffic: TrafficView, level: Int) -> String {
        var rows = [["DOMAIN", "HOSTS", "IN", "OUT", "COPIES IN"]]
        for domain in traffic.domains where domain.level <= level {
            rows.append([
                domain.domain, "\(domain.hosts)", "\(ByteCount(domain.bytesIn))",
                "\(ByteCount(domain.bytesOut))",
                traffic.modelBytes == nil ? "-" : domain.amplification.fixed(3),
            ])
        }
        return TextTable(rows: rows, rightAligned: [1, 2, 3, 4]).text
    }

    private static func bill(of traffic: TrafficView) -> String {
        var lines = ["egress: \(egress(of: traffic))"]
        lines.append("prices: \(Terminal.safe(traffic.prices.source)), \(traffic.prices.date)")
        if traffic.unpricedBytes > 0 {
            lines.append("\(ByteCount(traffic.unpricedBytes)) have no price and are in neither sum")
        }
        return lines.joined(separator: "\n")
    }

    /// What the bytes cost, and what they would have cost without a swarm.
    static func egress(of traffic: TrafficView) -> String {
        guard let originOnly = traffic.costOriginOnlyUSD else { return dollars(traffic.costUSD) }
        let places = traffic.sources.map { name($0) }.joined(separator: ", ")
        return "\(dollars(traffic.costUSD)); had every host read from \(places): "
            + dollars(originOnly)
    }

    static func name(_ domain: Locality) -> String {
        domain == .unknown ? "(unknown)" : Terminal.safe(domain.description)
    }

    /// `$1.23`, with more digits for small sums: a test moves megabytes.
    static func dollars(_ sum: Double) -> String {
        "$" + sum.fixed(sum >= 1 || sum == 0 ? 2 : sum >= 0.01 ? 4 : 6)
    }
}
