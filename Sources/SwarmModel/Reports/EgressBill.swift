/// What a distribution cost, and what it would have cost had every host read the origin.
package struct EgressBill: Hashable, Sendable, Codable {
    /// Of all that moved, duplicates included; the sender pays.
    package var costUSD: Double
    /// Had each receiver read what it needed from a source of the distribution. Nil when no source
    /// is known.
    package var costOriginOnlyUSD: Double?
    /// Bytes without a price: an end of unknown locality, ends not kept apart, or no rule that
    /// fits. They are in neither sum.
    package var unpricedBytes: Int

    package init(costUSD: Double, costOriginOnlyUSD: Double?, unpricedBytes: Int) {
        self.costUSD = costUSD
        self.costOriginOnlyUSD = costOriginOnlyUSD
        self.unpricedBytes = unpricedBytes
    }
}

extension TrafficLedger {
    /// The bill of this traffic.
    ///
    /// Origin-only is computed from the same entries: every byte that a receiver kept would have
    /// come from the source that is cheapest for it, which never flatters us. `sources` are where
    /// the files lie at the start: the origins, or where there are none the seeds.
    package func bill(at prices: EgressPrices, sources: [Locality]) -> EgressBill {
        var cost = 0.0
        var originOnly = 0.0
        var unpriced = other.bytes
        for entry in entries {
            let price = prices.usd(entry.bytes, from: entry.from, to: entry.to, kind: entry.kind)
            guard let price else {
                unpriced.addClamped(entry.bytes)
                continue
            }
            cost += price
            let kept = entry.bytes - entry.duplicateBytes
            originOnly +=
                sources.compactMap { prices.usd(kept, from: $0, to: entry.to, kind: .origin) }.min()
                ?? 0
        }
        return EgressBill(
            costUSD: cost,
            costOriginOnlyUSD: sources.isEmpty ? nil : originOnly,
            unpricedBytes: unpriced
        )
    }

    /// What this traffic cost, in dollars.
    package func cost(_ prices: EgressPrices) -> Double {
        bill(at: prices, sources: []).costUSD
    }

    /// Where origins were that something was read from.
    package var origins: [Locality] {
        var result: [Locality] = []
        for entry in entries where entry.kind == .origin && !result.contains(entry.from) {
            result.append(entry.from)
        }
        return result
    }
}
