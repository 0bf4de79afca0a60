import SwarmModel
import Testing

@testable import SwarmCore

/// An announcer and the trackers that it meets, in virtual time.
struct AnnouncerBench {
    var announcer: Announcer
    var now = Instant.origin

    init(
        _ tiers: [[String]],
        seed: UInt64 = 1,
        _ change: (inout AnnouncerSettings) -> Void = { _ in }
    ) {
        var settings = AnnouncerSettings()
        change(&settings)
        announcer = Announcer(
            tiers: tiers.map { $0.map { "http://\($0)/announce" } },
            settings: settings,
            random: SeededRandom(seed: seed)
        )
    }

    /// Lets time pass until the next order: `name` or `name:event`; nil when none will come.
    mutating func next() throws -> String? {
        for _ in 0..<100 {
            guard let deadline = announcer.deadline else { return nil }
            now = max(now, deadline)
            if let order = announcer.poll(at: now) { return Self.text(order) }
        }
        throw Spinning()
    }

    /// The order due now, if any.
    mutating func order() -> String? { announcer.poll(at: now).map(Self.text) }

    private static func text(_ order: AnnounceOrder) -> String {
        let name = order.url.dropFirst(7).prefix { $0 != "/" }
        return name + (order.event.map { ":\($0.rawValue)" } ?? "")
    }

    mutating func succeed(interval: Int = 60, min: Int? = nil) {
        announcer.answered(
            .success(AnnounceSuccess(intervalSeconds: interval, intervalSecondsMin: min)),
            at: now
        )
    }

    mutating func refuse(_ retry: AnnounceRetry?) {
        announcer.answered(.failure(reason: "no", retry: retry), at: now)
    }

    mutating func fail() { announcer.failed(at: now) }

    struct Spinning: Error {}
}

@Suite("Announcer")
struct AnnouncerTests {
    @Test("one life: started, regular, completed, stopped")
    func events() throws {
        var bench = AnnouncerBench([["a"]])
        #expect(try bench.next() == "a:started")
        bench.succeed(interval: 60)
        #expect(try bench.next() == "a")
        #expect(bench.now == .origin + .seconds(60))
        bench.succeed(interval: 60)
        bench.now = bench.now + .seconds(3)
        #expect(bench.order() == nil)
        bench.announcer.completed()
        #expect(bench.order() == "a:completed")
        bench.succeed()
        #expect(try bench.next() == "a")
        bench.succeed()
        bench.announcer.stop()
        #expect(bench.order() == "a:stopped")
        bench.succeed()
        #expect(bench.announcer.isStopped)
        #expect(try bench.next() == nil)
    }

    @Test("there is never a second announce outstanding")
    func oneAtATime() throws {
        var bench = AnnouncerBench([["a"], ["b"]])
        #expect(try bench.next() == "a:started")
        bench.announcer.completed()
        bench.announcer.wantsPeersSooner = true
        #expect(bench.announcer.deadline == nil)
        #expect(bench.announcer.poll(at: bench.now + .seconds(9999)) == nil)
        bench.announcer.stop()
        #expect(bench.announcer.poll(at: bench.now + .seconds(9999)) == nil)
        #expect(!bench.announcer.isStopped)
        bench.succeed()
        #expect(bench.order() == "a:stopped")
        // A late or second answer means nothing.
        bench.fail()
        bench.succeed()
        #expect(bench.announcer.isStopped)
    }

    @Test("completed while started is on its way follows at once")
    func completedEarly() throws {
        var bench = AnnouncerBench([["a"]])
        #expect(bench.order() == "a:started")
        bench.announcer.completed()
        bench.succeed(interval: 60, min: 60)
        #expect(bench.order() == "a:completed")
        bench.fail()
        #expect(try bench.next() == "a:completed")
        bench.succeed()
        #expect(bench.order() == nil)
    }

    @Test("tiers are asked in order, and each new tracker hears started first (BEP 12)")
    func tiers() throws {
        var bench = AnnouncerBench([["a"], ["b"]])
        #expect(bench.order() == "a:started")
        bench.fail()
        #expect(bench.order() == "b:started")
        bench.succeed(interval: 60)
        #expect(try bench.next() == "a:started")
        bench.fail()
        #expect(bench.order() == "b")
        bench.succeed(interval: 60)
        #expect(try bench.next() == "a:started")
        bench.succeed(interval: 60)
        #expect(try bench.next() == "a")
        bench.succeed()
        bench.announcer.stop()
        #expect(bench.order() == "a:stopped")
        bench.fail()
        #expect(bench.order() == "b:stopped")
        bench.succeed()
        #expect(bench.announcer.isStopped)
    }

    @Test("the tracker that answered moves to the front of its tier (BEP 12)")
    func promotion() throws {
        var bench = AnnouncerBench([["a", "b", "c"], ["d"]])
        let order = bench.announcer.urls
        for _ in 0..<2 {
            _ = bench.order()
            bench.fail()
        }
        _ = bench.order()
        bench.succeed(interval: 60)
        #expect(bench.announcer.urls == [order[2], order[0], order[1], order[3]])
        _ = try bench.next()
        bench.succeed()
        #expect(bench.announcer.urls[0] == order[2])
    }

    @Test("a tier is shuffled by chance, tiers are not")
    func shuffle() {
        var firsts: [String] = []
        for seed in 0..<64 {
            let bench = AnnouncerBench([["a", "b", "c"], ["d"]], seed: UInt64(seed))
            #expect(bench.announcer.urls[3] == "http://d/announce")
            if !firsts.contains(bench.announcer.urls[0]) { firsts.append(bench.announcer.urls[0]) }
        }
        #expect(firsts.count == 3)
    }

