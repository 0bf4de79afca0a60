import SwarmModel
import Testing

@testable import SwarmCore

@Suite("TrafficReporter")
struct TrafficReporterTests {
    private let url = "http://tracker/announce"

    private func reporter() -> TrafficReporter {
        TrafficReporter(random: SeededRandom(seed: 3))
    }

    private func at(_ seconds: Int64) -> Instant { .origin + .seconds(seconds) }

    /// Polls at every deadline until `end` and answers each report at once. Returns when reports
    /// were made.
    private func reports(
        of reporter: inout TrafficReporter,
        until end: Instant,
        figure: (Instant) -> Int,
        interval: Int = 5
    ) -> [Instant] {
        var times: [Instant] = []
        while let now = reporter.deadline, now < end {
            if let url = reporter.poll(figure: figure(now), at: now) {
                times.append(now)
                reporter.answered(url, TrafficReceipt(intervalSeconds: interval), at: now)
            }
        }
        return times
    }

    @Test("nothing is reported before a tracker of ours is known")
    func silent() {
        var reporter = reporter()
        #expect(reporter.deadline == nil)
        #expect(reporter.poll(figure: 10, at: at(100)) == nil)
        #expect(reporter.stop(figure: 10).isEmpty)
    }

    @Test("while figures grow a report comes every interval, and no sooner")
    func pace() {
        var reporter = reporter()
        reporter.found(url, life: 1, at: at(0))
        let times = reports(of: &reporter, until: at(60)) { Int($0.nanoseconds) }
        #expect(times.count >= 11)
        #expect(times[0] < at(5))
        for (a, b) in zip(times, times.dropFirst()) { #expect(b - a == .seconds(5)) }
    }

    @Test("the same figures are said again once a minute only")
    func heartbeat() {
        var reporter = reporter()
        reporter.found(url, life: 1, at: at(0))
        let times = reports(of: &reporter, until: at(300)) { _ in 7 }
        #expect(times.count == 5)
        for (a, b) in zip(times, times.dropFirst()) { #expect(b - a == .seconds(60)) }
    }

    @Test("a tracker that restarted is told the same figures again, and soon")
    func restarted() {
        var reporter = reporter()
        reporter.found(url, life: 1, at: at(0))
        #expect(reports(of: &reporter, until: at(20)) { _ in 7 }.count == 1)
        reporter.found(url, life: 1, at: at(20))
        #expect(reports(of: &reporter, until: at(30)) { _ in 7 }.isEmpty)
        reporter.found(url, life: 2, at: at(30))
        #expect(reports(of: &reporter, until: at(36)) { _ in 7 }.count == 1)
    }

    @Test("a tracker slows its peers down, within a limit")
    func slowedDown() {
        var reporter = reporter()
        reporter.found(url, life: 1, at: at(0))
        let slow = reports(
            of: &reporter,
            until: at(1000),
            figure: { Int($0.nanoseconds) },
            interval: 1_000_000
        )
        #expect(slow.count == 4)
        for (a, b) in zip(slow, slow.dropFirst()) { #expect(b - a == .seconds(300)) }
    }

    @Test("one report at a time; failures wait longer each time, and figures are not lost")
    func failures() {
        var reporter = reporter()
        reporter.found(url, life: 1, at: at(0))
        var now = at(10)
        #expect(reporter.poll(figure: 1, at: now) == url)
        #expect(reporter.poll(figure: 2, at: now) == nil)
        #expect(reporter.deadline == nil)
        for _ in 0..<50 {
            reporter.failed(url, at: now)
            guard let next = reporter.deadline else { break }
            #expect(next - now >= .seconds(5))
            #expect(next - now <= reporter.settings.retryDelayMax)
            now = next
            #expect(reporter.poll(figure: 2, at: now) == url)
        }
        #expect(now > at(500))
        reporter.answered(url, TrafficReceipt(intervalSeconds: -3), at: now)
        #expect(reporter.deadline == now + .seconds(5))
    }

    @Test("a tracker that knows no reports is left alone")
    func refused() {
        var reporter = reporter()
        reporter.found(url, life: 1, at: at(0))
        _ = reporter.poll(figure: 1, at: at(10))
        reporter.refused(url)
        #expect(reporter.deadline == nil)
        #expect(reporter.stop(figure: 5).isEmpty)
    }

    @Test("on leaving each tracker is told once, and then nothing more")
    func leaving() {
        var reporter = reporter()
        for number in 0..<20 { reporter.found("http://t\(number)/announce", life: 1, at: at(0)) }
        reporter.found("http://t0/announce", life: 1, at: at(0))
        #expect(reporter.stop(figure: 5).count == reporter.settings.trackersMax)
        #expect(reporter.stop(figure: 6).isEmpty)
        #expect(reporter.poll(figure: 7, at: at(100)) == nil)
        #expect(reporter.deadline == nil)
    }
}
