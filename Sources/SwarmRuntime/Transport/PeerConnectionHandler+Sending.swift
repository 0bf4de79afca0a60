import NIOCore
import SwarmModel
import SwarmWire

/// Bytes being put together for one write.
struct SendChunk {
    var buffer: ByteBuffer
    /// The capacity asked of the pool, nil when the buffer is not from there.
    let pooledCapacity: Int?
    /// Blocks whose last byte is in the buffer.
    var blocks: [RawBlock] = []
    var cost = 0

    init(_ buffer: consuming ByteBuffer, pooledCapacity: Int?) {
        self.buffer = buffer
        self.pooledCapacity = pooledCapacity
    }

    /// Taken from the pool here, so that nobody else refers to the buffer: with a second reference
    /// the first write would copy all of it, whatever it holds.
    init(from pool: inout BufferPool, capacity: Int) {
        self.init(
            pool.take(capacity: capacity, allocator: ByteBufferAllocator()),
            pooledCapacity: capacity
        )
    }
}

/// What to do when a write is done.
struct SendRecord {
    var blocks: [RawBlock]
    var cost: Int
    var buffer: (ByteBuffer, capacity: Int)?
    var file: OpenFile?
    var isSealed = false
}

extension PeerConnectionHandler {
    static let messageBufferLength = 4096

    /// Takes up what the driver asked for since the last time, and flushes once.
    func takeUpOutbox() {
        guard case .open(let session) = phase else { return }
        let batch = session.connection.takeUpOutbox()
        if let reason = batch.closeReason { return close(reason) }
        guard closeReason == nil else { return }
        if tlsHandler == nil {
            send(batch.items, from: session.swarm.source)
        } else {
            seal(batch.items)
        }
        acknowledged(batch.acknowledged)
        resumeIfDriverCaughtUp()
    }

    private func send(_ items: [Outbox.Item], from source: any BlockSource) {
        var copiedBytes = copiedBytes(of: items)
        for item in items {
            switch item {
            case .messages(let messages, let cost): append(messages, cost: cost)
            case .extensions(let ids): extensions.update(with: ids)
            case .block(let range, let cost):
                if isCopied(range) {
                    append(range, cost: cost, from: source, expecting: copiedBytes)
                    copiedBytes -= cost
                } else {
                    send(range, cost: cost, from: source)
                }
            }
        }
        writeChunk()
        channelContext?.flush()
    }

    private func isCopied(_ range: ServedRange) -> Bool {
        range.length <= resources.limits.copiedBlockLengthMax
    }

    /// Bytes of the small blocks of a batch, by which their buffers are sized.
    private func copiedBytes(of items: [Outbox.Item]) -> Int {
        items.reduce(0) { sum, item in
            guard case .block(let range, let cost) = item, isCopied(range) else { return sum }
            return sum + cost
        }
    }

    // MARK: Messages

    private func append(_ messages: [PeerMessage], cost: Int) {
        for message in messages {
            if case .piece = message { preconditionFailure("blocks are sent by sendBlock") }
            encoded.removeAll(keepingCapacity: encoded.capacity <= Self.messageBufferLength)
            PeerFrameCodec.encode(message, extensions: extensions, into: &encoded)
            guard !encoded.isEmpty else { continue }
            var chunk = takeChunk(room: encoded.count, pooledCapacity: nil)
            chunk.buffer.writeBytes(encoded)
            self.chunk = chunk
        }
        var chunk = takeChunk(room: 0, pooledCapacity: nil)
        chunk.cost += cost
        self.chunk = chunk
    }

    // MARK: Blocks

    /// A small block: read behind its header, written together with its neighbours.
    private func append(
        _ range: ServedRange,
        cost: Int,
        from source: any BlockSource,
        expecting copiedBytes: Int
    ) {
        let capacity = max(cost, min(copiedBytes, resources.limits.sendBufferLength))
        var chunk = takeChunk(room: cost, pooledCapacity: capacity)
        let start = chunk.buffer.writerIndex
        do {
            writeHeader(of: range, to: &chunk.buffer)
            try read(range, from: source, into: &chunk.buffer)
            chunk.buffer.writeRepeatingByte(0, count: range.padding)
            chunk.blocks.append(range.raw)
        } catch {
            chunk.buffer.moveWriterIndex(to: start)
            fail(range, error)
        }
        // Its bytes count as unsent until the write that they were meant for.
        chunk.cost += cost
        self.chunk = chunk
    }

