import SwarmModel
import Testing

@testable import SwarmCore

@Suite("ImportDuty")
struct ImportDutyTests {
    /// A fleet of which each member computes its duty from the same members.
    private struct Fleet {
        var hosts: [(key: UInt64, locality: Locality, standing: Standing)] = []
        let pieceCount = 60
        let groupCount = 24

        init(_ random: inout SeededRandom) throws {
            let racks = ["a/1/x", "a/1/y", "a/2/x", "b/1/x", "b/1/y", "b", ""]
            for _ in 0..<Int.random(in: 1...24, using: &random) {
                let rack = racks[Int.random(in: 0..<racks.count, using: &random)]
                let key = random.next()
                let standing = Standing(
                    key: key,
                    weight: .random(in: 1...32, using: &random),
                    order: Int.random(in: 0..<8, using: &random) == 0 ? .slow : .able
                )
                hosts.append((key, try Locality(rack), standing))
            }
        }

        func domains(_ host: Int) -> Domains {
            Domains(mine: hosts[host].locality, myKey: hosts[host].key)
        }

        func empty(_ host: Int) -> ImportDuty {
            ImportDuty(
                me: hosts[host].standing,
                top: domains(host).top,
                pieceCount: pieceCount,
                groupCount: groupCount,
                salt: 9
            )
        }

        func level(_ host: Int, of other: Int) -> Int {
            domains(host).level(of: hosts[other].locality, key: hosts[other].key)
        }

        func byLevel(_ host: Int) -> [[Standing]] {
            var result: [[Standing]] = Array(repeating: [], count: domains(host).top + 1)
            for other in hosts.indices where other != host {
                result[level(host, of: other)].append(hosts[other].standing)
            }
            return result
        }

        func duty(_ host: Int) -> ImportDuty {
            var duty = empty(host)
            duty.replace(me: hosts[host].standing, byLevel: byLevel(host))
            return duty
        }
    }

    @Test(
        "each domain has exactly one importer for each piece, and importers nest",
        arguments: 0..<40
    )
    func oneImporter(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let fleet = try Fleet(&random)
        let duties = fleet.hosts.indices.map { fleet.duty($0) }
        for piece in 0..<fleet.pieceCount {
            #expect(duties.count { $0.reach[piece] == 0 } == 1, "one importer for the fleet")
            for host in fleet.hosts.indices where fleet.hosts[host].locality != .unknown {
                let depth = fleet.domains(host).top
                for level in 1...depth {
                    let inside = fleet.hosts.indices.filter {
                        $0 == host || fleet.level(host, of: $0) >= level
                    }
                    let importers = inside.filter { Int(duties[$0].reach[piece]) <= level }
                    #expect(importers.count == 1, "piece \(piece), level \(level) of \(host)")
                }
            }
        }
    }

    @Test("members added and removed one by one give the ranks of all at once", arguments: 0..<40)
    func incremental(seed: UInt64) throws {
        var random = SeededRandom(seed: seed &+ 1000)
        let fleet = try Fleet(&random)
        let host = Int.random(in: 0..<fleet.hosts.count, using: &random)
        var duty = fleet.empty(host)
        var order = fleet.hosts.indices.filter { $0 != host }
        order.shuffle(using: &random)
        var extra: [(Standing, Int)] = []
        for other in order {
            let stranger = Standing(key: random.next())
            extra.append((stranger, fleet.level(host, of: other)))
            check(&duty, adding: stranger, fleet.level(host, of: other))
            check(&duty, adding: fleet.hosts[other].standing, fleet.level(host, of: other))
        }
        for (stranger, level) in extra {
            let before = duty.reach
            let changed = duty.remove(stranger, level: level)
            let differing = before.indices.filter { before[$0] != duty.reach[$0] }
            #expect(differing == changed.sorted())
        }
        #expect(duty.reach == fleet.duty(host).reach)
        #expect(duty.memberCount == fleet.hosts.count - 1)
    }

    private func check(_ duty: inout ImportDuty, adding member: Standing, _ level: Int) {
        let before = duty.reach
        let changed = duty.add(member, level: level)
        #expect(before.indices.filter { before[$0] != duty.reach[$0] } == changed.sorted())
    }

    @Test("the first ranks are those that a sort finds, and those before a host are before it")
    func ranks() throws {
        var random = SeededRandom(seed: 4)
        let fleet = try Fleet(&random)
        let duty = fleet.duty(0)
        let others = fleet.hosts.dropFirst().map(\.standing)
        for piece in 0..<fleet.pieceCount {
            let group = duty.group(of: piece)
            #expect(group == piece % fleet.groupCount)
            let key = RendezvousRank.key(piece: group, salt: 9)
            let sorted = others.sorted {
                ($0.cost(pieceKey: key), $0.key) < ($1.cost(pieceKey: key), $1.key)
            }
            #expect(duty.sources(3, ofGroup: group, inDomainAt: 0) == Array(sorted.prefix(3)))
            let mine = fleet.hosts[0].standing
            let before = sorted.filter {
                ($0.cost(pieceKey: key), $0.key) < (mine.cost(pieceKey: key), mine.key)
            }
            let found = duty.before(piece, inDomainAt: 0, countMax: 100)
            #expect(found.map(\.key).sorted() == before.map(\.key).sorted())
            #expect(duty.before(piece, inDomainAt: 0, countMax: 2).count == min(2, before.count))
        }
    }

