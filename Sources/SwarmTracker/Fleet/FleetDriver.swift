internal import Dispatch
internal import Foundation
internal import Hummingbird
internal import Logging
package import SwarmCore
internal import SwarmModel
internal import SwarmRuntime

/// Owns the fleet: one thing after the other, on a thread of its own that may wait for the disk.
///
/// What waits is taken together: all of it goes through the machine, all that is to be written down
/// goes into one transaction, and only then anybody is told. So ten thousand reports do not cost
/// ten thousand transactions, and nothing is seen that a crash could undo. When a transaction
/// fails, the fleet in memory is ahead of the disk: it is dropped, and made anew from the database
/// with the next epoch.
final class FleetDriver: Sendable {
    typealias Body<R> = @Sendable (inout Fleet, Instant, inout [FleetAction]) throws -> R
    /// Nil when what the job did is durable.
    private typealias Finish = @Sendable (APIError?) -> Void
    private struct Job: Sendable {
        var run: @Sendable (inout Fleet, Instant, inout [FleetAction]) -> Finish
        /// It was not run.
        var refuse: @Sendable (APIError) -> Void
    }

    private struct Owned: Sendable {
        /// Nil while the database cannot be written.
        var fleet: Fleet?
        /// Hosts to write down with the next transaction.
        var unsaved: [HostName: FleetAction] = [:]
        var lastFlush: Instant
        var lastGauge: Instant
    }

    let settings: FleetDriverSettings
    let database: FleetDatabase
    let desks: SyncDesks
    let gauges = FleetGauges()
    /// Gates to look at, for ``GateRunner``.
    let gates: AsyncStream<(GateRun, RolloutPlan.Gate)>
    private let gateRequests: AsyncStream<(GateRun, RolloutPlan.Gate)>.Continuation
    private let queue = DispatchQueue(label: "shoal.fleet")
    private let inbox = Locked<[Job]>([])
    /// Only the queue takes this lock, so nobody ever waits for it.
    private let owned: Locked<Owned>
    private let clock = MonotonicClock()

