import SwarmModel
import Testing

@testable import SwarmCore

@Suite("Leases on origins")
struct OriginLeasesTests {
    private static let store = OriginID("store")!
    private static let other = OriginID("other")!
    private static let swarm = SwarmID(Array(repeating: 1, count: 20))!
    private static let start = Instant.origin + .seconds(100)

    private static func peer(_ number: UInt8) -> PeerID {
        PeerID(Array(repeating: number, count: 20))!
    }

    /// The machine behind a reference, since the macros of the tests change no value.
    private final class Desk {
        private var leases: OriginLeases

        init(_ settings: OriginLeaseSettings, hasPredecessor: Bool = false) {
            leases = OriginLeases(
                settings: settings,
                firstNumber: 10,
                hasPredecessor: hasPredecessor,
                at: OriginLeasesTests.start
            )
        }

        var leaseCount: Int { leases.leaseCount }
        var deadline: Instant? { leases.deadline }

        func ask(
            _ wish: LeaseWish,
            in swarm: SwarmID,
            by peer: PeerID,
            at now: Instant
        ) -> LeaseAnswer { leases.ask(wish, in: swarm, by: peer, at: now) }

        func renew(
            _ claim: LeaseClaim,
            in swarm: SwarmID,
            by peer: PeerID,
            at now: Instant
        ) -> Duration? { leases.renew(claim, in: swarm, by: peer, at: now) }

        func end(
            _ claim: LeaseClaim,
            _ end: LeaseEnd,
            in swarm: SwarmID,
            by peer: PeerID,
            at now: Instant
        ) { leases.end(claim, end, in: swarm, by: peer, at: now) }
    }

    private static func leases(
        _ change: (inout OriginLeaseSettings) -> Void = { _ in }
    ) -> Desk {
        var settings = OriginLeaseSettings()
        settings.quietAtStart = .zero
        change(&settings)
        return Desk(settings)
    }

    private static func wish(
        _ pieces: [Range<Int>] = [0..<100],
        origin: OriginID = store,
        countMax: Int = 16
    ) -> LeaseWish { LeaseWish(origin: origin, pieces: pieces, countMax: countMax) }

    private static func claim(_ answer: LeaseAnswer) -> LeaseClaim? {
        if case .granted(let claim, _) = answer { claim } else { nil }
    }

    @Test("no piece has two holders, and numbers rise")
    func exclusive() throws {
        let leases = Self.leases()
        var taken: [Int] = []
        var last: UInt64 = 10
        for number in 1...6 {
            let answer = leases.ask(
                Self.wish(),
                in: Self.swarm,
                by: Self.peer(UInt8(number)),
                at: Self.start
            )
            let claim = try #require(Self.claim(answer))
            #expect(claim.number > last)
            #expect(claim.pieces.count <= 16)
            #expect(!taken.contains { claim.pieces.contains($0) })
            last = claim.number
            taken += Array(claim.pieces)
        }
        #expect(taken.count == 96)
    }

    @Test("the first free run of the wish is granted, around what is leased")
    func order() throws {
        let leases = Self.leases()
        let peer = Self.peer(1)
        let middle = leases.ask(Self.wish([4..<8]), in: Self.swarm, by: peer, at: Self.start)
        #expect(Self.claim(middle)?.pieces == 4..<8)
        let before = leases.ask(Self.wish([0..<20]), in: Self.swarm, by: peer, at: Self.start)
        #expect(Self.claim(before)?.pieces == 0..<4)
        let after = leases.ask(Self.wish([0..<20]), in: Self.swarm, by: peer, at: Self.start)
        #expect(Self.claim(after)?.pieces == 8..<20)
        let none = leases.ask(Self.wish([2..<18]), in: Self.swarm, by: peer, at: Self.start)
        #expect(none == .wait(.seconds(5)))
    }

