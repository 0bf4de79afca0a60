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

    /// Takes payload from the front of `input`. Returns what `store` said once the block is whole.
    mutating func take(
        from input: inout ByteBuffer,
        loop: LoopResources,
        store: (UnsafeRawBufferPointer) -> BlockOutcome
    ) -> BlockOutcome? {
        let count = min(length - received, input.readableBytes)
        defer { input.moveReaderIndex(forwardBy: count) }
        received += count
        guard isWanted else { return received == length ? .discarded : nil }
        if count == length {
            return input.withUnsafeReadableBytes { store(.init(rebasing: $0[..<count])) }
        }
        copy(count, from: input, loop: loop)
        guard received == length else { return nil }
        let outcome = buffer?.withUnsafeReadableBytes(store)
        release(to: loop)
        return outcome
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
