import SwarmModel
import Testing

@testable import SwarmCore

@Suite("UploadSlots")
struct UploadSlotsTests {
    private typealias Candidate = UploadSlots.Candidate

    private static func id(_ number: Int) -> ConnectionID { ConnectionID(UInt64(number)) }

    private func candidate(
        _ number: Int,
        isOurs: Bool = true,
        level: Int = 2,
        held: Int = 0,
        since seconds: Int = 0
    ) -> UploadSlots.Candidate {
        Candidate(
            id: Self.id(number),
            isOurs: isOurs,
            level: level,
            piecesHeld: held,
            waitsSince: .origin + .seconds(seconds)
        )
    }

    @Test("far transfers never take near slots, nor near ones far slots")
    func pools() {
        var slots = UploadSlots(near: 2, far: 1, turnBytes: 100, turnTime: .seconds(9))
        #expect(slots.admits(Self.id(1), .far, at: .origin) == true)
        #expect(slots.admits(Self.id(2), .far, at: .origin) == false)
        #expect(slots.admits(Self.id(3), .near, at: .origin) == true)
        #expect(slots.admits(Self.id(4), .near, at: .origin) == true)
        #expect(slots.admits(Self.id(5), .near, at: .origin) == false)
        #expect(slots.admits(Self.id(4), .near, at: .origin) == true, "who has a turn keeps it")
        slots.drained(Self.id(1), at: .origin)
        #expect(slots.admits(Self.id(2), .far, at: .origin) == true)
    }

    @Test("a turn ends after its share when others wait, and only then")
    func turns() {
        var slots = UploadSlots(near: 1, far: 1, turnBytes: 100, turnTime: .seconds(9))
        #expect(slots.admits(Self.id(1), .near, at: .origin) == true)
        slots.sent(500, to: Self.id(1), othersWait: false, at: .origin)
        #expect(slots.admits(Self.id(1), .near, at: .origin) == true)
        slots.sent(1, to: Self.id(1), othersWait: true, at: .origin)
        #expect(slots.admits(Self.id(1), .near, at: .origin) == false)
        #expect(slots.hasRoom(.near))
        #expect(slots.admits(Self.id(2), .near, at: .origin) == true)
    }

    @Test("a peer that takes nothing gives its slot up")
    func stalled() {
        var slots = UploadSlots(near: 1, far: 1, turnBytes: 100, turnTime: .seconds(9))
        _ = slots.admits(Self.id(1), .near, at: .origin)
        #expect(!slots.hasRoom(.near))
        slots.stalled(Self.id(1))
        #expect(slots.hasRoom(.near))
    }

    @Test("ours first, the farthest of them, then who has least; every fourth who waited longest")
    func order() {
        var slots = UploadSlots(near: 9, far: 9, turnBytes: 100, turnTime: .seconds(9))
        let waiting = [
            candidate(1, isOurs: false, level: 0, since: 0),
            candidate(2, level: 2, held: 5, since: 1),
            candidate(3, level: 2, held: 1, since: 2), candidate(4, level: 1, held: 9, since: 3),
        ]
        #expect(slots.next(among: waiting) == Self.id(4))
        #expect(slots.next(among: Array(waiting.prefix(3))) == Self.id(3))
        #expect(slots.next(among: Array(waiting.prefix(2))) == Self.id(2))
        #expect(slots.next(among: waiting) == Self.id(1), "the fourth turn")
        _ = slots.admits(Self.id(4), .near, at: .origin)
        #expect(slots.next(among: waiting) == Self.id(3), "who has a turn needs none")
        #expect(slots.next(among: []) == nil)
    }

    @Test("everybody gets a turn, however many want one", arguments: 1...5)
    func fairness(near: Int) {
        var slots = UploadSlots(near: near, far: 1, turnBytes: 10, turnTime: .seconds(9))
        var waiting = (0..<20).map { candidate($0, isOurs: $0 % 5 != 0, held: $0 * 3) }
        var turns = Array(repeating: 0, count: 20)
        for round in 1...400 {
            guard let next = slots.next(among: waiting) else { continue }
            #expect(slots.admits(next, .near, at: .origin) == true)
            turns[Int(next.number)] += 1
            waiting[Int(next.number)].waitsSince = .origin + .seconds(round)
            slots.drained(next, at: .origin)
        }
        #expect(turns.allSatisfy { $0 > 0 }, "\(turns)")
    }

