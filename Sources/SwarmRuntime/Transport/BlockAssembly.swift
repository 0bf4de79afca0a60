import NIOCore
import SwarmModel

/// The payload of one `piece` message on its way in. A block that lies whole in the receive buffer
/// is stored from there; otherwise its parts are gathered in a pooled buffer, by copying them or by
/// lending the buffer to a read.
///
/// Invariant: 0 <= received <= block.length; a buffer is taken once, before the second part, and is
/// either in `buffer` or lent.
struct BlockAssembly {
    let block: RawBlock
    /// Whether the sink wants it. The bytes of unwanted blocks are counted and dropped.
    let isWanted: Bool
    private var received = 0
    private var buffer: ByteBuffer?
    private var isLent = false

    init(block: RawBlock, isWanted: Bool) {
        self.block = block
        self.isWanted = isWanted
    }

    private var length: Int { Int(block.length) }

    /// What came of a whole block.
    enum Whole {
        case unwanted
        /// It lies in the receive buffer, of which this is a part.
        case inPlace(ByteBuffer)
        /// It is in a buffer of the pool, asked for with the block's length, which the caller must
        /// give back.
        case pooled(ByteBuffer)
    }

    /// Takes payload from the front of `input`. Returns the block when it is whole.
    mutating func take(from input: inout ByteBuffer, loop: LoopResources) -> Whole? {
        let count = min(length - received, input.readableBytes)
        received += count
        guard isWanted else {
            input.moveReaderIndex(forwardBy: count)
            return received == length ? .unwanted : nil
        }
        if count == length { return input.readSlice(length: count).map { .inPlace($0) } }
        copy(count, from: input, loop: loop)
        input.moveReaderIndex(forwardBy: count)
        guard received == length else { return nil }
        return buffer.take().map { .pooled($0) }
    }

    /// Gives the buffer back when the connection ends amid a block.
    mutating func release(to loop: LoopResources) {
        if isLent { loop.pool.forget(capacity: length) }
        isLent = false
        guard let own = buffer.take() else { return }
        loop.pool.giveBack(own, capacity: length)
    }

    // MARK: Reading into the buffer

    /// The buffer, for a read to fill behind what is there: up to the end of the block and the
    /// header of the next frame. Nil for a block that nobody wants.
    mutating func lend(loop: LoopResources) -> ByteBuffer? {
        guard isWanted else { return nil }
        let whole =
            buffer.take() ?? loop.pool.take(capacity: length, allocator: ByteBufferAllocator())
        isLent = true
        return Self.cut(whole, at: length + BufferPool.room, filled: received)
    }

    /// A buffer ends for a read where its slice does. Only the slice is left of it here, so that
    /// writing to it copies nothing.
    private static func cut(_ whole: ByteBuffer, at end: Int, filled: Int) -> ByteBuffer {
        var whole = whole
        whole.moveWriterIndex(to: end)
        guard var slice = whole.getSlice(at: 0, length: end) else {
            preconditionFailure("a buffer of \(whole.capacity) bytes has none at \(end)")
        }
        slice.moveWriterIndex(to: filled)
        return slice
    }

    mutating func takeBack(unfilled: ByteBuffer) {
        isLent = false
        buffer = unfilled
    }

    /// Takes the buffer as the read has left it. Returns the bytes behind the block.
    mutating func takeBack(_ filled: ByteBuffer) -> ByteBuffer {
        isLent = false
        received = min(filled.writerIndex, length)
        var own = filled
        own.moveWriterIndex(to: received)
        buffer = own
        return filled.getSlice(at: received, length: filled.writerIndex - received) ?? ByteBuffer()
    }

    var isWhole: Bool { received == length }

    /// The buffer with the whole block, which the caller must give back.
    mutating func finish() -> ByteBuffer? { buffer.take() }

    private mutating func copy(_ count: Int, from input: ByteBuffer, loop: LoopResources) {
        guard count > 0 else { return }
        var target =
            buffer.take() ?? loop.pool.take(capacity: length, allocator: ByteBufferAllocator())
        _ = input.withUnsafeReadableBytes { target.writeBytes($0[..<count]) }
        buffer = target
    }
}
