import SwarmModel
import Testing

@testable import SwarmCore

@Suite("PeerBook")
struct PeerBookTests {
    static let start = Instant.origin
    static let id = ConnectionID(1)

    static func endpoint(_ number: Int) -> Endpoint {
        Endpoint(address: .v4(UInt32(number)), port: 7000)
    }
    static func peer(_ number: Int) throws -> PeerID {
        try #require(PeerID(Array("-SH0001-".utf8) + (0..<12).map { _ in UInt8(number) }))
    }

    private func book(_ count: Int, _ change: (inout SwarmSettings) -> Void = { _ in }) -> PeerBook
    {
        var settings = SwarmSettings()
        change(&settings)
        var book = PeerBook(settings: settings, random: SeededRandom(seed: 5))
        book.learn((1...max(1, count)).map(Self.endpoint), at: Self.start)
        return book
    }

    @Test("each address is dialled once, as many as asked for")
    func dials() {
        var book = book(10)
        let first = book.nextDials(4, at: Self.start)
        let rest = book.nextDials(100, at: Self.start)
        #expect(first.count == 4 && rest.count == 6)
        #expect((first + rest).sorted() == (1...10).map(Self.endpoint).sorted())
        #expect(book.diallingCount == 10)
        #expect(book.nextDials(1, at: Self.start) == [])
        #expect(book.nextDials(-3, at: Self.start) == [])
        #expect(book.deadline == nil)
    }

    @Test("those preferred are dialled first, and so many others at most")
    func preferred() throws {
        var book = book(10)
        book.prefer([Self.endpoint(9), Self.endpoint(20)], at: Self.start)
        #expect(book.count == 11 && book.preferredDeadline == Self.start)
        #expect(book.nextDials(1, othersMax: 3, at: Self.start) == [Self.endpoint(9)])
        let dials = book.nextDials(9, othersMax: 3, at: Self.start)
        #expect(dials.count == 4 && dials[0] == Self.endpoint(20))
        #expect(book.diallingCount == 5 && book.diallingOthersCount == 3)
        #expect(book.preferredDeadline == nil && book.deadline == Self.start)
        #expect(book.nextDials(9, othersMax: 0, at: Self.start) == [])
        #expect(book.nextDials(9, othersMax: -2, at: Self.start) == [])
        book.dialFailed(Self.endpoint(20), at: Self.start)
        #expect(try #require(book.preferredDeadline) > Self.start)
        // Another is preferred now, and is being dialled already.
        book.prefer([dials[1]], at: Self.start)
        #expect(book.diallingOthersCount == 3, "two of before, and 9")
        #expect(book.preferredDeadline == nil)
        book.prefer([], at: Self.start)
        #expect(book.diallingOthersCount == 4 && book.preferredDeadline == nil)
    }

    @Test("one preferred that was forgotten is due when it is learnt again")
    func preferredAgain() {
        var book = book(3)
        book.prefer([Self.endpoint(2)], at: Self.start)
        book.forget(Self.endpoint(2))
        #expect(book.preferredDeadline == nil)
        let later = Self.start + .seconds(1)
        book.learn([Self.endpoint(4), Self.endpoint(2)], at: later)
        #expect(book.preferredDeadline == later)
    }

    @Test(
        "the wait after failed dials grows to its most, and starts anew once a peer proved useful"
    )
    func backOff() throws {
        var book = book(1)
        let settings = SwarmSettings()
        var now = Self.start
        for failure in 0..<12 {
            #expect(book.nextDials(1, at: now) == [Self.endpoint(1)])
            book.dialFailed(Self.endpoint(1), at: now)
            let wait = try #require(book.deadline) - now
            let ceiling = min(settings.dialBackoffMax, settings.dialBackoff * Double(1 << failure))
            #expect(wait >= settings.dialBackoff && wait <= settings.dialBackoff + ceiling)
            #expect(book.nextDials(1, at: now) == [])
            now = now + wait
        }
        _ = book.nextDials(1, at: now)
        book.connected(Self.endpoint(1), Self.id, at: now)
        book.proved(Self.endpoint(1))
        #expect(book.deadline == nil)
        book.disconnected(Self.endpoint(1), Self.id, at: now)
        #expect(try #require(book.deadline) - now <= settings.dialBackoff * 2)
    }

