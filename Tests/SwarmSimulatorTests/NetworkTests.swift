import SwarmModel
import Testing

@testable import SwarmSimulator

@Suite("Links are shared max-min fairly")
struct NetworkTests {
    private static func flow(_ links: [Int32], most: Double = .infinity) -> Network.Flow {
        var path = SIMD16<Int32>(repeating: -1)
        for (index, link) in links.enumerated() { path[index] = link }
        return Network.Flow(
            connection: 0,
            end: 0,
            linkCount: UInt8(links.count),
            links: path,
            most: most,
            remaining: 1e9,
            updatedAt: 0
        )
    }

    /// The rates of flows over links of the given capacities.
    private static func rates(_ capacity: [Double], _ flows: [Network.Flow]) -> [Double] {
        var network = Network(capacity: capacity, step: .milliseconds(1))
        for flow in flows { _ = network.add(flow, at: .origin) }
        network.share()
        return network.flows.map(\.rate)
    }

    @Test("alone on a path, a flow has its narrowest link")
    func alone() {
        #expect(Self.rates([10, 4, 8], [Self.flow([0, 1, 2])]) == [4])
    }

    @Test("a link is shared equally, and what a limited flow leaves goes to the others")
    func limited() {
        let flows = [Self.flow([0]), Self.flow([0]), Self.flow([0], most: 1)]
        #expect(Self.rates([9], flows) == [4, 4, 1])
    }

    @Test("the classic line: a long flow against one on each link")
    func line() {
        let flows = [Self.flow([0, 1]), Self.flow([0]), Self.flow([1])]
        #expect(Self.rates([6, 10], flows) == [3, 3, 7])
    }

    @Test(
        "shares are feasible, and every flow has a full link on which none has more",
        arguments: 0..<200
    )
    func property(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let linkCount = Int.random(in: 1...12, using: &random)
        let capacity = (0..<linkCount).map { _ in Double(Int.random(in: 1...100, using: &random)) }
        let flows = (0..<Int.random(in: 1...40, using: &random)).map { _ in
            let links = Array(0..<Int32(linkCount)).shuffled(using: &random)
                .prefix(Int.random(in: 1...linkCount, using: &random))
            let isLimited = Int.random(in: 0..<4, using: &random) == 0
            let most = isLimited ? Double(Int.random(in: 1...20, using: &random)) : .infinity
            return Self.flow(Array(links), most: most)
        }
        let rates = Self.rates(capacity, flows)
        func load(_ link: Int32) -> Double {
            zip(flows, rates).reduce(0) { sum, item in
                let uses = (0..<Int(item.0.linkCount)).contains { item.0.links[$0] == link }
                return uses ? sum + item.1 : sum
            }
        }
        for link in 0..<linkCount { #expect(load(Int32(link)) <= capacity[link] * (1 + 1e-9)) }
        for (flow, rate) in zip(flows, rates) where rate < flow.most * (1 - 1e-9) {
            let hasBottleneck = (0..<Int(flow.linkCount)).contains { place in
                let link = flow.links[place]
                let isFull = load(link) >= capacity[Int(link)] * (1 - 1e-9)
                let isLargest = zip(flows, rates).allSatisfy { other, theirs in
                    let uses = (0..<Int(other.linkCount)).contains { other.links[$0] == link }
                    return !uses || theirs <= rate * (1 + 1e-9)
                }
                return isFull && isLargest
            }
            #expect(hasBottleneck, "a flow of \(rate) has no reason not to have more")
        }
    }

    @Test("a flow that begins between two steps takes only what is left over")
    func leftOver() {
        var network = Network(capacity: [10], step: .seconds(1))
        _ = network.add(Self.flow([0], most: 7), at: .origin)
        network.share()
        let second = network.add(Self.flow([0]), at: .origin + .milliseconds(1))
        #expect(network.flows[Int(second)].rate == 3)
        _ = network.remove(0)
        #expect(network.flows[0].rate == 3)
        network.share()
        #expect(network.flows[0].rate == 10)
    }

    @Test("the agenda gives what is earliest, and of equals what was planned first")
    func agenda() {
        var agenda = Agenda<Int>()
        var random = SeededRandom(seed: 9)
        var planned: [(at: Int64, number: Int)] = []
        for number in 0..<2000 {
            let at = Int64.random(in: 0..<50, using: &random)
            agenda.add(number, at: Instant(nanoseconds: at))
            planned.append((at, number))
        }
        let expected = planned.sorted { ($0.at, $0.number) < ($1.at, $1.number) }
        for item in expected {
            let next = agenda.next()
            #expect(next?.item == item.number)
        }
        #expect(agenda.next() == nil)
    }
}
