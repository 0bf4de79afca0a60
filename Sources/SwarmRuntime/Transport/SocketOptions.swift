import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How the sockets of peers are set up, accepted and dialled alike.
enum PeerSocket {
    /// Called on the channel's event loop before its first read. What is returned is for the
    /// connection's handler, if that reads what comes from the socket as it is.
    static func prepare(
        _ channel: any Channel,
        resources: TransportResources
    ) throws -> DirectReceive {
        let direct = DirectReceive()
        guard let options = channel.syncOptions else { return direct }
        // A request or a have must not wait for the next block.
        try options.setOption(.tcpOption(.tcp_nodelay), value: 1)
        try options.setOption(.socketOption(.so_keepalive), value: 1)
        // One read per wake-up: each may bring a megabyte, and other connections have their turn.
        try options.setOption(.maxMessagesPerRead, value: 1)
        let loop = resources.ofLoop(channel.eventLoop)
        let bound = NIOLoopBound(direct, eventLoop: channel.eventLoop)
        try options.setOption(.recvAllocator, value: SharedReceiveAllocator(loop, bound))
        #if os(Linux)
            let milliseconds = resources.limits.userTimeout.components.seconds * 1000
            try? options.setOption(
                .tcpOption(.init(rawValue: TCP_USER_TIMEOUT)),
                value: ChannelOptions.Types.SocketOption.Value(clamping: milliseconds)
            )
        #endif
        return direct
    }

    #if os(Linux)
        /// Cubic, whatever the system's default is: pacing as BBR does it costs three times the
        /// processor time within a data centre. A kernel without it keeps its default.
        ///
        /// To be called before the handshake, and so on the listening socket for those that are
        /// accepted: a socket on which BBR has begun stays paced after it is exchanged.
        static func setCongestionControl(of channel: any Channel) {
            guard let provider = channel as? any SocketOptionProvider else { return }
            typealias Name = (UInt8, UInt8, UInt8, UInt8, UInt8)
            let cubic: Name = (0x63, 0x75, 0x62, 0x69, 0x63)
            _ = provider.unsafeSetSocketOption(
                level: .tcp,
                name: .init(rawValue: TCP_CONGESTION),
                value: cubic
            )
        }
    #else
        static func setCongestionControl(of channel: any Channel) {}
    #endif
}
