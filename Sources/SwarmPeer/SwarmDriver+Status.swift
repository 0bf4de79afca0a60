import SwarmCore
package import SwarmModel
import SwarmRuntime

/// What the driver shows of itself.
extension SwarmDriver {
    package var status: SwarmStatus {
        let now = clock.now
        let reference = names.first
        let connections = swarm.connections
        let verified = swarm.picker?.verified
        let unavailable = unavailable
        let rate = connections.reduce(0.0) { $0 + $1.pipeline.bytesPerSecond(at: now) }
        return SwarmStatus(
            name: reference?.name.description ?? "",
            version: reference?.version ?? "",
            names: names.map(\.description),
            infoHash: infoHash.description,
            state: state,
            problem: problem,
            bytes: swarm.geometry?.totalLength ?? 0,
            verifiedBytes: swarm.picker.map { Self.bytes($0.verified, $0.geometry) } ?? 0,
            pieces: swarm.geometry?.pieceCount ?? 0,
            verifiedPieces: verified?.population ?? 0,
            resumedBytes: resumedBytes,
            receivedBytes: swarm.ledger.received.totalBytes,
            duplicateBytes: swarm.ledger.duplicateBytes,
            uploadedBytes: swarm.uploadedBytes,
            receivedBytesPerSecond: Int(rate),
            peers: connections.count,
            seeds: connections.count { $0.isSeed },
            knownPeers: swarm.book.count,
            bannedPeers: swarm.book.bannedPeers(at: now).map(\.description),
            unavailablePieces: unavailable.count,
            unavailable: named(unavailable),
            from: sources,
            received: swarm.ledger.received.entries,
            sent: swarm.ledger.sent.entries,
            path: path,
            seconds: ((finishedAt ?? now) - startedAt).inSeconds
        )
    }

    /// The little of it that the host looks at all the time.
    var progress: VersionProgress {
        let geometry = swarm.geometry
        let verified = swarm.picker?.verified
        let isWhole = verified?.isFull == true
        return VersionProgress(
            names: names,
            infoHash: infoHash,
            state: state,
            problem: problem,
            pieceCount: geometry?.pieceCount ?? 0,
            piecesHeld: verified?.population ?? 0,
            byteCount: geometry?.totalLength ?? 0,
            bytesHeld: isWhole
                ? geometry?.totalLength ?? 0
                : swarm.picker.map { Self.bytes($0.verified, $0.geometry) } ?? 0
        )
    }

    private var state: SwarmStatus.State {
        if case .failed = outcome { return .failed }
        if swarm.content == nil { return .metadata }
        if swarm.pausedUntil != nil { return .paused }
        if case .complete = outcome { return .seeding }
        return swarm.isComplete ? .sealing : .downloading
    }

    private var problem: String? {
        if case .failed(let reason) = outcome { return reason }
        return swarm.pauseReason ?? originProblem ?? trackerProblem
    }

    /// What the origins last complained of, while something is still missing.
    private var originProblem: String? {
        guard !swarm.isComplete else { return nil }
        let problems = swarm.originHealth.compactMap { origin in
            origin.problem.map { "origin '\(origin.facts.id)' \($0)" }
        }
        return problems.isEmpty ? nil : problems.joined(separator: "; ")
    }

    private var path: String? {
        if case .complete(let path) = outcome { return path }
        return nil
    }

    /// Payload by the domain that it came from.
    var sources: [PullReport.Source] {
        let here = around.settings.locality
        return swarm.ledger.received.entries.map { entry in
            PullReport.Source(
                domain: entry.from.description,
                kind: entry.kind,
                bytes: entry.bytes,
                proximity: here.proximity(to: entry.from)
            )
        }
    }

    /// Pieces that are missing here and that no connected peer has.
    private var unavailable: [PieceIndex] {
        guard let picker = swarm.picker, !picker.isComplete else { return [] }
        let held = swarm.connections.compactMap(\.pieces)
        if held.contains(where: \.isFull) { return [] }
        return picker.geometry.pieces.filter { piece in
            !picker.verified[piece] && !held.contains { $0[piece] }
        }
    }

    /// What the connected peers have said that they have.
    package var holdings: [(peer: PeerID, pieces: Bitfield)] {
        swarm.connections.compactMap { session in
            session.pieces.map { (peer: session.facts.peer, pieces: $0) }
        }
    }

    package func named(_ pieces: [PieceIndex]) -> [MissingPieces] {
        guard let info = files?.info else { return [] }
        return MissingPieces.runs(of: pieces, info.geometry) { info.entry(of: $0).joinedPath }
    }

    /// The report of a finished pull.
    package func report(path: String) -> PullReport? {
        guard let files, let reference = names.first else { return nil }
        return PullReport(
            name: reference.name.description,
            version: reference.version,
            infoHash: infoHash,
            bytes: files.info.geometry.totalLength,
            seconds: (clock.now - startedAt).inSeconds,
            from: sources,
            duplicateBytes: swarm.ledger.duplicateBytes,
            resumedBytes: resumedBytes,
            path: path
        )
    }
}
