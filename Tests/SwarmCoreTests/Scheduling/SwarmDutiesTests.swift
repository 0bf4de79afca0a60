import OrderedCollections
import SwarmModel
import Testing

@testable import SwarmCore

@Suite("Connections by duty")
struct SwarmDutiesTests {
    private static let members: ClosedRange<UInt8> = 1...120

    /// Two clouds of two regions of three racks of ten.
    private static func place(_ number: UInt8) throws -> Locality {
        let rack = (number - 1) / 10
        return try Locality("\(rack < 6 ? "a" : "b")/\(rack / 3)/\(rack)")
    }

    private func roster(isWhole: Bool = true) throws -> RosterUpdate {
        RosterUpdate(
            epoch: RosterEpoch(life: 1, counter: 1),
            isWhole: isWhole,
            joined: try Self.members.map { number in
                RosterEntry(
                    peer: SwarmBench.peer(number),
                    endpoints: [SwarmBench.endpoint(number)],
                    locality: try Self.place(number),
                    generation: 1,
                    isSeed: false
                )
            },
            left: []
        )
    }

    private func bench(connectionsWanted: Int) throws -> SwarmBench {
        var bench = try SwarmBench(filePieces: [200], me: 200) { settings in
            settings.locality = (try? Self.place(1)) ?? .unknown
            settings.connectionsWanted = connectionsWanted
            settings.dialsMax = 500
            settings.scheduler.smallModelBytes = 0
        }
        bench.begin(try bench.content())
        return bench
    }

    private func dials(_ actions: [SwarmAction]) -> [Endpoint] {
        actions.compactMap { if case .dial(let endpoint) = $0 { endpoint } else { nil } }
    }

