import NIOCore
import SwarmModel
import SwarmWire

/// Sending over TLS: no `sendfile`, so files are read into a pooled buffer of
/// ``TransportLimits/sealedLength`` together with the messages around them, and each buffer is one
/// write.
extension PeerConnectionHandler {
    func seal(_ items: [Outbox.Item]) {
        for item in items {
            switch item {
            case .messages(let messages, let cost):
                for message in messages { sealing.append(.message(message)) }
                sealing.append(.cost(cost))
            case .extensions(let ids): sealing.append(.extensions(ids))
            case .block(let range, let cost):
                sealing.append(.block(range, sent: nil, cost: cost))
            }
        }
        sealNext()
    }

    /// The kernel has the last buffer. The next one has to wait its turn among what else the loop
    /// does: other connections are served between two.
    func sealingFinished() {
        sealing.isBusy = false
        guard !sealing.isEmpty, let context = channelContext else { return }
        context.eventLoop.assumeIsolated().execute { self.sealNext() }
    }

    private func sealNext() {
        guard !sealing.isBusy, !sealing.isEmpty, closeReason == nil,
            case .open(let session) = phase
        else { return }
        let capacity = resources.limits.sealedLength
        var chunk = SendChunk(from: &loop.pool, capacity: capacity)
        while let item = sealing.first, take(item, into: &chunk, from: session.swarm.source) {}
        var record = SendRecord(blocks: chunk.blocks, cost: chunk.cost)
        record.buffer = (chunk.buffer, capacity: capacity)
        record.isSealed = true
        sealing.isBusy = true
        guard chunk.buffer.readableBytes > 0, closeReason == nil else {
            return finishWrite(record, isSent: closeReason == nil)
        }
        write(.byteBuffer(chunk.buffer), record)
        channelContext?.flush()
    }

    /// Moves an item, or as much of it as fits, into the chunk. False when the chunk is full.
    private func take(
        _ item: SealingQueue.Item,
        into chunk: inout SendChunk,
        from source: any BlockSource
    ) -> Bool {
        switch item {
        case .cost(let cost): chunk.cost += cost
        case .extensions(let ids): extensions.update(with: ids)
        case .message(let message):
            encoded.removeAll(keepingCapacity: encoded.capacity <= Self.messageBufferLength)
            PeerFrameCodec.encode(message, extensions: extensions, into: &encoded)
            // One that is longer than a whole chunk makes the buffer longer.
            let isFirst = chunk.buffer.readableBytes == 0
            guard isFirst || encoded.count <= room(in: chunk) else { return false }
            chunk.buffer.writeBytes(encoded)
        case .block(let range, let sent, let cost):
            return take(range, sent: sent, cost: cost, into: &chunk, from: source)
        }
        sealing.removeFirst()
        return true
    }

    private func room(in chunk: SendChunk) -> Int {
        max(0, resources.limits.sealedLength - chunk.buffer.readableBytes)
    }

    // MARK: Blocks

    private func take(
        _ range: ServedRange,
        sent: Int?,
        cost: Int,
        into chunk: inout SendChunk,
        from source: any BlockSource
    ) -> Bool {
        let header = sent == nil ? ServedRange.frameHeaderLength : 0
        guard room(in: chunk) > header else { return false }
        let start = chunk.buffer.writerIndex
        if sent == nil { writeHeader(of: range, to: &chunk.buffer) }
        let done = sent ?? 0
        let dataCount = min(max(0, range.length - done), room(in: chunk))
        do {
            let part = range.part(from: min(done, range.length), count: dataCount)
            try read(part, from: source, into: &chunk.buffer)
        } catch {
            return unreadable(range, sent: sent, cost: cost, error, start: start, &chunk)
        }
        let paddingLeft = range.payloadLength - done - dataCount
        let padding = done + dataCount < range.length ? 0 : min(paddingLeft, room(in: chunk))
        chunk.buffer.writeRepeatingByte(0, count: padding)
        let now = done + dataCount + padding
        guard now == range.payloadLength else {
            sealing.replaceFirst(by: .block(range, sent: now, cost: cost))
            return false
        }
        chunk.blocks.append(range.raw)
        chunk.cost += cost
        sealing.removeFirst()
        return true
    }

    /// Nothing of the block was written yet: the remote is told nothing. A header that is out
    /// cannot be taken back.
    private func unreadable(
        _ range: ServedRange,
        sent: Int?,
        cost: Int,
        _ error: any Error,
        start: Int,
        _ chunk: inout SendChunk
    ) -> Bool {
        guard sent == nil else {
            close(.ioError("a block could be read in part only: \(error)"))
            return false
        }
        chunk.buffer.moveWriterIndex(to: start)
        chunk.cost += cost
        sealing.removeFirst()
        fail(range, error)
        return true
    }
}