    @Test("who wants a piece that nobody else has comes first, the nearest of them")
    func first() {
        var slots = UploadSlots(near: 9, far: 9, turnBytes: 100, turnTime: .seconds(9))
        var waiting = (1...3).map { candidate($0, level: $0 - 1) }
        #expect(slots.next(among: waiting) == Self.id(1))
        waiting[1].isFirst = true
        #expect(slots.next(among: waiting) == Self.id(2))
        waiting[2].isFirst = true
        #expect(slots.next(among: waiting) == Self.id(3))
    }

    /// Turns at once when so many want one, each block of a piece of its own and as slow as the
    /// sharing of an uplink of `uplink` pieces a second, or a peer of `most`, makes it.
    private func crowd(uplink: Double, most: Double = .infinity) -> Int {
        var slots = UploadSlots(near: 16, far: 8, turnBytes: 100, turnTime: .seconds(9))
        slots.pieceLength = 100
        var left = [ConnectionID: Double]()
        var now = Instant.origin
        var next = 0
        var crowd = 0
        while now < .origin + .seconds(300) {
            while slots.admits(Self.id(next), next % 3 == 0 ? .far : .near, at: now) {
                left[Self.id(next)] = 1
                next += 1
            }
            next += 1
            crowd = left.count
            let rate = min(uplink / Double(left.count), most)
            let wait = left.values.min().map { $0 / rate } ?? 0
            now = now + .seconds(1) * wait
            for id in left.keys.sorted() {
                left[id, default: 0] -= wait * rate
                guard left[id, default: 0] < 1e-9 else { continue }
                slots.finished(100, after: .seconds(1) * (1 / rate), at: now)
                slots.drained(id, at: now)
                left[id] = nil
            }
        }
        return crowd
    }

    @Test("a slow host sends to few, and one with slow peers to all")
    func crowds() {
        #expect(crowd(uplink: 0.5) <= 4)
        #expect(crowd(uplink: 2) <= 6)
        #expect(crowd(uplink: 100) >= 20)
        #expect(crowd(uplink: 100, most: 0.2) >= 14)
    }

    @Test("files of a few bytes say nothing of the uplink, blocks of 16 KiB only several at once")
    func shortBlocks() {
        let block = PieceGeometry.blockLength
        var slots = UploadSlots(near: 4, far: 4, turnBytes: 100, turnTime: .seconds(9))
        slots.pieceLength = 64 * block
        for number in 1...100 {
            slots.finished(3, after: .milliseconds(1), at: .origin + .milliseconds(number))
        }
        #expect(!slots.isNarrow(at: .origin + .milliseconds(100)))
        #expect(slots.soonAt == nil)
        // One waits for 50 ms, which would be 3.2 s for a piece; with three more it is 0.8 s.
        let now = Instant.origin + .milliseconds(200)
        slots.finished(block, after: .milliseconds(50), at: now)
        #expect(!slots.isNarrow(at: now))
        for _ in 1...2 { slots.finished(block, after: .zero, at: now) }
        #expect(!slots.isNarrow(at: now))
        slots.finished(block, after: .zero, at: now)
        #expect(slots.isNarrow(at: now), "800 ms for a piece is narrow")
        for _ in 1...4 { slots.finished(block, after: .milliseconds(1), at: now) }
        #expect(slots.soonAt == now)
    }

    @Test("from a narrow uplink a piece goes to one at a time, who may have the rest of it")
    func settling() throws {
        var slots = UploadSlots(near: 4, far: 4, turnBytes: 100, turnTime: .seconds(9))
        slots.pieceLength = 100
        slots.finished(100, after: .seconds(1), at: .origin)
        #expect(slots.isNarrow(at: .origin))
        let geometry = try PieceGeometry(pieceLength: 16384, fileLengths: [1])
        let piece = try #require(geometry.piece(0))
        _ = slots.admits(Self.id(1), .near, at: .origin)
        slots.sent(50, of: piece, to: Self.id(1), othersWait: false, at: .origin)
        #expect(slots.isSending(piece, besides: Self.id(2), at: .origin))
        #expect(!slots.isSending(piece, besides: Self.id(1), at: .origin))
        slots.drained(Self.id(1), at: .origin)
        #expect(slots.isSettling(piece, besides: Self.id(2), at: .origin))
        #expect(!slots.isSettling(piece, besides: Self.id(1), at: .origin))
        #expect(!slots.isSettling(piece, besides: Self.id(2), at: .origin + .seconds(1)))
    }

