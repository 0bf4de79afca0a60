/// One member as the rank sees it.
package struct Standing: Hashable, Sendable {
    /// In order: a member that has everything already is the domain's importer of all pieces; a
    /// slow one is its last choice, so that a domain of slow hosts still has an importer.
    package enum Order: UInt8, Hashable, Sendable { case complete, able, slow }

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
/// Members are kept by level, and a piece's search starts with the nearest and ends at the first
/// that comes before this host. With even ranks that is after about ln n members, so ranks of
/// thousands of pieces over thousands of members cost some ten thousand hashes and not millions.
package struct ImportDuty: Sendable {
    private var me: Standing
    private var members: [[Standing]]
    private let salt: UInt64
    private var myCosts: [UInt64]
    package private(set) var reach: [UInt8]

    package init(me: Standing, top: Int, pieceCount: Int, salt: UInt64) {
        self.me = me
        self.salt = salt
        members = Array(repeating: [], count: top + 1)
        reach = Array(repeating: 0, count: pieceCount)
        myCosts = []
        updateMyCosts()
    }

    package var top: Int { members.count - 1 }
    package func members(at level: Int) -> [Standing] { members[level] }
    package var memberCount: Int { members.reduce(0) { $0 + $1.count } }

    private mutating func updateMyCosts() {
        myCosts = reach.indices.map { me.cost(pieceKey: key(of: $0)) }
    }

    private func key(of piece: Int) -> UInt64 { RendezvousRank.key(piece: piece, salt: salt) }

    // MARK: Members

    /// Replaces all members; `byLevel` has those at each level.
    package mutating func replace(me: Standing, byLevel: [[Standing]]) {
        precondition(byLevel.count == members.count, "domains of another depth")
        members = byLevel
        if me != self.me {
            self.me = me
            updateMyCosts()
        }
        for piece in reach.indices { reach[piece] = search(piece) }
    }

    /// Returns the pieces of which the reach is another now.
    package mutating func add(_ member: Standing, level: Int) -> [Int] {
        members[level].append(member)
        var changed: [Int] = []
        for piece in reach.indices where Int(reach[piece]) <= level {
            guard member.isBefore(myCosts[piece], me.key, pieceKey: key(of: piece)) else {
                continue
            }
            reach[piece] = UInt8(level + 1)
            changed.append(piece)
        }
        return changed
    }

    package mutating func remove(_ member: Standing, level: Int) -> [Int] {
        guard let index = members[level].firstIndex(of: member) else { return [] }
        members[level].swapAt(index, members[level].count - 1)
        members[level].removeLast()
        var changed: [Int] = []
        for piece in reach.indices where Int(reach[piece]) == level + 1 {
            guard member.isBefore(myCosts[piece], me.key, pieceKey: key(of: piece)) else {
                continue
            }
            let found = search(piece)
            if found != reach[piece] {
                reach[piece] = found
                changed.append(piece)
            }
        }
        return changed
    }

    private func search(_ piece: Int) -> UInt8 {
        let key = key(of: piece)
        for level in stride(from: top, through: 0, by: -1) {
            for member in members[level]
            where member.isBefore(myCosts[piece], me.key, pieceKey: key) {
                return UInt8(level + 1)
            }
        }
        return 0
    }

    // MARK: Ranks

    /// The members before this host in its domain of that level, at most `countMax`, in no order.
    package func before(_ piece: Int, inDomainAt level: Int, countMax: Int) -> [Standing] {
        let key = key(of: piece)
        var found: [Standing] = []
        for members in members[level...].reversed() {
            for member in members where member.isBefore(myCosts[piece], me.key, pieceKey: key) {
                found.append(member)
                if found.count == countMax { return found }
            }
        }
        return found
    }

    /// The first ranks for a piece in this host's domain of that level, itself left out.
    package func first(_ count: Int, for piece: Int, inDomainAt level: Int) -> [Standing] {
        let key = key(of: piece)
        var best: [(cost: UInt64, member: Standing)] = []
        for members in members[level...] {
            for member in members {
                let cost = member.spreadCost(pieceKey: key)
                if best.count == count, let last = best.last,
                    (last.cost, last.member.key) < (cost, member.key)
                {
                    continue
                }
                let place = best.firstIndex { (cost, member.key) < ($0.cost, $0.member.key) }
                best.insert((cost, member), at: place ?? best.count)
                if best.count > count { best.removeLast() }
            }
        }
        return best.map(\.member)
    }
}
