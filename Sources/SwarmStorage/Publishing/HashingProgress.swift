internal import Synchronization

/// How far a hashing run has come, shared between the hashing threads and whoever watches or stops
/// them.
package final class HashingProgress: Sendable {
    private let done = Atomic<Int>(0)
    private let stopped = Atomic<Bool>(false)

    package init() {}

    /// Bytes read and hashed so far.
    package var bytesDone: Int { done.load(ordering: .relaxed) }
    package var isCancelled: Bool { stopped.load(ordering: .relaxed) }

    /// Makes the run end with ``HashingFailure/cancelled`` within one buffer's work per thread.
    package func cancel() { stopped.store(true, ordering: .relaxed) }

    func add(_ count: Int) { done.wrappingAdd(count, ordering: .relaxed) }
}
