package import SwarmModel

/// What a run is about: topology, model, faults, and what must hold. Quantities may be ranges, from
/// which each seed draws its own (swarm testing: Groce et al. 2012), the mix of faults included.
/// `Docs/Simulation.md` has every key.
package struct Plan: Sendable {
    package var name: String
    package var about = ""
    package var fidelity = Fidelity.block
    package var model = Model()
    package var topology = Topology()
    package var links = Links()
    package var sources: [Source] = []
    package var tracker = Tracker()
    package var disk = Disk()
    package var hosts = Hosts()
    package var faults = Faults()
    package var settings = Settings()
    package var expect = Expectations()
    /// Nil where a swarm is simulated.
    package var rollout: Rollout?

    /// How finely transfers are modelled. The core decides the same in both.
    package enum Fidelity: String, Sendable, CaseIterable {
        /// Every request and block by itself, with races between network, disk and driver.
        case block
        /// A piece is one transfer, and messages arrive in steps of two milliseconds.
        case flow
    }

    package struct Model: Sendable {
        package var bytes = Draw(67_108_864)
        package var pieceLength = Draw(1_048_576)
        package var files = Draw(1)
    }

    /// Regions by name, or drawn counts of each level.
    package struct Topology: Sendable {
        package var regions: [Region] = []
        package var clouds = Draw(1)
        package var regionsPerCloud = Draw(1)
        package var racksPerRegion = Draw(1)
        package var hostsPerRack = Draw(4)

        package struct Region: Sendable {
            package var at: Locality
            package var racks: Draw
            package var hostsPerRack: Draw
            package var up: Draw?
            package var down: Draw?
            package var ingress: Draw?
            package var egress: Draw?
        }
    }

    /// Bytes a second; nil where nothing limits.
    package struct Links: Sendable {
        package var hostUp = Draw(1.25e9)
        package var hostDown = Draw(1.25e9)
        package var rack = Pair()
        package var region = Pair()
        package var cloud = Pair()
        /// Between each two clouds, each way.
        package var betweenClouds: Draw?
        package var connection = ByDistance()
        package var latency = ByDistance(
            rack: Draw(50e-6),
            region: Draw(300e-6),
            cloud: Draw(20e-3),
            fleet: Draw(80e-3)
        )
        /// Share of messages and blocks that must be sent again.
        package var loss = ByDistance()

        package struct Pair: Sendable {
            package var ingress: Draw?
            package var egress: Draw?
        }

        /// By the nearest domain that two hosts share.
        package struct ByDistance: Sendable {
            package var rack: Draw?
            package var region: Draw?
            package var cloud: Draw?
            package var fleet: Draw?

            package init(
                rack: Draw? = nil,
                region: Draw? = nil,
                cloud: Draw? = nil,
                fleet: Draw? = nil
            ) {
                self.rack = rack
                self.region = region
                self.cloud = cloud
                self.fleet = fleet
            }
        }
    }

    /// Where the model is at the start.
    package struct Source: Sendable {
        package enum Kind: String, Sendable, CaseIterable {
            /// A peer that has everything.
            case seed
            /// The same, whose bytes are booked as an origin's.
            case origin
            /// Object storage: no peer, read under the tracker's leases.
            case store
        }
        package var at: Locality?
        package var kind = Kind.seed
        package var up = Draw(1.25e9)
        package var count = Draw(1)
    }

    package struct Tracker: Sendable {
        package var interval = Draw(30)
        package var latency = Draw(0.02)
    }

    package struct Disk: Sendable {
        package var write: Draw?
        package var read: Draw?
        /// Of one sync.
        package var sync = Draw(0.005, 0.02)
    }

    /// Shares of the hosts that are not as the rest; each seed draws which.
    package struct Hosts: Sendable {
        package var joinWithin = Draw(0)
        package var slowShare = Draw(0)
        package var slowFactor = Draw(0.05)
        package var lateShare = Draw(0)
        package var lateWithin = Draw(60)
        package var partialShare = Draw(0)
        package var liarShare = Draw(0)
        package var badDiskShare = Draw(0)
        package var staleRosterShare = Draw(0)
        package var liars: [Vice] = Vice.allCases.filter { $0 != .none }
    }

    /// How a peer treats others. Only those that send wrong bytes may ever be banned.
    package enum Vice: String, Sendable, CaseIterable {
        case none
        /// Every block it sends is wrong.
        case corruptsAlways
        /// One in four is.
        case corruptsSometimes
        /// Takes requests and never answers.
        case withholds
        /// Says that it has everything.
        case falseHaves
        /// Sends a block a minute.
        case dawdles
        /// Rejects every request.
        case refuses
        /// Says that it is about to import everything, and serves nothing of it.
        case falseIntents
    }

    package struct Faults: Sendable {
        /// Faults come until then; what must hold afterwards is checked from then on.
        package var during = Draw(0)
        package var crashes = Draw(0)
        package var cuts = Draw(0)
        package var pauses = Draw(0)
        package var slowdowns = Draw(0)
        package var partitions = Draw(0)
        package var trackerOutages = Draw(0)
        package var trackerRestarts = Draw(0)
        package var bitRot = Draw(0)
        /// Share of crashed hosts that never come back.
        package var staysDead = Draw(0)
        package var timeline: [Timed] = []

        /// A fault at a certain time.
        package struct Timed: Sendable {
            package enum Kind: String, Sendable, CaseIterable {
                case crash, cut, pause, slow, partition, trackerOutage, trackerRestart, bitRot
                case sourceOutage
            }
            package var at: Draw
            package var kind: Kind
            /// How long; nil for good.
            package var lasts: Draw?
            /// The domain that is partitioned, or in which hosts are chosen.
            package var domain: Locality?
            /// How many hosts, chosen by the seed.
            package var count: Draw
            /// What remains of a slow host's rates.
            package var factor: Draw
        }
    }

    package struct Settings: Sendable {
        /// Each host draws its own limits, as small as they may be.
        package var isChaotic = false
        package var connectionsWanted: Draw?
        package var connectionsMax: Draw?
        package var uploadSlots: Draw?
        package var activePiecesMax: Draw?
        /// How long haves are gathered; nil for what the fidelity has.
        package var gossipDelay: Draw?
        package var policy: Policy?

        /// As in `SchedulerSettings`, by the same names.
        package enum Policy: String, Sendable, CaseIterable {
            case nearestScope, localityBiased, randomRarest
        }
    }

    /// What the report is held against.
    package struct Expectations: Sendable {
        package static let none = Self()
        package var cloudAmplification: Double?
        package var regionAmplification: Double?
        package var rackAmplification: Double?
        /// Most copies into any one domain that began without the model, when nothing goes wrong.
        package var copies: Double?
        /// What each fault of the run, and each host with a flaw, may add to them.
        package var copiesForEachFault = 0.0
        /// Times the bound.
        package var p99: Double?
        package var max: Double?
        /// p99 of the hosts that are not slow, over that of a run without slow hosts.
        package var healthyOverCalm: Double?
        /// Bytes a second over all hosts, from the first byte to the time of ``p99``.
        package var aggregateRate: Double?
        package var connections: Int?
        /// Copies of the model read from origins.
        package var originCopies: Double?
        /// Every host must be complete within this long of the faults' end.
        package var completeWithin = Draw(7200)
    }
}
