/// How a topology becomes namespaces, bridges and links: the text of the scripts that make it, and
/// nothing that runs them.
///
/// ```
///  host namespaces        the fabric, one namespace
///  ┌ …-h0 ┐
///  │ eth0 ├── h0 ─[ b2 aws/us-east-1/rack1 ]─ u2 ══ d2 ─[ b1 aws/us-east-1 ]─ u1 ══ d1 ─[ … ]
///  └──────┘
/// ```
///
/// Each domain is a bridge; the pair `u` and `d` is its boundary. What enters the domain is shaped
/// at `d` and counted at `u`, after the shaper's queue; what leaves it is shaped and counted at
/// `u`. One flat network of bridges rather than routers: a frame crosses exactly the boundaries
/// between its two ends, and a host needs no routes. No interface leads out of the fabric.
package struct NetworkPlan: Hashable, Sendable {
    package let topology: Topology
    /// Begins the name of every namespace of this network.
    package let prefix: String

    /// Every namespace that the laboratory makes begins with it, and it touches no other.
    package static let commonPrefix = "shoal-"

    package init(topology: Topology, id: String) {
        self.topology = topology
        prefix = Self.commonPrefix + id + "-"
    }

    package var fabric: String { prefix + "net" }
    package func namespace(ofHost host: Int) -> String { "\(prefix)h\(host)" }

    package var namespaces: [String] {
        [fabric] + topology.hosts.indices.map { namespace(ofHost: $0) }
    }

    /// The interface of the fabric on which a domain's traffic is counted.
    package func uplink(ofDomain domain: Int) -> String { "u\(domain)" }

    // MARK: The scripts

    /// Makes everything; run it with `sh -eu`.
    package var setUpScript: String {
        var lines = ["neighbours='\(neighbours)'", "ip -batch - <<END"]
        lines += namespaces.map { "netns add \($0)" }
        lines += ["END", "ip -n \(fabric) -batch - <<END", "link set lo up"]
        lines.append(bridge("core"))
        for domain in topology.domains.indices { lines += boundary(domain) }
        for host in topology.hosts.indices { lines += port(host) }
        lines.append("END")
        lines += fabricShaping
        for host in topology.hosts.indices { lines += hostScript(host) }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Removes everything; names that are not there are no error.
    package static func tearDownScript(_ namespaces: [String]) -> String {
        namespaces.map { "ip netns del \($0) \n" }.joined()
    }

    private func bridge(_ name: String) -> String {
        "link add \(name) up type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
    }

    private func bridge(ofDomain domain: Int?) -> String { domain.map { "b\($0)" } ?? "core" }

    private func boundary(_ domain: Int) -> [String] {
        let outer = bridge(ofDomain: topology.domains[domain].parent)
        return [
            bridge("b\(domain)"),
            "link add u\(domain) type veth peer name d\(domain)",
            "link set u\(domain) master b\(domain) up",
            "link set d\(domain) master \(outer) up",
        ]
    }

    private func port(_ host: Int) -> [String] {
        let inner = namespace(ofHost: host)
        return [
            "link add h\(host) type veth peer name eth0 address \(hardware(host)) netns \(inner)",
            "link set h\(host) master \(bridge(ofDomain: topology.hosts[host].domain)) up",
        ]
    }

    /// The Ethernet address of a host; locally administered.
    private func hardware(_ host: Int) -> String {
        let digits = String(host, radix: 16)
        return "02:00:00:00:00:" + (digits.utf8.count < 2 ? "0" : "") + digits
    }

    /// Lines of `ip -batch` by which a host knows all others. The kernel has one table for the
    /// neighbours of all namespaces, a thousand of them by default, and forty hosts that all talk
    /// with each other would overflow it; entries that are permanent do not count (arp(7)).
    private var neighbours: String {
        topology.hosts.indices.map { host in
            "neigh add \(topology.address(ofHost: host)) lladdr \(hardware(host)) dev eth0 "
                + "nud permanent"
        }.joined(separator: "\n")
    }

    /// Shapers of the fabric: into each domain, out of each domain, down to each host.
    private var fabricShaping: [String] {
        var lines: [String] = []
        for (index, domain) in topology.domains.enumerated() {
            lines += shaping("d\(index)", domain.rate.into) + shaping("u\(index)", domain.rate.out)
        }
        for (index, host) in topology.hosts.enumerated() {
            lines += shaping("h\(index)", host.rate.into)
        }
        guard !lines.isEmpty else { return [] }
        return ["tc -n \(fabric) -batch - <<END"] + lines + ["END"]
    }

    private func hostScript(_ host: Int) -> [String] {
        let name = namespace(ofHost: host)
        let address = topology.address(ofHost: host)
        var lines = [
            "ip -n \(name) -batch - <<END", "link set lo up",
            "addr add \(address)/16 dev eth0", "link set eth0 up", "$neighbours", "END",
            // Cubic is what most hosts come with; a machine may not allow it in namespaces.
            "nsenter --net=/run/netns/\(name) sh -c '"
                + "echo cubic 2>/dev/null > /proc/sys/net/ipv4/tcp_congestion_control || true; "
                + "echo 1 > /proc/sys/net/ipv4/tcp_no_metrics_save; "
                + "test ! -e /proc/sys/net/ipv6/conf/all/disable_ipv6 || "
                + "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6'",
        ]
        let shaping = shaping("eth0", topology.hosts[host].rate.out)
        if !shaping.isEmpty { lines += ["tc -n \(name) -batch - <<END"] + shaping + ["END"] }
        return lines
    }

    /// Lines of `tc -batch` that shape what an interface sends.
    private func shaping(_ interface: String, _ mbps: Double?) -> [String] {
        guard let mbps else { return [] }
        return [
            "qdisc add dev \(interface) root handle 1: htb default 1",
            Self.rateClass("add", interface, mbps),
            "qdisc add dev \(interface) parent 1:1 handle 10: bfifo limit \(Self.queue(mbps))",
        ]
    }

    /// The class whose rate a shaper has. The burst is one whole segment of 64 KiB, which is how
    /// frames travel between namespaces, and half as much again.
    private static func rateClass(_ verb: String, _ interface: String, _ mbps: Double) -> String {
        let kilobits = Int(mbps * 1000)
        return "class \(verb) dev \(interface) parent 1: classid 1:1 htb "
            + "rate \(kilobits)kbit burst 96k cburst 96k quantum 60000"
    }

    /// Bytes of the queue before a shaper: 80 ms, as a switch with deep buffers has, at least 16
    /// whole segments.
    static func queue(_ mbps: Double) -> Int { max(1 << 20, Int(mbps * 1e6 / 8 * 0.08)) }

    // MARK: Changes while it runs

    /// Sets a new rate on a boundary that has one.
    package func rateScript(ofDomain domain: Int, _ rate: Topology.Rate) -> String {
        let current = topology.domains[domain].rate
        return change(fabric, "d\(domain)", current.into, rate.into)
            + change(fabric, "u\(domain)", current.out, rate.out)
    }

    /// Sets a new rate on a host's link that has one.
    package func rateScript(ofHost host: Int, _ rate: Topology.Rate) -> String {
        let current = topology.hosts[host].rate
        return change(fabric, "h\(host)", current.into, rate.into)
            + change(namespace(ofHost: host), "eth0", current.out, rate.out)
    }

    private func change(
        _ namespace: String,
        _ interface: String,
        _ old: Double?,
        _ new: Double?
    ) -> String {
        guard let new else { return "" }
        if old == nil {
            return shaping(interface, new).map { "tc -n \(namespace) \($0)\n" }.joined()
        }
        return "tc -n \(namespace) \(Self.rateClass("change", interface, new))\n"
    }

    /// Rules for `nft -f -` in the fabric: nothing crosses the boundaries in `cut`, and a share of
    /// the frames that cross those in `losses` is lost. Replaces what was there in one step.
    package func filterRules(cut: [Int], losses: [(domain: Int, percent: Double)]) -> String {
        var rules: [String] = []
        for domain in cut {
            rules += ["iifname u\(domain) drop", "oifname u\(domain) drop"]
        }
        for (domain, percent) in losses {
            let share = "numgen random mod 10000 < \(Int(percent * 100)) drop"
            rules += ["iifname u\(domain) \(share)", "oifname u\(domain) \(share)"]
        }
        return """
            table bridge shoal
            delete table bridge shoal
            table bridge shoal {
                chain forward {
                    type filter hook forward priority 0; policy accept;
                    \(rules.joined(separator: "\n        "))
                }
            }

            """
    }
}
