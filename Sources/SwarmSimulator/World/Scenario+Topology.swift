import SwarmCore
import SwarmModel

/// Places, links and hosts.
extension Scenario {
    private struct Region {
        var cloud: Int
        var number: Int
        var name: Locality
        var racks: Int
        var hosts: Draw
        var up: Draw
        var down: Draw
        var ingress: Int32
        var egress: Int32
    }

    mutating func rate(_ draw: Draw?) -> Double? {
        draw.map { $0.value(using: &random) / Double(scale) }
    }

    private static func locality(_ text: String) -> Locality {
        guard let locality = try? Locality(text) else {
            preconditionFailure("'\(text)' is made of labels that are valid")
        }
        return locality
    }

    mutating func drawPlaces() {
        let regions = namedRegions()
        var cloudNames: [String] = []
        for region in regions where !cloudNames.contains(region.at.labels[0]) {
            cloudNames.append(region.at.labels[0])
        }
        let clouds = cloudNames.map { _ in
            (
                out: links.add(rate(plan.links.cloud.egress)),
                into: links.add(rate(plan.links.cloud.ingress))
            )
        }
        links.cloudCount = clouds.count
        if plan.links.betweenClouds != nil {
            for _ in 0..<clouds.count * clouds.count {
                links.betweenClouds.append(links.add(rate(plan.links.betweenClouds)))
            }
        }
        for (number, region) in regions.enumerated() {
            let cloud = cloudNames.firstIndex(of: region.at.labels[0]) ?? 0
            let out = links.add(rate(region.egress ?? plan.links.region.egress))
            let into = links.add(rate(region.ingress ?? plan.links.region.ingress))
            for rack in 0..<region.racks.count(using: &random) {
                let place = Place(
                    locality: Self.locality("\(region.at)/rack\(rack + 1)"),
                    egress: [clouds[cloud].out, out, links.add(rate(plan.links.rack.egress))],
                    ingress: [clouds[cloud].into, into, links.add(rate(plan.links.rack.ingress))],
                    cloud: cloud,
                    region: number
                )
                places.append(place)
                for _ in 0..<region.hostsPerRack.count(using: &random) {
                    addHost(
                        at: places.count - 1,
                        up: region.up ?? plan.links.hostUp,
                        down: region.down ?? plan.links.hostDown
                    )
                }
            }
        }
    }

    private mutating func namedRegions() -> [Plan.Topology.Region] {
        guard plan.topology.regions.isEmpty else { return plan.topology.regions }
        var regions: [Plan.Topology.Region] = []
        for cloud in 0..<plan.topology.clouds.count(using: &random) {
            for region in 0..<plan.topology.regionsPerCloud.count(using: &random) {
                regions.append(
                    Plan.Topology.Region(
                        at: Self.locality("cloud\(cloud + 1)/region\(region + 1)"),
                        racks: plan.topology.racksPerRegion,
                        hostsPerRack: plan.topology.hostsPerRack
                    )
                )
            }
        }
        return regions
    }

    private mutating func addHost(at place: Int, up: Draw, down: Draw) {
        var host = Host(place: place)
        host.upRate = rate(up) ?? 0
        host.downRate = rate(down) ?? 0
        if let read = rate(plan.disk.read) { host.upRate = min(host.upRate, read) }
        if let write = rate(plan.disk.write) { host.downRate = min(host.downRate, write) }
        hosts.append(host)
    }

    // MARK: Hosts

    mutating func drawHosts() {
        let join = plan.hosts.joinWithin.value(using: &random)
        for index in hosts.indices {
            hosts[index].joinsAt = moment(within: join)
        }
        drawKinds()
        addSources()
        for index in hosts.indices {
            hosts[index].up = links.add(hosts[index].upRate)
            hosts[index].down = links.add(hosts[index].downRate)
            hosts[index].settings = settings(of: index)
        }
    }

    private mutating func moment(within seconds: Double) -> Instant {
        .origin + Self.headStart + Draw(0, seconds).duration(using: &random)
    }

    /// Sources are there before anybody wants anything, as a published version has its seed.
    static let headStart = Duration.seconds(1)

    /// Which of the hosts are unlike the rest: each kind takes its share of all.
    private mutating func drawKinds() {
        let kinds = plan.hosts
        for index in chosen(kinds.slowShare) {
            let factor = kinds.slowFactor.value(using: &random)
            hosts[index].isSlow = true
            hosts[index].upRate *= factor
            hosts[index].downRate *= factor
        }
        let within = kinds.lateWithin.value(using: &random)
        for index in chosen(kinds.lateShare) { hosts[index].joinsAt = moment(within: within) }
        for index in chosen(kinds.partialShare) { hosts[index].start = .partial }
        for index in chosen(kinds.badDiskShare) { hosts[index].hasBadDisk = true }
        for index in chosen(kinds.staleRosterShare) { hosts[index].hasStaleRoster = true }
        guard !kinds.liars.isEmpty else { return }
        for index in chosen(kinds.liarShare) {
            hosts[index].vice = kinds.liars.randomElement(using: &random) ?? .none
            if hosts[index].vice == .dawdles {
                hosts[index].upRate = Double(PieceGeometry.blockLength) / 60
            }
            // A liar that starts empty has nothing to lie with.
            if Bool.random(using: &random) { hosts[index].start = .partial }
        }
    }

    private mutating func chosen(_ share: Draw) -> [Int] {
        let wanted = share.value(using: &random) * Double(hosts.count)
        let count = min(hosts.count, Int(wanted.rounded()))
        guard count > 0 else { return [] }
        var numbers = Array(hosts.indices)
        numbers.shuffle(using: &random)
        return numbers.prefix(count).sorted()
    }

    /// Seeds and origins stand beside the hosts that want the model; the first kind named comes
    /// first, so that a plan's seed has a number that does not change.
    private mutating func addSources() {
        for source in plan.sources {
            for _ in 0..<source.count.count(using: &random) {
                var host = Host(place: place(of: source))
                host.start = .seed
                host.isOrigin = source.kind != .seed
                host.isStore = source.kind == .store
                host.upRate = rate(source.up) ?? 0
                host.downRate = host.upRate
                hosts.append(host)
                if host.isStore { addStore(source.at ?? .unknown) }
            }
        }
    }

    /// The last host is object storage; hosts know of it as operators write it in a publication.
    private mutating func addStore(_ locality: Locality) {
        guard let id = OriginID("store\(stores.count + 1)") else {
            preconditionFailure("a short word is an origin's name")
        }
        stores.append((hosts.count - 1, OriginFacts(id: id, locality: locality)))
    }

    /// A rack in the source's domain; a rack of its own where nobody else is.
    private mutating func place(of source: Plan.Source) -> Int {
        guard let at = source.at else {
            return Int.random(in: 0..<places.count, using: &random)
        }
        let near = places.first { at.contains($0.locality) }
        let region = near?.locality.ancestor(level: 2) ?? at
        places.append(
            Place(
                locality: Self.locality("\(region)/source\(places.count)"),
                egress: (near?.egress ?? [-1, -1, -1]).dropLast() + [-1],
                ingress: (near?.ingress ?? [-1, -1, -1]).dropLast() + [-1],
                cloud: near?.cloud ?? -1,
                region: near?.region ?? -1
            )
        )
        return places.count - 1
    }
}
