import DequeModule
import SwarmModel

@testable import SwarmCore

/// What must hold after each event of the mini swarm.
struct MiniChecker {
    /// What a node's driver knows of one connection, from events and actions alone.
    private struct Open {
        var isChoking = true
    }

    private(set) var violations: [String] = []
    private let plan: MiniPlan
    private var open: [[ConnectionID: Open]]
    private var names: [(peer: PeerID, node: Int)] = []
    private var expectedBans: [ConnectionID] = []
    private var peers: [[ConnectionID: PeerID]]
    /// How often rare things happened, by name: a run that meets none of them tests little.
    private(set) var sights: [String: Int] = [:]

    init(_ plan: MiniPlan) {
        self.plan = plan
        open = Array(repeating: [:], count: plan.roles.count)
        peers = Array(repeating: [:], count: plan.roles.count)
    }

    private mutating func see(_ what: String) { sights[what, default: 0] += 1 }

    mutating func fail(_ what: String) { if violations.count < 5 { violations.append(what) } }

    mutating func began(_ node: MiniNode) {
        open[node.index] = [:]
        names.append((node.peerID, node.index))
    }

    // MARK: Actions

    mutating func check(
        _ event: SwarmEvent,
        _ actions: [SwarmAction],
        _ node: MiniNode,
        at now: Instant
    ) {
        switch event {
        case .connectionOpened(let facts):
            open[node.index][facts.id] = Open()
            peers[node.index][facts.id] = facts.peer
        case .connectionClosed(let id, _): open[node.index][id] = nil
        case .received(.choke, let id): open[node.index][id]?.isChoking = true
        case .received(.unchoke, let id): open[node.index][id]?.isChoking = false
        default: break
        }
        var opened: [PieceIndex] = []
        for action in actions {
            note(action)
            if case .openPiece(let piece) = action {
                opened.append(piece)
                checkOpening(piece, node)
            }
            check(action, opened, node)
        }
        for id in expectedBans where !isBanned(id, node, actions, at: now) {
            fail("node \(node.index): \(id) sent wrong bytes and was not banned after \(event)")
        }
        expectedBans = []
    }

    private func isBanned(
        _ id: ConnectionID,
        _ node: MiniNode,
        _ actions: [SwarmAction],
        at now: Instant
    ) -> Bool {
        if let index = id.originIndex { return node.swarm.originHealth[index].isPoisoned }
        guard let peer = peers[node.index][id] else { return false }
        return node.swarm.book.bannedPeers(at: now).contains(peer)
    }

    private mutating func check(_ action: SwarmAction, _ opened: [PieceIndex], _ node: MiniNode) {
        switch action {
        case .closeConnection(let id, _):
            checkOpen(id, node, action)
            open[node.index][id] = nil
        case .send(.request(let raw), let id):
            checkOpen(id, node, action)
            checkRequest(raw, id, opened, node)
        case .send(_, let id), .sendHaves(_, let id), .sendMetadata(_, let id),
            .serveHashes(_, let id), .checkHashes(_, let id):
            checkOpen(id, node, action)
        case .sendBlock(let range, let id):
            checkOpen(id, node, action)
            if node.swarm.picker?.verified[range.piece] != true {
                fail("node \(node.index) serves \(range.piece), which it lacks")
            }
        case .seal(let file):
            for piece in node.geometry.pieces(of: file)
            where node.swarm.picker?.verified[piece] != true {
                fail("node \(node.index) seals \(file) without \(piece)")
            }
        case .publishView:
            if !node.swarm.isSealed { fail("node \(node.index) publishes too early") }
        case .trace(.peerBanned(let peer, _, _)):
            guard let name = names.first(where: { $0.peer == peer }) else { return }
            if !plan.roles[name.node].mayBeBanned {
                fail("node \(node.index) bans node \(name.node), which is honest")
            }
        default: break
        }
    }

    private mutating func checkOpen(_ id: ConnectionID, _ node: MiniNode, _ action: SwarmAction) {
        if open[node.index][id] == nil {
            fail("node \(node.index): \(action) on a connection that is not open")
        }
    }

    private mutating func checkOpening(_ piece: PieceIndex, _ node: MiniNode) {
        let file = node.geometry.file(of: piece)
        if node.needsLayer(file), !node.knownLayers[file.number] {
            fail("node \(node.index) opens \(piece) before its layer is known")
        }
        if plan.duplicates.contains(where: { $0.file == file }) {
            fail("node \(node.index) opens \(piece) of a duplicate file")
        }
        if node.swarm.picker?.verified[piece] == true {
            fail("node \(node.index) opens \(piece), which is verified")
        }
    }

    private mutating func checkRequest(
        _ raw: RawBlock,
        _ id: ConnectionID,
        _ opened: [PieceIndex],
        _ node: MiniNode
    ) {
        let here = "node \(node.index): a request of \(raw) to \(id)"
        guard let range = node.geometry.alignedRange(of: raw) else {
            fail("\(here) is not aligned")
            return
        }
        if open[node.index][id]?.isChoking == true { fail("\(here), which chokes") }
        if node.swarm.picker?.verified[range.piece] == true { fail("\(here), which is verified") }
        if node.board.assemblies[range.piece] == nil, !opened.contains(range.piece) {
            fail("\(here) before the piece is open")
        }
    }

