import Testing

@testable import SwarmModel

/// An entry in short: `entry("aws/us/r1", "gcp/eu/r2", 100)`.
func entry(
    _ from: String,
    _ to: String,
    _ bytes: Int,
    duplicate: Int = 0,
    kind: SourceKind = .peer
) throws -> TrafficLedger.Entry {
    TrafficLedger.Entry(
        from: try Locality(from),
        to: try Locality(to),
        kind: kind,
        bytes: bytes,
        duplicateBytes: duplicate
    )
}

func ledger(_ entries: [TrafficLedger.Entry], entriesMax: Int = 100) -> TrafficLedger {
    entries.reduce(into: TrafficLedger(entriesMax: entriesMax)) { $0.add($1) }
}

@Suite("TrafficLedger")
struct TrafficLedgerTests {
    @Test("rows with the same ends and kind are one, sorted, whatever the order of booking")
    func merging() throws {
        let rows = try [
            entry("b", "a", 1), entry("a", "b", 2, duplicate: 1), entry("a", "b", 4, kind: .origin),
            entry("a", "b", 8), entry("", "b", 16), entry("a/x", "b", 32),
        ]
        let expected = try [
            entry("", "b", 16), entry("a", "b", 10, duplicate: 1),
            entry("a", "b", 4, kind: .origin),
            entry("a/x", "b", 32), entry("b", "a", 1),
        ]
        var random = SeededRandom(seed: 1)
        for _ in 0..<50 {
            #expect(ledger(rows.shuffled(using: &random)).entries == expected)
        }
        let all = ledger(rows)
        #expect(all.totalBytes == 63)
        #expect(all.duplicateBytes == 1)
        #expect(all.bytes { $0.kind == .origin } == 4)
    }

    @Test("a guess of where a row is changes nothing, whatever it is")
    func guess() throws {
        let rows = try [
            entry("b", "a", 1), entry("a", "b", 2), entry("c", "b", 4), entry("a", "b", 8),
            entry("a", "c", 16), entry("b", "a", 32),
        ]
        let expected = ledger(rows, entriesMax: 3)
        for guess in -1...4 {
            var sum = TrafficLedger(entriesMax: 3)
            for row in rows { sum.add(row, guess: guess) }
            #expect(sum == expected)
        }
        var sum = ledger(rows)
        let place = sum.add(rows[0])
        #expect(sum.add(rows[0], guess: place) == place)
        #expect(sum.entries[place].bytes == 35)
    }

    @Test("beyond its rows it keeps only the sum, and rows that are there go on", arguments: 0...4)
    func bounded(entriesMax: Int) throws {
        var sum = TrafficLedger(entriesMax: entriesMax)
        for round in 0..<3 {
            for number in 0..<5 {
                sum.add(try entry("a/\(number)", "b", 10, duplicate: round == 0 ? 1 : 0))
            }
        }
        #expect(sum.entries.count == entriesMax)
        #expect(sum.entries.allSatisfy { $0.bytes == 30 && $0.duplicateBytes == 1 })
        #expect(sum.other.bytes == 30 * (5 - entriesMax))
        #expect(sum.totalBytes == 150)
        #expect(sum.duplicateBytes == 5)
    }

    @Test("sums stop at the largest number")
    func clamped() throws {
        var sum = ledger([try entry("a", "b", .max)])
        sum.add(try entry("a", "b", .max))
        sum.add(try entry("b", "a", 5))
        #expect(sum.entries[0].bytes == .max)
        #expect(sum.totalBytes == .max)
    }

    @Test("coarsened, what stays within a domain is a row of its own")
    func coarsened() throws {
        let fine = ledger(
            try [
                entry("a/x/1", "a/y/1", 1), entry("a/x/2", "a/y/1", 2), entry("a/x/1", "b/z/1", 4),
            ]
        )
        #expect(
            fine.coarsened(toLevel: 1).entries == (try [entry("a", "a", 3), entry("a", "b", 4)])
        )
        #expect(
            fine.coarsened(toLevel: 2).entries
                == (try [entry("a/x", "a/y", 3), entry("a/x", "b/z", 4)])
        )
        #expect(fine.coarsened(toLevel: 9) == fine)
    }

    @Test("what enters from an unknown place, an origin or a duplicate counts as entered")
    func entering() throws {
        let traffic = ledger(
            try [
                entry("aws/us/r1", "gcp/eu/r1", 110, duplicate: 10),
                entry("s3", "gcp/eu/r1", 50, kind: .origin),
                entry("", "gcp/eu/r2", 7),
                entry("gcp", "gcp/eu/r2", 3),
            ]
        )
        let domains = traffic.domains(of: [], modelBytes: 100)
        func of(_ name: String) throws -> ScenarioReport.Domain {
            try #require(domains.first { $0.domain == name })
        }
        #expect(try of("gcp").bytesIn == 167)
        #expect(try of("gcp").amplification == 1.67)
        #expect(try of("gcp").bytesOut == 0)
        #expect(try of("gcp/eu").bytesIn == 170)
        #expect(try of("gcp/eu/r2").bytesIn == 10)
        #expect(try of("s3").bytesOut == 50)
        #expect(try of("aws/us").bytesOut == 110)
    }
}
