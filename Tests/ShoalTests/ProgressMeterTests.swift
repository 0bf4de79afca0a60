import Testing

@testable import shoal

@Suite("The progress line")
struct ProgressMeterTests {
    private static let mebi = 1 << 20

    /// A meter at 100 MiB of 400 after 4 s of steady work.
    private static func meter(peers: Int? = nil) -> ProgressMeter {
        var meter = ProgressMeter(label: "pulling", total: 400 * mebi)
        for second in 0...4 {
            meter.add(.init(bytesDone: 25 * second * mebi, peers: peers), at: .seconds(second))
        }
        return meter
    }

    @Test("a wide line shows everything")
    func wide() {
        #expect(
            Self.meter(peers: 3).line(width: 100)
                == "pulling  [#######---------------------]   25%  100 MiB of 400 MiB  25.0 MiB/s"
                + "  3 peers  0:12 left"
        )
    }

    @Test("no width is exceeded, and parts go by need")
    func narrow() {
        let meter = Self.meter(peers: 3)
        for width in 0...120 { #expect(meter.line(width: width).count <= width) }
        #expect(meter.line(width: 7) == "pulling")
        #expect(meter.line(width: 14) == "pulling   25%")
        #expect(meter.line(width: 26) == "pulling   25%  25.0 MiB/s")
    }

    @Test("the rate forgets what is older than the window")
    func window() {
        var meter = Self.meter()
        #expect(meter.rate == Double(25 * Self.mebi))
        for second in 5...20 { meter.add(.init(bytesDone: 100 * Self.mebi), at: .seconds(second)) }
        #expect(meter.rate == 0)
        #expect(meter.secondsLeft == nil)
        #expect(meter.line(width: 100).contains("0 bytes/s"))
    }

    @Test("nothing is said of rate and time before there are two samples")
    func fresh() {
        var meter = ProgressMeter(label: "x", total: 10)
        #expect(meter.line(width: 80).contains("0%"))
        meter.add(.init(bytesDone: 5), at: .zero)
        #expect(meter.rate == nil && meter.secondsLeft == nil)
        #expect(!meter.line(width: 80).contains("/s"))
    }

    @Test("an unknown or empty total makes no division")
    func totals() {
        var unknown = ProgressMeter(label: "x", total: nil)
        unknown.add(.init(bytesDone: 2048), at: .zero)
        #expect(unknown.line(width: 80) == "x  2.00 KiB")
        #expect(ProgressMeter(label: "x", total: 0).line(width: 80).contains("100%"))
    }

    @Test(
        "times are written as clocks",
        arguments: [
            (0.0, "0:00"), (6.2, "0:07"), (59.0, "0:59"), (61.0, "1:01"), (3599.5, "1:00:00"),
            (7384.0, "2:03:04"), (172_800.0, "2 days"), (Double.infinity, "long"),
        ]
    )
    func clock(seconds: Double, text: String) {
        #expect(ProgressMeter.clock(seconds) == text)
    }
}
