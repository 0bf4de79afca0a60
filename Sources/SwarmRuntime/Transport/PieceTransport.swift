package import SwarmModel

/// A handle on one open connection. It may be called from any thread; what is asked of it happens
/// in the order of the calls on the connection's event loop, and nothing happens once it is closed.
package protocol PieceTransport: AnyObject, Sendable {
    var id: ConnectionID { get }
    /// Whether it is TLS with both certificates checked.
    var isEncrypted: Bool { get }

    /// Sends messages. `piece` is not among them: see ``sendBlock(_:)``.
    func send(_ messages: [PeerMessage])
    /// Sends a `piece` message with the bytes that the ``BlockSource`` has for it. Ends in exactly
    /// one of ``ConnectionEvent/blockSent(_:)``, ``ConnectionEvent/sendFailed(_:reason:)`` or
    /// ``ConnectionEvent/closed(_:)``.
    func sendBlock(_ range: ServedRange)
    /// Takes the ids under which the remote wants extension messages (BEP 10).
    func setRemoteExtensions(_ ids: ExtendedHandshake)
    /// Says that the driver has processed that many delivered events, which lets reading go on.
    func acknowledge(eventCount: Int)
    /// Closes at once: what was not yet sent is dropped. Only the first call counts.
    func close(_ reason: CloseReason)
}

/// What happened on a connection, in order.
package enum ConnectionEvent: Hashable, Sendable {
    /// Everything but `piece`.
    case message(PeerMessage)
    /// A whole `piece` message was received.
    case block(RawBlock, BlockOutcome)
    /// The last byte of a block was handed to the kernel.
    case blockSent(RawBlock)
    /// The ``BlockSource`` could not read it; the remote was told nothing.
    case sendFailed(RawBlock, reason: String)
    /// Always the last event of a connection, exactly once.
    case closed(CloseReason)
}

/// What became of a received block.
package enum BlockOutcome: Hashable, Sendable {
    case stored
    /// The block was the last missing one of its piece.
    case pieceComplete(verified: Bool)
    /// Nobody wanted it.
    case discarded
    case failed(reason: String)
}

/// Where received blocks go. Called on event loops: it hashes and writes in place, run to
/// completion.
package protocol BlockSink: Sendable {
    /// Asked when a block's header has arrived. When false the payload is skipped without being
    /// stored.
    func wants(_ block: RawBlock, from connection: ConnectionID) -> Bool
    /// Takes a whole block. The bytes are valid during the call only.
    func store(
        _ bytes: UnsafeRawBufferPointer,
        of block: RawBlock,
        from connection: ConnectionID
    ) -> BlockOutcome
}

/// Where sent blocks come from. Called on event loops.
package protocol BlockSource: Sendable {
    /// Reads `range.length` bytes, which is the length of `destination`. Padding is not its
    /// concern.
    func read(_ range: ServedRange, into destination: UnsafeMutableRawBufferPointer) throws
    /// The file and the offset in it at which the range's data bytes lie. The owner keeps the
    /// descriptor open; two answers with one owner name one file.
    func descriptor(
        for range: ServedRange
    ) throws -> (descriptor: CInt, offset: Int, owner: any AnyObject & Sendable)
}

/// What an accepted or dialled connection needs of its swarm.
package struct ConnectionContext: Sendable {
    /// What we say first.
    package var handshake: Handshake
    package var sink: any BlockSink
    package var source: any BlockSource
    package var observer: any ConnectionObserver
    package var nextConnectionID: @Sendable () -> ConnectionID

    package init(
        handshake: Handshake,
        sink: any BlockSink,
        source: any BlockSource,
        observer: any ConnectionObserver,
        nextConnectionID: @escaping @Sendable () -> ConnectionID
    ) {
        self.handshake = handshake
        self.sink = sink
        self.source = source
        self.observer = observer
        self.nextConnectionID = nextConnectionID
    }
}

/// Who hears of connections. Called on the connection's event loop, never from inside a call to its
/// ``PieceTransport``.
package protocol ConnectionObserver: Sendable {
    /// Both handshakes are done. Comes before every event of the connection.
    func connectionOpened(
        _ transport: any PieceTransport,
        handshake: Handshake,
        remote: Endpoint,
        isIncoming: Bool
    )
    /// At most once per read burst or flush, in order.
    func connection(_ id: ConnectionID, delivered events: [ConnectionEvent])
}

/// Which swarms this process serves.
package protocol SwarmLookup: Sendable {
    /// Nil when the swarm is not ours: the connection is closed.
    func context(for swarm: SwarmID) -> ConnectionContext?
}
