@preconcurrency import Dispatch
import Foundation
import Logging
import ServiceLifecycle
import SwarmRuntime

/// Turns SIGINT and SIGTERM into cancellation for the time of one piece of work.
enum Interrupt {
    /// Runs `work`; a signal cancels it, and the command then fails as interrupted. A second signal
    /// ends the process at once.
    static func cancelling<R: Sendable>(
        _ work: @escaping @Sendable () async throws -> R
    ) async throws -> R {
        let (signals, continuation) = AsyncStream.makeStream(of: Void.self)
        SignalWatch.shared.receiver.withLock { $0 = continuation }
        defer { SignalWatch.shared.receiver.withLock { $0 = nil } }
        return try await withThrowingTaskGroup(of: R?.self) { group in
            group.addTask { try await work() }
            group.addTask {
                for await _ in signals { break }
                // From now on a signal finds the stream at its end, and ends the process.
                continuation.finish()
                return nil
            }
            defer { group.cancelAll() }
            if case .some(.some(let result)) = try await group.next() { return result }
            group.cancelAll()
            // The work ends by itself; what it says after being cancelled does not matter.
            _ = try? await group.next()
            throw CommandFailure.interrupted
        }
    }

    /// Waits for a signal.
    static func signalled() async { await watch().first() }

    /// From now on a signal is kept for ``Signals/first()``. A daemon calls it before it listens:
    /// whoever finds it there may end it at once.
    static func watch() -> Signals {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        SignalWatch.shared.receiver.withLock { $0 = continuation }
        return Signals(stream: stream, continuation: continuation)
    }

    struct Signals: Sendable {
        fileprivate let stream: AsyncStream<Void>
        fileprivate let continuation: AsyncStream<Void>.Continuation

        /// Returns when the first signal has come, or the task is cancelled. The next one ends the
        /// process.
        func first() async {
            for await _ in stream { break }
            continuation.finish()
        }

        /// Runs a daemon until a signal comes. It is asked to stop, not cancelled: a server that is
        /// cancelled drops the connections it has just accepted, and calls its end an error. After
        /// `grace`, where one is given, it is cancelled all the same.
        func serve(
            _ service: some Service,
            grace: Duration? = nil,
            logger: Logger
        ) async throws {
            var quiet = logger
            quiet.logLevel = .error
            var configuration = ServiceGroupConfiguration(
                services: [.init(service: service)],
                logger: quiet
            )
            configuration.maximumGracefulShutdownDuration = grace
            let group = ServiceGroup(configuration: configuration)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    await first()
                    await group.triggerGracefulShutdown()
                }
                defer { tasks.cancelAll() }
                try await group.run()
            }
        }
    }
}

/// The process's one watch for signals. It is set up once and stays: a source that is cancelled and
/// made again loses signals.
private final class SignalWatch: Sendable {
    static let shared = SignalWatch()

    /// Who is told; nil when a signal ends the process, as by default.
    let receiver = Locked<AsyncStream<Void>.Continuation?>(nil)
    private let sources: [any DispatchSourceSignal]

    /// Returns once the system hands signals to the sources: until then they are ignored.
    private init() {
        let receiver = receiver
        let registered = DispatchGroup()
        sources = [SIGINT, SIGTERM].map { number in
            // The default action would end the process before the source hears of the signal.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler {
                guard let continuation = receiver.withLock({ $0 }),
                    case .enqueued = continuation.yield()
                else { _exit(ExitStatus.interrupted.rawValue) }
            }
            registered.enter()
            source.setRegistrationHandler { registered.leave() }
            return source
        }
        for source in sources { source.resume() }
        registered.wait()
    }
}