    @Test("a complete member is a source of the first ranks only, many are sources of all")
    func complete() {
        let lacking = (0..<40).map { Standing(key: RendezvousRank.mix($0)) }
        func asking(completeCount: UInt64) -> [Int] {
            let complete = (0..<completeCount).map {
                Standing(key: RendezvousRank.mix($0 + 100), order: .complete)
            }
            return (0..<8).map { group in
                lacking.count { me in
                    var duty = ImportDuty(me: me, top: 1, pieceCount: 8, groupCount: 8, salt: 2)
                    let others = lacking.filter { $0 != me } + complete
                    duty.replace(me: me, byLevel: [others, []])
                    let sources = duty.sources(3, ofGroup: group, inDomainAt: 0)
                    #expect(sources.count { $0.order == .able } == 3)
                    let found = sources.count { $0.order == .complete }
                    #expect(found == 0 || found == min(3, Int(completeCount)))
                    return found > 0
                }
            }
        }
        #expect(asking(completeCount: 1).allSatisfy { $0 == 3 })
        #expect(asking(completeCount: 5).allSatisfy { $0 == 15 })
        #expect(asking(completeCount: 14).allSatisfy { $0 == 40 })
    }

    @Test("those that publish parts are sources of the first ranks, all of them together")
    func parts() {
        let lacking = (0..<40).map { Standing(key: RendezvousRank.mix($0)) }
        let parts = (0..<5).map { Standing(key: RendezvousRank.mix($0 + 100), order: .part) }
        for group in 0..<8 {
            let asking = lacking.filter { me in
                var duty = ImportDuty(me: me, top: 1, pieceCount: 8, groupCount: 8, salt: 2)
                duty.replace(me: me, byLevel: [lacking.filter { $0 != me } + parts, []])
                #expect(duty.hasParts)
                let sources = duty.sources(3, ofGroup: group, inDomainAt: 0)
                #expect(sources.count { $0.order == .able } == 3)
                let found = sources.filter { $0.order == .part }
                #expect(found.isEmpty || found == parts)
                return !found.isEmpty
            }
            #expect(asking.count == 3)
        }
    }

    @Test("who has everything comes first, and a slow host imports only where all are slow")
    func orders() {
        let me = Standing(key: 1)
        func reach(_ me: Standing, _ other: Standing.Order) -> [UInt8] {
            var duty = ImportDuty(me: me, top: 1, pieceCount: 50, groupCount: 50, salt: 1)
            duty.replace(me: me, byLevel: [[], [Standing(key: 2, order: other)]])
            return duty.reach
        }
        #expect(reach(me, .complete).allSatisfy { $0 == 2 })
        #expect(reach(me, .slow).allSatisfy { $0 == 0 })
        #expect(reach(me, .part).allSatisfy { $0 == 0 })
        let slow = Standing(key: 1, order: .slow)
        #expect(reach(slow, .able).allSatisfy { $0 == 2 })
        #expect(reach(slow, .part).allSatisfy { $0 == 0 })
        let among = reach(slow, .slow)
        #expect(among.contains(0) && among.contains(2))
    }
}

@Suite("Domains")
struct DomainsTests {
    @Test("the level is the number of common labels; unknown hosts share only the fleet")
    func levels() throws {
        let domains = Domains(mine: try Locality("a/1/x"), myKey: 0)
        let cases = [("a/1/x", 3), ("a/1/x/rail0", 3), ("a/1/y", 2), ("a/1", 2), ("a", 1), ("", 0)]
        for (text, level) in cases {
            #expect(domains.level(of: try Locality(text), key: 5) == level, "\(text)")
        }
        #expect(domains.top == 3)
        let lost = Domains(mine: .unknown, myKey: 0)
        #expect(lost.top == 0)
        #expect(lost.level(of: try Locality("a/1/x"), key: 5) == 0)
    }

    @Test("a small version has one boundary, the cloud's")
    func small() throws {
        let domains = Domains(mine: try Locality("a/1/x"), labelsMax: 1, myKey: 0)
        #expect(domains.top == 1)
        #expect(domains.level(of: try Locality("a/2/y"), key: 5) == 1)
        #expect(domains.level(of: try Locality("b/1/x"), key: 5) == 0)
    }

    @Test("a large rack is split evenly, and both ends of each pair agree")
    func buckets() throws {
        var random = SeededRandom(seed: 3)
        let keys = (0..<2000).map { _ in random.next() }
        let rack = try Locality("a/1/x")
        let views = keys.map { Domains(mine: rack, bucketCount: 8, myKey: $0) }
        #expect(views[0].top == 4)
        for view in views.prefix(50) {
            let near = keys.count { view.level(of: rack, key: $0) == 4 }
            #expect((150...350).contains(near))
            #expect(view.level(of: try Locality("a/1/y"), key: 1) == 2)
        }
        for (a, b) in zip(0..<100, 100..<200) {
            #expect(
                views[a].level(of: rack, key: keys[b]) == views[b].level(of: rack, key: keys[a])
            )
        }
    }
}
