internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime

/// Drives the registry: hands it the time and keeps requests apart. Nothing is awaited or encoded
/// while the lock is held.
struct RegistryDriver: Sendable {
    private struct State {
        var registry: TrackerRegistry
        var random: SeededRandom
    }

    private let state: Locked<State>
    private let lifetime: Duration
    private let clock = MonotonicClock()

    init(settings: TrackerRegistrySettings, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let registry = TrackerRegistry(settings: settings, random: &random)
        state = Locked(State(registry: registry, random: random))
        lifetime = settings.lifetime
    }

    func announce(_ request: AnnounceRequest, from client: Endpoint) -> AnnounceResponse {
        let now = clock.now
        return state.withLock { state in
            state.registry.announce(request, from: client, at: now, random: &state.random)
        }
    }

    func scrape(_ swarms: [SwarmID]) -> [ScrapeEntry] {
        state.withLock { $0.registry.scrape(swarms) }
    }

    var counts: (swarms: Int, peers: Int) {
        state.withLock { (swarms: $0.registry.swarmCount, peers: $0.registry.peerCount) }
    }

    /// How many peers of a swarm have each piece.
    func holderCount(of swarm: SwarmID) -> Int {
        state.withLock { $0.registry.holderCount(of: swarm) }
    }

    func snapshot() -> [ScrapeEntry] { state.withLock { $0.registry.snapshot() } }

    func members(of swarm: SwarmID) -> (counts: ScrapeEntry, members: [TrackerMember])? {
        let now = clock.now
        return state.withLock { state in
            guard let counts = state.registry.counts(of: swarm),
                let members = state.registry.members(of: swarm, at: now)
            else { return nil }
            return (counts, members)
        }
    }

    /// Forgets silent peers until it is cancelled.
    func expirePeers() async {
        while !Task.isCancelled {
            let now = clock.now
            let deadline = state.withLock { state in
                if let deadline = state.registry.deadline, deadline <= now {
                    state.registry.expire(at: now)
                }
                return state.registry.deadline
            }
            // A peer that comes while we sleep does not expire before its lifetime is over.
            let pause = deadline.map { min($0 - now, lifetime) } ?? lifetime
            try? await Task.sleep(for: max(pause, .milliseconds(10)))
        }
    }
}
