package import SwarmCore
package import SwarmModel

/// The settings of a tracker daemon. The limits bound what clients can make it hold; each default
/// serves a fleet of some ten thousand hosts.
package struct TrackerSettings: Sendable {
    /// Where to listen; port 0 lets the system choose. `[::]` takes IPv4 as well where the system
    /// says so.
    package var listen = ListenAddress(host: "0.0.0.0", port: 7070)
    /// Holds `catalog/`, the published `.torrent` files; `catalog.sqlite`, hosts, channels,
    /// rollouts and the audit log; `backups/`, copies of it; `gates/`, the operator's programs.
    /// The swarms are in memory only.
    package var dataDirectory: String
    /// Whoever publishes, or changes channels and rollouts, must show this token; nil lets
    /// everybody who reaches the tracker do so.
    package var publishToken: String?
    package var registry = TrackerRegistrySettings()
    package var leases = OriginLeaseSettings()
    package var traffic = TrafficBookSettings()
    package var fleet = FleetDriverSettings()
    package var page = PageSettings()
    /// What bills of traffic are made with.
    package var prices = EgressPrices.defaults

    /// Open connections; the next ones wait in the listen queue. Each costs about 20 KiB and a file
    /// descriptor.
    package var connectionsMax = 16_384
    /// Open files besides connections: the database, the catalog, gates, and what the runtime uses.
    package var otherFilesMax = 256
    /// A connection without a request is closed after this. Longer keeps more of them open, shorter
    /// makes clients connect again for each announce, which is cheap.
    package var idleTimeout = Duration.seconds(20)
    /// Longest request target, in bytes: room for a scrape of all the swarms that one may name.
    package var uriByteCountMax = 16 << 10
    /// All header fields of a request with its target, in bytes. A longer one is answered 400.
    package var headerByteCountMax = 32 << 10
    /// Longest `.torrent` file: the reader's own limit.
    package var metainfoByteCountMax = 32 << 20
    /// `.torrent` files being received at once: each is held in memory until it is checked.
    package var uploadsMax = 4
    /// Published versions. Past it publishing is refused; nothing is removed.
    package var versionsMax = 10_000
    /// Longest report of traffic, in bytes: one with as many entries as may be.
    package var trafficReportByteCountMax = 256 << 10
    /// Reports being received at once: each is held in memory until it is entered.
    package var trafficReportsMax = 128
    /// What open requests are given to finish when the daemon is asked to stop.
    package var shutdownGrace = Duration.milliseconds(1500)

    /// Between two announces of one peer.
    package var announceInterval: Duration {
        get { registry.interval }
        set { registry.interval = newValue }
    }

    package init(dataDirectory: String) { self.dataDirectory = dataDirectory }
}

/// A host and a port to listen on, written `HOST:PORT` with IPv6 addresses in brackets.
package struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Nil when the text is not `HOST:PORT`.
    package init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }),
            let port = UInt16(digits)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: Int(port))
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