    @Test("the end of another connection to the address changes nothing")
    func otherConnection() {
        var book = book(1)
        _ = book.nextDials(1, at: Self.start)
        book.connected(Self.endpoint(1), Self.id, at: Self.start)
        book.disconnected(Self.endpoint(1), ConnectionID(9), at: Self.start)
        book.dialFailed(Self.endpoint(1), at: Self.start)
        #expect(book.deadline == nil)
    }

    @Test("a ban doubles each time, up to its most, and ends")
    func bans() throws {
        let settings = SwarmSettings()
        var book = book(1)
        var now = Self.start
        let (peer, other) = (try Self.peer(1), try Self.peer(2))
        for count in 0..<6 {
            book.ban(peer: peer, endpoint: Self.endpoint(1), at: now)
            let length = min(settings.banDuration * Double(1 << count), settings.banDurationMax)
            for late in [Duration.zero, length - .nanoseconds(1)] {
                #expect(book.isBanned(peer: peer, endpoint: nil, at: now + late))
                #expect(book.isBanned(peer: other, endpoint: Self.endpoint(1), at: now + late))
                #expect(book.bannedPeers(at: now + late) == [peer])
            }
            #expect(!book.isBanned(peer: other, endpoint: nil, at: now))
            #expect(!book.isBanned(peer: nil, endpoint: Self.endpoint(2), at: now))
            #expect(book.nextDials(1, at: now) == [])
            // Nothing to do before the ban ends: the timer must not spin.
            #expect(book.deadline == now + length)
            now = now + length
            #expect(!book.isBanned(peer: peer, endpoint: Self.endpoint(1), at: now))
        }
        #expect(book.nextDials(1, at: now) == [Self.endpoint(1)])
    }

    @Test("a banned address that is learnt, or left, waits for the end of the ban")
    func bannedWaits() throws {
        var book = book(1)
        let end = Self.start + SwarmSettings().banDuration
        book.ban(peer: try Self.peer(2), endpoint: Self.endpoint(2), at: Self.start)
        _ = book.nextDials(9, at: Self.start)
        book.learn([Self.endpoint(2)], at: Self.start)
        #expect(book.deadline == end)
        book.connected(Self.endpoint(1), Self.id, at: Self.start)
        book.ban(peer: try Self.peer(1), endpoint: Self.endpoint(1), at: Self.start)
        book.disconnected(Self.endpoint(1), Self.id, at: Self.start)
        #expect(book.deadline == end)
        #expect(book.nextDials(9, at: end).count == 2)
    }

    @Test("bans are bounded: the one that ends first makes room")
    func bansBounded() throws {
        var book = book(1)
        for number in 0...PeerBook.bansMax {
            let peer = try #require(
                PeerID(withUnsafeBytes(of: number) { Array($0) } + [UInt8](repeating: 0, count: 12))
            )
            book.ban(peer: peer, endpoint: nil, at: Self.start + .milliseconds(Int64(number)))
        }
        #expect(book.bannedPeers(at: Self.start).count == PeerBook.bansMax)
    }

    @Test("addresses are bounded; a new one takes the place of the one that failed most")
    func bounded() {
        var book = book(4) { $0.knownPeersMax = 4 }
        book.learn([Self.endpoint(5)], at: Self.start)
        #expect(book.count == 4)
        _ = book.nextDials(4, at: Self.start)
        for number in [1, 2] { book.dialFailed(Self.endpoint(number), at: Self.start) }
        let later = Self.start + .seconds(10)
        while !book.nextDials(1, at: later).isEmpty {}
        book.dialFailed(Self.endpoint(2), at: later)
        book.learn([Self.endpoint(5)], at: later)
        #expect(book.count == 4)
        #expect(book.nextDials(9, at: later) == [Self.endpoint(5)])
    }

    @Test("our own address is dialled once and never again, nor is port 0")
    func ours() {
        var book = book(1)
        _ = book.nextDials(1, at: Self.start)
        book.isOurs(Self.endpoint(1))
        book.learn([Self.endpoint(1), Endpoint(address: .v4(9), port: 0)], at: Self.start)
        #expect(book.count == 0)
    }
}
