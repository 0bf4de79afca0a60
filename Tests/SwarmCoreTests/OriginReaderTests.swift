import SwarmModel
import Testing

@testable import SwarmCore

@Suite("What a peer knows of its origins")
struct OriginReaderTests {
    private static let now = Instant.origin + .seconds(50)

    private static func reader(_ count: Int = 1, seed: UInt64 = 1) -> OriginReader {
        var reader = OriginReader(settings: .init(), random: SeededRandom(seed: seed))
        let facts = (0..<count).map { OriginFacts(id: OriginID("o\($0)")!) }
        reader.learn(facts, hasTracker: true, at: now)
        return reader
    }

    @Test(
        "each fault leads to what it deserves",
        arguments: [
            (.unreachable("x"), .passing), (.stalled, .passing),
            (.busy(status: 503, retryAfter: nil), .passing),
            (.busy(status: 429, retryAfter: .seconds(3)), .passing),
            (.cutShort(received: 1, of: 2), .passing), (.denied("x"), .refusal),
            (.missing("x"), .refusal), (.unexpected("x"), .refusal), (.changed("x"), .changed),
            (.notPartial, .poison), (.wrongRange("x"), .poison),
            (.wrongLength(found: 1, published: 2), .poison), (.encoded("gzip"), .poison),
            (.redirected(to: "x"), .poison), (.wrongBytes, .poison),
        ] as [(OriginFault, OriginFault.Severity)]
    )
    func severity(fault: OriginFault, severity: OriginFault.Severity) {
        #expect(fault.severity == severity)
        var reader = Self.reader()
        let isPoisoned = reader.failed(0, fault, at: Self.now)
        #expect(isPoisoned == (severity == .poison))
        #expect(reader.isUsable == (severity != .poison))
        #expect(!reader.isUsable(0, at: Self.now))
        #expect(reader.origins[0].problem == fault)
    }

    @Test("passing faults wait longer each time, with jitter, and up to a limit")
    func backoff() {
        var longest = Duration.zero
        for seed in 1...50 as ClosedRange<UInt64> {
            var reader = Self.reader(seed: seed)
            for fault in 0..<20 {
                _ = reader.failed(0, .stalled, at: Self.now)
                let wait = (reader.origins[0].retryAt ?? Self.now) - Self.now
                let ceiling = min(Duration.milliseconds(250) * (1 << fault), .seconds(60))
                #expect(wait > .zero && wait <= ceiling)
                longest = max(longest, wait)
            }
            reader.succeeded(0)
            #expect(reader.isUsable(0, at: Self.now))
        }
        #expect(longest > .seconds(50))
    }

    @Test("Retry-After is kept, up to a limit")
    func retryAfter() {
        for (asked, least, most) in [(7, 7, 8), (100_000, 300, 301)] {
            var reader = Self.reader()
            let fault = OriginFault.busy(status: 503, retryAfter: .seconds(asked))
            _ = reader.failed(0, fault, at: Self.now)
            #expect(!reader.isUsable(0, at: Self.now + .seconds(least) + .milliseconds(-1)))
            #expect(reader.isUsable(0, at: Self.now + .seconds(most)))
        }
    }

    @Test("an object that changes again and again is given up")
    func changes() {
        var reader = Self.reader()
        let poisonings = (0..<3).map { _ in reader.failed(0, .changed("x"), at: Self.now) }
        #expect(poisonings == [false, false, true])
        #expect(!reader.isUsable)
    }

    @Test("the nearest origin that may be used is chosen, and then the next")
    func choice() throws {
        var reader = OriginReader(settings: .init(), random: SeededRandom(seed: 1))
        let places = ["gcp/eu", "aws/us-east-1", "aws/eu-west-1"]
        let facts = try places.enumerated().map {
            OriginFacts(id: OriginID("o\($0)")!, locality: try Locality($1))
        }
        reader.learn(facts, hasTracker: true, at: Self.now)
        let here = try Locality("aws/eu-west-1/r1")
        #expect(reader.choice(near: here, at: Self.now) == 2)
        _ = reader.failed(2, .wrongBytes, at: Self.now)
        #expect(reader.choice(near: here, at: Self.now) == 1)
        _ = reader.failed(1, .denied("x"), at: Self.now)
        #expect(reader.choice(near: here, at: Self.now) == 0)
        _ = reader.failed(0, .notPartial, at: Self.now)
        #expect(reader.choice(near: here, at: Self.now) == nil)
        #expect(reader.choice(near: here, at: Self.now + .seconds(100)) == 1)
    }

    @Test("a piece is due when it was missing for the whole patience")
    func patience() {
        var reader = Self.reader()
        var missing = Bitfield(count: 8)
        for piece in [1, 2, 5] { missing.insert(bit: piece) }
        reader.seen(missing, at: Self.now)
        reader.seen(missing, at: Self.now + .milliseconds(500))
        #expect(reader.due.isEmpty)
        missing.remove(bit: 2)
        missing.insert(bit: 7)
        reader.seen(missing, at: Self.now + .seconds(1))
        #expect(reader.due == [1, 5])
        reader.seen(missing, at: Self.now + .seconds(2))
        #expect(reader.due == [1, 5, 7])
    }

    @Test("wishes name urgent pieces first, then all others once, from different places")
    func runs() {
        var firsts: [Int] = []
        for seed in 1...20 as ClosedRange<UInt64> {
            var reader = Self.reader(seed: seed)
            let runs = reader.runs(of: Array(0..<50) + Array(60..<100), urgent: [70])
            #expect(runs[0] == 70..<71)
            #expect(runs.count <= LeaseWish.runsMax)
            let rest = runs.dropFirst().flatMap { Array($0) }
            #expect(rest.sorted() == Array(0..<50) + Array(60..<100))
            firsts.append(runs[1].lowerBound)
        }
        #expect(Set(firsts).count > 10)
    }

    @Test("without a tracker's answer a peer reads alone only after a while")
    func alone() {
        var reader = Self.reader()
        #expect(!reader.mayReadAlone(at: Self.now))
        reader.asked()
        reader.unanswered(at: Self.now)
        let due = Self.now + OriginSettings().aloneAfter
        #expect(!reader.mayReadAlone(at: due + .seconds(-1)))
        #expect(reader.mayReadAlone(at: due))
        reader.asked()
        reader.toldToWait(.seconds(1), at: due + .seconds(1))
        #expect(!reader.mayReadAlone(at: due + .seconds(20)))
    }

    @Test("a silent tracker is asked less and less often")
    func askBackoff() {
        var reader = Self.reader()
        var now = Self.now
        var asks = 0
        while now < Self.now + .seconds(600) {
            if reader.mayAsk(at: now) {
                asks += 1
                reader.asked()
                reader.unanswered(at: now)
            }
            now = now + .milliseconds(100)
        }
        #expect((20...80).contains(asks))
    }

    @Test("a read's id names its origin, and no connection's does")
    func ids() {
        for index in [0, 1, 63] {
            #expect(ConnectionID.originRead(12345, ofOrigin: index).originIndex == index)
        }
        #expect(ConnectionID(12345).originIndex == nil)
    }
}
