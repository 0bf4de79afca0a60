import NIOCore
import NIOPosix
import SwarmModel
import Synchronization

/// Stores the blocks of one connection on other threads, so that its event loop receives the next
/// block while one is hashed and written. Several cores then serve one fast connection; a process
/// whose cores are all storing gets none, and stores on the loop.
///
/// Used on the connection's event loop; only ``work()`` is run by the threads.
final class StoreLine: Sendable {
    struct Job: Sendable {
        let block: RawBlock
        /// The block's bytes, from the loop's pool.
        let buffer: ByteBuffer
        let sink: any BlockSink
        let connection: ConnectionID
        /// Where among the held events of its connection the block's is, counted from the first.
        let position: Int
    }

    private struct State: Sendable {
        var jobs: CircularBuffer<Job> = []
        var workers = 0
    }

    private let threads: StoreThreads
    private let state = Locked(State())
    private let loop: any EventLoop
    /// Called on the loop for each job, in the order in which they are done.
    private let report: @Sendable (Job, BlockOutcome) -> Void

    init(
        _ threads: StoreThreads,
        loop: any EventLoop,
        report: @escaping @Sendable (Job, BlockOutcome) -> Void
    ) {
        self.threads = threads
        self.loop = loop
        self.report = report
    }

    /// Takes a job, unless the line is empty and all cores are busy: then the caller stores the
    /// block itself.
    func add(_ job: Job) -> Bool {
        let (isTaken, starts) = state.withLock { state in
            // One more when the job would wait behind another that waits.
            let starts = (state.workers == 0 || !state.jobs.isEmpty) && threads.lend()
            guard starts || state.workers > 0 else { return (false, false) }
            if starts { state.workers += 1 }
            state.jobs.append(job)
            return (true, starts)
        }
        if starts { threads.run { self.work() } }
        return isTaken
    }

    private func work() {
        while let job = next() {
            let outcome = job.buffer.withUnsafeReadableBytes {
                job.sink.store($0, of: job.block, from: job.connection)
            }
            loop.execute { self.report(job, outcome) }
        }
    }

    private func next() -> Job? {
        state.withLock { state in
            guard let job = state.jobs.popFirst() else {
                state.workers -= 1
                threads.takeBack()
                return nil
            }
            return job
        }
    }
}

/// The threads that store for connections with a loop of their own to keep busy: as many as there
/// are cores beyond the one that receives.
final class StoreThreads: Sendable {
    private let count: Int
    private let lent = Atomic<Int>(0)
    private let pool: NIOThreadPool

    init(count: Int) {
        self.count = count
        pool = NIOThreadPool(numberOfThreads: max(1, count))
        if count > 0 { pool.start() }
    }

    /// Counts a loop that stores on its own thread as one core that is busy.
    func whileStoring<Result>(_ body: () -> Result) -> Result {
        lent.add(1)
        defer { lent.subtract(1) }
        return body()
    }

    func lend() -> Bool {
        var known = lent.value
        while known < count {
            let (isExchanged, original) = lent.compareExchange(
                expected: known,
                desired: known + 1,
                ordering: .relaxed
            )
            if isExchanged { return true }
            known = original
        }
        return false
    }

    func takeBack() { lent.subtract(1) }

    func run(_ work: @escaping @Sendable () -> Void) {
        // Also when the pool ends first: the blocks have been received.
        pool.submit { _ in work() }
    }

    func shutDown() async {
        guard count > 0 else { return }
        try? await pool.shutdownGracefully()
    }
}
