import OrderedCollections
import SwarmCore
import SwarmModel

/// What a driver knows of each host's open connections, from events and actions alone.
struct ConversationState {
    struct Open {
        var isChoking = true
    }
    private var open: [OrderedDictionary<ConnectionID, Open>]
    /// Connections that hosts closed themselves, and when.
    private var ended: [OrderedDictionary<ConnectionID, Instant>]

    init(hostCount: Int) {
        open = Array(repeating: [:], count: hostCount)
        ended = Array(repeating: [:], count: hostCount)
    }

    mutating func forget(_ host: Int) {
        open[host] = [:]
        ended[host] = [:]
    }
    mutating func opened(_ id: ConnectionID, _ host: Int) { open[host][id] = Open() }
    mutating func closed(_ id: ConnectionID, _ host: Int) { open[host][id] = nil }
    mutating func ended(_ id: ConnectionID, _ host: Int, at now: Instant) {
        ended[host][id] = now
    }
    func endedAt(_ id: ConnectionID, _ host: Int) -> Instant? { ended[host][id] }
    mutating func chokes(_ id: ConnectionID, _ host: Int, _ isChoking: Bool) {
        open[host][id]?.isChoking = isChoking
    }
    func isOpen(_ id: ConnectionID, _ host: Int) -> Bool { open[host][id] != nil }
    func isChoking(_ id: ConnectionID, _ host: Int) -> Bool {
        open[host][id]?.isChoking ?? false
    }
}

/// The rules of the wire (BEP 3, BEP 6): nothing is done on a connection that is not open, requests
/// are aligned and go only to peers that do not choke, and two honest peers never find each other
/// in breach of the protocol.
extension Simulation {
    mutating func checkConversation(_ event: SwarmEvent, _ node: Int) {
        switch event {
        case .connectionOpened(let facts): checks.conversation.opened(facts.id, node)
        case .connectionClosed(let id, _): checks.conversation.closed(id, node)
        case .received(.choke, let id): checks.conversation.chokes(id, node, true)
        case .received(.unchoke, let id): checks.conversation.chokes(id, node, false)
        default: break
        }
        if case .received(_, let id) = event { checkHeard(id, node) }
        for action in actions { checkConversation(action, node) }
    }

    /// What was on its way when a connection was closed may still be heard, and nothing after it.
    private mutating func checkHeard(_ id: ConnectionID, _ node: Int) {
        guard let ended = checks.conversation.endedAt(id, node), now - ended > .seconds(1) else {
            return
        }
        checks.fail(.safety, "conversation", node, "hears from \(id), which it closed")
    }

    private mutating func checkConversation(_ action: SwarmAction, _ node: Int) {
        switch action {
        case .closeConnection(let id, let cause):
            checkOpen(id, node, action)
            checks.conversation.closed(id, node)
            checks.conversation.ended(id, node, at: now)
            checkCause(cause, id, node)
        case .send(let message, let id):
            checkOpen(id, node, action)
            if case .request(let raw) = message { checkRequest(raw, id, node) }
        case .sendHaves(_, let id), .sendBlock(_, let id), .sendMetadata(_, let id),
            .serveHashes(_, let id), .checkHashes(_, let id):
            checkOpen(id, node, action)
        default: break
        }
    }

    private mutating func checkOpen(_ id: ConnectionID, _ node: Int, _ action: SwarmAction) {
        guard !checks.conversation.isOpen(id, node) else { return }
        checks.fail(.safety, "conversation", node, "\(action) on a connection that is not open")
    }

    private mutating func checkRequest(_ raw: RawBlock, _ id: ConnectionID, _ node: Int) {
        if scenario.geometry.alignedRange(of: raw) == nil {
            checks.fail(.safety, "conversation", node, "asks for \(raw), which is not aligned")
        }
        if checks.conversation.isChoking(id, node) {
            checks.fail(.safety, "conversation", node, "asks \(id) for \(raw), which chokes")
        }
    }

    /// Who closed whom, and whether that is a quarrel of two that keep to the rules.
    private mutating func checkCause(_ cause: CloseCause, _ id: ConnectionID, _ node: Int) {
        checks.see("closed: \(cause.kind)")
        guard case .violation(let what) = cause, !what.contains("ourselves") else { return }
        let other = Int(ends[id.place.connection * 2 + 1 - id.place.end].node)
        guard nodes[node].host.isHonest, nodes[other].host.isHonest else { return }
        checks.fail(
            .safety,
            "conversation",
            node,
            "closes host \(other), which is honest, for a violation: \(what)"
        )
    }
}

extension CloseCause {
    /// Without the words that differ each time.
    var kind: String { String(description.prefix { $0 != ":" }) }
}
