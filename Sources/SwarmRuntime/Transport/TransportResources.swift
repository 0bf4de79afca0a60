package import NIOCore
package import SwarmModel

/// What the listeners and dialers of one process share: the event loops, the limits, the gauges,
/// and the census of connections by which the limits are kept.
package final class TransportResources: Sendable {
    package let group: any EventLoopGroup
    package let limits: TransportLimits
    package let gauges = TransportGauges()
    /// Our certificates; nil when there is no TLS.
    package let tls: PeerTLS?
    /// Whether accepted connections may be in the clear.
    package let acceptsPlain: Bool
    /// Hears why TLS with a remote that connected did not come about: no driver knows of it.
    let tlsRefused: @Sendable (Endpoint, CloseReason) -> Void
    let census: ConnectionCensus
    let storeThreads: StoreThreads
    private let loops = Locked<[ObjectIdentifier: NIOLoopBound<LoopResources>]>([:])

    /// The group is the caller's: it is not shut down here. Beside its loops, `storeThreadCount`
    /// threads store blocks; with none, the loops do.
    package init(
        group: any EventLoopGroup,
        limits: TransportLimits = TransportLimits(),
        storeThreadCount: Int = 0,
        tls: PeerTLS? = nil,
        acceptsPlain: Bool = true,
        tlsRefused: @escaping @Sendable (Endpoint, CloseReason) -> Void = { _, _ in }
    ) {
        precondition(acceptsPlain || tls != nil, "a peer that nobody can connect to")
        self.tls = tls
        self.acceptsPlain = acceptsPlain
        self.tlsRefused = tlsRefused
        self.group = group
        self.limits = limits
        storeThreads = StoreThreads(count: storeThreadCount)
        census = ConnectionCensus(limits: limits)
    }

    /// Connections that are open, or being opened.
    package var connectionCount: Int { census.count }

    /// Closes every connection, refuses new ones, and returns when the last is gone.
    package func shutDown() async {
        let channels = census.shutDown()
        for channel in channels { channel.close(promise: nil) }
        for channel in channels { try? await channel.closeFuture.get() }
        await storeThreads.shutDown()
    }

    /// The resources of a loop. Called on it.
    func ofLoop(_ loop: any EventLoop) -> NIOLoopBound<LoopResources> {
        let key = ObjectIdentifier(loop)
        if let known = loops.withLock({ $0[key] }) { return known }
        let made = NIOLoopBound(LoopResources(limits: limits, gauges: gauges), eventLoop: loop)
        loops.withLock { $0[key] = made }
        return made
    }
}
