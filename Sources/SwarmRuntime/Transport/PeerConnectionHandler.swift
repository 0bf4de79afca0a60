package import NIOCore
import NIOSSL
package import SwarmModel
import SwarmWire

/// One connection on its event loop: says and checks the handshake, cuts what arrives into messages
/// and blocks, writes what the driver asks for, and tells the driver the facts in batches.
///
/// ```
/// handshaking ──68 bytes──▶ open ──▶ closed
///      └───timeout, flaw, EOF──────────▲
/// ```
///
/// Invariants: nothing is parsed or written once `closeReason` is set; an opened connection
/// delivers exactly one `closed` event, its last; a dialled one completes its promise exactly once.
package final class PeerConnectionHandler: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = IOData

    /// Which end we are.
    package enum Role {
        case accepting(any SwarmLookup)
        /// The promise is for the moment when both handshakes are done.
        case dialling(ConnectionContext, EventLoopPromise<Void>)
    }

    enum Phase {
        case handshaking
        case open(Session)
        case closed
    }

    /// What an open connection knows besides.
    struct Session {
        let swarm: ConnectionContext
        let connection: PeerConnection
    }

    let resources: TransportResources
    let loop: LoopResources
    let remote: Endpoint
    private let role: Role
    private(set) var phase = Phase.handshaking
    private(set) var channelContext: ChannelHandlerContext?
    private(set) var closeReason: CloseReason?
    private var handshakeBytes: [UInt8] = []
    private var deadline: Scheduled<Void>?
    /// The handler before this one when the connection is TLS.
    private(set) var tlsHandler: NIOSSLHandler?

    // Receiving, see PeerConnectionHandler+Receiving.swift.
    var reader: FrameReader
    var assembly: BlockAssembly?
    /// Whether the last block was a long one.
    var sendsLongBlocks = false
    /// Nil when what arrives has passed another handler, which has buffers of its own.
    private(set) var direct: DirectReceive?
    /// Bytes that arrived while reading was suspended.
    var backlog: ByteBuffer?
    var isSuspended = false
    /// Where blocks go to be stored by another thread; made for the first.
    var line: StoreLine?
    var handedOverBytes = 0
    /// Whether a block came back from there since the loop stored one itself.
    var hasLineProgressed = false
    var isReadingPaused = false
    // Events, see below.
    private var events: [ConnectionEvent] = []
    /// Events behind a block that is being stored by another thread; nil for such a block.
    var held: CircularBuffer<ConnectionEvent?> = []
    /// How many have been held and are no longer.
    private(set) var releasedCount = 0
    private var isFinishing = false
    private(set) var unacknowledged = 0
    private var isDeliveryScheduled = false
    // Sending, see PeerConnectionHandler+Sending.swift.
    var extensions = RemoteExtensions.none
    var encoded: [UInt8] = []
    var chunk: SendChunk?
    var openFiles: OpenFiles
    /// What waits to be encrypted, see PeerConnectionHandler+Sealing.swift.
    var sealing = SealingQueue()

    /// Made on the channel's event loop.
    package init(
        role: Role,
        remote: Endpoint,
        resources: TransportResources,
        direct: DirectReceive? = nil,
        on eventLoop: any EventLoop
    ) {
        self.role = role
        self.direct = direct
        self.remote = remote
        self.resources = resources
        loop = resources.ofLoop(eventLoop).value
        reader = FrameReader(blockLengthMax: resources.limits.blockLengthMax)
        openFiles = OpenFiles(countMax: resources.limits.openFilesMax)
    }

    // MARK: Life

    package func handlerAdded(context: ChannelHandlerContext) {
        channelContext = context
        if context.channel.isActive { begin(context) }
    }

    package func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    /// The deadline is absolute: a remote that sends a byte now and then gains nothing (BEP 3 sets
    /// none).
    private func begin(_ context: ChannelHandlerContext) {
        guard deadline == nil, case .handshaking = phase else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let timeout = TimeAmount(resources.limits.handshakeTimeout)
        deadline = context.eventLoop.scheduleTask(in: timeout) {
            bound.value.close(.handshakeTimeout)
        }
        if case .dialling(let swarm, _) = role { sendHandshake(swarm.handshake) }
    }

    /// From now on what comes in is TLS, and is opened by the handler.
    func beginTLS(_ handler: NIOSSLHandler) {
        precondition(tlsHandler == nil && handshakeBytes.isEmpty, "TLS amid a connection")
        tlsHandler = handler
        direct = nil
    }

    /// Closes for `reason`, unless another came first.
    func close(_ reason: CloseReason) {
        guard closeReason == nil, let context = channelContext else { return }
        closeReason = reason
        context.close(promise: nil)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close(reason(for: error))
    }

    package func channelInactive(context: ChannelHandlerContext) {
        finish()
        context.fireChannelInactive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        finish()
        channelContext = nil
        // It refers to its handler, and that to the channel.
        tlsHandler = nil
    }

    private func finish() {
        let reason = closeReason ?? .remoteClosed
        closeReason = reason
        // Without a deadline there never was a connection, and the dialer knows better why: the end
        // of the channel may come here before the system's word reaches it.
        if deadline != nil, case .dialling(_, let opened) = role {
            // Does nothing when the promise was kept.
            opened.fail(reason)
        }
        deadline?.cancel()
        deadline = nil
        guard case .open(let session) = phase else {
            if case .handshaking = phase, isAccepted { reportRefusal(reason) }
            phase = .closed
            return
        }
        releaseBuffers()
        if !isFinishing { session.connection.finish() }
        isFinishing = true
        finishIfDue()
    }

    /// Delivers the last event once every block that had arrived is stored.
    func finishIfDue() {
        guard isFinishing, handedOverBytes == 0, case .open = phase, let closeReason else { return }
        events.append(.closed(closeReason))
        deliver()
        phase = .closed
        // It refers to this handler.
        line = nil
    }

    private func releaseBuffers() {
        assembly?.release(to: loop)
        assembly = nil
        backlog = nil
        dropChunk()
        sealing.drop()
        if isSuspended { resources.gauges.suspendedConnections.subtract(1) }
        isSuspended = false
    }

    // MARK: Handshake

    /// Takes the remote's 68 bytes, however they are cut.
    func receiveHandshake(from buffer: inout ByteBuffer) {
        if handshakeBytes.isEmpty,
            let first = buffer.readableBytesView.first, first != PeerFrameCodec.handshakeFirstByte
        {
            guard first == FirstByteDetector.tlsFirstByte else { return close(.wrongFirstByte) }
            return close(.tlsFailed("the remote begins with TLS, and there is no --tls-cert here"))
        }
        let count = min(PeerFrameCodec.handshakeLength - handshakeBytes.count, buffer.readableBytes)
        handshakeBytes.append(contentsOf: buffer.readableBytesView.prefix(count))
        buffer.moveReaderIndex(forwardBy: count)
        guard handshakeBytes.count == PeerFrameCodec.handshakeLength else { return }
        do {
            open(with: try PeerFrameCodec.decodeHandshake(handshakeBytes))
        } catch {
            close(.protocolViolation("\(error)"))
        }
        handshakeBytes = []
    }

    private func open(with handshake: Handshake) {
        guard let swarm = swarm(of: handshake) else { return close(.unknownSwarm) }
        guard handshake.peer != swarm.handshake.peer else { return close(.selfConnection) }
        guard let context = channelContext else { return }
        deadline?.cancel()
        if case .accepting = role { sendHandshake(swarm.handshake) }
        let connection = PeerConnection(
            id: swarm.nextConnectionID(),
            isEncrypted: tlsHandler != nil,
            handler: NIOLoopBound(self, eventLoop: context.eventLoop),
            resources: resources
        )
        phase = .open(Session(swarm: swarm, connection: connection))
        resources.census.markAuthenticated(context.channel)
        swarm.observer.connectionOpened(
            connection,
            handshake: handshake,
            remote: remote,
            isIncoming: isAccepted
        )
        if case .dialling(_, let opened) = role { opened.succeed() }
    }

    var isHandshaking: Bool { if case .handshaking = phase { true } else { false } }
    var isAccepted: Bool { if case .accepting = role { true } else { false } }

    private func swarm(of handshake: Handshake) -> ConnectionContext? {
        switch role {
        case .accepting(let lookup): lookup.context(for: handshake.swarm)
        case .dialling(let swarm, _): swarm.handshake.swarm == handshake.swarm ? swarm : nil
        }
    }

    private func sendHandshake(_ handshake: Handshake) {
        guard let context = channelContext else { return }
        let bytes = PeerFrameCodec.encode(handshake)
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(ByteBuffer(bytes: bytes))), promise: nil)
    }

    // MARK: Events

    /// Events that the driver has yet to process, delivered or about to be.
    var outstandingEvents: Int { unacknowledged + events.count + held.count }

    func emit(_ event: ConnectionEvent) {
        if held.isEmpty { events.append(event) } else { held.append(event) }
    }

    /// A block is stored: its event goes once those before it have, with those behind it.
    func release(_ event: ConnectionEvent, at position: Int) {
        let index = held.index(held.startIndex, offsetBy: position - releasedCount)
        precondition(held[index] == nil, "no block is being stored")
        held[index] = event
        while let next = held.first, let event = next {
            events.append(event)
            held.removeFirst()
            releasedCount += 1
        }
    }

    func acknowledged(_ count: Int) { unacknowledged = max(0, unacknowledged - count) }

    /// Delivers what has gathered, in one call.
    func deliver() {
        guard case .open(let session) = phase, !events.isEmpty else { return }
        let batch = events
        events = []
        unacknowledged += batch.count
        session.swarm.observer.connection(session.connection.id, delivered: batch)
    }

    /// Delivers once what happens now, several finished writes perhaps, is over.
    func scheduleDelivery() {
        guard !isDeliveryScheduled, let context = channelContext else { return }
        isDeliveryScheduled = true
        context.eventLoop.assumeIsolated().execute {
            self.isDeliveryScheduled = false
            self.deliver()
        }
    }
}