    @Test("URLs that are not HTTP, repeated, or too many are left out")
    func urls() {
        let announcer = Announcer(
            tiers: [
                ["udp://x:1", "HTTP://y/announce", ""], ["http://z/", "http://z/"], ["ftp://q"],
                ["https://w"],
            ],
            random: SeededRandom(seed: 1)
        )
        #expect(announcer.urls == ["HTTP://y/announce", "http://z/", "https://w"])
        let many = AnnouncerBench([(0..<50).map { "t\($0)" }])
        #expect(many.announcer.urls.count == 32)
        let none = Announcer(tiers: [], random: SeededRandom(seed: 1))
        #expect(none.deadline == nil)
    }

    @Test("after a round of failures the wait has a ceiling that doubles up to five minutes")
    func backOff() throws {
        var widest: [Duration] = Array(repeating: .zero, count: 12)
        for seed in 0..<200 {
            var bench = AnnouncerBench([["a"], ["b"]], seed: UInt64(seed))
            for round in 0..<12 {
                let before = bench.now
                #expect(try bench.next() == "a:started")
                widest[round] = max(widest[round], bench.now - before)
                bench.fail()
                #expect(bench.order() == "b:started")
                bench.fail()
                #expect(bench.order() == nil)
            }
        }
        #expect(widest[0] == .zero)
        for round in 1..<12 {
            let ceiling = Duration.seconds(min(300, 2 << (round - 1)))
            #expect(widest[round] <= ceiling)
            #expect(widest[round] > .nanoseconds(ceiling.nanoseconds * 9 / 10))
        }
    }

    @Test("a success ends the back-off")
    func backOffEnds() throws {
        var bench = AnnouncerBench([["a"]])
        for _ in 0..<20 {
            _ = try bench.next()
            bench.fail()
        }
        _ = try bench.next()
        bench.succeed(interval: 60)
        let before = bench.now
        #expect(try bench.next() == "a")
        #expect(bench.now - before == .seconds(60))
        bench.fail()
        let failed = bench.now
        #expect(try bench.next() == "a")
        #expect(bench.now - failed <= .seconds(2))
    }

    @Test("retry in never drops the tracker, minutes leave it alone so long (BEP 31)")
    func retryIn() throws {
        var bench = AnnouncerBench([["a"], ["b"]])
        #expect(bench.order() == "a:started")
        bench.refuse(.never)
        #expect(bench.order() == "b:started")
        bench.refuse(.minutes(7))
        #expect(bench.order() == nil)
        #expect(try bench.next() == "b:started")
        #expect(bench.now == .origin + .seconds(420))
        bench.refuse(nil)
        #expect(try bench.next() == "b:started")
        bench.refuse(.never)
        #expect(bench.announcer.urls.isEmpty)
        #expect(bench.announcer.deadline == nil)
        bench.announcer.stop()
        #expect(bench.announcer.isStopped)
    }

    @Test("while one tracker wants to be left alone the others are used")
    func retryInWithOthers() throws {
        var bench = AnnouncerBench([["a"], ["b"]])
        #expect(bench.order() == "a:started")
        bench.refuse(.minutes(5))
        for _ in 0..<5 {
            let text = try bench.next()
            #expect(text == "b:started" || text == "b")
            bench.succeed(interval: 60)
        }
        #expect(try bench.next() == "a:started")
        #expect(bench.now == .origin + .seconds(300))
    }

    @Test("absurd times are clamped", arguments: [Int.min, -1, 0, 1 << 40, Int.max])
    func clamping(seconds: Int) throws {
        var bench = AnnouncerBench([["a"]])
        _ = bench.order()
        bench.succeed(interval: seconds, min: seconds)
        _ = try bench.next()
        #expect((Duration.seconds(1)...Duration.seconds(1800)).contains(bench.now - .origin))
        bench.refuse(.minutes(seconds))
        let refused = bench.now
        _ = try bench.next()
        #expect((Duration.seconds(0)...Duration.seconds(1800)).contains(bench.now - refused))
    }

    @Test(
        "more peers are asked for no sooner than the tracker's minimum",
        arguments: [
            (interval: 60, min: 20, sooner: 20, regular: 60),
            (interval: 60, min: nil, sooner: 30, regular: 60),
            (interval: 10, min: nil, sooner: 10, regular: 10),
            (interval: 10, min: 20, sooner: 20, regular: 20),
        ] as [(interval: Int, min: Int?, sooner: Int, regular: Int)]
    )
    func sooner(interval: Int, min: Int?, sooner: Int, regular: Int) throws {
        var bench = AnnouncerBench([["a"]])
        _ = bench.order()
        bench.succeed(interval: interval, min: min)
        bench.announcer.wantsPeersSooner = true
        #expect(try bench.next() == "a")
        #expect(bench.now == .origin + .seconds(sooner))
        bench.succeed(interval: interval, min: min)
        let before = bench.now
        #expect(!bench.announcer.wantsPeersSooner)
        #expect(try bench.next() == "a")
        #expect(bench.now - before == .seconds(regular))
    }

    @Test("a swarm that no tracker knows of is left without a word")
    func stopUnknown() throws {
        var bench = AnnouncerBench([["a"]])
        _ = bench.order()
        bench.fail()
        bench.announcer.stop()
        #expect(bench.announcer.isStopped)
        #expect(bench.announcer.deadline == nil)
    }
}
