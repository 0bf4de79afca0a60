package import SwarmCore
package import SwarmModel
package import SwarmOrigin
package import SwarmStorage
package import SwarmRuntime
package import SystemPackage

/// What a peer process is started with.
package struct PeerSettings: Sendable {
    /// Where other peers reach us; port 0 takes a free one.
    package var listenHost = "0.0.0.0"
    package var listenPort = 7071
    package var dataDirectory: FilePath
    /// Base URLs of trackers, asked in this order.
    package var trackers: [String] = []
    package var locality = Locality.unknown
    /// Event loops that receive, hash, write and send; by default one for each core.
    package var eventLoopCount: Int
    /// Threads for commits, seals and verification.
    package var storageThreadCount = 2
    /// The files of our certificates; nil when there is no TLS between peers.
    package var tls: TLSFiles?
    package var swarm = SwarmSettings()
    package var store = StoreSettings()
    package var host = HostSettings()
    /// The origins that may be read from; none by default.
    package var origins = OriginCatalog()

    /// Most open connections of one swarm.
    package var connectionsMax: Int {
        get { swarm.connectionsMax }
        set { swarm.connectionsMax = newValue }
    }

    /// Verified bytes of a swarm after which the journal is brought up to date.
    package var commitBytes: Int {
        get { swarm.commitBytes }
        set { swarm.commitBytes = newValue }
    }

    /// Which connections must be TLS.
    package var transportPolicy: TransportPolicy {
        get { swarm.transportPolicy }
        set { swarm.transportPolicy = newValue }
    }

    package init(dataDirectory: FilePath, eventLoopCount: Int) {
        self.dataDirectory = dataDirectory
        self.eventLoopCount = eventLoopCount
    }
}

/// Why a peer cannot do what it was told; the message names the thing and the remedy.
package struct PeerError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        case invalidMetainfo, unknownVersion, conflict, storage, stopped
        /// The disk budget does not allow it.
        case overBudget
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
