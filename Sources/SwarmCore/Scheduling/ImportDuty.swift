/// One member as the rank sees it.
package struct Standing: Hashable, Sendable {
    /// In order: a member that has everything already is the domain's importer of all pieces; a
    /// slow one is its last choice, so that a domain of slow hosts still has an importer. One that
    /// publishes a part never imports, and comes after all others.
    package enum Order: UInt8, Hashable, Sendable { case complete, able, slow, part }

    package var key: UInt64
    /// Measured uplink, in units that all members share.
    package var weight: UInt32
    package var order: Order

    package init(key: UInt64, weight: UInt32 = 8, order: Order = .able) {
        self.key = key
        self.weight = weight
        self.order = order
    }

    /// Lower is before higher; of equal ones the lower key.
    func cost(pieceKey: UInt64) -> UInt64 {
        switch order {
        case .complete: 0
        case .able:
            RendezvousRank.cost(pieceKey: pieceKey, memberKey: key, weight: weight)
        case .slow:
            RendezvousRank.cost(pieceKey: pieceKey, memberKey: key, weight: weight) | 2 << 60
        case .part: .max
        }
    }

    /// The same order, but among those that have everything each piece has its own: they share the
    /// load.
    func spreadCost(pieceKey: UInt64) -> UInt64 {
        let cost = RendezvousRank.cost(pieceKey: pieceKey, memberKey: key, weight: weight)
        return cost | UInt64(order.rawValue) << 60
    }

    fileprivate func isBefore(_ cost: UInt64, _ key: UInt64, pieceKey: UInt64) -> Bool {
        let mine = self.cost(pieceKey: pieceKey)
        return mine == cost ? self.key < key : mine < cost
    }
}

