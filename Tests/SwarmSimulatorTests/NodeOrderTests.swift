import SwarmModel
import Testing

@testable import SwarmSimulator

@Suite("What arrives in a step, by node")
struct NodeOrderTests {
    private static func deliveries(_ nodes: [Int32]) -> [Delivery] {
        nodes.enumerated().map { index, node in
            Delivery(.have(UInt32(index)), connection: Int32(index), end: 0, node: node)
        }
    }

    @Test(
        "the even nodes first, and what is for one node as it was sent",
        arguments: [
            ([3, 0, 2, 0, 1, 3], 4, [1, 3, 2], [4, 0, 5]),
            ([4, 4, 2], 5, [2, 0, 1], []),
            ([1, 3], 4, [], [0, 1]),
            ([], 3, [], []),
        ] as [([Int32], Int, [Int32], [Int32])]
    )
    func order(_ nodes: [Int32], _ nodeCount: Int, _ even: [Int32], _ odd: [Int32]) {
        var byNode = NodeOrder()
        // It is used again, after steps of other sizes.
        byNode.sort(Self.deliveries([5, 6, 7, 7, 0]), nodeCount: 8)
        byNode.sort(Self.deliveries(nodes), nodeCount: nodeCount)
        #expect(Array(byNode.half(0)) == even)
        #expect(Array(byNode.half(1)) == odd)
        #expect(byNode.order == even + odd)
    }

    @Test("something due is taken in at the end of a step, and of none that has been")
    func step() {
        let wheel = DeliveryWheel(step: .milliseconds(2))
        let now = Instant(nanoseconds: 4_000_000)
        func end(_ at: Int64) -> Int64 {
            wheel.step(of: Instant(nanoseconds: at), now: now).nanoseconds
        }
        #expect(end(4_000_000) == 6_000_000, "this step is being taken in")
        #expect(end(1) == 6_000_000)
        #expect(end(6_000_000) == 6_000_000)
        #expect(end(6_000_001) == 8_000_000)
        let time = Instant(nanoseconds: 5)
        #expect(DeliveryWheel(step: nil).step(of: time, now: now) == time)
    }
}