    @Test("slots follow from the uplink when it is known")
    func sizes() {
        var settings = SwarmSettings()
        settings.scheduler.uplinkBytesPerSecond = 1_250_000_000
        settings.scheduler.regionEgressShare = 125_000_000
        var slots = Swarm.slots(settings)
        var near = 0
        while slots.admits(Self.id(near), .near, at: .origin) { near += 1 }
        var far = 0
        while slots.admits(Self.id(100 + far), .far, at: .origin) { far += 1 }
        #expect(near == 8)
        #expect(far == 2)
    }
}

@Suite("Uplinks")
struct UplinkTests {
    @Test("the usual rate has the usual weight, others a quarter or four times of it and so on")
    func weights() {
        func weight(_ rate: UInt64, usual: UInt64 = 1000, former: UInt32? = nil) -> UInt32 {
            UplinkRating.weight(bytesPerSecond: rate, usual: usual, former: former)
        }
        let cases: [(UInt64, UInt32)] = [
            (0, 2), (400, 2), (510, 8), (1000, 8), (1990, 8), (2010, 32), (8010, 128),
            (1_000_000, 512), (.max, 512),
        ]
        for (rate, expected) in cases { #expect(weight(rate) == expected, "\(rate)") }
        #expect(weight(340, former: 8) == 8)
        #expect(weight(320, former: 8) == 2)
        #expect(weight(2990, former: 8) == 8)
        #expect(weight(3100, former: 8) == 32)
        #expect(weight(0, usual: 0) == 2)
        #expect(UplinkRating.weights.contains(weight(.max, usual: 1)))
    }

    @Test("an uplink is measured only while more was wanted")
    func meter() {
        var meter = UplinkMeter(at: .origin)
        var now = Instant.origin
        for _ in 0..<10 {
            meter.sent(1000, at: now)
            meter.sample(isSaturated: false, at: now)
            now = now + .milliseconds(100)
        }
        #expect(meter.bytesPerSecond == nil)
        for count in 0..<40 {
            #expect(meter.bytesPerSecond == nil || count >= 10, "the first seconds say little")
            meter.sent(1000, at: now)
            meter.sample(isSaturated: true, at: now)
            now = now + .milliseconds(100)
        }
        #expect((8_000...11_000).contains(meter.bytesPerSecond ?? 0))
    }

    @Test("who is below a quarter of its rack's median is slow, for others and for itself")
    func slow() throws {
        var bench = TrackerBench()
        for (number, rate) in [(1, 640), (2, 640), (3, 320), (4, 64), (5, nil)] as [(Int, UInt64?)]
        {
            var request = try TrackerBench.request(number)
            request.uplinkBytesPerSecond = rate.map { $0 << 20 }
            try bench.announce(request)
        }
        let update = try #require(bench.announce(TrackerBench.request(6)).roster)
        let ratings = update.joined.sorted { $0.peer < $1.peer }.map(\.rating)
        // The first two came before there was anything to compare them with.
        #expect(ratings.map(\.weight) == [8, 8, 8, 2, 8])
        #expect(ratings.map(\.isSlow) == [false, false, false, true, false])
        #expect(update.ownRating == .unmeasured)
        var again = try TrackerBench.request(4)
        again.uplinkBytesPerSecond = 64 << 20
        let own = try #require(bench.announce(again).roster)
        #expect(own.ownRating == UplinkRating(weight: 2, isSlow: true))
    }

    @Test("among hosts of one kind no weight changes; who differs learns of it after the others")
    func own() throws {
        var bench = TrackerBench()
        func announce(_ number: Int, _ rate: UInt64) throws -> RosterUpdate {
            var request = try TrackerBench.request(number)
            request.uplinkBytesPerSecond = rate << 20
            return try #require(bench.announce(request).roster)
        }
        let rates: [UInt64] = [700, 900, 1000, 1100, 1400]
        for round in 0..<3 {
            for (number, rate) in rates.enumerated() {
                let update = try announce(number, rate + UInt64(round * 50))
                #expect(update.ownRating == .unmeasured)
                #expect(update.joined.allSatisfy { $0.rating == .unmeasured })
            }
            bench.now = bench.now + .seconds(30)
        }
        #expect(try announce(9, 5000).ownRating.weight == 8, "the others do not know yet")
        let seen = try announce(1, 900).joined.first { $0.peer == TrackerBench.peer(9) }
        #expect(seen?.rating.weight == 32)
        #expect(try announce(9, 5000).ownRating.weight == 32)
    }
}
