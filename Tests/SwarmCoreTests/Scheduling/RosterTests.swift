import OrderedCollections
import SwarmModel
import Testing

@testable import SwarmCore

@Suite("Roster")
struct RosterTests {
    private static let now = Instant.origin

    private func entry(_ number: UInt8, _ locality: String = "a/1/x") throws -> RosterEntry {
        RosterEntry(
            peer: SwarmBench.peer(number),
            endpoints: [SwarmBench.endpoint(number)],
            locality: try Locality(locality),
            generation: 1,
            isSeed: false
        )
    }

    private func update(
        _ joined: [RosterEntry],
        left: [UInt8] = [],
        life: UInt64 = 1,
        isWhole: Bool = false
    ) -> RosterUpdate {
        RosterUpdate(
            epoch: RosterEpoch(life: life, counter: 1),
            isWhole: isWhole,
            joined: joined,
            left: left.map { SwarmBench.peer($0) }
        )
    }

    private func roster() -> Roster {
        Roster(me: SwarmBench.peer(50), settings: SchedulerSettings())
    }

    private func names(_ roster: Roster) -> [PeerID] {
        roster.members.values.filter { !$0.isLost }.map(\.entry.peer).sorted()
    }

    private func peers(_ numbers: UInt8...) -> [PeerID] { numbers.map { SwarmBench.peer($0) } }

    @Test("a delta adds and removes, a whole roster replaces, and this host is never a member")
    func deltas() throws {
        var roster = roster()
        #expect(!roster.isKnown)
        let first = roster.apply(
            update([try entry(1), try entry(2), try entry(50)], isWhole: true),
            at: Self.now
        )
        #expect(first.count == 2)
        #expect(roster.isKnown)
        _ = roster.apply(update([try entry(3)], left: [1]), at: Self.now)
        #expect(names(roster) == peers(2, 3))
        #expect(roster.apply(update([try entry(3)]), at: Self.now).isEmpty, "nothing changed")
        let whole = update([try entry(2), try entry(3)], isWhole: true)
        #expect(roster.apply(whole, at: Self.now).isEmpty, "nothing changed either")
        let changes = roster.apply(update([try entry(4)], isWhole: true), at: Self.now)
        #expect(names(roster) == peers(4))
        #expect(changes.count == 3)
    }

    @Test("a tracker's next life does not wipe out what its last one listed, until it is old")
    func restart() throws {
        var roster = roster()
        _ = roster.apply(update([try entry(1), try entry(2)], isWhole: true), at: Self.now)
        let reborn = update([try entry(2)], life: 2, isWhole: true)
        _ = roster.apply(reborn, at: Self.now + .seconds(10))
        #expect(names(roster) == peers(1, 2))
        _ = roster.apply(reborn, at: Self.now + .seconds(400))
        #expect(names(roster) == peers(2))
    }

    @Test("a connected peer counts whatever a tracker says, and where it says it is")
    func connected() throws {
        var roster = roster()
        let id = SwarmBench.id(1)
        let place = try Locality("b/2")
        #expect(roster.connected(SwarmBench.peer(1), id, place).count == 1)
        #expect(roster.apply(update([], left: [1], isWhole: true), at: Self.now).isEmpty)
        #expect(names(roster) == peers(1))
        _ = roster.apply(update([try entry(1)]), at: Self.now)
        #expect(roster.member(SwarmBench.peer(1))?.entry.locality == place)
        _ = roster.apply(update([], left: [1]), at: Self.now)
        _ = roster.disconnected(SwarmBench.peer(1), id, wasLost: false)
        #expect(names(roster) == [])
    }

    @Test("who says that it is slow comes last, whatever its tracker says, until it takes it back")
    func slow() throws {
        var roster = roster()
        _ = roster.apply(update([try entry(1)], isWhole: true), at: Self.now)
        #expect(roster.said(SwarmBench.peer(2), isSlow: true).isEmpty, "nobody knows it")
        let changes = roster.said(SwarmBench.peer(1), isSlow: true)
        #expect(changes.map { $0.before?.standing?.order } == [.able])
        #expect(changes.map { $0.after?.standing?.order } == [.slow])
        #expect(roster.said(SwarmBench.peer(1), isSlow: true).isEmpty)
        #expect(roster.apply(update([try entry(1)]), at: Self.now).isEmpty)
        #expect(roster.member(SwarmBench.peer(1))?.standing?.order == .slow)
        #expect(roster.said(SwarmBench.peer(1), isSlow: false).count == 1)
        #expect(roster.member(SwarmBench.peer(1))?.standing?.order == .able)
        _ = roster.said(SwarmBench.peer(1), isSlow: true)
        _ = roster.connected(SwarmBench.peer(1), SwarmBench.id(1), .unknown)
        #expect(roster.member(SwarmBench.peer(1))?.standing?.order == .able, "it would say so")
    }

    @Test("a listed member that is gone does not count until it shows itself again")
    func lost() throws {
        var roster = roster()
        let id = SwarmBench.id(1)
        _ = roster.apply(update([try entry(1), try entry(2)], isWhole: true), at: Self.now)
        _ = roster.connected(SwarmBench.peer(1), id, try Locality("a/1/x"))
        #expect(roster.disconnected(SwarmBench.peer(1), SwarmBench.id(9), wasLost: true).isEmpty)
        #expect(roster.disconnected(SwarmBench.peer(1), id, wasLost: true).count == 1)
        #expect(roster.lost(SwarmBench.endpoint(2)).count == 1)
        #expect(names(roster) == [])
        _ = roster.apply(update([try entry(1)]), at: Self.now)
        #expect(names(roster) == [], "repeating what was known proves nothing")
        var reborn = try entry(1)
        reborn.generation = 2
        _ = roster.apply(update([reborn]), at: Self.now)
        _ = roster.connected(SwarmBench.peer(2), SwarmBench.id(7), try Locality("a/1/x"))
        #expect(names(roster) == peers(1, 2))
    }

    @Test("of thousands of changes no more are told than show that there are many")
    func manyChanges() throws {
        var roster = Roster(me: SwarmBench.peer(50), settings: SchedulerSettings())
        let many = update(try (1...40).map { try entry(UInt8($0)) }, isWhole: true)
        #expect(roster.apply(many, at: Self.now).count == Roster.changesMax + 1)
        #expect(roster.members.count == 40)
        #expect(roster.apply(many, at: Self.now).isEmpty)
        let none = update([], isWhole: true)
        #expect(roster.apply(none, at: Self.now).count == Roster.changesMax + 1)
        #expect(roster.members.isEmpty)
    }

    @Test("no more members than the limit")
    func bounded() throws {
        var settings = SchedulerSettings()
        settings.rosterMembersMax = 3
        var roster = Roster(me: SwarmBench.peer(50), settings: settings)
        let many = try (1...9).map { try entry(UInt8($0)) }
        _ = roster.apply(update(many, isWhole: true), at: Self.now)
        _ = roster.connected(SwarmBench.peer(20), SwarmBench.id(1), .unknown)
        #expect(roster.members.count == 3)
        let moved = roster.apply(update([try entry(1, "b/2/y"), try entry(9)]), at: Self.now)
        #expect(moved.map(\.after?.entry.peer) == [SwarmBench.peer(1)], "it has that one")
    }
}
