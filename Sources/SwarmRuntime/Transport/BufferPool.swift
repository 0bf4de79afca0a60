import NIOCore
import Synchronization

/// Buffers for blocks, lent and taken back, in sizes that are powers of two. One per event loop, so
/// it needs no lock.
///
/// Invariant: `idleBytes` is the sum of the capacities of the idle buffers and at most
/// `idleBytesMax`.
struct BufferPool {
    /// Every buffer of more than ``roomFrom`` bytes has so many more: the header of a frame fits
    /// behind a block. The memory behind them is reserved and never touched.
    static let room = 13
    private static let roomFrom = 64 << 10
    private static let capacityMin = 16 << 10
    private static let sizeClasses = 8

    private let idleBytesMax: Int
    private let gauges: TransportGauges
    private var idle: [[ByteBuffer]] = Array(repeating: [], count: Self.sizeClasses)
    private var idleBytes = 0

    init(idleBytesMax: Int, gauges: TransportGauges) {
        self.idleBytesMax = idleBytesMax
        self.gauges = gauges
    }

    /// An empty buffer for at least that many bytes.
    mutating func take(capacity: Int, allocator: ByteBufferAllocator) -> ByteBuffer {
        let (sizeClass, rounded) = Self.sizeClass(of: capacity)
        gauges.busyBufferBytes.add(rounded)
        guard sizeClass < Self.sizeClasses, var buffer = idle[sizeClass].popLast() else {
            return allocator.buffer(
                capacity: rounded < Self.roomFrom ? rounded : rounded + Self.room
            )
        }
        idleBytes -= rounded
        gauges.pooledBytes.subtract(rounded)
        buffer.clear()
        return buffer
    }

    /// Takes back what ``take(capacity:allocator:)`` lent for the same capacity.
    mutating func giveBack(_ buffer: ByteBuffer, capacity: Int) {
        let (sizeClass, rounded) = Self.sizeClass(of: capacity)
        gauges.busyBufferBytes.subtract(rounded)
        guard sizeClass < Self.sizeClasses, idleBytes + rounded <= idleBytesMax else { return }
        idleBytes += rounded
        gauges.pooledBytes.add(rounded)
        idle[sizeClass].append(buffer)
    }

    /// A buffer that was lent is gone.
    func forget(capacity: Int) {
        gauges.busyBufferBytes.subtract(Self.sizeClass(of: capacity).capacity)
    }

    private static func sizeClass(of capacity: Int) -> (index: Int, capacity: Int) {
        var (index, rounded) = (0, capacityMin)
        while rounded < capacity { (index, rounded) = (index + 1, rounded * 2) }
        return (index, rounded)
    }
}
