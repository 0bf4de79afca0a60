package import SwarmCore
package import SwarmModel

/// What one run is: everything that a seed draws from a plan before the run begins.
///
/// Bytes and rates are in the units of the core. With ``Plan/Fidelity/flow`` those are scaled down
/// by ``scale``, so that a piece is one block and thereby one transfer; times, shares and decisions
/// are the same, and the report multiplies again.
package struct Scenario: Sendable {
    package let plan: Plan
    package let seed: UInt64
    /// Real bytes for each byte of the core.
    package let scale: Int
    package let geometry: PieceGeometry
    package var hosts: [Host] = []
    package var places: [Place] = []
    package var links = LinkTable()
    package var faults: [Fault] = []
    /// Object storage of the version; the host that stands for it is nobody's peer.
    var stores: [(host: Int, facts: OriginFacts)] = []
    /// From then on no fault comes, and what was broken is healed.
    package var faultsEnd = Instant.origin
    package var deadline = Instant.origin
    package var trackerLatency = Duration.zero
    package var trackerInterval = Duration.seconds(30)
    package var latency: [Duration] = []
    package var loss: [Double] = []
    /// Most bytes a second of one connection, by common levels.
    package var connectionRate: [Double] = []
    package var syncTime = Draw(0.01)
    /// For what the run itself draws.
    package var random: SeededRandom

    /// A rack: a place for hosts, with the links that lead there.
    package struct Place: Sendable {
        package var locality: Locality
        /// Links out of rack, region and cloud, and into them; -1 where nothing limits.
        package var egress: [Int32]
        package var ingress: [Int32]
        package var cloud: Int
        package var region: Int
    }

    package struct Host: Sendable {
        package enum Start: Sendable { case seed, fresh, partial }
        package var place: Int
        package var start = Start.fresh
        package var isOrigin = false
        /// Object storage and no process: see ``Plan/Source/Kind/store``.
        package var isStore = false
        package var vice = Plan.Vice.none
        package var isSlow = false
        package var hasBadDisk = false
        package var hasStaleRoster = false
        package var joinsAt = Instant.origin
        package var up: Int32 = -1
        package var down: Int32 = -1
        package var upRate = 0.0
        package var downRate = 0.0
        package var settings = SwarmSettings()

        /// Sends wrong bytes and may be banned for it.
        package var sendsWrongBytes: Bool { vice == .corruptsAlways || vice == .corruptsSometimes }
        /// Keeps to the rules.
        package var isHonest: Bool { vice == .none }
        /// Must have everything in the end.
        package var isWanter: Bool { start != .seed && isHonest }
    }

    package struct Fault: Sendable {
        package enum Kind: Sendable, Hashable {
            case crash(host: Int, silently: Bool)
            case start(host: Int)
            case pause(host: Int)
            case resume(host: Int)
            case slow(host: Int, factor: Double)
            case restore(host: Int)
            case cut
            case partition(place: Locality)
            case heal(place: Locality)
            case trackerDown
            case trackerUp
            case trackerRestart
            case rot(host: Int)

            /// Whom it befalls, when that is one host.
            package var host: Int? {
                switch self {
                case .crash(let host, _), .start(let host), .pause(let host), .resume(let host),
                    .slow(let host, _), .restore(let host), .rot(let host):
                    host
                case .cut, .partition, .heal, .trackerDown, .trackerUp, .trackerRestart: nil
                }
            }
        }
        package var at: Instant
        package var kind: Kind
    }

    /// Capacities of all links, in bytes a second.
    package struct LinkTable: Sendable {
        package var capacity: [Double] = []
        /// From cloud a to cloud b at a × clouds + b; empty where nothing limits.
        package var betweenClouds: [Int32] = []
        package var cloudCount = 0

        package mutating func add(_ rate: Double?) -> Int32 {
            guard let rate else { return -1 }
            capacity.append(rate)
            return Int32(capacity.count - 1)
        }
    }

    package init(plan: Plan, seed: UInt64) throws(PlanError) {
        var random = SeededRandom(seed: seed &* 0x2545_F491_4F6C_DD1D &+ 1)
        self.plan = plan
        self.seed = seed
        let pieces = Self.powerOfTwo(plan.model.pieceLength.value(using: &random))
        let bytes = plan.model.bytes.value(using: &random)
        let isFlow = plan.fidelity == .flow
        scale = isFlow ? pieces / PieceGeometry.blockLength : 1
        let files = plan.model.files.count(using: &random)
        let lengths = Self.lengths(Int(bytes) / scale, files: files, random: &random)
        do {
            geometry = try PieceGeometry(pieceLength: pieces / scale, fileLengths: lengths)
        } catch {
            throw PlanError(line: 1, key: "model", what: "has no such geometry: \(error)")
        }
        self.random = random
        drawPlaces()
        drawHosts()
        drawDistances()
        drawFaults()
    }

    private static func powerOfTwo(_ length: Double) -> Int {
        var power = PieceGeometry.blockLength
        while Double(power * 2) <= length { power *= 2 }
        return power
    }

    /// Files of a version: one large and some small, as models have them.
    private static func lengths(
        _ total: Int,
        files: Int,
        random: inout SeededRandom
    ) -> [Int] {
        guard files > 1 else { return [max(1, total)] }
        var rest = max(files, total)
        var lengths: [Int] = []
        for left in stride(from: files - 1, to: 0, by: -1) {
            let share = Int.random(in: 1...max(1, rest / max(2, left)), using: &random)
            lengths.append(share)
            rest -= share
        }
        lengths.append(max(1, rest))
        return lengths
    }

    package var modelBytes: Int { geometry.totalLength * scale }
    package var wanters: [Int] { hosts.indices.filter { hosts[$0].isWanter } }
}
