import DequeModule
import SwarmModel
import Testing

@testable import SwarmCore

@Suite("RequestPipeline")
struct RequestPipelineTests {
    static let start = Instant.origin
    static let ranges: [BlockRange] = {
        guard let geometry = try? PieceGeometry(pieceLength: 1 << 20, fileLengths: [64 << 20])
        else {
            return []
        }
        return geometry.pieces.flatMap { piece in
            (0..<64).compactMap { geometry.range(of: $0..<$0 + 1, in: piece) }
        }
    }()

    /// The bytes that should be outstanding.
    static func outstanding(_ pipeline: RequestPipeline, at now: Instant) -> Int {
        pipeline.depth(
            RequestLimits(SwarmSettings()),
            unit: 16384,
            rate: pipeline.bytesPerSecond(at: now)
        )
    }

    @Test("what was asked for is expected once, and unsolicited after that")
    func expected() {
        var pipeline = RequestPipeline(at: Self.start)
        pipeline.sent(Self.ranges[0], at: Self.start)
        #expect(pipeline.outstandingBytes == 16384)
        #expect(pipeline.arrived(Self.ranges[0], at: Self.start + .seconds(1)) == .expected)
        #expect(pipeline.isEmpty && pipeline.outstandingBytes == 0)
        #expect(pipeline.arrived(Self.ranges[0], at: Self.start + .seconds(1)) == .unsolicited)
    }

    @Test("what was given up is late once, whether it comes or is rejected")
    func late() {
        var pipeline = RequestPipeline(at: Self.start)
        for range in Self.ranges[0..<3] { pipeline.sent(range, at: Self.start) }
        #expect(pipeline.giveUp(Self.ranges[1]) == true)
        #expect(pipeline.giveUp(Self.ranges[1]) == false)
        #expect(pipeline.giveUpAll() == [Self.ranges[0], Self.ranges[2]])
        #expect(pipeline.outstandingBytes == 0)
        #expect(pipeline.arrived(Self.ranges[1], at: Self.start) == .late)
        #expect(pipeline.arrived(Self.ranges[1], at: Self.start) == .unsolicited)
        #expect(pipeline.rejected(Self.ranges[0]) == false)
        #expect(pipeline.arrived(Self.ranges[0], at: Self.start) == .unsolicited)
        #expect(pipeline.arrived(Self.ranges[2], at: Self.start) == .late)
    }

    @Test("a reject of what is outstanding frees it, of anything else changes nothing")
    func rejected() {
        var pipeline = RequestPipeline(at: Self.start)
        pipeline.sent(Self.ranges[0], at: Self.start)
        #expect(pipeline.rejected(Self.ranges[1]) == false)
        #expect(pipeline.rejected(Self.ranges[0]) == true)
        #expect(pipeline.isEmpty && pipeline.outstandingBytes == 0)
    }

    @Test("after a cancel and a second request, the first reject answers the cancel (BEP 6)")
    func rejectAfterCancel() {
        var pipeline = RequestPipeline(at: Self.start)
        pipeline.sent(Self.ranges[0], at: Self.start)
        _ = pipeline.giveUp(Self.ranges[0])
        pipeline.sent(Self.ranges[0], at: Self.start)
        #expect(pipeline.rejected(Self.ranges[0]) == false)
        #expect(!pipeline.isEmpty)
        #expect(pipeline.rejected(Self.ranges[0]) == true)
        #expect(pipeline.isEmpty)
    }

    @Test("ranges given up are remembered to a bound, the oldest forgotten first")
    func bounded() {
        var pipeline = RequestPipeline(at: Self.start)
        for range in Self.ranges[0..<1025] { pipeline.sent(range, at: Self.start) }
        _ = pipeline.giveUpAll()
        #expect(pipeline.arrived(Self.ranges[0], at: Self.start) == .unsolicited)
        #expect(pipeline.arrived(Self.ranges[1], at: Self.start) == .late)
    }

    @Test("a snubbed peer gets one request at a time until it delivers")
    func snubbed() {
        let settings = SwarmSettings()
        var pipeline = RequestPipeline(at: Self.start)
        pipeline.sent(Self.ranges[0], at: Self.start)
        #expect(pipeline.snub(at: Self.start) == [Self.ranges[0]])
        #expect(pipeline.isSnubbed)
        #expect(Self.outstanding(pipeline, at: Self.start) == 16384)
        #expect(pipeline.arrived(Self.ranges[0], at: Self.start) == .late)
        #expect(!pipeline.isSnubbed)
        let depth = Self.outstanding(pipeline, at: Self.start)
        #expect(depth == settings.outstandingBytesMin)
    }

