import OrderedCollections
import SwarmCore
import SwarmModel

/// What a driver does: packets to facts on the way in, actions to deeds on the way out.
extension Simulation {
    // MARK: Packets in

    mutating func receive(_ packet: Packet, _ connection: Int, _ end: Int, _ node: Int) {
        let id = Connection.id(connection, end)
        switch packet {
        case .request(let block):
            switch nodes[node].vice {
            case .withholds, .falseIntents: return
            case .refuses: send(.message(.reject(block)), connection, from: end)
            default: deliver(.received(.request(block), from: id), node)
            }
        case .block(let raw, let isWrong):
            let other = Int(ends[connection * 2 + 1 - end].node)
            blockArrived(raw, isWrong, connections[connection].read ?? id, node, from: other)
        case .hashes(let range, let isWrong):
            mail(.hashesArrived(range, id, areWrong: isWrong), node, after: .zero)
        case .have(let piece): deliver(.received(.have(piece), from: id), node)
        case .haves(let pieces): deliver(.havesReceived(pieces, from: id), node)
        case .message(let message): deliver(.received(message, from: id), node)
        case .end, .mail, .tick: break
        }
    }

    /// A fact of a connection's loop, on its way to the driver.
    private mutating func deliver(_ event: SwarmEvent, _ node: Int) {
        if isFlow {
            handle(event, node)
        } else {
            mail(.event(event), node, after: .zero)
        }
    }

    private mutating func blockArrived(
        _ raw: RawBlock,
        _ isWrong: Bool,
        _ id: ConnectionID,
        _ node: Int,
        from other: Int
    ) {
        guard let range = scenario.geometry.alignedRange(of: raw) else {
            deliver(.blockArrived(raw, from: id, .discarded), node)
            return
        }
        tally.book(range.length, from: other, to: node, at: now)
        let isRefused = nodes[node].host.hasBadDisk && !isAfterFaults && chance(150)
        let stored: AssemblyBoard.Stored =
            isRefused ? .failed : nodes[node].board.store(range, isWrong: isWrong, from: id)
        if isFlow {
            blockStored(raw, range, id, stored, node)
        } else {
            mail(.blockStored(raw, range, id, stored), node, after: .zero)
        }
    }

    // MARK: The driver's queue

    /// A fact for the driver's queue. What comes at once stays in order; what takes time goes its
    /// own way.
    mutating func mail(_ item: Mail, _ node: Int, after delay: Duration) {
        var at = now + delay
        if delay == .zero {
            let hop = isFlow ? 0 : Int64.random(in: 0...300, using: &random)
            at = max(now + .microseconds(hop), nodes[node].lastMailAt)
            nodes[node].lastMailAt = at
        }
        let life = nodes[node].life
        if isFlow, item.isForMachine {
            post(Delivery(.mail(item, life: life), within: node), at: at)
        } else {
            agenda.add(.mail(node: Int32(node), life: life, item), at: at)
        }
    }

    mutating func open(_ item: Mail, _ node: Int, _ life: Int32) {
        guard nodes[node].life == life, nodes[node].isAlive else { return }
        guard !nodes[node].isPaused else {
            nodes[node].backlog.append(.mail(node: Int32(node), life: life, item))
            return
        }
        switch item {
        case .event(let event): handle(event, node)
        case .blockStored(let raw, let range, let id, let stored):
            blockStored(raw, range, id, stored, node)
        case .leavesChecked(let range, let id, let attempt, let areWrong):
            leavesChecked(range, id, attempt, areWrong, node)
        case .hashesArrived(let range, let id, let areWrong):
            nodes[node].areHashesAtHandWrong = areWrong
            handle(.received(.hashes(range, []), from: id), node)
        case .hashesWanted(let range, let id): answer(range, id, node)
        case .committed(let pieces): committed(pieces, node)
        case .sealed(let file): sealed(file, node)
        case .published: published(node)
        case .announceAnswered(let response): announceAnswered(response, node)
        case .announceFailed: announceFailed(node)
        case .scrub: scrub(node)
        case .readBegins(let order): beginRead(order, node)
        }
    }

    private mutating func blockStored(
        _ raw: RawBlock,
        _ range: BlockRange,
        _ id: ConnectionID,
        _ stored: AssemblyBoard.Stored,
        _ node: Int
    ) {
        guard case .stored(let attempt, let isWhole) = stored else {
            let result = stored == .failed ? BlockResult.failed(reason: "no space") : .discarded
            handle(.blockArrived(raw, from: id, result), node)
            return
        }
        let counts = nodes[node].board.holds(range, attempt: attempt)
        handle(.blockArrived(raw, from: id, counts ? .stored : .discarded), node)
        if isWhole { pieceArrived(range.piece, attempt, node) }
    }

