internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime

/// What pages show, made at most once in ``PageSettings/spacing`` for all that look at the same
/// channel.
final class PageSights: Sendable {
    private struct Slot: Sendable {
        var overview: FleetOverview
        var madeAt: Instant
        /// Somebody is making the next one.
        var isBeingMade = false
    }

    private struct TrafficSlot: Sendable {
        var summaries: [TrafficSummary]
        var madeAt: Instant
    }

    let settings: PageSettings
    private let fleet: FleetDriver
    private let traffic: TrafficDriver
    private let prices: EgressPrices
    /// By channel, the empty name being all hosts. Those of channels that are gone are let go of
    /// when another one is made.
    private let slots = Locked<[String: Slot]>([:])
    private let trafficSlots = Locked<[String: TrafficSlot]>([:])
    private let clock = MonotonicClock()

    init(
        settings: PageSettings,
        fleet: FleetDriver,
        traffic: TrafficDriver,
        prices: EgressPrices
    ) {
        self.settings = settings
        self.fleet = fleet
        self.traffic = traffic
        self.prices = prices
    }

    func overview(of channel: String?) async throws -> FleetOverview {
        let key = channel ?? ""
        let now = clock.now
        let spacing = settings.spacing
        let recent = slots.withLock { slots -> FleetOverview? in
            guard let slot = slots[key] else { return nil }
            if slot.isBeingMade || now < slot.madeAt + spacing { return slot.overview }
            slots[key]!.isBeingMade = true
            return nil
        }
        if let recent { return recent }
        do {
            let (made, names) = try await fleet.perform { fleet, _, _ in
                guard let made = fleet.overview(of: channel) else {
                    throw fleet.unknownChannel(key)
                }
                return (made, made.channels.map(\.name))
            }
            slots.withLock { slots in
                slots = slots.filter { $0.key.isEmpty || names.contains($0.key) }
                slots[key] = Slot(overview: made, madeAt: now)
            }
            return made
        } catch {
            slots.withLock { $0[key] = nil }
            throw error
        }
    }

    /// Of the versions that channels go to or serve; where there are none, of any that moved.
    func traffic(of channel: String?) async throws -> [TrafficSummary] {
        let key = channel ?? ""
        let now = clock.now
        let spacing = settings.trafficSpacing
        let recent = trafficSlots.withLock { slots in
            slots[key].flatMap { now < $0.madeAt + spacing ? $0.summaries : nil }
        }
        if let recent { return recent }
        var named = try await fleet.perform { fleet, _, _ in
            fleet.versionsInUse(by: channel).map { ($0.name, $0.infoHash.swarmID) }
        }
        if named.isEmpty { named = traffic.swarmIDs.map { ("\($0)", $0) } }
        let made = named.prefix(settings.versionsMax).compactMap { name, swarm in
            traffic.traffic(of: swarm).map { TrafficSummary(name: name, $0, prices: prices) }
        }
        trafficSlots.withLock { slots in
            slots = slots.filter { now < $0.value.madeAt + spacing }
            slots[key] = TrafficSlot(summaries: made, madeAt: now)
        }
        return made
    }

    func hosts(
        at place: Locality,
        levels: Int,
        channel: String?
    ) async throws -> [HostLine] {
        let countMax = settings.hostsMax
        return try await fleet.perform { fleet, _, _ in
            fleet.hostLines(at: place, levels: levels, channel: channel, countMax: countMax)
        }
    }
}
