import NIOCore
import SwarmModel

/// The payload of one `piece` message on its way in. A block that lies whole in the receive buffer
/// is stored from there; otherwise its parts are copied into a pooled buffer, taken when the first
/// part arrives.
///
/// Invariant: 0 <= received <= block.length; `buffer` exists only between the first and the last
/// part.
struct BlockAssembly {
    let block: RawBlock
    /// Whether the sink wants it. The bytes of unwanted blocks are counted and dropped.
    let isWanted: Bool
    private var received = 0
    private var buffer: ByteBuffer?

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
        guard let lent = buffer.take() else { return }
        loop.pool.giveBack(lent, capacity: length)
    }

    private mutating func copy(_ count: Int, from input: ByteBuffer, loop: LoopResources) {
        guard count > 0 else { return }
        var target =
            buffer.take() ?? loop.pool.take(capacity: length, allocator: ByteBufferAllocator())
        _ = input.withUnsafeReadableBytes { target.writeBytes($0[..<count]) }
        buffer = target
    }
}