    /// The last block of a piece is here, unless it has been begun anew since.
    mutating func pieceArrived(_ piece: PieceIndex, _ attempt: Int, _ node: Int) {
        guard let assembly = nodes[node].board.assemblies[piece], assembly.attempt == attempt,
            assembly.isWhole
        else { return }
        if assembly.wrongBlocks.isEmpty || options.mutation == .skipVerification {
            pieceVerified(piece, isIntact: assembly.wrongBlocks.isEmpty, node)
        } else {
            var senders = assembly.senders.compactMap { $0 }
            checkFailedPiece(assembly, senders, node)
            if options.mutation == .blameNeighbour, let last = senders.popLast() {
                senders.insert(last, at: 0)
                if let other = nodes[node].swarm.connections.first(where: { $0.id != last }) {
                    senders = senders.map { _ in other.id }
                }
            }
            handle(.pieceFailed(piece, senders: senders), node)
        }
    }

    private mutating func pieceVerified(_ piece: PieceIndex, isIntact: Bool, _ node: Int) {
        nodes[node].disk.store(piece)
        if !isIntact { nodes[node].disk.rot(piece) }
        if options.mutation == .forgetPiece, piece.number % 7 == 3, node % 4 == 1 {
            nodes[node].board.abandon(piece)
            return
        }
        handle(.pieceVerified(piece), node)
        if let wrong = nodes[node].board.finish(piece) {
            checkAudit(piece, wrong, node)
            handle(.pieceAudited(piece, wrongBlocks: wrong), node)
        }
    }

    private mutating func leavesChecked(
        _ range: HashRange,
        _ id: ConnectionID,
        _ attempt: Int?,
        _ areWrong: Bool,
        _ node: Int
    ) {
        handle(.hashesChecked(range, from: id, valid: !areWrong), node)
        guard !areWrong, let piece = piece(ofLeaves: range), let attempt,
            let assembly = nodes[node].board.assemblies[piece], assembly.attempt == attempt,
            assembly.isWhole
        else { return }
        let wrong = nodes[node].board.audit(piece)
        checkAudit(piece, wrong, node)
        handle(.pieceAudited(piece, wrongBlocks: wrong), node)
    }

    /// The piece whose leaves a range asks for. Roots are made of the files' numbers.
    func piece(ofLeaves range: HashRange) -> PieceIndex? {
        guard let file = Self.file(ofRoot: range.root, scenario.geometry) else { return nil }
        let first = scenario.geometry.pieceNumbers(of: file).lowerBound
        return scenario.geometry.piece(
            first + Int(range.index) / scenario.geometry.blocksPerPiece
        )
    }

    static func root(of file: FileIndex) -> Digest {
        Digest(lanes: SIMD4(UInt64(file.number + 1), 0, 0, 0))
    }

    private static func file(ofRoot root: Digest, _ geometry: PieceGeometry) -> FileIndex? {
        geometry.files.first { self.root(of: $0) == root }
    }

    // MARK: Actions out

    mutating func carryOut(_ action: SwarmAction, _ node: Int) {
        if options.isRecording { record(action, node) }
        switch action {
        case .dial(let endpoint): dial(endpoint, node)
        case .closeConnection(let id, let cause):
            if options.mutation == .keepBanned, case .banned = cause { return }
            close(id, node)
        case .send(let message, let id): transmit(message, id, node)
        case .sendHaves(let pieces, let id): transmitHaves(pieces, id, node)
        case .sendBlock(let range, let id): sendBlock(range, id, node)
        case .serveHashes(let range, let id):
            mail(.hashesWanted(range, id), node, after: .milliseconds(3))
        case .openPiece(let piece):
            nodes[node].board.open(piece, blockCount: scenario.geometry.blockCount(of: piece))
            if options.mutation == .announceEarly { tellAll(.have(UInt32(piece.number)), node) }
        case .abandonPiece(let piece): nodes[node].board.abandon(piece)
        case .restartPiece(let piece): nodes[node].board.restart(piece)
        case .checkHashes(let range, let id): checkHashes(range, id, node)
        case .commit(let pieces):
            if options.mutation == .journalBeforeData { nodes[node].disk.journalEarly(pieces) }
            onDisk(.committed(pieces), node)
        case .seal(let file): onDisk(.sealed(file), node)
        case .publishView: onDisk(.published, node)
        // Every host of a run knows the metainfo.
        case .sendMetadata, .beginMetadata, .keepMetadata, .checkMetadata: break
        case .askLease(let wish): say(.ask(wish), node)
        case .renewLease(let claim): say(.renew(claim), node)
        case .endLease(let claim, let end): say(.end(claim, end), node)
        case .readOrigin(let order): request(order, node)
        case .cancelRead(let id): cancelRead(id, node)
        case .trace(let trace): noted(trace, node)
        }
    }

