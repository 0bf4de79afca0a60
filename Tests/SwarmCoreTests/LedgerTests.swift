import SwarmModel
import Testing

@testable import SwarmCore

@Suite("Ledger")
struct LedgerTests {
    @Test("both ends of a link book the same entry, duplicates apart")
    func bothEnds() throws {
        let (a, b) = (try Locality("aws/us/r1"), try Locality("gcp/eu/r1"))
        var sender = Ledger(at: a)
        var receiver = Ledger(at: b)
        sender.sent(100, to: b)
        receiver.received(80, from: a, kind: .peer, kept: true)
        receiver.received(20, from: a, kind: .peer, kept: false)
        var seen = try #require(receiver.received.entries.first)
        #expect(seen.duplicateBytes == 20)
        seen.duplicateBytes = 0
        #expect(sender.sent.entries == [seen])
        #expect(sender.received.entries.isEmpty && receiver.sent.entries.isEmpty)
    }

    @Test("what is fetched again is a duplicate, and origins are entries of their own")
    func kinds() throws {
        let here = try Locality("aws/us/r1")
        var ledger = Ledger(at: here)
        ledger.received(64, from: here, kind: .peer, kept: true)
        ledger.received(32, from: here, kind: .origin, kept: true)
        ledger.refetched(16)
        #expect(ledger.received.entries.map(\.kind) == [.peer, .origin])
        #expect(ledger.received.totalBytes == 96)
        #expect(ledger.duplicateBytes == 16)
    }
}
