internal import SwarmModel
internal import SwarmRuntime

/// Where hosts wait for news: what each has been told last, and the request that it lets us hold.
/// At most one request of a host waits; a newer one sends the older one home.
final class SyncDesks: Sendable {
    private struct Desk: Sendable {
        var state: DesiredState
        var waiting: (token: Int, continuation: CheckedContinuation<DesiredState, Never>)?
    }

    private struct State: Sendable {
        var desks: [HostName: Desk] = [:]
        var waitingCount = 0
        var lastToken = 0
        var epoch: Int
        var counter = 0
        var isClosed = false

        /// Larger than all before, also those of earlier lives of the tracker, since the epoch is.
        mutating func nextGeneration() -> Int {
            counter += 1
            return epoch << 32 | counter
        }
    }

    private let state: Locked<State>
    private let waitingMax: Int

    init(epoch: Int, waitingMax: Int) {
        state = Locked(State(epoch: epoch))
        self.waitingMax = waitingMax
    }

    var waitingCount: Int { state.withLock { $0.waitingCount } }

    /// The fleet was made anew, with another epoch.
    func begin(epoch: Int) {
        state.withLock { state in
            state.epoch = epoch
            state.counter = 0
        }
    }

    /// What is wanted of a host from now on. Nobody is told when it is what it was.
    func publish(_ models: [DesiredState.Model], for host: HostName) {
        let told = state.withLock {
            state -> (CheckedContinuation<DesiredState, Never>, DesiredState)? in
            if state.desks[host]?.state.models == models { return nil }
            let next = DesiredState(generation: state.nextGeneration(), models: models)
            state.desks[host, default: Desk(state: next)].state = next
            return Self.release(host, &state).map { ($0, next) }
        }
        if let (continuation, next) = told { continuation.resume(returning: next) }
    }

    func forget(_ host: HostName) {
        let told = state.withLock { state -> CheckedContinuation<DesiredState, Never>? in
            defer { state.desks[host] = nil }
            return Self.release(host, &state)
        }
        told?.resume(returning: .nothing)
    }

    private static func release(
        _ host: HostName,
        _ state: inout State
    ) -> CheckedContinuation<DesiredState, Never>? {
        guard let waiting = state.desks[host]?.waiting else { return nil }
        state.desks[host]?.waiting = nil
        state.waitingCount -= 1
        return waiting.continuation
    }

    /// Nobody waits any more: the tracker stops.
    func close() {
        let told = state.withLock { state in
            state.isClosed = true
            return state.desks.keys.compactMap { host in
                let now = state.desks[host]!.state
                return Self.release(host, &state).map { ($0, now) }
            }
        }
        for (continuation, state) in told { continuation.resume(returning: state) }
    }

    /// The state of the host when it is not the one of `generation`; otherwise the next one, or
    /// the same after `wait`.
    func wait(
        for host: HostName,
        unlike generation: Int,
        _ wait: Duration
    ) async throws -> DesiredState {
        let token = state.withLock { state in
            state.lastToken += 1
            return state.lastToken
        }
        let isFull = state.withLock { state in
            state.waitingCount >= waitingMax && state.desks[host]?.waiting == nil
                && state.desks[host]?.state.generation == generation
        }
        if isFull, wait > .zero { throw FleetDriver.busy }
        let isSeated = Locked(false)
        return await withTaskGroup(of: DesiredState?.self) { group in
            group.addTask {
                await withCheckedContinuation { continuation in
                    self.sit(host, token, generation, wait, continuation)
                    isSeated.withLock { $0 = true }
                }
            }
            group.addTask {
                try? await Task.sleep(for: wait)
                // One that was cancelled at once may be here first.
                while !isSeated.withLock({ $0 }) { await Task.yield() }
                self.end(host, token)
                return nil
            }
            defer { group.cancelAll() }
            for await result in group {
                if let result { return result }
            }
            return .nothing
        }
    }

    private func sit(
        _ host: HostName,
        _ token: Int,
        _ generation: Int,
        _ wait: Duration,
        _ continuation: CheckedContinuation<DesiredState, Never>
    ) {
        typealias Told = (CheckedContinuation<DesiredState, Never>, DesiredState)
        let told = state.withLock { state -> [Told] in
            let now = state.desks[host]?.state ?? .nothing
            var told: [Told] = Self.release(host, &state).map { [($0, now)] } ?? []
            if now.generation != generation || wait <= .zero || state.isClosed {
                told.append((continuation, now))
            } else {
                state.desks[host, default: Desk(state: now)].waiting = (token, continuation)
                state.waitingCount += 1
            }
            return told
        }
        for (continuation, state) in told { continuation.resume(returning: state) }
    }

    private func end(_ host: HostName, _ token: Int) {
        let told = state.withLock {
            state -> (CheckedContinuation<DesiredState, Never>, DesiredState)? in
            guard let desk = state.desks[host], desk.waiting?.token == token else { return nil }
            return Self.release(host, &state).map { ($0, desk.state) }
        }
        if let (continuation, state) = told { continuation.resume(returning: state) }
    }
}
