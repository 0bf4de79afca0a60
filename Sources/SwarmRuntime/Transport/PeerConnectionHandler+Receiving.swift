package import NIOCore
import SwarmModel

extension PeerConnectionHandler {
    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        receive(&buffer)
        loop.giveBackReceiveBuffer(buffer)
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
            }
        } catch {
            close(error)
        }
    }

    private func receivePayload(from buffer: inout ByteBuffer, of session: Session) {
        guard let block = assembly?.block else { return }
        let sink = session.swarm.sink
        let id = session.connection.id
        let outcome = assembly?.take(from: &buffer, loop: loop) { bytes in
            sink.store(bytes, of: block, from: id)
        }
        guard let outcome else { return }
        assembly = nil
        emit(.block(block, outcome))
    }

    // MARK: Back-pressure

    /// A driver that lags behind stops the reading, so that the remote's window closes and no queue
    /// grows.
    private func suspendIfDriverLags() {
        guard closeReason == nil, outstandingEvents >= resources.limits.unacknowledgedEventsMax
        else { return }
        isSuspended = true
        resources.gauges.suspendedConnections.add(1)
        try? channelContext?.channel.syncOptions?.setOption(.autoRead, value: false)
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
        guard !isSuspended, closeReason == nil else { return }
        try? channelContext?.channel.syncOptions?.setOption(.autoRead, value: true)
    }
}