    @Test("who says that requests wait is not silent, for as long as that is believed")
    func queued() {
        var pipeline = RequestPipeline(at: Self.start)
        pipeline.sent(Self.ranges[0], at: Self.start)
        let believed = Duration.seconds(30)
        #expect(pipeline.silentSince(believed) == Self.start)
        // Apart from the expectation, which cannot hold what it would change.
        let first = pipeline.queued(at: Self.start + .seconds(20))
        #expect(first)
        #expect(pipeline.isQueued)
        #expect(pipeline.silentSince(believed) == Self.start + .seconds(20))
        let second = pipeline.queued(at: Self.start + .milliseconds(20_099))
        #expect(!second, "no news so soon")
        let third = pipeline.queued(at: Self.start + .seconds(50))
        #expect(third)
        #expect(pipeline.silentSince(believed) == Self.start + .seconds(30))
        _ = pipeline.arrived(Self.ranges[0], at: Self.start + .seconds(51))
        #expect(!pipeline.isQueued)
        #expect(pipeline.silentSince(believed) == Self.start + .seconds(51))
    }

    @Test("who is silent again and again is not believed before it has been reliable for a while")
    func unreliable() {
        var pipeline = RequestPipeline(at: Self.start)
        var now = Self.start
        for count in 1...3 {
            pipeline.sent(Self.ranges[0], at: now)
            _ = pipeline.snub(at: now)
            #expect(pipeline.queued(at: now) == (count < 3))
            #expect(pipeline.isSnubbed == (count == 3))
            now = now + .seconds(40)
            _ = pipeline.arrived(Self.ranges[0], at: now)
        }
        #expect(pipeline.isUnreliable)
        now = now + .seconds(120)
        _ = pipeline.arrived(Self.ranges[0], at: now)
        #expect(!pipeline.isUnreliable)
    }

    @Test(
        "depth is a window of the rate, between its bounds",
        arguments: [(1 << 20, 512 << 10), (8 << 20, 2 << 20), (1 << 30, 16 << 20)]
    )
    func depth(bytesPerSecond: Int, expected: Int) {
        var pipeline = RequestPipeline(at: Self.start)
        var now = Self.start
        while now < Self.start + .seconds(3) {
            let range = Self.ranges[0]
            pipeline.sent(range, at: now)
            now = now + .nanoseconds(Int64(range.length * 1_000_000_000 / bytesPerSecond))
            _ = pipeline.arrived(range, at: now)
        }
        let depth = Self.outstanding(pipeline, at: now)
        #expect(abs(depth - expected) <= expected / 5)
    }

    @Test("progress is counted from the first request to an idle peer and from each block")
    func progress() {
        var pipeline = RequestPipeline(at: Self.start)
        pipeline.sent(Self.ranges[0], at: Self.start + .seconds(5))
        #expect(pipeline.progressAt == Self.start + .seconds(5))
        pipeline.sent(Self.ranges[1], at: Self.start + .seconds(6))
        #expect(pipeline.progressAt == Self.start + .seconds(5))
        _ = pipeline.arrived(Self.ranges[0], at: Self.start + .seconds(7))
        #expect(pipeline.progressAt == Self.start + .seconds(7))
    }
}

@Suite("TransferRate")
struct TransferRateTests {
    static let start = Instant.origin

    @Test("a steady flow is measured as it is, from the first second on")
    func steady() {
        var rate = TransferRate(at: Self.start)
        for step in 1...100 {
            let now = Self.start + .milliseconds(100 * Int64(step))
            rate.add(100_000, at: now)
            guard step > 10 else { continue }
            let measured = rate.bytesPerSecond(at: now)
            #expect(abs(measured - 1_000_000) < 150_000, "after \(step) steps: \(measured)")
        }
    }

    @Test("two seconds of silence make it zero, less makes it fall")
    func silence() {
        var rate = TransferRate(at: Self.start)
        rate.add(1_000_000, at: Self.start + .seconds(10))
        var last = Double.infinity
        for step in 0...10 {
            let measured = rate.bytesPerSecond(
                at: Self.start + .seconds(10) + .milliseconds(250 * Int64(step))
            )
            #expect(measured <= last)
            #expect((measured == 0) == (step >= 8))
            last = measured
        }
    }

    @Test("a long pause leaves nothing of what was before", arguments: [1, 7, 8, 9, 17, 1000])
    func pause(slots: Int) {
        var rate = TransferRate(at: Self.start)
        let before = Self.start + .seconds(100)
        rate.add(8_000_000, at: before)
        let after = before + .milliseconds(250 * Int64(slots))
        rate.add(1, at: after)
        #expect(rate.bytesPerSecond(at: after) < (slots < 8 ? 5_000_000 : 1))
        #expect(rate.bytesPerSecond(at: after) > 0)
    }

    @Test("time that stands still or goes back is survived")
    func backwards() {
        var rate = TransferRate(at: Self.start + .seconds(10))
        rate.add(1000, at: Self.start)
        rate.add(1000, at: Self.start + .seconds(10))
        #expect(rate.bytesPerSecond(at: Self.start + .seconds(10)) == 8000)
    }
}