    init(database: FleetDatabase, settings: FleetDriverSettings) throws(TrackerError) {
        self.database = database
        self.settings = settings
        let now = MonotonicClock().now
        do {
            let fleet = try database.makeFleet(settings: settings.fleet, at: now)
            desks = SyncDesks(epoch: fleet.epoch, waitingMax: settings.waitingMax)
            gauges.update(fleet)
            owned = Locked(Owned(fleet: fleet, lastFlush: now, lastGauge: now))
        } catch {
            throw FleetDatabase.explained(error, database.path)
        }
        (gates, gateRequests) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingNewest(settings.gatesWaitingMax)
        )
    }

    // MARK: Jobs

    /// Runs `body` on the fleet and returns when what it did is durable and told.
    func perform<R: Sendable>(_ body: @escaping Body<R>) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            let job = Job { fleet, now, actions in
                let result = Result { try body(&fleet, now, &actions) }
                return { failure in
                    if let failure {
                        continuation.resume(throwing: failure)
                    } else {
                        continuation.resume(with: result)
                    }
                }
            } refuse: { failure in
                continuation.resume(throwing: failure)
            }
            let isTaken = submit(job)
            if !isTaken { continuation.resume(throwing: Self.busy) }
        }
    }

    static let busy = APIError(
        status: .serviceUnavailable,
        code: "busy",
        message: "the tracker has as many requests as it takes; try again in some seconds",
        headers: [.retryAfter: "5"]
    )

    private func submit(_ job: Job) -> Bool {
        let position = inbox.withLock { jobs -> Int? in
            guard jobs.count < settings.jobsMax else { return nil }
            jobs.append(job)
            return jobs.count
        }
        guard let position else { return false }
        if position == 1 { queue.async { self.drain() } }
        return true
    }

    private func drain() {
        let jobs = inbox.withLock { jobs in
            defer { jobs = [] }
            return jobs
        }
        let now = clock.now
        var finishes: [Finish] = []
        var failure: APIError?
        owned.withLock { owned in
            do {
                if owned.fleet == nil { try reopen(&owned, at: now) }
                var actions: [FleetAction] = []
                for job in jobs { finishes.append(job.run(&owned.fleet!, now, &actions)) }
                try commit(actions, &owned, at: now)
                tell(actions, owned.fleet!)
            } catch {
                owned.fleet = nil
                failure = unusable(error)
            }
            measure(&owned, at: now)
        }
        for finish in finishes { finish(failure) }
        for job in jobs.dropFirst(finishes.count) { job.refuse(failure ?? Self.busy) }
    }

    /// Now and then: it looks at every host.
    private func measure(_ owned: inout Owned, at now: Instant) {
        guard let fleet = owned.fleet, owned.lastGauge + settings.tick <= now else { return }
        owned.lastGauge = now
        gauges.update(fleet)
    }

    private func unusable(_ error: any Error) -> APIError {
        let explained = FleetDatabase.explained(error, database.path)
        gauges.noteFailure(explained.message)
        return APIError(
            status: APIError.insufficientStorage,
            code: "catalog-unusable",
            message: explained.message
        )
    }

    private func reopen(_ owned: inout Owned, at now: Instant) throws {
        let fleet = try database.makeFleet(settings: settings.fleet, at: now)
        desks.begin(epoch: fleet.epoch)
        gauges.noteFailure(nil)
        owned = Owned(fleet: fleet, lastFlush: now, lastGauge: now)
    }

    // MARK: After the machine

    private func commit(
        _ actions: [FleetAction],
        _ owned: inout Owned,
        at now: Instant
    ) throws {
        var durable: [FleetAction] = []
        for action in actions {
            switch action {
            case .saveHost(let host, _, _): owned.unsaved[host] = action
            case .removeHost(let host):
                owned.unsaved[host] = nil
                durable.append(action)
            case .desire, .runGate: break
            default: durable.append(action)
            }
        }
        let isDue = owned.lastFlush + settings.hostsWrittenEvery <= now && !owned.unsaved.isEmpty
        guard isDue || !durable.isEmpty else { return }
        try database.commit(Array(owned.unsaved.values) + durable, at: Date())
        gauges.noteCommit()
        owned.unsaved = [:]
        owned.lastFlush = now
    }

    private func tell(_ actions: [FleetAction], _ fleet: Fleet) {
        for action in actions {
            switch action {
            case .desire(let host): desks.publish(fleet.desired(of: host), for: host)
            case .removeHost(let host): desks.forget(host)
            case .runGate(let run, let gate): gateRequests.yield((run, gate))
            default: break
            }
        }
    }

    // MARK: Hosts

    /// Takes a report, and returns what is wanted of the host: at once when that is something else
    /// than it knows, and otherwise when it changes, or after `wait`.
    func sync(_ report: HostReport, wait: Duration) async throws -> DesiredState {
        try await perform { fleet, now, actions in
            try fleet.reported(report, at: now, into: &actions)
            // Also of a host that has not changed: a tracker that has just started does not know
            // yet what it has told it.
            actions.append(.desire(report.host))
        }
        return try await desks.wait(for: report.host, unlike: report.generation, wait)
    }

    /// Time passes: run for the life of the daemon. `holders` counts complete peers of a version,
    /// `hasOrigin` looks into its `.torrent`.
    func run(
        logger: Logger,
        holders: @Sendable (InfoHash) -> Int,
        hasOrigin: @Sendable (ModelReference) async -> Bool
    ) async {
        var standstill: String?
        while (try? await Task.sleep(for: settings.tick)) != nil {
            do {
                try await tick(holders: holders, hasOrigin: hasOrigin)
                if standstill != nil { logger.notice("the fleet can be moved again") }
                standstill = nil
            } catch {
                let reason = (error as? APIError)?.message ?? "\(error)"
                if reason != standstill { logger.error("the fleet stands still: \(reason)") }
                standstill = reason
            }
        }
        gateRequests.finish()
    }

    private func tick(
        holders: @Sendable (InfoHash) -> Int,
        hasOrigin: @Sendable (ModelReference) async -> Bool
    ) async throws {
        let seeding = try await perform { fleet, now, actions in
            fleet.tick(at: now, into: &actions)
            return fleet.seeding
        }
        for rollout in seeding {
            let name = try? ModelReference(
                name: rollout.model,
                version: rollout.target.version
            )
            guard let name else { continue }
            let (count, origin) = (holders(rollout.target.infoHash), await hasOrigin(name))
            try await perform { fleet, now, actions in
                fleet.seedingChanged(
                    rollout: rollout.id,
                    channel: rollout.channel,
                    holders: count,
                    hasOrigin: origin,
                    at: now,
                    into: &actions
                )
            }
        }
    }
}

/// The knobs of the driver.
package struct FleetDriverSettings: Sendable {
    package var fleet = FleetSettings()
    /// Hosts whose request is held until something is wanted of them.
    package var waitingMax = 12_288
    /// Requests that wait for the fleet's thread.
    package var jobsMax = 16_384
    package var gatesWaitingMax = 64
    /// Between two looks at the time.
    package var tick = Duration.milliseconds(500)
    /// Names and labels of hosts are written down at least this often, or with what else is
    /// written. A crash forgets those of the last few seconds, which report again.
    package var hostsWrittenEvery = Duration.seconds(5)
    /// Longest body of a report, and of an operator's request, in bytes.
    package var reportByteCountMax = 256 << 10
    package var requestByteCountMax = 64 << 10
    /// Longest that a host may let us hold its request.
    package var waitMax = Duration.seconds(60)
    /// Hosts, rollouts or lines of the audit log in one answer.
    package var pageMax = 1000
    /// Copies of the database that are kept; the oldest goes when one more is made.
    package var backupsKept = 8

    package init() {}
}
