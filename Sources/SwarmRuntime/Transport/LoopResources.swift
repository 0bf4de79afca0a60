import NIOCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the connections of one event loop share: the buffer that all of them read into, the pool of
/// block buffers, and what is known of the file systems that they send from. Touched on its loop
/// only.
final class LoopResources {
    let limits: TransportLimits
    let gauges: TransportGauges
    var pool: BufferPool
    /// Bytes are parsed and stored before a read returns, so one buffer serves every connection,
    /// and it stays in the cache of the core.
    private var receiveBuffer: ByteBuffer?
    /// The same for reads that are to bring the header of a long block and little of the block.
    private var headerBuffer: ByteBuffer?
    /// Whether files of a device can be sent without reading them, by device number.
    private var canSendfile: [UInt64: Bool] = [:]

    init(limits: TransportLimits, gauges: TransportGauges) {
        self.limits = limits
        self.gauges = gauges
        pool = BufferPool(idleBytesMax: limits.pooledBytesMax, gauges: gauges)
    }

    /// The loop's receive buffer, empty. A new one when the last was not given back.
    func takeReceiveBuffer(
        beforeLongBlock: Bool,
        allocator: ByteBufferAllocator
    ) -> ByteBuffer {
        var taken: ByteBuffer?
        if beforeLongBlock {
            swap(&taken, &headerBuffer)
        } else {
            swap(&taken, &receiveBuffer)
        }
        guard var buffer = taken.take() else {
            let length = limits.receiveBufferLength
            return allocator.buffer(
                capacity: beforeLongBlock ? min(limits.headerBufferLength, length) : length
            )
        }
        buffer.clear()
        return buffer
    }

    func giveBackReceiveBuffer(_ buffer: ByteBuffer) {
        if buffer.capacity >= limits.receiveBufferLength {
            receiveBuffer = buffer
        } else if buffer.capacity >= limits.headerBufferLength {
            headerBuffer = buffer
        }
    }

    /// Tries `sendfile` once per device: a failure on a socket would cost the connection.
    func canSendfile(from descriptor: CInt, offset: Int, device: UInt64) -> Bool {
        if let known = canSendfile[device] { return known }
        let answer = Self.probeSendfile(from: descriptor, offset: offset)
        canSendfile[device] = answer
        return answer
    }

    private static func probeSendfile(from descriptor: CInt, offset: Int) -> Bool {
        #if os(Linux)
            let sink = open("/dev/null", O_WRONLY | O_CLOEXEC)
            guard sink >= 0 else { return false }
            defer { close(sink) }
            var position = off_t(offset)
            return sendfile(sink, descriptor, &position, 1) == 1
        #else
            return true
        #endif
    }
}

/// Reads into the loop's one receive buffer, or where ``DirectReceive`` says. The channel itself
/// keeps only the first buffer that it was given, which is therefore small: an idle connection
/// holds no receive memory.
struct SharedReceiveAllocator: RecvByteBufferAllocator {
    private static let firstCapacity = 256
    private let loop: NIOLoopBound<LoopResources>
    private let direct: NIOLoopBound<DirectReceive>
    private var hasRead = false

    init(_ loop: NIOLoopBound<LoopResources>, _ direct: NIOLoopBound<DirectReceive>) {
        self.loop = loop
        self.direct = direct
    }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        guard hasRead else { return allocator.buffer(capacity: Self.firstCapacity) }
        let direct = direct.value
        return direct.take()
            ?? loop.value.takeReceiveBuffer(
                beforeLongBlock: direct.isBeforeLongBlock,
                allocator: allocator
            )
    }

    /// Nil and true below tell the channel to ask for a buffer at each read rather than keep its
    /// own.
    func nextBufferSize() -> Int? { nil }

    mutating func record(actualReadBytes: Int) -> Bool {
        hasRead = true
        return true
    }
}
