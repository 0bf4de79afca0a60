package import Synchronization

/// What the transport holds at the moment, for metrics and for the driver's memory budget. Readable
/// from any thread; each number is exact, but they are not of one instant.
package final class TransportGauges: Sendable {
    /// Bytes of buffers with a block in progress, and of buffers with small blocks on their way
    /// out.
    package let busyBufferBytes = Atomic<Int>(0)
    /// Bytes of blocks that wait to be stored by another thread; part of ``busyBufferBytes``.
    package let handedOverBytes = Atomic<Int>(0)
    /// Bytes of idle buffers, kept for the next block.
    package let pooledBytes = Atomic<Int>(0)
    /// Bytes accepted for sending and not yet handed to the kernel, files included.
    package let unsentBytes = Atomic<Int>(0)
    /// Connections whose reading is stopped because the driver lags behind.
    package let suspendedConnections = Atomic<Int>(0)
    /// Connections closed at once because a limit was reached.
    package let refusedConnections = Atomic<Int>(0)

    package init() {}
}

extension Atomic where Value == Int {
    package func add(_ amount: Int) { wrappingAdd(amount, ordering: .relaxed) }
    package func subtract(_ amount: Int) { wrappingSubtract(amount, ordering: .relaxed) }
    package var value: Int { load(ordering: .relaxed) }
}
