import Foundation

/// A network of namespaces on this machine. What it makes is recorded first, so that it can always
/// be removed.
package struct Network: Sendable {
    package let plan: NetworkPlan
    package private(set) var state: NetworkState

    package init(_ topology: Topology, workDirectory: String, id: String = Self.newID()) {
        plan = NetworkPlan(topology: topology, id: id)
        state = NetworkState(
            id: id,
            topology: topology.name,
            namespaces: plan.namespaces,
            workDirectory: workDirectory
        )
    }

    /// Six characters that no other network on this machine has.
    package static func newID() -> String {
        String((0..<6).map { _ in "abcdefghjkmnpqrstuvwxyz23456789".randomElement() ?? "x" })
    }

    /// Makes the namespaces and links. Whoever owns it removes it when it ends; a network without
    /// an owner stays until `shoal testnet down`.
    package mutating func create(owned: Bool) async throws {
        if owned { state.own() }
        try state.write()
        do {
            try await Shell.run(plan.setUpScript)
        } catch {
            Self.remove(state)
            throw error
        }
    }

    package mutating func addMount(_ path: String) throws {
        state.mounts.append(path)
        try state.write()
    }

    package func remove() { Self.remove(state) }

    /// Ends what runs in a network and removes it. Does nothing to what is gone already.
    package static func remove(_ state: NetworkState) {
        let ours = state.namespaces.filter { $0.hasPrefix(NetworkPlan.commonPrefix) }
        let ending = ours.map { "for pid in $(ip netns pids \($0)); do kill -9 $pid; done\n" }
        let unmounting = state.mounts.map { "umount --lazy '\($0)'\n" }
        Shell.tidy(ending.joined() + unmounting.joined() + NetworkPlan.tearDownScript(ours))
        let work = state.workDirectory
        if (work as NSString).lastPathComponent.hasPrefix(NetworkPlan.commonPrefix) {
            try? FileManager.default.removeItem(atPath: work)
        }
        state.remove()
    }

    // MARK: Counters

    /// What has crossed each boundary so far, by the index of the domain.
    package func counters() async throws -> [BoundaryCounter] {
        let text = try await Shell.run("cat", ["/proc/net/dev"], in: plan.fabric)
        let table = BoundaryCounter.table(text)
        return plan.topology.domains.indices.map { table[plan.uplink(ofDomain: $0)] ?? .init() }
    }

    /// Payload that the kernel of each host has sent once more so far, by the index of the host.
    package func resentBytes() async throws -> [Int] {
        let hosts = plan.topology.hosts.indices
        let script = hosts.map { host in
            "nsenter --net=/run/netns/\(plan.namespace(ofHost: host)) cat /proc/net/snmp\n"
        }
        let found = ResentPayload.table(try await Shell.run(script.joined()))
        guard found.count == hosts.count else {
            throw TestnetError("\(found.count) of \(hosts.count) hosts say what they sent again")
        }
        return found
    }
}

/// What TCP has sent more than once, because a full queue dropped it or was thought to have.
enum ResentPayload {
    /// Payload of a segment: an MTU of 1,500 less the headers of IPv4 and TCP and its timestamps.
    /// The last one of a message may be shorter, so this is the most that it can be.
    static let segmentByteCount = 1448

    /// Reads one `/proc/net/snmp` after the other (RFC 4022, tcpRetransSegs): a line of names and a
    /// line of numbers for each protocol.
    static func table(_ text: String) -> [Int] {
        let lines = text.split(separator: "\n").filter { $0.hasPrefix("Tcp:") }
            .map { $0.split(separator: " ") }
        return stride(from: 0, to: lines.count - 1, by: 2).compactMap { index in
            guard let column = lines[index].firstIndex(of: "RetransSegs"),
                column < lines[index + 1].count
            else { return nil }
            return Int(lines[index + 1][column]).map { $0 * segmentByteCount }
        }
    }
}

/// What an interface between a domain and the rest has counted.
package struct BoundaryCounter: Hashable, Sendable {
    package var bytesIn = 0
    package var framesIn = 0
    package var bytesOut = 0
    package var framesOut = 0

    /// Headers of a frame: Ethernet 14, IPv4 20, TCP 20 and its timestamps 12. Frames between
    /// namespaces are whole segments of up to 64 KiB, each with its headers once, so this is exact
    /// but for options of acknowledgements.
    package static let headerByteCount = 66

    /// Bytes of TCP payload that came in: bytes less the headers of the frames. Acknowledgements
    /// are nothing but headers, so they cancel out.
    package var payloadIn: Int { max(0, bytesIn - framesIn * Self.headerByteCount) }
    package var payloadOut: Int { max(0, bytesOut - framesOut * Self.headerByteCount) }

    package static func - (a: Self, b: Self) -> Self {
        BoundaryCounter(
            bytesIn: a.bytesIn - b.bytesIn,
            framesIn: a.framesIn - b.framesIn,
            bytesOut: a.bytesOut - b.bytesOut,
            framesOut: a.framesOut - b.framesOut
        )
    }

    /// The interfaces of `/proc/net/dev` (proc_net_dev(5)): name, eight numbers for what was
    /// received, eight for what was sent; the first two of each are bytes and packets.
    package static func table(_ text: String) -> [String: BoundaryCounter] {
        var table: [String: BoundaryCounter] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let name = line[..<colon].trimmed
            let numbers = line[line.index(after: colon)...].split(separator: " ")
                .compactMap { Int($0) }
            guard numbers.count >= 10 else { continue }
            table[name] = BoundaryCounter(
                bytesIn: numbers[0],
                framesIn: numbers[1],
                bytesOut: numbers[8],
                framesOut: numbers[9]
            )
        }
        return table
    }
}
