import SwarmModel

extension Plan {
    /// Reads a plan. `name` is what the report calls it.
    package init(name: String, _ bytes: [UInt8]) throws(PlanError) {
        self.init(name: name)
        var root = try PlanSection(try JSONText(bytes), path: "")
        about = try root.string("about") ?? ""
        fidelity = try root.word("fidelity", Fidelity.self) ?? .block
        model = try root.section("model") { section throws(PlanError) in try Model(&section) }
        topology = try root.section("topology") { section throws(PlanError) in
            try Topology(&section)
        }
        links = try root.section("links") { section throws(PlanError) in try Links(&section) }
        sources =
            try root.list("sources") { section throws(PlanError) in try Source(&section) }
            ?? [Source()]
        tracker = try root.section("tracker") { section throws(PlanError) in
            try Tracker(&section)
        }
        disk = try root.section("disk") { section throws(PlanError) in try Disk(&section) }
        hosts = try root.section("hosts") { section throws(PlanError) in try Hosts(&section) }
        faults = try root.section("faults") { section throws(PlanError) in try Faults(&section) }
        settings = try root.section("settings") { section throws(PlanError) in
            try Settings(&section)
        }
        expect = try root.section("expect") { section throws(PlanError) in
            try Expectations(&section)
        }
        rollout = try root.sectionIfPresent("rollout") { section throws(PlanError) in
            try Rollout(&section)
        }
        try root.finish()
    }
}

extension Plan.Model {
    init(_ section: inout PlanSection) throws(PlanError) {
        self.init()
        let pieces = Double(PieceGeometry.pieceLengths.lowerBound)...Double(256 << 20)
        bytes = try section.draw("bytes", .bytes, in: 1...1e14) ?? bytes
        pieceLength = try section.draw("pieceLength", .bytes, in: pieces) ?? pieceLength
        files = try section.draw("files", in: 1...1000) ?? files
        let most = bytes.high / pieceLength.low
        guard most <= Double(Self.pieceCountMax) else {
            throw section.failure("pieceLength", "makes more than \(Self.pieceCountMax) pieces")
        }
    }

    /// Beyond, a run would take hours.
    static let pieceCountMax = 65_536
}

extension Plan.Topology {
    /// Hosts of one run.
    package static let hostCountMax = 10_000

    init(_ section: inout PlanSection) throws(PlanError) {
        self.init()
        regions =
            try section.list("regions") { item throws(PlanError) in try Region(&item) } ?? []
        clouds = try section.draw("clouds", in: 1...64) ?? clouds
        regionsPerCloud = try section.draw("regionsPerCloud", in: 1...64) ?? regionsPerCloud
        racksPerRegion = try section.draw("racksPerRegion", in: 1...1000) ?? racksPerRegion
        hostsPerRack = try section.draw("hostsPerRack", in: 1...1000) ?? hostsPerRack
        let drawn = clouds.high * regionsPerCloud.high * racksPerRegion.high * hostsPerRack.high
        let named = regions.reduce(0) { $0 + $1.racks.high * $1.hostsPerRack.high }
        guard (regions.isEmpty ? drawn : named) <= Double(Self.hostCountMax) else {
            throw section.failure("regions", "have more than \(Self.hostCountMax) hosts")
        }
        for (index, region) in regions.enumerated()
        where regions[..<index].contains(where: { $0.at == region.at }) {
            throw section.failure("regions", "name \(region.at) twice")
        }
    }
}

extension Plan.Topology.Region {
    init(_ section: inout PlanSection) throws(PlanError) {
        guard let at = try section.locality("at"), at.labels.count == 2 else {
            throw section.failure("at", "must be a region, cloud/region")
        }
        self.at = at
        racks = try section.draw("racks", in: 1...1000) ?? Draw(1)
        hostsPerRack = try section.draw("hostsPerRack", in: 1...1000) ?? Draw(4)
        up = try section.draw("up", .rate, in: 1...1e12)
        down = try section.draw("down", .rate, in: 1...1e12)
        ingress = try section.draw("in", .rate, in: 1...1e15)
        egress = try section.draw("out", .rate, in: 1...1e15)
    }
}

