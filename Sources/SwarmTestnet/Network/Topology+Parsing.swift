import SwarmModel

extension Topology {
    /// Reads a topology file. `name` is what it is called by, `file` what errors call it.
    package static func parse(
        _ bytes: [UInt8],
        name: String,
        file: String
    ) throws(FileFlaw) -> Topology {
        let node = try JSONScanner.scan(bytes, file: file)
        var object = try FileObject(node, file: file, path: "")
        let about = try object.requiredString("about")
        let levels = try object.strings("levels") ?? ["cloud", "region", "rack"]
        guard (1...Locality.levelCountMax).contains(levels.count), !levels.contains("host") else {
            throw object.flaw("levels", "needs 1 to \(Locality.levelCountMax) names, none 'host'")
        }
        var reader = TopologyReader(levels: levels)
        if var rates = try object.object("mbps") { try reader.readPresets(&rates) }
        for var domain in try object.objects("domains") { try reader.readDomain(&domain) }
        for var host in try object.objects("hosts") { try reader.readHost(&host) }
        try object.finish()
        if let lonely = reader.lonelyDomain { throw object.flaw("domains", lonely) }
        guard !reader.hosts.isEmpty else { throw object.flaw("", "has no hosts") }
        return Topology(
            name: name,
            about: about,
            levels: levels,
            domains: reader.domains,
            hosts: reader.hosts
        )
    }
}

/// Gathers domains and hosts while a file is read.
private struct TopologyReader {
    let levels: [String]
    var domains: [Topology.Domain] = []
    var hosts: [Topology.Host] = []
    /// Paths that the file names itself, not only as a part of a longer one.
    private var declared: [String] = []
    private var presets: [String: Topology.Rate] = [:]

    /// Below this a transfer takes longer than anybody waits; above it no shaper here keeps up.
    static let mbpsRange = 0.1...100_000.0

    init(levels: [String]) { self.levels = levels }

    /// A domain that no host is in: most often a misspelt path.
    var lonelyDomain: String? {
        let inhabited = hosts.map { domains[$0.domain].path.description + "/" }
        let lonely = domains.first { domain in
            !inhabited.contains { $0.hasPrefix(domain.path.description + "/") }
        }
        return lonely.map { "no host is in '\($0.path)'" }
    }

    mutating func readPresets(_ object: inout FileObject) throws(FileFlaw) {
        for level in levels + ["host"] {
            if let rate = try Self.rate(&object, level) { presets[level] = rate }
        }
        try object.finish()
    }

    /// A rate is a number for both directions, or an object with `in` and `out`.
    private static func rate(
        _ object: inout FileObject,
        _ key: String
    ) throws(FileFlaw) -> Topology.Rate? {
        guard let node = object.node(key) else { return nil }
        if case .object = node.value, var both = try object.object(key) {
            let rate = Topology.Rate(
                into: try both.number("in", in: mbpsRange),
                out: try both.number("out", in: mbpsRange)
            )
            try both.finish()
            return rate
        }
        let number = try object.number(key, in: mbpsRange)
        return Topology.Rate(into: number, out: number)
    }

    mutating func readDomain(_ object: inout FileObject) throws(FileFlaw) {
        let text = try object.requiredString("path")
        guard !declared.contains(text) else {
            throw object.flaw("path", "'\(text)' is there twice")
        }
        declared.append(text)
        let index = try place(text, object)
        if let rate = try Self.rate(&object, "mbps") { domains[index].rate = rate }
        let hostRate = try Self.rate(&object, "hostMbps") ?? presets["host"] ?? .unlimited
        let count = try object.integer("hosts", in: 1...Topology.hostsPerDomainMax) ?? 0
        if count > 0 { try checkDepth(index, object, "hosts") }
        for number in 0..<count {
            try add("\(text)/\(number + 1)", to: index, hostRate, object, "hosts")
        }
        try object.finish()
    }

    mutating func readHost(_ object: inout FileObject) throws(FileFlaw) {
        let name = try object.requiredString("name")
        guard !name.isEmpty, name.utf8.count <= 64,
            name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw object.flaw("name", "needs 1 to 64 visible ASCII characters") }
        let path = try object.requiredString("in")
        guard let index = domains.firstIndex(where: { $0.path.description == path }) else {
            throw object.flaw("in", "there is no domain '\(path)', so the host cannot be reached")
        }
        guard !domains.contains(where: { $0.path.description == name }) else {
            throw object.flaw("name", "'\(name)' is a domain")
        }
        try checkDepth(index, object, "in")
        let rate = try Self.rate(&object, "mbps") ?? presets["host"] ?? .unlimited
        try add(name, to: index, rate, object, "name")
        try object.finish()
    }

    private func checkDepth(
        _ index: Int,
        _ object: FileObject,
        _ key: String
    ) throws(FileFlaw) {
        let path = domains[index].path
        guard path.labels.count == levels.count else {
            throw object.flaw(
                key,
                "hosts are in a \(levels.last ?? ""), and '\(path)' is a "
                    + levels[path.labels.count - 1]
            )
        }
    }

    /// The index of a domain, which is made with all around it when it is new.
    private mutating func place(_ text: String, _ object: FileObject) throws(FileFlaw) -> Int {
        let path: Locality
        do {
            path = try Locality(text)
        } catch {
            throw object.flaw("path", "'\(text)' has \(error)")
        }
        guard (1...levels.count).contains(path.labels.count) else {
            throw object.flaw(
                "path",
                "'\(text)' has \(path.labels.count) levels, expected "
                    + levels.joined(separator: "/") + " or fewer"
            )
        }
        var parent: Int?
        for depth in 1...path.labels.count {
            let prefix = path.labels.prefix(depth).joined(separator: "/")
            if let known = domains.firstIndex(where: { $0.path.description == prefix }) {
                parent = known
                continue
            }
            guard domains.count < Topology.domainsMax, let ancestor = try? Locality(prefix) else {
                throw object.flaw("path", "more than \(Topology.domainsMax) domains")
            }
            let rate = presets[levels[depth - 1]] ?? .unlimited
            domains.append(Topology.Domain(path: ancestor, parent: parent, rate: rate))
            parent = domains.count - 1
        }
        return parent ?? 0
    }

    private mutating func add(
        _ name: String,
        to domain: Int,
        _ rate: Topology.Rate,
        _ object: FileObject,
        _ key: String
    ) throws(FileFlaw) {
        guard !hosts.contains(where: { $0.name == name }) else {
            throw object.flaw(key, "there are two hosts '\(name)'")
        }
        guard hosts.count < Topology.hostsMax else {
            throw object.flaw(key, "more than \(Topology.hostsMax) hosts")
        }
        let number = hosts.count { $0.domain == domain } + 1
        guard number <= Topology.hostsPerDomainMax else {
            throw object.flaw(key, "more than \(Topology.hostsPerDomainMax) hosts in one domain")
        }
        hosts.append(Topology.Host(name: name, domain: domain, number: number, rate: rate))
    }
}
