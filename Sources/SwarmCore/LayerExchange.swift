import DequeModule
package import SwarmModel

/// Fetches the piece layers that the metainfo lacks (BEP 52, messages 21 to 23): which request goes
/// to which peer. A file's pieces cannot be verified, and so are not asked for, before its layer is
/// whole.
package struct LayerExchange: Sendable {
    private struct Outstanding: Hashable, Sendable {
        var file: FileIndex
        var range: HashRange
        var peer: ConnectionID
        var deadline: Instant
    }

    /// A peer that rejected or did not answer is not asked about the file again until then.
    private struct Refusal: Hashable, Sendable {
        var root: Digest
        var peer: ConnectionID
        var until: Instant
    }

    private var waiting: Deque<(file: FileIndex, range: HashRange)> = []
    private var outstanding: [Outstanding] = []
    private var refusals: [Refusal] = []
    private let settings: SwarmSettings

    package init(_ missing: [MissingLayer], settings: SwarmSettings) {
        self.settings = settings
        for layer in missing {
            for range in layer.requests { waiting.append((layer.file, range)) }
        }
    }

    package var isComplete: Bool { waiting.isEmpty && outstanding.isEmpty }

    package var deadline: Instant? {
        if outstanding.isEmpty, waiting.isEmpty { return nil }
        let answers = outstanding.map(\.deadline).min()
        // A refusal's end matters only while something waits.
        return waiting.isEmpty ? answers : earlier(answers, refusals.map(\.until).min())
    }

    /// The next request for a peer that has said it holds pieces.
    package mutating func next(for peer: ConnectionID, at now: Instant) -> HashRange? {
        guard !waiting.isEmpty,
            outstanding.count(where: { $0.peer == peer }) < settings.hashRequestsPerPeer
        else { return nil }
        let index = waiting.firstIndex { item in
            !refusals.contains { $0.root == item.range.root && $0.peer == peer && $0.until > now }
        }
        guard let index else { return nil }
        let (file, range) = waiting.remove(at: index)
        let deadline = now + settings.hashTimeout
        outstanding.append(Outstanding(file: file, range: range, peer: peer, deadline: deadline))
        return range
    }

    /// True when the range had been asked of the peer.
    package func isExpected(_ range: HashRange, from peer: ConnectionID) -> Bool {
        outstanding.contains { $0.range == range && $0.peer == peer }
    }

    /// The answer was checked. A valid one is done with; another peer is asked instead of a liar.
    package mutating func checked(
        _ range: HashRange,
        from peer: ConnectionID,
        valid: Bool,
        at now: Instant
    ) {
        guard let item = take(range, peer) else { return }
        if !valid { putBack(item, at: now) }
    }

    /// A reject: true when it answers a request of ours.
    package mutating func rejected(
        _ range: HashRange,
        from peer: ConnectionID,
        at now: Instant
    ) -> Bool {
        guard let item = take(range, peer) else { return false }
        putBack(item, at: now)
        return true
    }

    package mutating func peerLeft(_ peer: ConnectionID) {
        refusals.removeAll { $0.peer == peer }
        for item in outstanding where item.peer == peer {
            waiting.prepend((item.file, item.range))
        }
        outstanding.removeAll { $0.peer == peer }
    }

    package mutating func expire(at now: Instant) {
        refusals.removeAll { $0.until <= now }
        for item in outstanding where item.deadline <= now {
            outstanding.removeAll { $0 == item }
            putBack(item, at: now)
        }
    }

    private mutating func take(_ range: HashRange, _ peer: ConnectionID) -> Outstanding? {
        guard let index = outstanding.firstIndex(where: { $0.range == range && $0.peer == peer })
        else { return nil }
        return outstanding.remove(at: index)
    }

    private mutating func putBack(_ item: Outstanding, at now: Instant) {
        waiting.prepend((item.file, item.range))
        let until = now + settings.hashTimeout
        refusals.append(Refusal(root: item.range.root, peer: item.peer, until: until))
    }
}