extension Plan.Links {
    init(_ section: inout PlanSection) throws(PlanError) {
        self.init()
        let rates = 1.0...1e15
        (hostUp, hostDown) = try section.section("host") { host throws(PlanError) in
            (
                try host.draw("up", .rate, in: rates) ?? Draw(1.25e9),
                try host.draw("down", .rate, in: rates) ?? Draw(1.25e9)
            )
        }
        rack = try section.section("rack") { pair throws(PlanError) in try Pair(&pair) }
        region = try section.section("region") { pair throws(PlanError) in try Pair(&pair) }
        cloud = try section.section("cloud") { pair throws(PlanError) in try Pair(&pair) }
        betweenClouds = try section.draw("betweenClouds", .rate, in: rates)
        connection = try section.section("connection") { part throws(PlanError) in
            try ByDistance(&part, .rate, rates, else: ByDistance())
        }
        let usual = latency
        latency = try section.section("latency") { part throws(PlanError) in
            try ByDistance(&part, .seconds, 0...2, else: usual)
        }
        loss = try section.section("loss") { part throws(PlanError) in
            try ByDistance(&part, .number, 0...0.5, else: ByDistance())
        }
    }
}

extension Plan.Links.Pair {
    init(_ section: inout PlanSection) throws(PlanError) {
        ingress = try section.draw("in", .rate, in: 1...1e15)
        egress = try section.draw("out", .rate, in: 1...1e15)
    }
}

extension Plan.Links.ByDistance {
    init(
        _ section: inout PlanSection,
        _ unit: PlanUnit,
        _ bounds: ClosedRange<Double>,
        else usual: Self
    ) throws(PlanError) {
        rack = try section.draw("rack", unit, in: bounds) ?? usual.rack
        region = try section.draw("region", unit, in: bounds) ?? usual.region
        cloud = try section.draw("cloud", unit, in: bounds) ?? usual.cloud
        fleet = try section.draw("fleet", unit, in: bounds) ?? usual.fleet
    }

    /// For two hosts whose localities have so many labels in common, of three.
    func value(commonLevels: Int) -> Draw? {
        switch commonLevels {
        case 0: fleet
        case 1: cloud
        case 2: region
        default: rack
        }
    }
}

extension Plan.Source {
    init(_ section: inout PlanSection) throws(PlanError) {
        self.init()
        at = try section.locality("at")
        kind = try section.word("kind", Kind.self) ?? .seed
        up = try section.draw("up", .rate, in: 1...1e15) ?? up
        count = try section.draw("count", in: 0...100) ?? count
    }
}

extension Plan.Tracker {
    init(_ section: inout PlanSection) throws(PlanError) {
        self.init()
        interval = try section.draw("interval", .seconds, in: 1...3600) ?? interval
        latency = try section.draw("latency", .seconds, in: 0...2) ?? latency
    }
}

extension Plan.Disk {
    init(_ section: inout PlanSection) throws(PlanError) {
        self.init()
        write = try section.draw("write", .rate, in: 1...1e12)
        read = try section.draw("read", .rate, in: 1...1e12)
        sync = try section.draw("sync", .seconds, in: 0...10) ?? sync
    }
}

extension Plan.Hosts {
    init(_ section: inout PlanSection) throws(PlanError) {
        self.init()
        joinWithin = try section.draw("joinWithin", .seconds, in: 0...86_400) ?? joinWithin
        slowShare = try section.draw("slowShare", in: 0...1) ?? slowShare
        slowFactor = try section.draw("slowFactor", in: 1e-4...1) ?? slowFactor
        lateShare = try section.draw("lateShare", in: 0...1) ?? lateShare
        lateWithin = try section.draw("lateWithin", .seconds, in: 0...86_400) ?? lateWithin
        partialShare = try section.draw("partialShare", in: 0...1) ?? partialShare
        liarShare = try section.draw("liarShare", in: 0...1) ?? liarShare
        badDiskShare = try section.draw("badDiskShare", in: 0...1) ?? badDiskShare
        staleRosterShare = try section.draw("staleRosterShare", in: 0...1) ?? staleRosterShare
        if case .array(let items, let line) = section.take("liars") {
            liars = []
            for item in items {
                guard case .string(let text, _) = item, let vice = Plan.Vice(rawValue: text) else {
                    let words = Plan.Vice.allCases.map { "'\($0.rawValue)'" }
                    throw section.failure(
                        "liars",
                        "must be a list of \(words.joined(separator: ", "))",
                        line: line
                    )
                }
                liars.append(vice)
            }
        }
    }
}

