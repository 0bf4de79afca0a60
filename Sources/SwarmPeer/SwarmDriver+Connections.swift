import Logging
import NIOCore
import SwarmCore
import SwarmModel
package import SwarmRuntime

/// Connections: from the transport's reports to events.
extension SwarmDriver {
    /// What a connection of this swarm needs.
    package nonisolated var context: ConnectionContext {
        let numbers = around.connectionNumbers
        return ConnectionContext(
            handshake: Handshake(swarm: infoHash.swarmID, peer: around.me),
            sink: gate,
            source: gate,
            observer: DriverObserver(driver: self),
            nextConnectionID: { numbers.next() }
        )
    }

    /// Dials until the queue ends; those still under way are cancelled then.
    func runDials() async {
        let dials = jobs.dials.stream
        await withDiscardingTaskGroup { group in
            for await order in dials { group.addTask { await self.dial(order) } }
            group.cancelAll()
        }
    }

    private func dial(_ order: Dial) async {
        do {
            try await PeerDialer(resources: around.transport).dial(
                order.endpoint,
                context: context,
                from: around.localAddress,
                over: order.protection
            )
        } catch {
            // Certificates do not mend themselves: somebody has to hear of it.
            let level: Logger.Level = Self.isTLSFailure(error) ? .warning : .debug
            logger.log(
                level: level,
                "dial failed",
                metadata: ["peer": "\(order.endpoint)", "reason": "\(error)"]
            )
            handle(.dialFailed(order.endpoint))
        }
    }

    private static func isTLSFailure(_ error: any Error) -> Bool {
        guard case .handshakeFailed(.tlsFailed) = (error as? DialError)?.code else { return false }
        return true
    }

    fileprivate func opened(_ transport: any PieceTransport, _ facts: ConnectionFacts) {
        transports[facts.id] = transport
        logger.debug(
            "connected",
            metadata: ["peer": "\(facts.endpoint)", "id": "\(facts.peer)", "at": "\(facts.id)"]
        )
        handle(.connectionOpened(facts))
    }

    fileprivate func delivered(_ events: [ConnectionEvent], from id: ConnectionID) {
        inOneTurn { for event in events { take(event, from: id) } }
        transports[id]?.acknowledge(eventCount: events.count)
    }

    private func take(_ event: ConnectionEvent, from id: ConnectionID) {
        switch event {
        case .message(let message): take(message, from: id)
        case .block(let raw, let outcome): take(raw, outcome, from: id)
        case .blockSent(let raw): handle(.blockSent(raw, to: id))
        case .sendFailed(let raw, let reason):
            logger.warning("a block cannot be read", metadata: ["reason": "\(reason)"])
            handle(.blockUnreadable(raw, to: id))
        case .closed(let reason):
            transports[id] = nil
            logger.debug("closed", metadata: ["at": "\(id)", "reason": "\(reason)"])
            handle(.connectionClosed(id, ClosedBy(reason)))
        }
    }

    /// The core sees messages without their bulk, which waits here until it has decided.
    private func take(_ message: PeerMessage, from id: ConnectionID) {
        switch message {
        case .extendedHandshake(let extended):
            transports[id]?.setRemoteExtensions(extended)
            handle(.received(message, from: id))
        case .hashes(let range, let hashes):
            hashesAtHand = hashes
            handle(.received(.hashes(range, []), from: id))
            hashesAtHand = []
        case .metadata(.data(let part, let totalSize, let bytes)):
            metadataAtHand = bytes
            handle(.metadataArrived(piece: part, totalSize: totalSize, from: id))
            metadataAtHand = []
        default: handle(.received(message, from: id))
        }
    }

    func take(_ raw: RawBlock, _ outcome: BlockOutcome, from id: ConnectionID) {
        guard let files, let range = files.info.geometry.alignedRange(of: raw) else {
            handle(.blockArrived(raw, from: id, .discarded))
            return
        }
        switch outcome {
        case .stored:
            // The piece may have been restarted since the loop wrote the block.
            let counts = files.board.holds(range) || swarm.picker?.verified[range.piece] == true
            handle(.blockArrived(raw, from: id, counts ? .stored : .discarded))
        case .discarded: handle(.blockArrived(raw, from: id, .discarded))
        case .failed(let reason): handle(.blockArrived(raw, from: id, .failed(reason: reason)))
        case .pieceComplete(let verified):
            handle(.blockArrived(raw, from: id, .stored))
            pieceComplete(range.piece, verified: verified, files)
        }
    }

    private func pieceComplete(_ piece: PieceIndex, verified: Bool, _ files: VersionFiles) {
        guard verified else {
            handle(.pieceFailed(piece, senders: files.board.senders(of: piece)))
            return
        }
        let wrongBefore = files.board.finish(piece)
        handle(.pieceVerified(piece))
        if let wrongBefore { handle(.pieceAudited(piece, wrongBlocks: wrongBefore)) }
    }
}

extension ClosedBy {
    fileprivate init(_ reason: CloseReason) {
        switch reason {
        case .localRequest: self = .us
        case .protocolViolation, .handshakeTimeout, .wrongFirstByte, .unknownSwarm, .selfConnection,
            .tooManyUnsent, .plaintextRefused:
            self = .violation
        case .remoteClosed, .ioError, .tlsFailed: self = .remote
        }
    }
}

/// Carries reports from a connection's event loop to the driver's, one hop for each batch.
private struct DriverObserver: ConnectionObserver {
    let driver: SwarmDriver

    func connectionOpened(
        _ transport: any PieceTransport,
        handshake: Handshake,
        remote: Endpoint,
        isIncoming: Bool
    ) {
        let facts = ConnectionFacts(
            id: transport.id,
            peer: handshake.peer,
            endpoint: remote,
            isIncoming: isIncoming,
            supportsFast: handshake.supportsFast,
            supportsExtensions: handshake.supportsExtensions,
            isEncrypted: transport.isEncrypted
        )
        driver.loop.execute { driver.assumeIsolated { $0.opened(transport, facts) } }
    }

    func connection(_ id: ConnectionID, delivered events: [ConnectionEvent]) {
        driver.loop.execute { driver.assumeIsolated { $0.delivered(events, from: id) } }
    }
}