    @Test("a holder that vanishes frees its pieces, one that renews keeps them")
    func expiry() throws {
        let leases = Self.leases()
        let first = try #require(
            Self.claim(
                leases.ask(Self.wish([0..<4]), in: Self.swarm, by: Self.peer(1), at: Self.start)
            )
        )
        let second = try #require(
            Self.claim(
                leases.ask(Self.wish([4..<8]), in: Self.swarm, by: Self.peer(2), at: Self.start)
            )
        )
        let later = Self.start + .seconds(10)
        #expect(
            leases.renew(second, in: Self.swarm, by: Self.peer(2), at: later) == .seconds(15)
        )
        let end = Self.start + .seconds(16)
        let answer = leases.ask(Self.wish([0..<8]), in: Self.swarm, by: Self.peer(3), at: end)
        #expect(Self.claim(answer)?.pieces == 0..<4)
        // The old holder hears that it is over.
        #expect(leases.renew(first, in: Self.swarm, by: Self.peer(1), at: end) == nil)
        #expect(leases.deadline == Self.start + .seconds(25))
    }

    @Test("a late word about an old lease does not end the new one")
    func fencing() throws {
        let leases = Self.leases()
        let old = try #require(
            Self.claim(
                leases.ask(Self.wish([0..<4]), in: Self.swarm, by: Self.peer(1), at: Self.start)
            )
        )
        let later = Self.start + .seconds(20)
        let new = leases.ask(Self.wish([0..<4]), in: Self.swarm, by: Self.peer(1), at: later)
        #expect(Self.claim(new)?.pieces == 0..<4)
        leases.end(old, .done, in: Self.swarm, by: Self.peer(1), at: later)
        #expect(leases.leaseCount == 1)
        // Nor may another peer end it.
        let claim = try #require(Self.claim(new))
        leases.end(claim, .abandoned, in: Self.swarm, by: Self.peer(2), at: later)
        #expect(leases.leaseCount == 1)
    }

    @Test("what was read rests, longer each time that it is read again")
    func rest() throws {
        let leases = Self.leases()
        var now = Self.start
        for expected in [30, 60, 120] {
            let claim = try #require(
                Self.claim(
                    leases.ask(Self.wish([0..<4]), in: Self.swarm, by: Self.peer(1), at: now)
                )
            )
            leases.end(claim, .done, in: Self.swarm, by: Self.peer(1), at: now)
            let early = now + .seconds(expected - 1)
            let answer = leases.ask(Self.wish([0..<4]), in: Self.swarm, by: Self.peer(2), at: early)
            #expect(answer == .wait(.seconds(1)))
            now = now + .seconds(expected)
        }
    }

    @Test("what an origin did not give rests for that origin alone")
    func failure() throws {
        let leases = Self.leases()
        let claim = try #require(
            Self.claim(
                leases.ask(Self.wish([0..<4]), in: Self.swarm, by: Self.peer(1), at: Self.start)
            )
        )
        leases.end(claim, .failed, in: Self.swarm, by: Self.peer(1), at: Self.start)
        let same = leases.ask(Self.wish([0..<4]), in: Self.swarm, by: Self.peer(2), at: Self.start)
        #expect(same == .wait(.seconds(3)))
        let wish = Self.wish([0..<4], origin: Self.other)
        let next = leases.ask(wish, in: Self.swarm, by: Self.peer(2), at: Self.start)
        #expect(Self.claim(next)?.pieces == 0..<4)
    }

    @Test("the fleet's reads of an origin are bounded, and one host tries one that fails")
    func concurrency() throws {
        let leases = Self.leases { $0.leasesPerOriginMax = 3 }
        let wish = Self.wish(countMax: 1)
        for number in 1...3 {
            let peer = Self.peer(UInt8(number))
            let answer = leases.ask(wish, in: Self.swarm, by: peer, at: Self.start)
            let claim = try #require(Self.claim(answer))
            leases.end(claim, .failed, in: Self.swarm, by: peer, at: Self.start)
        }
        let probe = leases.ask(wish, in: Self.swarm, by: Self.peer(4), at: Self.start)
        let claim = try #require(Self.claim(probe))
        #expect(
            Self.claim(leases.ask(wish, in: Self.swarm, by: Self.peer(5), at: Self.start)) == nil
        )
        leases.end(claim, .done, in: Self.swarm, by: Self.peer(4), at: Self.start)
        for number in 5...7 {
            let answer = leases.ask(
                wish,
                in: Self.swarm,
                by: Self.peer(UInt8(number)),
                at: Self.start
            )
            #expect(Self.claim(answer) != nil)
        }
        #expect(
            Self.claim(leases.ask(wish, in: Self.swarm, by: Self.peer(8), at: Self.start)) == nil
        )
    }

    @Test("a tracker that has started is quiet until every holder has renewed its lease")
    func quiet() {
        let settings = OriginLeaseSettings()
        #expect(settings.quietAtStart > settings.lifetime / 3)
    }

    @Test("after a restart renewals bring leases back before anything is granted")
    func restart() throws {
        let leases = Self.leases { $0.quietAtStart = .seconds(4) }
        let held = LeaseClaim(number: 77, origin: Self.store, pieces: 0..<8)
        let early = Self.start + .seconds(1)
        let asked = leases.ask(Self.wish(), in: Self.swarm, by: Self.peer(2), at: early)
        #expect(asked == .wait(.seconds(3)))
        #expect(leases.renew(held, in: Self.swarm, by: Self.peer(1), at: early) == .seconds(15))
        // Nobody takes the same pieces by claiming to have held them.
        let forged = LeaseClaim(number: 78, origin: Self.store, pieces: 4..<9)
        #expect(leases.renew(forged, in: Self.swarm, by: Self.peer(3), at: early) == nil)
        let later = Self.start + .seconds(5)
        let answer = leases.ask(Self.wish(), in: Self.swarm, by: Self.peer(2), at: later)
        let claim = try #require(Self.claim(answer))
        #expect(claim.pieces == 8..<24)
        #expect(claim.number > 77)
    }

    @Test("a tracker that nobody reaches after its restart is quiet from when somebody does")
    func unreachable() throws {
        let settings = OriginLeaseSettings()
        let (quiet, lifetime) = (settings.quietAtStart, settings.lifetime)
        let leases = Desk(settings, hasPredecessor: true)
        // Found by the simulator: `leases`, seed 2472.
        let reached = Self.start + quiet + .seconds(1)
        let held = LeaseClaim(number: 7, origin: Self.store, pieces: 0..<8)
        #expect(leases.renew(held, in: Self.swarm, by: Self.peer(1), at: reached) == lifetime)
        let asked = leases.ask(
            Self.wish(),
            in: Self.swarm,
            by: Self.peer(2),
            at: reached + .seconds(1)
        )
        #expect(asked == .wait(quiet - .seconds(1)))
        // What was held when the earlier process ended has ended by now, renewed or not.
        let late = Desk(settings, hasPredecessor: true)
        let first = late.ask(
            Self.wish(),
            in: Self.swarm,
            by: Self.peer(2),
            at: Self.start + lifetime
        )
        #expect(Self.claim(first) != nil)
    }

    @Test("one peer cannot take all leases, and swarms are bounded")
    func bounds() {
        let leases = Self.leases {
            $0.leasesPerPeerMax = 2
            $0.swarmsMax = 1
        }
        let wish = Self.wish(countMax: 1)
        for expected in [true, true, false] {
            let answer = leases.ask(wish, in: Self.swarm, by: Self.peer(1), at: Self.start)
            #expect((Self.claim(answer) != nil) == expected)
        }
        let another = SwarmID(Array(repeating: 2, count: 20))!
        #expect(Self.claim(leases.ask(wish, in: another, by: Self.peer(2), at: Self.start)) == nil)
    }

    @Test(
        "any order of words leaves at most one holder for a piece",
        arguments: 1...40 as ClosedRange<UInt64>
    )
    func property(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let leases = Self.leases()
        var now = Self.start
        var held: [(claim: LeaseClaim, peer: PeerID, until: Instant)] = []
        for _ in 0..<300 {
            now = now + .milliseconds(Int64.random(in: 0...4000, using: &random))
            held.removeAll { $0.until <= now }
            let peer = Self.peer(UInt8.random(in: 1...5, using: &random))
            let index = held.isEmpty ? 0 : Int.random(in: 0..<held.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0 where !held.isEmpty:
                let one = held[index]
                let lifetime = leases.renew(one.claim, in: Self.swarm, by: one.peer, at: now)
                #expect(lifetime != nil)
                held[index].until = now + (lifetime ?? .zero)
            case 1 where !held.isEmpty:
                let one = held.remove(at: index)
                let end = [LeaseEnd.done, .failed, .abandoned].randomElement(using: &random)!
                leases.end(one.claim, end, in: Self.swarm, by: one.peer, at: now)
            default:
                let first = Int.random(in: 0..<40, using: &random)
                let wish = Self.wish([first..<first + 12, 0..<first + 1], countMax: 5)
                let answer = leases.ask(wish, in: Self.swarm, by: peer, at: now)
                guard case .granted(let claim, let lifetime) = answer else { continue }
                #expect(!held.contains { $0.claim.pieces.overlaps(claim.pieces) })
                #expect(wish.pieces.contains { $0.contains(claim.pieces.lowerBound) })
                held.append((claim, peer, now + lifetime))
            }
            #expect(leases.leaseCount == held.count)
        }
    }
}