    // MARK: Blame

    mutating func pieceFailed(
        _ node: MiniNode,
        _ assembly: MiniBoard.Assembly,
        _ senders: [ConnectionID]
    ) {
        guard let first = senders.first, senders.allSatisfy({ $0 == first }) else {
            see("piece failed, several senders")
            return
        }
        see("piece failed, one sender")
        expectedBans = [first]
    }

    mutating func auditAnswered(_ node: MiniNode, _ piece: PieceIndex, _ wrong: [Int]) {
        guard let audit = node.swarm.audits.first(where: { $0.piece == piece }) else {
            fail("node \(node.index): an audit of \(piece) that the core knows nothing of")
            return
        }
        see(audit.stage == .awaitingPiece ? "audited after the piece" : "audited by leaves")
        expectedBans = wrong.map { audit.senders[$0] }
    }

    private mutating func note(_ action: SwarmAction) {
        switch action {
        case .closeConnection(_, let cause): see("closed: \(cause.kind)")
        case .restartPiece: see("restarted")
        case .abandonPiece: see("abandoned")
        case .send(.doesNotHave, _): see("told of a loss")
        case .send(.cancel, _): see("cancelled")
        case .send(.reject, _): see("rejected")
        case .send(.choke, _): see("choked")
        case .send(.hashReject, _): see("hashes refused")
        case .trace(.peerSnubbed): see("snubbed")
        case .trace(.storagePaused): see("paused")
        case .trace(.peerBanned(_, _, let reason)): see("banned: \(reason)")
        case .askLease: see("lease asked")
        case .endLease(_, let end): see("lease \(end)")
        case .readOrigin: see("origin read")
        case .cancelRead: see("read cancelled")
        case .trace(.originFailed(_, _, let isPoisoned)):
            see(isPoisoned ? "origin poisoned" : "origin failed")
        default: break
        }
    }

    /// All that ``sights`` can hold and a good number of runs must.
    static let expectedSights = [
        "piece failed, several senders", "piece failed, one sender", "audited after the piece",
        "audited by leaves", "closed: violation", "closed: banned", "closed: duplicate",
        "closed: idle", "closed: stalled", "closed: both seeds", "closed: not reading", "restarted",
        "abandoned", "told of a loss", "cancelled", "rejected", "choked", "hashes refused",
        "snubbed",
        "paused", "banned: sent metadata that does not match the info-hash",
        "banned: sent a piece that does not match its hash",
        "banned: sent a block that does not match its leaf",
    ]

    // MARK: State

    mutating func checkState(_ node: MiniNode, at now: Instant) {
        guard violations.isEmpty, let picker = node.swarm.picker else { return }
        checkSessions(node, picker, at: now)
        checkPieces(node, picker)
        checkScopes(node, picker)
    }

    private mutating func checkSessions(_ node: MiniNode, _ picker: PiecePicker, at now: Instant) {
        let settings = node.swarm.settings
        let paused = node.swarm.pausedUntil != nil
        for session in node.swarm.connections {
            let here = "node \(node.index), \(session.id)"
            let requests = session.pipeline.requests.map(\.range)
            if let pieces = session.pieces,
                session.interestingCount != picker.verified.lackCount(of: pieces)
            {
                fail("\(here): counts \(session.interestingCount) interesting pieces")
            }
            if session.isChoking, !requests.isEmpty {
                fail("\(here): waits for a peer that chokes")
            }
            if paused, !requests.isEmpty { fail("\(here): waits though the disk is out") }
            if requests.reduce(0, { $0 + $1.length }) != session.pipeline.outstandingBytes {
                fail("\(here): outstanding bytes do not add up")
            }
            let bytesMax = settings.outstandingBytesMax + settings.longRequestLength
            if session.pipeline.outstandingBytes > bytesMax {
                fail("\(here): too many outstanding")
            }
            if requests.count > max(1, session.queueLength(RequestLimits(settings))) {
                fail("\(here): too many requests")
            }
            for range in requests where requests.count(where: { $0 == range }) > 1 {
                fail("\(here): asked twice for \(range)")
            }
            for range in requests where picker.verified[range.piece] {
                fail("\(here): waits for \(range.piece), which is verified")
            }
            if session.uploads.count > settings.uploadQueueLength {
                fail("\(here): queues too much")
            }
        }
    }

    private mutating func checkPieces(_ node: MiniNode, _ picker: PiecePicker) {
        let sessions = node.swarm.connections
        let counted = sessions.filter(\.isCounted)
        for piece in node.geometry.pieces {
            let here = "node \(node.index), \(piece)"
            let holders = counted.count { $0.pieces?[piece] == true }
            if holders != picker.availability(of: piece) {
                fail("\(here): availability \(picker.availability(of: piece)), not \(holders)")
            }
            switch picker.state(of: piece) {
            case .verified, .startable: break
            case .heldBack: checkHeldBack(piece, node)
            case .active: checkBlocks(piece, node, picker, sessions)
            }
        }
    }