extension Plan.Faults {
    init(_ section: inout PlanSection) throws(PlanError) {
        self.init()
        during = try section.draw("during", .seconds, in: 0...86_400) ?? during
        crashes = try section.draw("crashes", in: 0...10_000) ?? crashes
        cuts = try section.draw("cuts", in: 0...10_000) ?? cuts
        pauses = try section.draw("pauses", in: 0...10_000) ?? pauses
        slowdowns = try section.draw("slowdowns", in: 0...10_000) ?? slowdowns
        partitions = try section.draw("partitions", in: 0...1000) ?? partitions
        trackerOutages = try section.draw("trackerOutages", in: 0...1000) ?? trackerOutages
        trackerRestarts = try section.draw("trackerRestarts", in: 0...1000) ?? trackerRestarts
        bitRot = try section.draw("bitRot", in: 0...10_000) ?? bitRot
        staysDead = try section.draw("staysDead", in: 0...1) ?? staysDead
        timeline =
            try section.list("timeline") { item throws(PlanError) in try Timed(&item) } ?? []
    }
}

extension Plan.Faults.Timed {
    init(_ section: inout PlanSection) throws(PlanError) {
        at = try section.draw("at", .seconds, in: 0...86_400) ?? Draw(0)
        guard let kind = try section.word("do", Kind.self) else {
            throw section.failure("do", "is missing: what happens")
        }
        self.kind = kind
        lasts = try section.draw("for", .seconds, in: 0...86_400)
        domain = try section.locality("in")
        count = try section.draw("count", in: 0...10_000) ?? Draw(1)
        factor = try section.draw("factor", in: 1e-6...1) ?? Draw(0.05)
        if kind == .partition, domain == nil {
            throw section.failure("in", "is missing: the domain that is cut off")
        }
    }
}

extension Plan.Settings {
    init(_ section: inout PlanSection) throws(PlanError) {
        self.init()
        isChaotic = try section.bool("chaotic") ?? false
        connectionsWanted = try section.draw("connectionsWanted", in: 1...10_000)
        connectionsMax = try section.draw("connectionsMax", in: 1...10_000)
        uploadSlots = try section.draw("uploadSlots", in: 1...10_000)
        activePiecesMax = try section.draw("activePiecesMax", in: 1...10_000)
        gossipDelay = try section.draw("gossipDelay", .seconds, in: 0...10)
        policy = try section.word("policy", Plan.Settings.Policy.self)
    }
}

extension Plan.Expectations {
    init(_ section: inout PlanSection) throws(PlanError) {
        self.init()
        (cloudAmplification, regionAmplification, rackAmplification) =
            try section.section("amplification") { part throws(PlanError) in
                (try part.fixed("cloud"), try part.fixed("region"), try part.fixed("rack"))
            }
        copies = try section.fixed("copies")
        copiesForEachFault = try section.fixed("copiesForEachFault") ?? copiesForEachFault
        p99 = try section.fixed("p99")
        max = try section.fixed("max")
        healthyOverCalm = try section.fixed("healthyOverCalm")
        aggregateRate = try section.fixed("aggregateRate", .rate)
        connections = try section.fixed("connections").map { Int($0) }
        originCopies = try section.fixed("originCopies")
        completeWithin = try section.draw("completeWithin", .seconds) ?? completeWithin
    }
}
