import SwarmModel

/// What a run counts: bytes between places, completions, and how both went over time. In the units
/// of the core; the report multiplies by the scale.
struct Tally {
    /// One moment of the run, sums since its start.
    struct Sample: Hashable, Sendable {
        var at: Instant
        var completed: Int
        /// Bytes by common levels of sender and receiver: 0 is between clouds.
        var bytes: [Int]
        var originBytes: Int
    }

    private let placeCount: Int
    private let place: [Int]
    private let isOrigin: [Bool]
    private let level: [UInt8]
    /// Bytes from place a to place b at a × places + b; those of origins stand below the others.
    private var bytes: [Int]
    private var originBytesTo: [Int]
    private(set) var originBytes = 0
    private(set) var bytesByLevel = Array(repeating: 0, count: 4)
    private(set) var completedCount = 0
    private(set) var samples: [Sample] = []
    private(set) var sampleEvery = Duration.milliseconds(100)
    private(set) var lastByteAt = Instant.origin
    var lossCount = 0
    var crashCount = 0
    var announceCount = 0

    private static let samplesMax = 1024

    init(_ scenario: Scenario) {
        let places = scenario.places
        placeCount = places.count
        place = scenario.hosts.map(\.place)
        isOrigin = scenario.hosts.map(\.isOrigin)
        bytes = Array(repeating: 0, count: places.count * places.count)
        originBytesTo = bytes
        var level: [UInt8] = []
        for from in places {
            for to in places {
                let common =
                    from.locality == to.locality
                    ? 3 : min(2, from.locality.commonLevels(with: to.locality))
                level.append(UInt8(common))
            }
        }
        self.level = level
    }

    mutating func book(_ count: Int, from: Int, to: Int, at now: Instant) {
        let pair = place[from] * placeCount + place[to]
        if isOrigin[from] {
            originBytesTo[pair] += count
            originBytes += count
        } else {
            bytes[pair] += count
        }
        bytesByLevel[Int(level[pair])] += count
        lastByteAt = now
    }

    mutating func completed(_ node: Int, at now: Instant) { completedCount += 1 }

    /// Notes the sums. When there are too many samples, every other one goes, and they come half as
    /// often.
    mutating func sample(at now: Instant) {
        samples.append(
            Sample(
                at: now,
                completed: completedCount,
                bytes: bytesByLevel,
                originBytes: originBytes
            )
        )
        guard samples.count >= Self.samplesMax else { return }
        samples = stride(from: 0, to: samples.count, by: 2).map { samples[$0] }
        sampleEvery *= 2
    }

    /// The whole as a ledger between localities.
    func ledger(_ scenario: Scenario) -> TrafficLedger {
        var entries: [TrafficLedger.Entry] = []
        for from in 0..<placeCount {
            for to in 0..<placeCount {
                let pair = from * placeCount + to
                for (count, kind) in [
                    (bytes[pair], TrafficLedger.Kind.peer), (originBytesTo[pair], .origin),
                ] where count > 0 {
                    entries.append(
                        TrafficLedger.Entry(
                            from: scenario.places[from].locality,
                            to: scenario.places[to].locality,
                            kind: kind,
                            bytes: count * scenario.scale
                        )
                    )
                }
            }
        }
        return TrafficLedger(entries)
    }
}

extension Simulation {
    mutating func sample() {
        tally.sample(at: now)
        agenda.add(.sample, at: now + tally.sampleEvery)
    }
}
