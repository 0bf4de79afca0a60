import SwarmModel
import Testing

@testable import SwarmCore

@Suite("TrafficBook")
struct TrafficBookTests {
    private static let swarm = SwarmID(repeatElement(7, count: 20))!
    private static let east = place("aws/us-east-1/a")
    private static let west = place("aws/us-west-2/a")
    private static let europe = place("gcp/europe-west4/a")

    private static func place(_ text: String) -> Locality {
        guard let place = try? Locality(text) else { preconditionFailure(text) }
        return place
    }

    private static func at(_ seconds: Int64) -> Instant { .origin + .seconds(seconds) }

    /// A report of one peer that got `received` bytes from the east.
    private static func report(
        _ number: UInt8,
        generation: UInt64 = 1,
        at place: Locality = west,
        received: Int = 0,
        duplicate: Int = 0,
        sent: Int = 0,
        size: Int? = 1000,
        isSource: Bool = false,
        isLast: Bool = false
    ) -> TrafficReport {
        var ledger = Ledger(at: place)
        if received > 0 { ledger.received(received, from: east, kind: .peer, kept: true) }
        if duplicate > 0 { ledger.received(duplicate, from: east, kind: .peer, kept: false) }
        if sent > 0 { ledger.sent(sent, to: west) }
        return TrafficReport(
            peer: PeerID(repeatElement(number, count: 20))!,
            generation: generation,
            locality: place,
            modelBytes: size,
            isSource: isSource,
            isLast: isLast,
            received: ledger.received,
            sent: ledger.sent,
            refetchedBytes: 0
        )
    }

    private func sums(_ book: TrafficBook) throws -> SwarmTraffic {
        try #require(book.traffic(of: Self.swarm))
    }

    @Test("sums grow by what is new; a repeat, and a report that is overtaken, change nothing")
    func cumulative() throws {
        var book = TrafficBook()
        for (second, received) in [(0, 100), (2, 300), (4, 300), (6, 200), (8, 400)] {
            let outcome = book.enter(
                Self.report(1, received: received, duplicate: received / 10),
                in: Self.swarm,
                at: Self.at(Int64(second))
            )
            #expect(outcome == .entered(next: .seconds(5)))
        }
        let traffic = try sums(book)
        #expect(traffic.received.totalBytes == 440)
        #expect(traffic.received.duplicateBytes == 40)
        #expect(traffic.reporters == 1)
        #expect(traffic.modelBytes == 1000)
    }

    @Test("a restart is a new life from zero, and those who leave stay in the sum")
    func lives() throws {
        var book = TrafficBook()
        _ = book.enter(
            Self.report(1, received: 500, isLast: true),
            in: Self.swarm,
            at: Self.at(0)
        )
        _ = book.enter(
            Self.report(1, generation: 2, received: 50),
            in: Self.swarm,
            at: Self.at(1)
        )
        _ = book.enter(Self.report(2, received: 7), in: Self.swarm, at: Self.at(1))
        #expect(try sums(book).received.totalBytes == 557)
        #expect(try sums(book).reporters == 3)
    }

    @Test("a tracker that restarted has the same sums once everybody has reported again")
    func trackerRestart() throws {
        var before = TrafficBook()
        var after = TrafficBook()
        for number in 1...9 as ClosedRange<UInt8> {
            let early = Self.report(number, received: 10 * Int(number))
            let late = Self.report(number, received: 100 * Int(number), sent: Int(number))
            _ = before.enter(early, in: Self.swarm, at: Self.at(0))
            _ = before.enter(late, in: Self.swarm, at: Self.at(5))
            _ = after.enter(late, in: Self.swarm, at: Self.at(0))
        }
        #expect(try sums(before) == sums(after))
        #expect(try sums(after).received.totalBytes == 4500)
        #expect(try sums(after).sent.totalBytes == 45)
    }

