package import NIOCore
import SwarmModel

extension PeerConnectionHandler {
    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        switch direct?.arrived() ?? .shared {
        case .direct: receiveDirectly(buffer)
        case .refused(let offered):
            assembly?.takeBack(unfilled: offered)
            receiveShared(&buffer)
        case .shared: receiveShared(&buffer)
        case .lost: close(.ioError("a read of the socket brought nothing"))
        }
        offerBuffer()
    }

    private func receiveShared(_ buffer: inout ByteBuffer) {
        receive(&buffer)
        // Plaintext lies in a buffer of the TLS handler; what it was read into goes back by way of
        // CiphertextFeeder.
        if tlsHandler == nil { loop.giveBackReceiveBuffer(buffer) }
    }

    /// Once per burst: the driver hears of it here, never per block.
    package func channelReadComplete(context: ChannelHandlerContext) {
        deliver()
        context.fireChannelReadComplete()
    }

    private func receive(_ buffer: inout ByteBuffer) {
        while closeReason == nil, buffer.readableBytes > 0 {
            switch phase {
            case .handshaking: receiveHandshake(from: &buffer)
            case .open(let session):
                if isSuspended { return keep(&buffer) }
                parse(&buffer, of: session)
                suspendIfDriverLags()
            case .closed: return
            }
        }
    }

    private func parse(_ buffer: inout ByteBuffer, of session: Session) {
        if assembly != nil { return receivePayload(from: &buffer, of: session) }
        do {
            switch try reader.next(from: &buffer) {
            case .needsMore: return
            case .message(let message): emit(.message(message))
            case .blockHeader(let block):
                let isWanted = session.swarm.sink.wants(block, from: session.connection.id)
                assembly = BlockAssembly(block: block, isWanted: isWanted)
                sendsLongBlocks = isLong(block)
            }
        } catch {
            close(error)
        }
    }

    private func receivePayload(from buffer: inout ByteBuffer, of session: Session) {
        guard let block = assembly?.block, let whole = assembly?.take(from: &buffer, loop: loop)
        else { return }
        assembly = nil
        switch whole {
        case .unwanted: emit(.block(block, .discarded))
        case .inPlace(let bytes) where !isLong(block):
            emit(.block(block, storeHere(bytes, of: block, session)))
        case .inPlace(let bytes):
            // The receive buffer is needed for the next read.
            var copy = loop.pool.take(capacity: Int(block.length), allocator: .init())
            copy.writeImmutableBuffer(bytes)
            handOver(copy, of: block, session)
        case .pooled(let bytes): handOver(bytes, of: block, session)
        }
    }

    // MARK: Long blocks, without a copy

    /// Lets the next read go where the block is gathered, when it is long: such blocks come one
    /// behind the other, and with a read that ends at the header of the next none is copied.
    private func offerBuffer() {
        direct?.isBeforeLongBlock = assembly == nil && sendsLongBlocks
        guard let direct, closeReason == nil, !isSuspended, let block = assembly?.block,
            isLong(block), let buffer = assembly?.lend(loop: loop)
        else { return }
        direct.offer(buffer)
    }

    /// Takes the block's buffer with what a read has added: more of the block, and behind its end
    /// the header of the next frame.
    private func receiveDirectly(_ filled: ByteBuffer) {
        guard closeReason == nil, case .open(let session) = phase, let block = assembly?.block,
            var rest = assembly?.takeBack(filled)
        else { return }
        if assembly?.isWhole == true, let bytes = assembly?.finish() {
            assembly = nil
            handOver(bytes, of: block, session)
        }
        receive(&rest)
    }

    // MARK: Storing

    private func storeHere(
        _ bytes: ByteBuffer,
        of block: RawBlock,
        _ session: Session
    ) -> BlockOutcome {
        resources.storeThreads.whileStoring {
            bytes.withUnsafeReadableBytes {
                session.swarm.sink.store($0, of: block, from: session.connection.id)
            }
        }
    }

    /// Long enough to be stored by another thread.
    private func isLong(_ block: RawBlock) -> Bool {
        block.length >= resources.limits.handedOverLengthMin
    }

    /// Has the block stored by another thread, or does it here: when none is free, or to help.
    private func handOver(_ bytes: ByteBuffer, of block: RawBlock, _ session: Session) {
        let job = StoreLine.Job(
            block: block,
            buffer: bytes,
            sink: session.swarm.sink,
            connection: session.connection.id,
            position: releasedCount + held.count
        )
        guard isLong(block), !mustHelp(), storeLine(of: session).add(job) else {
            let outcome = storeHere(bytes, of: block, session)
            loop.pool.giveBack(bytes, capacity: Int(block.length))
            return emit(.block(block, outcome))
        }
        handedOverBytes += Int(block.length)
        resources.gauges.handedOverBytes.add(Int(block.length))
        held.append(nil)
        if handedOverBytes >= resources.limits.handedOverBytesMax { pauseReading() }
    }

    /// Whether the loop stores a long block itself since the threads that do lag behind. Once for
    /// each block that they get done: a disk that hangs holds it up with one such block at most.
    private func mustHelp() -> Bool {
        guard handedOverBytes >= resources.limits.helpedFromBytes, hasLineProgressed else {
            return false
        }
        hasLineProgressed = false
        return true
    }

    private func storeLine(of session: Session) -> StoreLine {
        if let line { return line }
        let handler = session.connection.handler
        let made = StoreLine(resources.storeThreads, loop: handler.eventLoop) { job, outcome in
            handler.value.stored(job, outcome)
        }
        line = made
        return made
    }

    private func stored(_ job: StoreLine.Job, _ outcome: BlockOutcome) {
        loop.pool.giveBack(job.buffer, capacity: Int(job.block.length))
        handedOverBytes -= Int(job.block.length)
        resources.gauges.handedOverBytes.subtract(Int(job.block.length))
        hasLineProgressed = true
        release(.block(job.block, outcome), at: job.position)
        if isReadingPaused, handedOverBytes <= resources.limits.handedOverBytesMax / 2 {
            isReadingPaused = false
            updateReading()
        }
        scheduleDelivery()
        if handedOverBytes == 0 { finishIfDue() }
    }

    // MARK: Back-pressure

    /// A driver that lags behind stops the reading, so that the remote's window closes and no queue
    /// grows.
    private func suspendIfDriverLags() {
        guard closeReason == nil, outstandingEvents >= resources.limits.unacknowledgedEventsMax
        else { return }
        isSuspended = true
        resources.gauges.suspendedConnections.add(1)
        updateReading()
    }

    /// The threads that store lag behind. What has been read is taken up all the same.
    private func pauseReading() {
        guard !isReadingPaused, closeReason == nil else { return }
        isReadingPaused = true
        updateReading()
    }

    var isReading: Bool { !isSuspended && !isReadingPaused }

    private func updateReading() {
        guard closeReason == nil else { return }
        try? channelContext?.channel.syncOptions?.setOption(.autoRead, value: isReading)
    }

    /// Keeps what had been read before reading stopped. A remote that closed is read to its end
    /// even so: what it sends beyond one more read is given up with the connection.
    private func keep(_ buffer: inout ByteBuffer) {
        let kept = backlog?.readableBytes ?? 0
        guard kept + buffer.readableBytes <= 2 * resources.limits.receiveBufferLength else {
            return close(.remoteClosed)
        }
        // A copy: the loop's receive buffer is needed for the next read.
        var copy = backlog ?? ByteBufferAllocator().buffer(capacity: buffer.readableBytes)
        copy.writeBuffer(&buffer)
        backlog = copy
    }

    func resumeIfDriverCaughtUp() {
        guard isSuspended, outstandingEvents < resources.limits.unacknowledgedEventsMax else {
            return
        }
        isSuspended = false
        resources.gauges.suspendedConnections.subtract(1)
        if var kept = backlog.take() {
            receive(&kept)
            deliver()
        }
        if !isSuspended { updateReading() }
    }
}
