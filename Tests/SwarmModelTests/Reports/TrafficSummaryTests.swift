import SwarmModel
import Testing

@Suite("TrafficSummary")
struct TrafficSummaryTests {
    private let prices = EgressPrices(
        source: "a test",
        date: "2026-09-20",
        rules: [
            .init(level: .rack, usdPerGB: 0), .init(level: .region, usdPerGB: 0.01),
            .init(level: .otherCloud, usdPerGB: 0.09),
        ]
    )

    private func summary(_ ledger: TrafficLedger) -> TrafficSummary {
        let traffic = SwarmTraffic(
            modelBytes: nil,
            received: ledger,
            sent: TrafficLedger(),
            refetchedBytes: 0,
            sources: [],
            reporters: 1
        )
        return TrafficSummary(name: "v1", traffic, prices: prices)
    }

    @Test("matrices of clouds and regions have every byte, priced between the racks")
    func matrices() throws {
        let giga = 1_000_000_000
        var ledger = TrafficLedger()
        func book(_ from: String, _ to: String, _ count: Int) throws {
            ledger.book(count * giga, from: try Locality(from), to: try Locality(to), kind: .peer)
        }
        try book("a/r/1", "a/r/1", 1)
        try book("a/r/1", "a/r/2", 2)
        try book("a/r/1", "b/r/1", 4)
        let found = summary(ledger)
        #expect(found.clouds.places == ["a", "b"])
        #expect(found.clouds.bytes == [[3 * giga, 4 * giga], [0, 0]])
        #expect(found.clouds.costUSD[0][0] == 0.02)
        #expect(found.regions.places == ["a/r", "b/r"])
        #expect(found.levels.map(\.peerBytes) == [giga, 2 * giga, 0, 4 * giga, 0])
        #expect(abs(found.costUSD - 0.38) < 1e-9)
    }

    @Test("of many places those that moved least are one")
    func rest() throws {
        var ledger = TrafficLedger()
        for number in 1...40 {
            let place = try Locality("c\(number)")
            ledger.book(number, from: place, to: place, kind: .origin)
        }
        let clouds = summary(ledger).clouds
        #expect(clouds.places.count == TrafficSummary.Matrix.placesMax)
        #expect(clouds.places.last == TrafficSummary.Matrix.restName)
        #expect(clouds.bytes.joined().reduce(0, +) == 820)
        #expect(clouds.places.contains("c40") && !clouds.places.contains("c1"))
    }
}