    @Test("too soon is refused, except for the last report")
    func spacing() throws {
        var book = TrafficBook()
        _ = book.enter(Self.report(1, received: 1), in: Self.swarm, at: Self.at(0))
        let soon = Self.at(0) + .milliseconds(400)
        #expect(
            book.enter(Self.report(1, received: 2), in: Self.swarm, at: soon)
                == .tooSoon(retryAfter: .milliseconds(600))
        )
        let last = Self.report(1, received: 3, isLast: true)
        #expect(book.enter(last, in: Self.swarm, at: soon) == .entered(next: .seconds(5)))
        #expect(try sums(book).received.totalBytes == 3)
    }

    @Test("full of reporters it takes no more, until some have gone; sums stay")
    func bounded() throws {
        var settings = TrafficBookSettings()
        settings.reportersMax = 3
        settings.goneMin = .seconds(60)
        var book = TrafficBook(settings: settings)
        for number in 1...3 as ClosedRange<UInt8> {
            let report = Self.report(number, received: 10, isLast: number == 1)
            _ = book.enter(report, in: Self.swarm, at: Self.at(0))
        }
        let fourth = Self.report(4, received: 10)
        #expect(
            book.enter(fourth, in: Self.swarm, at: Self.at(30))
                == .full(retryAfter: settings.silenceMax)
        )
        #expect(book.reporterCount == 3)
        #expect(
            book.enter(fourth, in: Self.swarm, at: Self.at(61)) == .entered(next: .seconds(5))
        )
        #expect(book.reporterCount == 3)
        #expect(book.entryCount == 3)
        #expect(try sums(book).received.totalBytes == 40)
        #expect(try sums(book).reporters == 4)
    }

    @Test("full of entries or of swarms it takes no more, and forgets the swarm silent longest")
    func boundedSwarms() throws {
        var settings = TrafficBookSettings()
        settings.swarmsMax = 2
        settings.entriesMax = 2
        var book = TrafficBook(settings: settings)
        func swarm(_ number: UInt8) -> SwarmID { SwarmID(repeatElement(number, count: 20))! }
        for number in 1...2 as ClosedRange<UInt8> {
            let report = Self.report(number, received: 1)
            _ = book.enter(report, in: swarm(number), at: Self.at(Int64(number)))
        }
        let third = Self.report(3, received: 1)
        #expect(
            book.enter(third, in: swarm(1), at: Self.at(3))
                == .full(retryAfter: settings.silenceMax)
        )
        let later = Self.at(3) + settings.silenceMax
        #expect(book.enter(third, in: swarm(3), at: later) == .entered(next: .seconds(5)))
        #expect(book.swarmIDs == [swarm(2), swarm(3)])
        #expect(book.traffic(of: swarm(1)) == nil)
    }

    @Test("many reporters are told to report less often")
    func pace() {
        var settings = TrafficBookSettings()
        settings.reportsPerSecondMax = 10
        var book = TrafficBook(settings: settings)
        var last = TrafficBook.Outcome.full(retryAfter: .zero)
        for number in 0..<200 as Range<UInt8> {
            last = book.enter(Self.report(number), in: Self.swarm, at: Self.at(0))
        }
        #expect(last == .entered(next: .seconds(20)))
    }

    @Test("one that lies about the size is outvoted")
    func size() throws {
        var book = TrafficBook()
        for (number, size) in [(1, 5), (2, 1000), (3, 1000), (4, nil)] as [(UInt8, Int?)] {
            _ = book.enter(Self.report(number, size: size), in: Self.swarm, at: Self.at(0))
        }
        #expect(try sums(book).modelBytes == 1000)
    }

    @Test("sources are those who had it first, not a host that came back with what it pulled")
    func sources() throws {
        var book = TrafficBook()
        let seed = Self.report(1, at: Self.east, sent: 1000, isSource: true)
        _ = book.enter(seed, in: Self.swarm, at: Self.at(0))
        _ = book.enter(
            Self.report(2, at: Self.europe, received: 1000, isLast: true),
            in: Self.swarm,
            at: Self.at(1)
        )
        _ = book.enter(
            Self.report(3, at: Self.europe, isSource: true),
            in: Self.swarm,
            at: Self.at(2)
        )
        #expect(try sums(book).sources == [Self.east])
    }
}

@Suite("TrafficReport")
struct TrafficReportTests {
    private static func report() throws -> TrafficReport {
        let here = try Locality("aws/us/a")
        var ledger = Ledger(at: here)
        ledger.received(10, from: try Locality("gcp"), kind: .origin, kept: false)
        ledger.sent(20, to: .unknown)
        return TrafficReport(
            peer: PeerID(repeatElement(200, count: 20))!,
            generation: .max >> 1,
            locality: here,
            modelBytes: nil,
            isSource: false,
            isLast: true,
            received: ledger.received,
            sent: ledger.sent,
            refetchedBytes: 3
        )
    }

    @Test("the receiver of a report has the reporter's ledger again")
    func ledgers() throws {
        let report = try Self.report()
        #expect(report.flaw == nil)
        #expect(
            report.receivedLedger.entries == [
                .init(
                    from: try Locality("gcp"),
                    to: try Locality("aws/us/a"),
                    kind: .origin,
                    bytes: 10,
                    duplicateBytes: 10
                )
            ]
        )
        #expect(report.sentLedger.entries.map(\.to) == [.unknown])
        #expect(report.sentLedger.entries.map(\.from.description) == ["aws/us/a"])
    }

    @Test("counts below zero, too large, or with more duplicates than bytes are refused")
    func flaws() throws {
        var report = try Self.report()
        report.received[0].bytes = -1
        #expect(report.flaw?.contains("'gcp'") == true)
        report = try Self.report()
        report.received[0].duplicateBytes = 11
        #expect(report.flaw?.contains("11 duplicate bytes of 10") == true)
        report = try Self.report()
        report.sentOther.bytes = .max
        #expect(report.flaw?.contains("the rest") == true)
        report = try Self.report()
        report.refetchedBytes = -5
        #expect(report.flaw != nil)
        report = try Self.report()
        report.sent = Array(repeating: report.sent[0], count: TrafficReport.entriesMax + 1)
        #expect(report.flaw?.contains("more than 512 entries") == true)
    }
}
