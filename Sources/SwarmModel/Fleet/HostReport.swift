/// What a host says about itself to the tracker, whole each time. The answer is its
/// ``DesiredState``.
package struct HostReport: Hashable, Sendable, Codable {
    package var host: HostName
    package var locality: Locality
    package var labels: Labels
    /// The generation of the ``DesiredState`` that the host has seen last; 0 before the first.
    package var generation: Int
    package var models: [Model]
    package var disk: Disk?

    package struct Model: Hashable, Sendable, Codable {
        package var name: ModelName
        /// The version that `current` points to; nil when there is none.
        package var active: String?
        /// What the readiness probe said of `active` last. Nil when no probe is set on this host,
        /// or it has not answered since the last activation.
        package var isHealthy: Bool?
        /// The newest fence that the host obeyed.
        package var fence: Fence
        /// Why the last activation failed, and to which version the host went back.
        package var failure: Failure?
        package var versions: [Version]

        package init(
            name: ModelName,
            active: String?,
            isHealthy: Bool?,
            fence: Fence,
            failure: Failure?,
            versions: [Version]
        ) {
            self.name = name
            self.active = active
            self.isHealthy = isHealthy
            self.fence = fence
            self.failure = failure
            self.versions = versions
        }
    }

    package struct Version: Hashable, Sendable, Codable {
        package var version: String
        package var infoHash: InfoHash
        package var stage: VersionStage
        package var pieceCount: Int
        package var piecesHeld: Int
        /// Of the whole version.
        package var byteCount: Int
        package var bytesHeld: Int
        /// Why it does not go on: a full disk, no source for a piece, damage.
        package var problem: String?

        package init(
            version: String,
            infoHash: InfoHash,
            stage: VersionStage,
            pieceCount: Int,
            piecesHeld: Int,
            byteCount: Int,
            bytesHeld: Int,
            problem: String?
        ) {
            self.version = version
            self.infoHash = infoHash
            self.stage = stage
            self.pieceCount = pieceCount
            self.piecesHeld = piecesHeld
            self.byteCount = byteCount
            self.bytesHeld = bytesHeld
            self.problem = problem
        }
    }

    package struct Failure: Hashable, Sendable, Codable {
        /// The version that should have served.
        package var version: String
        /// The fence of the command that failed.
        package var fence: Fence
        package var reason: String

        package init(version: String, fence: Fence, reason: String) {
            self.version = version
            self.fence = fence
            self.reason = reason
        }
    }

    /// In bytes.
    package struct Disk: Hashable, Sendable, Codable {
        /// What Shoal may use, and what it uses.
        package var budget: Int
        package var used: Int
        /// What the file system has left.
        package var free: Int

        package init(budget: Int, used: Int, free: Int) {
            self.budget = budget
            self.used = used
            self.free = free
        }
    }

    /// Most models of one report, and most versions of one model.
    package static let modelCountMax = 64
    package static let versionCountMax = 32
    /// Most pieces and most bytes of a version: far above any, and sums over a fleet stay numbers.
    package static let pieceCountMax = 1 << 32
    package static let byteCountMax = 1 << 48
    /// Longest text of a reason or a problem, in bytes; hosts cut longer ones.
    package static let textByteCountMax = 1024

    package init(
        host: HostName,
        locality: Locality,
        labels: Labels,
        generation: Int,
        models: [Model],
        disk: Disk?
    ) {
        self.host = host
        self.locality = locality
        self.labels = labels
        self.generation = generation
        self.models = models
        self.disk = disk
    }
}

/// How far a host is with a version.
package enum VersionStage: String, Hashable, Sendable, Codable, CaseIterable {
    /// Pieces are missing.
    case fetching
    /// Everything is there; files are being sealed.
    case sealing
    /// Verified, sealed and readable under `models/`.
    case sealed
    /// `current` is being switched to it: hooks or the probe have not answered yet.
    case activating
    /// `current` points to it, and the probe (if one is set) said yes.
    case active
    /// It cannot be used: damage was found, or it could not be fetched; `problem` says which.
    case failed
}
