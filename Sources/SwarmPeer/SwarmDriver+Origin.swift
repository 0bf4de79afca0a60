import Logging
import SwarmCore
package import SwarmModel
package import SwarmOrigin
package import SwarmRuntime

/// Origins: leases from the tracker, and reads, each a child task that can be ended by itself.
extension SwarmDriver {
    /// The origins of this version that the operator allows, and whom to ask for leases.
    package struct Origins: Sendable {
        package var accesses: [OriginAccess]
        package var leases: LeaseClient?
        /// What the metainfo says, allowed or not, to be kept with it.
        package var locations: [OriginLocation]

        package init(
            accesses: [OriginAccess] = [],
            leases: LeaseClient? = nil,
            locations: [OriginLocation] = []
        ) {
            self.accesses = accesses
            self.leases = leases
            self.locations = locations
        }
    }

    func performOrigin(_ action: SwarmAction) {
        switch action {
        case .askLease(let wish): jobs.leases.add(.ask(wish))
        case .renewLease(let claim): jobs.leases.add(.renew(claim))
        case .endLease(let claim, let end): jobs.leases.add(.end(claim, end))
        case .readOrigin(let order):
            let stop = AsyncStream.makeStream(of: Void.self)
            readStops[order.id] = stop.continuation
            jobs.reads.add(Jobs.Read(order: order, stop: stop.stream))
        case .cancelRead(let id): readStops.removeValue(forKey: id)?.finish()
        default: preconditionFailure("not about origins: \(action)")
        }
    }

    /// Tells the core of the origins; the deadline for a first look follows from it.
    func beginOrigins() {
        guard !origins.accesses.isEmpty else { return }
        handle(
            .originsKnown(
                origins.accesses.map(\.facts),
                hasTracker: origins.leases?.hasTracker ?? false
            )
        )
    }

    // MARK: Leases

    func runLeases() async {
        let leases = jobs.leases.stream
        await withDiscardingTaskGroup { group in
            for await job in leases { group.addTask { await self.run(job) } }
            group.cancelAll()
        }
    }

    private func run(_ job: Jobs.Lease) async {
        guard let client = origins.leases else {
            if case .ask = job { handle(.leaseAnswered(.unanswered)) }
            return
        }
        switch job {
        case .ask(let wish):
            let answer = await client.ask(wish)
            handle(.leaseAnswered(answer))
        case .renew(let claim):
            switch await client.renew(claim) {
            case .renewed(let lifetime):
                handle(.leaseRenewed(number: claim.number, lifetime: lifetime))
            case .lost: handle(.leaseRenewed(number: claim.number, lifetime: nil))
            case .unanswered: break
            }
        case .end(let claim, let end): await client.end(claim, end)
        }
    }

    // MARK: Reads

    func runReads() async {
        let reads = jobs.reads.stream
        await withDiscardingTaskGroup { group in
            for await read in reads { group.addTask { await self.run(read) } }
            group.cancelAll()
        }
    }

    private func run(_ read: Jobs.Read) async {
        let order = read.order
        let access = origins.accesses.first { $0.facts.id == order.origin }
        guard let access, let files, readStops[order.id] != nil else { return }
        let fetch = OriginFetch(
            order: order,
            source: access.source,
            files: files,
            threads: around.threads,
            report: { raw, outcome in await self.fetched(raw, outcome, order.id) }
        )
        let end = await Self.firstEnd(of: fetch, or: read.stop)
        guard readStops.removeValue(forKey: order.id) != nil, !isStopping else { return }
        if case .ended(let fault) = end { handle(.originReadEnded(order.id, fault)) }
    }

    private enum ReadEnd: Sendable {
        case ended(OriginFault?)
        case stopped
    }

    /// The read's own end, or that nobody wants it.
    private static func firstEnd(
        of fetch: OriginFetch,
        or stop: AsyncStream<Void>
    ) async -> ReadEnd {
        await withTaskGroup(of: ReadEnd.self) { group in
            group.addTask {
                do {
                    return .ended(try await fetch.run())
                } catch is CancellationError {
                    return .stopped
                } catch {
                    return .ended(.unreachable("\(error)"))
                }
            }
            group.addTask {
                for await _ in stop {}
                return .stopped
            }
            let first = await group.next() ?? .stopped
            group.cancelAll()
            return first
        }
    }

    private func fetched(_ raw: RawBlock, _ outcome: BlockOutcome, _ id: ConnectionID) {
        // After a cancelled read its blocks count only in the ledger.
        take(raw, outcome, from: id)
    }

    func log(_ origin: OriginID, _ fault: OriginFault, isPoisoned: Bool) {
        logger.warning(
            isPoisoned ? "origin not used any more for this version" : "origin failed",
            metadata: ["origin": "\(origin)", "reason": "\(fault)"]
        )
    }
}