/// For each piece, how far out this host is the importer: its *reach*, the lowest level of a domain
/// around it in which it has rank 0. Reach `top + 1` means not even of its rack.
///
/// Pieces are ranked in groups: pieces that leave the same remainder have the same ranks. A host
/// then needs the few tens of sources that its groups have, and not one for each piece, and what it
/// imports is still spread over the whole version.
///
/// Members are kept by level, and a group's search starts with the nearest and ends at the first
/// that comes before this host.
package struct ImportDuty: Sendable {
    private var me: Standing
    private var members: [[Standing]]
    private let groupKeys: [UInt64]
    private var myCosts: [UInt64]
    private var groupReach: [UInt8]
    private let pieceCount: Int

    package init(me: Standing, top: Int, pieceCount: Int, groupCount: Int, salt: UInt64) {
        self.me = me
        self.pieceCount = pieceCount
        members = Array(repeating: [], count: top + 1)
        groupKeys = (0..<min(groupCount, pieceCount)).map {
            RendezvousRank.key(piece: $0, salt: salt)
        }
        groupReach = groupKeys.map { _ in 0 }
        myCosts = []
        updateMyCosts()
    }

    package var top: Int { members.count - 1 }
    package func members(at level: Int) -> [Standing] { members[level] }
    package var memberCount: Int { members.reduce(0) { $0 + $1.count } }

    /// Somebody publishes a part.
    package var hasParts: Bool {
        members.contains { $0.contains { $0.order == .part } }
    }

    package var groupCount: Int { groupKeys.count }
    package func group(of piece: Int) -> Int { piece % groupKeys.count }
    private func pieces(of group: Int) -> some Sequence<Int> {
        stride(from: group, to: pieceCount, by: groupKeys.count)
    }

    package func reach(_ piece: Int) -> Int { Int(groupReach[group(of: piece)]) }
    package func reach(ofGroup group: Int) -> Int { Int(groupReach[group]) }
    /// Of all pieces, in order.
    package var reach: [UInt8] { (0..<pieceCount).map { groupReach[group(of: $0)] } }

    private mutating func updateMyCosts() {
        myCosts = groupKeys.map { me.cost(pieceKey: $0) }
    }

    // MARK: Members

    /// Replaces all members; `byLevel` has those at each level.
    package mutating func replace(me: Standing, byLevel: [[Standing]]) {
        precondition(byLevel.count == members.count, "domains of another depth")
        members = byLevel
        if me != self.me {
            self.me = me
            updateMyCosts()
        }
        for group in groupReach.indices { groupReach[group] = search(group) }
    }

    /// Returns the pieces of which the reach is another now.
    package mutating func add(_ member: Standing, level: Int) -> [Int] {
        members[level].append(member)
        var changed: [Int] = []
        for group in groupReach.indices where Int(groupReach[group]) <= level {
            guard isBeforeMe(member, group) else { continue }
            groupReach[group] = UInt8(level + 1)
            changed += pieces(of: group)
        }
        return changed
    }

    package mutating func remove(_ member: Standing, level: Int) -> [Int] {
        guard let index = members[level].firstIndex(of: member) else { return [] }
        members[level].swapAt(index, members[level].count - 1)
        members[level].removeLast()
        var changed: [Int] = []
        for group in groupReach.indices where Int(groupReach[group]) == level + 1 {
            guard isBeforeMe(member, group) else { continue }
            let found = search(group)
            if found != groupReach[group] {
                groupReach[group] = found
                changed += pieces(of: group)
            }
        }
        return changed
    }

    private func isBeforeMe(_ member: Standing, _ group: Int) -> Bool {
        member.isBefore(myCosts[group], me.key, pieceKey: groupKeys[group])
    }

    private func search(_ group: Int) -> UInt8 {
        for level in stride(from: top, through: 0, by: -1)
        where members[level].contains(where: { isBeforeMe($0, group) }) {
            return UInt8(level + 1)
        }
        return 0
    }

    // MARK: Ranks

    /// The members before this host in its domain of that level, at most `countMax`, in no order.
    package func before(_ piece: Int, inDomainAt level: Int, countMax: Int) -> [Standing] {
        let group = group(of: piece)
        var found: [Standing] = []
        for members in members[level...].reversed() {
            for member in members where isBeforeMe(member, group) {
                found.append(member)
                if found.count == countMax { return found }
            }
        }
        return found
    }

    /// Whom to fetch a group's pieces from in this host's domain of that level: the first `count`
    /// ranks of those that lack them, which will hold them first, and of those that have everything
    /// the first `count` in an order of the group, when this host is among the first. Each complete
    /// member so gets `count` of the domain for each group, and not the whole domain: it may be one
    /// for a fleet of thousands. Of those that publish parts nobody knows who has the group's, so
    /// they go together, as one complete member.
    package func sources(_ count: Int, ofGroup group: Int, inDomainAt level: Int) -> [Standing] {
        let key = groupKeys[group]
        var lacking = FirstRanks(countMax: count)
        var complete = FirstRanks(countMax: count)
        var parts: [Standing] = []
        var (completeCount, beforeMe) = (0, 0)
        for members in members[level...] {
            for member in members {
                guard member.order != .complete else {
                    completeCount += 1
                    complete.offer(member, cost: member.spreadCost(pieceKey: key))
                    continue
                }
                guard member.order != .part else {
                    parts.append(member)
                    continue
                }
                if isBeforeMe(member, group) { beforeMe += 1 }
                lacking.offer(member, cost: member.cost(pieceKey: key))
            }
        }
        let isFirst = beforeMe < (completeCount + (parts.isEmpty ? 0 : 1)) * count
        return (isFirst ? complete.members + parts : []) + lacking.members
    }
}

/// The members of lowest cost, in order.
private struct FirstRanks {
    let countMax: Int
    private var best: [(cost: UInt64, member: Standing)] = []

    init(countMax: Int) { self.countMax = countMax }

    var members: [Standing] { best.map(\.member) }

    mutating func offer(_ member: Standing, cost: UInt64) {
        if best.count == countMax, let last = best.last,
            (last.cost, last.member.key) < (cost, member.key)
        {
            return
        }
        let place = best.firstIndex { (cost, member.key) < ($0.cost, $0.member.key) }
        best.insert((cost, member), at: place ?? best.count)
        if best.count > countMax { best.removeLast() }
    }
}
