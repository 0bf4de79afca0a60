import SwarmModel
import Testing

@testable import shoal

@Suite("The bytes of a rollout")
struct RolloutTrafficTests {
    /// Of a gigabyte that went from one cloud to another, at a price of $1.
    private static func view(received: Int, modelBytes: Int?) throws -> TrafficView {
        let (from, to) = (try Locality("a/1/x"), try Locality("b/1/y"))
        var ledger = TrafficLedger()
        ledger.book(received, from: from, to: to, kind: .peer)
        let traffic = SwarmTraffic(
            modelBytes: modelBytes,
            received: ledger,
            sent: ledger,
            refetchedBytes: 0,
            sources: [from],
            reporters: 2
        )
        let prices = EgressPrices(source: "test", date: "2026-11-26", rules: [.init(usdPerGB: 1)])
        return TrafficView(traffic, members: [to], prices: prices)
    }

    @Test("shows what has moved of what all hosts want, the rate, the time left and the cost")
    func line() throws {
        var traffic = RolloutTraffic()
        #expect(traffic.text == nil)
        traffic.add(nil, hosts: 4, at: .zero)
        #expect(traffic.text == nil)
        let size = 1_000_000_000
        traffic.add(try Self.view(received: 0, modelBytes: size), hosts: 4, at: .seconds(1))
        traffic.add(try Self.view(received: size, modelBytes: size), hosts: 4, at: .seconds(5))
        let lines = try #require(traffic.text).split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0].hasPrefix("moved      [####"))
        #expect(lines[0].hasSuffix("  25%  954 MiB of 3.73 GiB  238 MiB/s  0:12 left"))
        #expect(lines[1] == "egress     $1.00; had every host read from a/1/x: $1.00")
    }

    @Test("a size that makes no sum is no reason to end")
    func overflow() throws {
        var traffic = RolloutTraffic()
        traffic.add(try Self.view(received: 1, modelBytes: .max), hosts: 4, at: .zero)
        #expect(traffic.text?.contains("%") == false)
        #expect(traffic.text?.hasPrefix("moved      1 byte\n") == true)
    }
}