    @Test("in a large fleet: the rack, and the first ranks of what is imported")
    func large() throws {
        var bench = try bench(connectionsWanted: 5)
        let dialled = dials(bench.handle(.rosterUpdated(try roster())))
        for number in UInt8(1)...10 { #expect(dialled.contains(SwarmBench.endpoint(number))) }
        let duty = try #require(bench.swarm.duty)
        var imports = 0
        for group in 0..<duty.groupCount where (1...3).contains(duty.reach(ofGroup: group)) {
            imports += 1
            let level = duty.reach(ofGroup: group) - 1
            let sources = duty.sources(3, ofGroup: group, inDomainAt: level)
            for source in sources { #expect(bench.swarm.dutyKeys.contains(source.key)) }
        }
        #expect(imports > 2, "about one in eleven")
        let dutyDials = bench.swarm.roster.members.values.filter {
            bench.swarm.dutyKeys.contains($0.key)
        }
        #expect(dialled.count == dutyDials.count)
        #expect(dialled.count < 80, "\(dialled.count) of 120")
    }

    @Test("whoever was dialled before duties were known takes no place of theirs")
    func early() throws {
        var bench = try bench(connectionsWanted: 90)
        let early = UInt8(31)...120
        #expect(
            dials(bench.handle(.peersLearned(early.map { SwarmBench.endpoint($0) }))).count == 90
        )
        for number in early { _ = bench.open(UInt64(number)) }
        let dialled = dials(bench.handle(.rosterUpdated(try roster())))
        let lacking = Self.members.filter {
            !early.contains($0)
                && bench.swarm.dutyKeys.contains(Roster.key(of: SwarmBench.peer($0)))
        }
        #expect(lacking.count >= 10, "the rack at least")
        #expect(Set(dialled) == Set(lacking.map { SwarmBench.endpoint($0) }))
    }

    /// Of an endpoint of the bench.
    private func number(_ endpoint: Endpoint) throws -> UInt8 {
        guard case .v4(let number) = endpoint.address else { throw Missing() }
        return UInt8(number)
    }
    private struct Missing: Error {}

    @Test("places of those that have no room are not filled with others, and they are asked again")
    func full() throws {
        var bench = try bench(connectionsWanted: 5)
        let duties = dials(bench.handle(.rosterUpdated(try roster())))
        var others = dials(bench.handle(.peersLearned((150...199).map { SwarmBench.endpoint($0) })))
        #expect(others.count == bench.swarm.settings.scheduler.connectionsBesides)
        for endpoint in others {
            let number = try number(endpoint)
            _ = bench.open(UInt64(number), peer: number)
        }
        var again: [Endpoint] = []
        for endpoint in duties {
            let number = try number(endpoint)
            _ = bench.open(UInt64(number), peer: number)
            let id = SwarmBench.id(UInt64(number))
            again += dials(bench.handle(.connectionClosed(id, .remote)))
        }
        #expect(again == [], "not at once")
        #expect(try #require(bench.swarm.deadline) > bench.now, "and without haste")
        again = dials(bench.handle(.tick, after: bench.swarm.settings.dialBackoff * 3))
        #expect(again.sorted() == duties.sorted())
        let left = SwarmBench.id(UInt64(try number(others[0])))
        others = dials(bench.handle(.connectionClosed(left, .remote)))
        #expect(others.count == 1 && !duties.contains(others[0]), "one of the others has left")
    }

    @Test("while the fleet is coming: the rack only, and then who is needed")
    func coming() throws {
        var bench = try bench(connectionsWanted: 5)
        var update = try roster()
        update.isGrowing = true
        let rack = dials(bench.handle(.rosterUpdated(update)))
        #expect(rack.sorted() == (UInt8(1)...10).map { SwarmBench.endpoint($0) })
        let besides = dials(bench.handle(.peersLearned([SwarmBench.endpoint(130)])))
        #expect(besides == [SwarmBench.endpoint(130)])
        var later = bench
        update.joined = []
        update.isWhole = false
        let needed = dials(bench.handle(.rosterUpdated(update), after: .seconds(1)))
        #expect(needed.count == bench.swarm.dutyKeys.count - rack.count && needed.count > 3)
        #expect(needed.allSatisfy { !rack.contains($0) })
        // The tracker says nothing more: what is known by then is acted on.
        let settled = dials(later.handle(.tick, after: .milliseconds(1500)))
        #expect(settled.sorted() == needed.sorted())
    }

    @Test("in a small one: everybody, up to as many as wanted")
    func small() throws {
        var bench = try bench(connectionsWanted: 150)
        #expect(dials(bench.handle(.rosterUpdated(try roster()))).count == 120)
        #expect(bench.swarm.dutyKeys.isEmpty)
    }

    @Test("those that left and are not connected are dialled no more")
    func left() throws {
        var bench = try bench(connectionsWanted: 150)
        bench.swarm.pausedUntil = bench.now + .seconds(3)
        _ = bench.handle(.rosterUpdated(try roster()))
        var update = try roster(isWhole: false)
        update.joined = []
        update.left = (UInt8(1)...119).map { SwarmBench.peer($0) }
        _ = bench.handle(.rosterUpdated(update))
        let dialled = dials(bench.handle(.tick, after: .seconds(4)))
        #expect(dialled == [SwarmBench.endpoint(120)])
    }

    @Test("all places taken, one of duty replaces one that is not")
    func room() throws {
        var bench = try bench(connectionsWanted: 5)
        bench.swarm = Swarm(
            me: SwarmBench.peer(200),
            settings: {
                var settings = bench.swarm.settings
                settings.connectionsMax = 2
                return settings
            }(),
            random: SeededRandom(seed: 1),
            at: bench.now
        )
        bench.begin(try bench.content())
        _ = bench.handle(.rosterUpdated(try roster()))
        let needed = try #require(
            Self.members.first {
                bench.swarm.dutyKeys.contains(Roster.key(of: SwarmBench.peer($0)))
            }
        )
        _ = bench.open(301, peer: 210, isIncoming: true)
        _ = bench.open(302, peer: 211, isIncoming: true)
        #expect(
            SwarmBench.closes(bench.open(303, peer: 212, isIncoming: true)) == [SwarmBench.id(303)]
        )
        #expect(
            SwarmBench.closes(bench.open(304, peer: needed, isIncoming: true))
                == [SwarmBench.id(301)]
        )
    }

    @Test("while the fleet is coming imports begin later, unless all can know all")
    func settling() throws {
        for (wanted, wait) in [(5, 1500), (400, 500)] {
            var bench = try bench(connectionsWanted: wanted)
            var update = try roster()
            update.isGrowing = true
            _ = bench.handle(.rosterUpdated(update))
            #expect(bench.swarm.settledAt == bench.now + .milliseconds(Int64(wait)))
        }
    }
}