    private mutating func tellAll(_ message: PeerMessage, _ node: Int) {
        for session in nodes[node].swarm.connections { transmit(message, session.id, node) }
    }

    private mutating func transmit(_ message: PeerMessage, _ id: ConnectionID, _ node: Int) {
        let (connection, end) = id.place
        guard ends[connection * 2 + end].isOpen else { return }
        if options.mutation == .loseUnchoke, case .unchoke = message, chance(3) { return }
        if options.mutation == .forgetIntents, case .intent = message { return }
        if options.mutation == .askTwice, case .request = message {
            send(Packet(message), connection, from: end)
        }
        if case .have(let piece) = message { checkAnnounced(piece, node) }
        let vice = nodes[node].vice
        if vice == .falseIntents { pretend(message, connection, end) }
        let said = vice == .falseHaves ? boast(message) : message
        send(Packet(said), connection, from: end)
    }

    /// They travel together, as the writes of a real driver do; where packets are drawn one by one,
    /// each for itself.
    private mutating func transmitHaves(_ pieces: [UInt32], _ id: ConnectionID, _ node: Int) {
        guard isFlow, nodes[node].vice == .none else {
            for piece in pieces { transmit(.have(piece), id, node) }
            return
        }
        let (connection, end) = id.place
        guard ends[connection * 2 + end].isOpen else { return }
        for piece in pieces { checkAnnounced(piece, node) }
        send(.haves(pieces), connection, from: end)
    }

    /// Says at each greeting, and each time it has something new, that it imports everything.
    private mutating func pretend(_ message: PeerMessage, _ connection: Int, _ end: Int) {
        switch message {
        case .extendedHandshake, .have: break
        default: return
        }
        let pieces = scenario.geometry.pieces.prefix(ImportIntent.pieceCountMax)
        for level in 0...2 as ClosedRange<UInt8> {
            let intent = ImportIntent(
                isWithdrawal: false,
                level: level,
                lifetime: .seconds(60),
                pieces: pieces.map { UInt32($0.number) }
            )
            send(.message(.intent(intent)), connection, from: end)
        }
    }

    /// What a peer with false haves says instead of what it has.
    private func boast(_ message: PeerMessage) -> PeerMessage {
        switch message {
        case .haveNone, .bitfield: .haveAll
        default: message
        }
    }

    private mutating func sendBlock(_ range: ServedRange, _ id: ConnectionID, _ node: Int) {
        let (connection, end) = id.place
        guard ends[connection * 2 + end].isOpen else { return }
        guard nodes[node].disk.verified[range.piece] else {
            mail(.event(.blockUnreadable(range.raw, to: id)), node, after: .milliseconds(1))
            return
        }
        let isWrong: Bool
        switch nodes[node].vice {
        case .corruptsAlways: isWrong = true
        case .corruptsSometimes: isWrong = chance(4)
        default: isWrong = !nodes[node].disk.intact[range.piece]
        }
        transmit(Connection.Outgoing(block: range.raw, isWrong: isWrong), connection, end)
    }

    private mutating func checkHashes(_ range: HashRange, _ id: ConnectionID, _ node: Int) {
        let attempt = piece(ofLeaves: range).flatMap {
            nodes[node].board.assemblies[$0]?.attempt
        }
        let delay = Duration.milliseconds(Int64.random(in: 1...30, using: &random))
        let areWrong = nodes[node].areHashesAtHandWrong
        mail(
            .leavesChecked(range, id, attempt: attempt, areWrong: areWrong),
            node,
            after: delay
        )
    }

    private mutating func answer(_ range: HashRange, _ id: ConnectionID, _ node: Int) {
        let (connection, end) = id.place
        let isKnown = piece(ofLeaves: range).map { nodes[node].disk.verified[$0] } ?? false
        if ends[connection * 2 + end].isOpen {
            if isKnown, nodes[node].vice != .refuses {
                let areWrong = nodes[node].host.sendsWrongBytes && chance(2)
                send(.hashes(range, isWrong: areWrong), connection, from: end)
            } else {
                send(.message(.hashReject(range)), connection, from: end)
            }
        }
        handle(.hashesServed(to: id), node)
    }

    private mutating func noted(_ trace: SwarmTrace, _ node: Int) {
        switch trace {
        case .downloadFinished:
            if nodes[node].completedAt == nil, nodes[node].host.isWanter {
                nodes[node].completedAt = now
                tally.completed(node, at: now)
            }
            nodes[node].announcer.completed()
            pollAnnouncer(node)
        default: break
        }
    }
}

extension Disk {
    /// The bytes change under everybody's feet.
    mutating func rot(_ piece: PieceIndex) { intact.remove(piece) }
}
