/// What the tracker wants of one host: the answer to its ``HostReport``.
///
/// Level-triggered, as in Kubernetes: the whole state each time, so that a lost message is only a
/// delay, and a host that was away for a week converges by itself.
package struct DesiredState: Hashable, Sendable, Codable {
    /// Grows with each change of what this host should do; the host says the one it has seen last.
    package var generation: Int
    package var models: [Model]

    /// One model of the host. A model that is not named is left as it is: the operator of the host
    /// may hold others.
    package struct Model: Hashable, Sendable, Codable {
        package var name: ModelName
        /// The versions to hold: fetched, verified and sealed. The first is needed most.
        package var hold: [Version]
        /// The version that should serve; nil leaves what serves as it is. Always one of `hold`.
        package var active: String?
        /// Orders the commands to activate; a host obeys none that is older than one it obeyed.
        package var fence: Fence

        package init(name: ModelName, hold: [Version], active: String?, fence: Fence) {
            self.name = name
            self.hold = hold
            self.active = active
            self.fence = fence
        }
    }

    package struct Version: Hashable, Sendable, Codable {
        package var version: String
        package var infoHash: InfoHash

        package init(version: String, infoHash: InfoHash) {
            self.version = version
            self.infoHash = infoHash
        }
    }

    package init(generation: Int, models: [Model]) {
        self.generation = generation
        self.models = models
    }

    package static let nothing = DesiredState(generation: 0, models: [])
}

/// Orders commands of all owners of all rollouts of one channel: first by the epoch of the owner
/// (each controller that takes over begins the next one), then by the step. What a host obeys never
/// goes back (invariant "fencing" of `Docs/Rollouts.md`).
package struct Fence: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    package var epoch: Int
    package var step: Int

    package init(epoch: Int, step: Int) {
        self.epoch = epoch
        self.step = step
    }

    package static let zero = Fence(epoch: 0, step: 0)
    package static func < (a: Self, b: Self) -> Bool { (a.epoch, a.step) < (b.epoch, b.step) }
    package var description: String { "\(epoch).\(step)" }
}