    /// A large block: its header, then the file's pages without a copy, then padding.
    private func send(_ range: ServedRange, cost: Int, from source: any BlockSource) {
        do {
            guard let (region, file) = try openFiles.region(of: range, from: source, loop: loop)
            else { return try sendCopy(of: range, cost: cost, from: source) }
            var chunk = takeChunk(room: ServedRange.frameHeaderLength, pooledCapacity: nil)
            writeHeader(of: range, to: &chunk.buffer)
            self.chunk = chunk
            writeChunk()
            // The padding, a rare thing, goes last and so carries the block's name and cost.
            let isLast = range.padding == 0
            write(
                .fileRegion(region),
                SendRecord(blocks: isLast ? [range.raw] : [], cost: isLast ? cost : 0, file: file)
            )
            if !isLast { appendPadding(of: range, cost: cost) }
        } catch {
            fail(range, error)
            connection?.sent(cost: cost)
        }
    }

    private func appendPadding(of range: ServedRange, cost: Int) {
        var chunk = takeChunk(room: range.padding, pooledCapacity: nil)
        chunk.buffer.writeRepeatingByte(0, count: range.padding)
        chunk.blocks.append(range.raw)
        chunk.cost += cost
        self.chunk = chunk
    }

    /// A large block of a file that cannot be sent without reading it.
    private func sendCopy(
        of range: ServedRange,
        cost: Int,
        from source: any BlockSource
    ) throws {
        let capacity = range.length
        var data = loop.pool.take(capacity: capacity, allocator: ByteBufferAllocator())
        do {
            try read(range, from: source, into: &data)
        } catch {
            loop.pool.giveBack(data, capacity: capacity)
            throw error
        }
        var header = takeChunk(room: ServedRange.frameHeaderLength, pooledCapacity: nil)
        writeHeader(of: range, to: &header.buffer)
        chunk = header
        writeChunk()
        chunk = SendChunk(data, pooledCapacity: capacity)
        guard range.padding == 0 else { return appendPadding(of: range, cost: cost) }
        chunk?.blocks = [range.raw]
        chunk?.cost = cost
    }

    func read(
        _ range: ServedRange,
        from source: any BlockSource,
        into buffer: inout ByteBuffer
    ) throws {
        guard range.length > 0 else { return }
        try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: range.length) { bytes in
            try source.read(range, into: .init(rebasing: bytes[..<range.length]))
            return range.length
        }
    }

    func writeHeader(of range: ServedRange, to buffer: inout ByteBuffer) {
        encoded.removeAll(keepingCapacity: true)
        PeerFrameCodec.encode(.piece(range.raw), extensions: extensions, into: &encoded)
        buffer.writeBytes(encoded)
    }

    func fail(_ range: ServedRange, _ error: any Error) {
        emit(.sendFailed(range.raw, reason: "\(error)"))
        scheduleDelivery()
    }

    // MARK: Writes

    private var connection: PeerConnection? {
        if case .open(let session) = phase { session.connection } else { nil }
    }

    /// Hands out the chunk in progress if it has room, else a new one. The caller puts it back.
    private func takeChunk(room: Int, pooledCapacity: Int?) -> SendChunk {
        if let current = chunk {
            if current.buffer.writableBytes >= room {
                // Moved out and not copied: a second reference would double the buffer.
                chunk = nil
                return current
            }
            writeChunk()
        }
        guard let capacity = pooledCapacity else {
            let length = max(room, Self.messageBufferLength)
            return SendChunk(
                ByteBufferAllocator().buffer(capacity: length),
                pooledCapacity: nil
            )
        }
        return SendChunk(from: &loop.pool, capacity: capacity)
    }

    private func writeChunk() {
        guard let chunk = chunk.take() else { return }
        let lent = chunk.pooledCapacity.map { (chunk.buffer, capacity: $0) }
        let record = SendRecord(blocks: chunk.blocks, cost: chunk.cost, buffer: lent)
        guard chunk.buffer.readableBytes > 0 else { return finishWrite(record, isSent: true) }
        write(.byteBuffer(chunk.buffer), record)
    }

    /// Forgets the chunk of a connection that ended.
    func dropChunk() {
        guard let chunk = chunk.take(), let capacity = chunk.pooledCapacity else { return }
        loop.pool.giveBack(chunk.buffer, capacity: capacity)
    }

    func write(_ data: IOData, _ record: SendRecord) {
        guard let context = channelContext else { return finishWrite(record, isSent: false) }
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { result in
            if case .failure(let error as IOError) = result { self.close(.ioError("\(error)")) }
            self.finishWrite(record, isSent: (try? result.get()) != nil)
        }
        context.write(wrapOutboundOut(data), promise: promise)
    }

    func finishWrite(_ record: SendRecord, isSent: Bool) {
        if let (buffer, capacity) = record.buffer {
            loop.pool.giveBack(buffer, capacity: capacity)
        }
        if let file = record.file { openFiles.giveBack(file) }
        if record.isSealed { sealingFinished() }
        connection?.sent(cost: record.cost)
        guard isSent, closeReason == nil, !record.blocks.isEmpty else { return }
        for block in record.blocks { emit(.blockSent(block)) }
        scheduleDelivery()
    }
}
