import SwarmModel

/// The open connections in the order of opening, found by id. Sessions are large and are looked at
/// at every event, so they are read and changed in place: a have that reaches four hundred hosts
/// costs four hundred look-ups and no copies.
struct SessionTable: Sendable {
    private(set) var keys: [ConnectionID] = []
    private var slots: [PeerSession?] = []
    /// Open addressing by a hash of the id, at most half full: indices into `slots`, -1 where
    /// nothing is.
    private var places = Array(repeating: Int32(-1), count: 16)
    /// Where the last one was found: one event looks the same one up again and again.
    private var lastIndex = 0

    var count: Int { keys.count }
    var isEmpty: Bool { keys.isEmpty }
    var values: some Sequence<PeerSession> { slots.lazy.compactMap { $0 } }

    func contains(_ id: ConnectionID) -> Bool { index(of: id) != nil }

    subscript(id: ConnectionID) -> PeerSession? {
        _read {
            if let index = index(of: id) { yield slots[index] } else { yield nil }
        }
        _modify {
            if let index = find(id) {
                yield &slots[index]
                if slots[index] == nil { remove(at: index) }
            } else {
                var added: PeerSession?
                yield &added
                if let added { append(added, id) }
            }
        }
    }

    // MARK: In place

    // These hand out what is in the table itself, which is why they are mutating; a copy of a
    // session counts the references of all that it holds.

    mutating func with<Result>(
        _ id: ConnectionID,
        _ body: (inout PeerSession) -> Result
    ) -> Result? {
        guard let index = find(id) else { return nil }
        return body(&slots[index]!)
    }

    /// The ids of those for which the answer is yes, in order.
    mutating func ids(where isWanted: (inout PeerSession) -> Bool) -> [ConnectionID] {
        var ids: [ConnectionID] = []
        for index in slots.indices where isWanted(&slots[index]!) { ids.append(keys[index]) }
        return ids
    }

    mutating func compactMap<Value>(_ value: (inout PeerSession) -> Value?) -> [Value] {
        var values: [Value] = []
        for index in slots.indices {
            if let value = value(&slots[index]!) { values.append(value) }
        }
        return values
    }

    mutating func contains(where isWanted: (inout PeerSession) -> Bool) -> Bool {
        for index in slots.indices where isWanted(&slots[index]!) { return true }
        return false
    }

    mutating func count(where isWanted: (inout PeerSession) -> Bool) -> Int {
        var count = 0
        for index in slots.indices where isWanted(&slots[index]!) { count += 1 }
        return count
    }

    // MARK: Places

    private static func hash(_ id: ConnectionID) -> Int {
        Int(truncatingIfNeeded: RendezvousRank.mix(id.number) >> 1)
    }

    private mutating func find(_ id: ConnectionID) -> Int? {
        guard let index = index(of: id) else { return nil }
        lastIndex = index
        return index
    }

    private func index(of id: ConnectionID) -> Int? {
        if lastIndex < keys.count, keys[lastIndex] == id { return lastIndex }
        var place = Self.hash(id) & (places.count - 1)
        while places[place] >= 0 {
            let index = Int(places[place])
            if keys[index] == id { return index }
            place = (place + 1) & (places.count - 1)
        }
        return nil
    }

    private mutating func append(_ session: PeerSession, _ id: ConnectionID) {
        keys.append(id)
        slots.append(session)
        if keys.count * 2 > places.count { enter(all: places.count * 2) } else { enter(count - 1) }
    }

    private mutating func remove(at index: Int) {
        keys.remove(at: index)
        slots.remove(at: index)
        enter(all: places.count)
    }

    private mutating func enter(all placeCount: Int) {
        places = Array(repeating: -1, count: placeCount)
        for index in keys.indices { enter(index) }
    }

    private mutating func enter(_ index: Int) {
        var place = Self.hash(keys[index]) & (places.count - 1)
        while places[place] >= 0 { place = (place + 1) & (places.count - 1) }
        places[place] = Int32(index)
    }
}

/// A value kept elsewhere, so that what holds it is small and cheap to copy.
indirect enum Boxed<Value: Sendable>: Sendable {
    case value(Value)

    init(_ value: Value) { self = .value(value) }
    var value: Value {
        switch self {
        case .value(let value): value
        }
    }
}
