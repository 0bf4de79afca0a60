import SwarmModel
import Testing

@testable import SwarmCore

/// Fleets of the mini swarm: clouds of regions of racks, one seed, all starting together.
@Suite("A fleet of machines in virtual time")
struct FleetTests {
    struct Shape {
        var racks = [
            "a/1/x", "a/1/y", "a/2/x", "a/2/y", "b/1/x", "b/1/y", "b/2/x", "b/2/y",
        ]
        var hostsPerRack = 2
        var seedAt = "a/1/build"
        var pieces = 48
        var blocksPerPiece = 4
        var rosters = MiniPlan.Rosters.right
        var policy = SchedulerSettings.Policy.nearestScope
        /// Bytes a second of the seed and of each host.
        var seedRate = 8 << 20
        var hostRate = 8 << 20
        /// Every so many hosts never sends what it is asked for.
        var stallsEvery = 0
        var domainMembersMax = 256
    }

    private static func plan(_ seed: UInt64, _ shape: Shape) throws -> MiniPlan {
        let pieceLength = shape.blocksPerPiece * PieceGeometry.blockLength
        let geometry = try PieceGeometry(
            pieceLength: pieceLength,
            fileLengths: [shape.pieces * pieceLength]
        )
        var plan = MiniPlan(seed: seed, geometry: geometry)
        plan.roots = [Digest(lanes: SIMD4(1, 2, 3, 4))]
        plan.rosters = shape.rosters
        plan.trackerSeconds = 2...2
        plan.startMilliseconds = 200
        plan.isCheckedThroughout = false
        var places = [shape.seedAt]
        for rack in shape.racks {
            places += Array(repeating: rack, count: shape.hostsPerRack)
        }
        for (index, place) in places.enumerated() {
            var role = MiniPlan.Role()
            role.start = index == 0 ? .seed : .fresh
            role.bytesPerSecond = index == 0 ? shape.seedRate : shape.hostRate
            if index > 0, shape.stallsEvery > 0, index % shape.stallsEvery == 0 {
                role.vice = .stalls
            }
            role.settings.locality = try Locality(place)
            role.settings.listenPort = MiniSwarm.endpoint(index).port
            role.settings.requestLength = 2 * PieceGeometry.blockLength
            role.settings.outstandingBytesMin = 4 * PieceGeometry.blockLength
            role.settings.scheduler.smallModelBytes = 0
            role.settings.scheduler.policy = shape.policy
            // Copies are what is counted here, and a hedge is one.
            role.settings.scheduler.hedgeShareMax = 0
            role.settings.scheduler.hedgeBytesMin = 0
            // Dialling takes up to a second here.
            role.settings.scheduler.settleTime = .milliseconds(1500)
            role.settings.scheduler.domainMembersMax = shape.domainMembersMax
            plan.roles.append(role)
        }
        return plan
    }

    private static func run(_ seed: UInt64, _ shape: Shape) throws -> MiniSwarm {
        let world = MiniSwarm(try plan(seed, shape))
        let violations = world.run()
        #expect(violations == [], "seed \(seed)")
        return world
    }

    private static func copies(_ world: MiniSwarm) -> [(Locality, Double)] {
        MiniChecker.copiesEntering(world.nodes, world.plan.geometry.totalLength)
    }

    @Test("one copy enters each cloud, region and rack when nothing fails", arguments: 1...4)
    func oneCopy(seed: UInt64) throws {
        let world = try Self.run(seed, Shape())
        for (domain, copies) in Self.copies(world) {
            let hasSeed = ["a", "a/1", "a/1/build"].contains(domain.description)
            #expect(copies == (hasSeed ? 0 : 1), "\(domain)")
        }
        #expect(world.nodes.allSatisfy { $0.swarm.promotionCount == 0 })
    }

    /// A source slower than a thousandth of the fleet is snubbed and taken for lost now and then; a
    /// timer alone would send three to five copies.
    @Test("with a slow seed, for which everybody waits, half a copy more", arguments: 1...2)
    func slowSeed(seed: UInt64) throws {
        var shape = Shape()
        shape.pieces = 32
        shape.seedRate = 200_000
        let world = try Self.run(seed, shape)
        for (domain, copies) in Self.copies(world) {
            #expect(copies <= 1.6, "\(domain)")
        }
    }

    @Test("without rosters, or with wrong ones, all finish with few copies more", arguments: 1...3)
    func wrongRosters(seed: UInt64) throws {
        for rosters in [MiniPlan.Rosters.none, .wrong] {
            var shape = Shape()
            shape.rosters = rosters
            let world = try Self.run(seed, shape)
            for (domain, copies) in Self.copies(world) {
                #expect(copies <= 2, "\(domain), \(rosters)")
            }
        }
    }

    @Test("hosts that take and never give hold nobody up", arguments: 1...2)
    func stallers(seed: UInt64) throws {
        var shape = Shape()
        shape.stallsEvery = 5
        let world = try Self.run(seed, shape)
        for (domain, copies) in Self.copies(world) {
            #expect(copies <= 2, "\(domain)")
        }
        #expect(world.now < .origin + .seconds(200), "\(world.now)")
    }

    @Test("one rack of forty, in sub-domains of eight, and hosts that do not know where they are")
    func oneRack() throws {
        for place in ["a/1/x", ""] {
            var shape = Shape()
            shape.racks = [place]
            shape.hostsPerRack = 40
            shape.pieces = 24
            shape.seedAt = place
            shape.domainMembersMax = 8
            _ = try Self.run(1, shape)
        }
    }

    @Test("the other policies finish too, and send more copies")
    func otherPolicies() throws {
        for policy in [SchedulerSettings.Policy.localityBiased, .randomRarest] {
            var shape = Shape()
            shape.policy = policy
            let world = try Self.run(1, shape)
            let cloud = Self.copies(world).first { $0.0.description == "b" }
            #expect(cloud?.1 ?? 0 > 1, "\(policy)")
        }
    }
}
