package import SwarmModel

/// What a run starts, what it does to it, and what must hold in the end. Hosts are indices of the
/// topology.
package struct Scenario: Hashable, Sendable {
    package var name: String
    /// The story in one line.
    package var about: String
    package var topology: Topology
    package var model: ModelPlan
    package var tracker: Int
    /// Hosts that publish and serve the whole model from its directory.
    package var seeds: [Int]
    /// Hosts that hold some of the files before the others start, each by the file's number.
    package var holders: [Holder]
    /// Hosts that publish nothing and serve the same from libtorrent, and over HTTP from nginx.
    package var libtorrentSeeds: [Int]
    package var servers: [Int]
    /// Servers that our peers may read from when no peer has the bytes.
    package var origins: [Int]
    /// Like `origins`, with a bucket instead of a web server.
    package var buckets: [Int]
    /// Origins that serve the model and lie, each in some ways.
    package var liars: [Liar]
    /// Receivers that run libtorrent instead of a peer of ours, or curl from the first server.
    package var libtorrent: [Int]
    package var curl: [Int]
    /// Every other host; those in `late` are started by a step.
    package var peers: [Int]
    package var late: [Int]
    /// The channel of all receivers: they serve version 1 before the run begins, and get another
    /// by a rollout. Without one they are asked to fetch the model.
    package var channel: String?
    /// Hosts whose data directory is a small file system of this many bytes.
    package var disks: [Int: Int]
    package var announceSeconds: Int
    package var limit: Duration
    package var steps: [Step]
    package var assertions: Assertions

    package struct Holder: Hashable, Sendable {
        package var host: Int
        package var files: [Int]
    }

    package struct Liar: Hashable, Sendable {
        package var host: Int
        /// What its servers do wrong, a server for each: functions of Tests/lib/lies.py.
        package var lies: [String]
    }

    /// The version that `seeds` and all others begin with.
    package static let firstVersion = "1"

    /// The version that a step publishes.
    package var publication: Step.Publication? {
        steps.lazy.compactMap { step in
            if case .publish(let publication) = step.action { publication } else { nil }
        }.first
    }

    /// Everybody who is to end up with the model.
    package var receivers: [Int] { (peers + scripted + holders.map(\.host)).sorted() }

    /// Receivers that are a script of ours around another program.
    package var scripted: [Int] { libtorrent + curl }

    /// Hosts that hold the model, or some of it, before anything begins.
    package var sources: [Int] {
        seeds + libtorrentSeeds + servers + origins + buckets + holders.map(\.host)
    }

    /// Hosts that serve over HTTP, and have to be up before the model is published.
    package var webHosts: [Int] { servers + origins + buckets + liars.map(\.host) }
}

/// A model that is made for the run: incompressible files and two small ones.
package struct ModelPlan: Hashable, Sendable {
    package var byteCount: Int
    /// Among how many files the bytes are spread evenly.
    package var fileCount: Int
    package var seed: UInt64
    package var pieceByteCount: Int?
}

/// Something that happens during a run.
package struct Step: Hashable, Sendable {
    package var name: String
    package var trigger: Trigger
    package var action: Action
    /// A condition is not looked at before this step, by its index.
    package var follows: Int?
    /// When a condition must have come: since `follows`, or else since the start.
    package var within: Duration?

    package enum Trigger: Hashable, Sendable {
        /// So long after the start.
        case time(Duration)
        /// When so much of the model is verified, at a host or on average at all receivers.
        case progress(Double, of: Int?)
        /// When a host waits for its disk, and says why.
        case paused(Int)
        /// So long after another step, by its index.
        case after(Int, Duration)
        /// When the rollout is in this phase, in which the wave counts from 0.
        case rollout(Rollout.Phase, wave: Int?)
        /// When all of the hosts serve a version.
        case serving(String, [Int])
    }

    package enum Action: Hashable, Sendable {
        /// Starts hosts that are late, or that were killed or stopped.
        case start([Int])
        case kill([Int])
        case stop([Int])
        case pause([Int])
        case resume([Int])
        /// Cuts a domain off, and lets it back in.
        case partition(Int)
        case heal(Int)
        case domainRate(Int, Topology.Rate)
        case hostRate(Int, Topology.Rate)
        /// A share of the frames over a boundary is lost, in percent.
        case loss(Int, Double)
        /// Fills the host's small file system until so many bytes are left.
        case fillDisk(Int, leaving: Int)
        case freeDisk(Int)
        /// Flips a byte in each 64 KiB of what the host holds, behind its back.
        case corrupt(Int)
        /// Something that must be true now.
        case expect(Expectation)
        case publish(Publication)
        /// Begins a rollout on the scenario's channel.
        case rollout(String, [RolloutPlan.Wave])
        /// Says something about the newest rollout; the wave counts from 0.
        case command(RolloutVerb, wave: Int?)
        /// From now on the probes of these hosts refuse a version.
        case failProbe([Int], version: String)
        /// Nothing: the step is there for what it waits for.
        case wait
    }

    /// Another version of the model, of the same size and with other bytes.
    package struct Publication: Hashable, Sendable {
        package var hosts: [Int]
        package var version: String
        package var seed: UInt64
        /// Each host has its share of the files only, and publishes it as a part.
        package var isInParts = false
    }

    package struct Expectation: Hashable, Sendable {
        package var hosts: [Int]
        /// Pieces that nobody in reach has, of which every host says that there are some.
        package var missingPieces: Bool?
        /// Whether every host has the whole model.
        package var complete: Bool?
    }

    /// The step that must be done before this one can come.
    var predecessor: Int? {
        if case .after(let earlier, _) = trigger { earlier } else { follows }
    }
}

/// What must hold in the end; nil is not asked.
package struct Assertions: Hashable, Sendable {
    /// Hosts that need not end up with the original.
    package var exempt: [Int]
    /// Copies of the model that may enter a domain without a seed, by the name of its level.
    package var amplification: [String: Double]
    /// Share of the received bytes that may have come twice.
    package var duplicates: Double?
    /// Bytes from origins over bytes of the model.
    package var originCopies: Double?
    package var ratioToBound: Double?
    package var seconds: Double?
    /// The version that all receivers serve in the end.
    package var serving: String?
    /// Of a return to the version before: the time until all hosts serve it, and the payload that
    /// was fetched meanwhile.
    package var returnSeconds: Double?
    package var returnBytes: Int?
    /// Hosts that at least one peer must have banned.
    package var banned: [Int]
    /// Texts that each must be in the log of some host.
    package var said: [String]
    /// How often all hosts together may ask an origin that lies; each must be asked at all.
    package var requestsPerLie: Int?
    /// Difference between the interfaces' counters and the peers' ledgers; 3 % unless the scenario
    /// breaks the counting itself, such as by cutting links.
    package var counterTolerance: Double

    package static let counterToleranceDefault = 0.03
}
