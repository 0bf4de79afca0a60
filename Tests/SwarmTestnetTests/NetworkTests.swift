import SwarmModel
import Testing

@testable import SwarmTestnet

@Suite struct NetworkTests {
    private func topology() throws -> Topology {
        let text = """
            {
              "about": "one rack",
              "mbps": {"cloud": {"in": 300}, "host": 600},
              "domains": [{"path": "aws/us-east-1/rack1", "hosts": 2}]
            }
            """
        return try Topology.parse(Array(text.utf8), name: "test", file: "test.json")
    }

    @Test("every namespace has the prefix of its network")
    func names() throws {
        let plan = NetworkPlan(topology: try topology(), id: "abc")
        #expect(plan.namespaces == ["shoal-abc-net", "shoal-abc-h0", "shoal-abc-h1"])
    }

    @Test("what comes into a domain is shaped outside of it, and what is not limited is not shaped")
    func shaping() throws {
        let script = NetworkPlan(topology: try topology(), id: "abc").setUpScript
        #expect(script.contains("class add dev d0 parent 1: classid 1:1 htb rate 300000kbit"))
        #expect(!script.contains("dev u0 root"))
        #expect(!script.contains("dev d1 root"))
        #expect(script.contains("class add dev h1 parent 1: classid 1:1 htb rate 600000kbit"))
        #expect(script.contains("link set d1 master b0 up"))
        #expect(script.contains("link set d0 master core up"))
    }

    @Test("a cut domain drops what crosses its boundary either way, a healed one nothing")
    func filters() throws {
        let plan = NetworkPlan(topology: try topology(), id: "abc")
        let cut = plan.filterRules(cut: [1], losses: [(domain: 0, percent: 0.5)])
        #expect(cut.contains("iifname u1 drop"))
        #expect(cut.contains("oifname u1 drop"))
        #expect(cut.contains("oifname u0 numgen random mod 10000 < 50 drop"))
        #expect(!plan.filterRules(cut: [], losses: []).contains("drop"))
    }

    @Test("payload is what an interface counted less a header for each frame")
    func counters() {
        let text = """
            Inter-|   Receive                                                |  Transmit
             face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets
                u0: 1066000  1000    0    0    0     0          0         0 2000660      10    0
               eth: 1 2
            """
        let counter = BoundaryCounter.table(text)["u0"]
        #expect(counter?.payloadIn == 1_000_000)
        #expect(counter?.payloadOut == 2_000_000)
        #expect(BoundaryCounter.table(text).count == 1)
    }

    @Test("every host knows all others by their Ethernet addresses")
    func neighbours() throws {
        let script = NetworkPlan(topology: try topology(), id: "abc").setUpScript
        #expect(
            script.contains("link add h1 type veth peer name eth0 address 02:00:00:00:00:01 netns")
        )
        #expect(
            script.contains("neigh add 10.77.3.2 lladdr 02:00:00:00:00:01 dev eth0 nud permanent")
        )
    }

    @Test("what was sent again is read from the kernel's table, one host after the other")
    func resent() {
        let snmp = """
            Ip: Forwarding DefaultTTL
            Ip: 1 64
            Tcp: RtoAlgorithm OutSegs RetransSegs InErrs
            Tcp: 1 900 7 0
            Udp: InDatagrams
            Udp: 3

            """
        #expect(ResentPayload.table(snmp + snmp) == [7 * 1448, 7 * 1448])
        #expect(ResentPayload.table("Tcp: RtoAlgorithm RetransSegs\nTcp: 1\n").isEmpty)
        #expect(ResentPayload.table("").isEmpty)
    }
}