    /// What is counted of holders is what the sessions say.
    private mutating func checkScopes(_ node: MiniNode, _ picker: PiecePicker) {
        let placed = node.swarm.connections.filter { $0.placement != nil }
        for session in placed where session.placement?.level != session.level {
            fail("node \(node.index), \(session.id): counted at another level than its own")
        }
        for piece in node.geometry.pieces {
            let levels = placed.filter { $0.pieces?[piece] == true }.map(\.level)
            if levels.max() != picker.scopes.nearest(piece.number) {
                fail("node \(node.index), \(piece): nearest scope, but holders at \(levels)")
            }
            let isStartable = picker.state(of: piece) == .startable
            if picker.scopes.isStartable(piece.number) != isStartable {
                fail("node \(node.index), \(piece): startable, or not, for the scopes alone")
            }
        }
    }

    private mutating func checkHeldBack(_ piece: PieceIndex, _ node: MiniNode) {
        let file = node.geometry.file(of: piece)
        let isDuplicate = plan.duplicates.contains { $0.file == file }
        let lacksLayer = node.needsLayer(file) && !node.knownLayers[file.number]
        let isAudited = node.swarm.audits.contains { audit in
            if case .askingLeaves = audit.stage { audit.piece == piece } else { false }
        }
        if !isDuplicate, !lacksLayer, !isAudited {
            fail("node \(node.index), \(piece): held back for no reason")
        }
    }

    private mutating func checkBlocks(
        _ piece: PieceIndex,
        _ node: MiniNode,
        _ picker: PiecePicker,
        _ sessions: [PeerSession]
    ) {
        guard let active = picker.activePiece(piece) else { return }
        let here = "node \(node.index), \(piece)"
        let assembly = node.board.assemblies[piece]
        if assembly == nil { fail("\(here): active, and not open at the driver") }
        for (index, block) in active.blocks.enumerated() {
            switch block {
            case .missing: break
            case .received:
                if let assembly, assembly.senders[index] == nil {
                    fail("\(here): the core has block \(index), the driver has not")
                }
            case .requested(let from):
                let isAsked =
                    isRead(piece, from, node)
                    || sessions.contains { session in
                        session.id == from
                            && session.pipeline.requests.contains {
                                $0.range.piece == piece && $0.range.blocks.contains(index)
                            }
                    }
                if !isAsked { fail("\(here): block \(index) waits for nobody (\(from))") }
            }
        }
        if let owner = active.owner, !isRead(piece, owner, node),
            !sessions.contains(where: { $0.id == owner })
        {
            fail("\(here): its owner is gone")
        }
    }

    // MARK: Copies

    /// Copies of the version that entered a domain from outside, for each domain of the plan.
    static func copiesEntering(_ nodes: [MiniNode], _ total: Int) -> [(Locality, Double)] {
        var domains: [Locality] = []
        for node in nodes {
            let labels = node.role.settings.locality.labels
            for depth in 1...max(1, labels.count) where depth <= labels.count {
                guard let domain = try? Locality(labels.prefix(depth).joined(separator: "/")),
                    !domains.contains(domain)
                else { continue }
                domains.append(domain)
            }
        }
        return domains.sorted().map { domain in
            let inside = { (place: Locality) in
                place.commonLevels(with: domain) == domain.labels.count
            }
            var bytes = 0
            for node in nodes where inside(node.role.settings.locality) {
                for entry in node.swarm.ledger.received.entries where !inside(entry.from) {
                    bytes += entry.bytes
                }
            }
            return (domain, Double(bytes) / Double(total))
        }
    }

    private func isRead(_ piece: PieceIndex, _ id: ConnectionID, _ node: MiniNode) -> Bool {
        node.swarm.reader.reads.contains { $0.order.id == id && $0.pieces.contains(piece) }
    }

    // MARK: The end

    mutating func finish(_ nodes: [MiniNode], at now: Instant) {
        for node in nodes where node.role.mustFinish {
            if !node.swarm.audits.isEmpty { fail("node \(node.index): audits without an end") }
            if node.isSealed.contains(false) { fail("node \(node.index): a file is not sealed") }
            if !node.committed.isFull { fail("node \(node.index): not all is on disk") }
        }
    }
}

extension CloseCause {
    fileprivate var kind: String {
        switch self {
        case .violation: "violation"
        case .banned: "banned"
        case .duplicateConnection: "duplicate"
        case .tooManyConnections: "too many"
        case .idle: "idle"
        case .stalled: "stalled"
        case .notReading: "not reading"
        case .bothSeeds: "both seeds"
        case .unprotected: "unprotected"
        }
    }
}

/// Short lines for transcripts.
enum MiniTranscript {
    static func text(_ event: SwarmEvent) -> String {
        String(String(describing: event).prefix(240))
    }
    static func text(_ action: SwarmAction) -> String {
        String(String(describing: action).prefix(240))
    }
}
