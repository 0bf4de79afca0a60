internal import SwarmCore
internal import SwarmModel
internal import SwarmRuntime

/// Drives the book of traffic: hands it the time and keeps reports apart.
struct TrafficDriver: Sendable {
    private let book: Locked<TrafficBook>
    /// Reports being received: each is held in memory until it is entered.
    private let places: Locked<Int>
    private let placesMax: Int
    private let clock = MonotonicClock()

    init(settings: TrafficBookSettings, placesMax: Int) {
        book = Locked(TrafficBook(settings: settings))
        places = Locked(0)
        self.placesMax = placesMax
    }

    func enter(_ report: TrafficReport, in swarm: SwarmID) -> TrafficBook.Outcome {
        let now = clock.now
        return book.withLock { $0.enter(report, in: swarm, at: now) }
    }

    var totals: (reporters: Int, levels: LevelBytes) {
        book.withLock { (reporters: $0.reporterCount, levels: $0.levels) }
    }

    var swarmIDs: [SwarmID] { book.withLock { $0.swarmIDs } }

    func traffic(of swarm: SwarmID) -> SwarmTraffic? { book.withLock { $0.traffic(of: swarm) } }

    /// Takes a place for receiving a report while `body` runs; nil when all are taken.
    func withPlace<R: Sendable>(_ body: () async throws -> R) async throws -> R? {
        let isFree = places.withLock { count in
            guard count < placesMax else { return false }
            count += 1
            return true
        }
        guard isFree else { return nil }
        defer { places.withLock { $0 -= 1 } }
        return try await body()
    }
}
