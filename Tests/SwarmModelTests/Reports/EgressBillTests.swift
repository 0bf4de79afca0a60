import SwarmModel
import Testing

@Suite("EgressBill")
struct EgressBillTests {
    private let prices = EgressPrices(
        source: "a test",
        date: "2026-09-20",
        rules: [
            .init(level: .rack, usdPerGB: 0),
            .init(level: .region, kind: .origin, usdPerGB: 0),
            .init(level: .region, usdPerGB: 0.01),
            .init(level: .otherCloud, usdPerGB: 0.09),
        ]
    )

    /// The example of the reference: 800 GB to 200 hosts in four clouds, the origin in one of them.
    @Test("one copy into each of three clouds against a hundred and fifty")
    func rollout() throws {
        let size = 800_000_000_000
        var traffic = TrafficLedger()
        traffic.add(try entry("a/r", "a/r/z", 50 * size, kind: .origin))
        for cloud in ["b", "c", "d"] {
            traffic.add(try entry("a/r/z", "\(cloud)/r/z", size))
            traffic.add(try entry("\(cloud)/r/z", "\(cloud)/r/z", 49 * size))
        }
        let bill = traffic.bill(at: prices, sources: traffic.origins)
        #expect(abs(bill.costUSD - 216) < 1e-6)
        #expect(abs((bill.costOriginOnlyUSD ?? 0) - 10_800) < 1e-6)
        #expect(bill.unpricedBytes == 0)
    }

    @Test("duplicates are paid for, and origin-only would not have had them")
    func duplicates() throws {
        let traffic = ledger([try entry("a/r/z", "b/r/z", 3_000_000_000, duplicate: 2_000_000_000)])
        let bill = traffic.bill(at: prices, sources: [try Locality("a/r")])
        #expect(abs(bill.costUSD - 0.27) < 1e-9)
        #expect(abs((bill.costOriginOnlyUSD ?? 0) - 0.09) < 1e-9)
    }

    @Test("each receiver reads the cheapest of several sources")
    func cheapest() throws {
        let traffic = ledger(
            try [entry("a/r/z", "b/r/z", 1_000_000_000), entry("a/r/z", "a/r/y", 1_000_000_000)]
        )
        let sources = try [Locality("a/r"), Locality("b/r")]
        #expect(traffic.bill(at: prices, sources: sources).costOriginOnlyUSD == 0)
    }

    @Test("what has no price is counted apart, and without a source nothing is compared")
    func unpriced() throws {
        var traffic = ledger(try [entry("", "b/r/z", 10), entry("a/r/z", "", 20)], entriesMax: 2)
        traffic.add(try entry("a/r/z", "b/r/z", 40))
        let bill = traffic.bill(at: prices, sources: [])
        #expect(bill == EgressBill(costUSD: 0, costOriginOnlyUSD: nil, unpricedBytes: 70))
    }
}
