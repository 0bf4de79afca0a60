import OrderedCollections
import SwarmCore
import SwarmModel

/// Commits, seals, views and scrubs, and how they fail.
extension Simulation {
    mutating func onDisk(_ job: Mail, _ node: Int) {
        let time = scenario.syncTime.duration(using: &random)
        nodes[node].disk.freeAt = max(now, nodes[node].disk.freeAt) + time
        mail(job, node, after: max(.nanoseconds(1), nodes[node].disk.freeAt - now))
    }

    private mutating func diskFails(_ node: Int, _ one: Int) -> Bool {
        nodes[node].host.hasBadDisk && !isAfterFaults && chance(one)
    }

    mutating func committed(_ pieces: [PieceIndex], _ node: Int) {
        if diskFails(node, 8) {
            // What was written and not synced is not there any more, unless only the journal
            // failed.
            let lost = chance(3) ? [] : unsynced(with: pieces, node)
            lose(lost, node)
            handle(.storageFailed(reason: "fdatasync", lost: lost), node)
        } else {
            nodes[node].disk.synced(pieces)
            handle(.committed(pieces), node)
        }
    }

    /// What a failed sync of these pieces loses: all that is written to their files and is not in
    /// the journal.
    private func unsynced(with pieces: [PieceIndex], _ node: Int) -> [PieceIndex] {
        let geometry = scenario.geometry
        let touched = pieces.map { geometry.file(of: $0) }
        return geometry.pieces.filter { piece in
            touched.contains(geometry.file(of: piece)) && !nodes[node].disk.journaled[piece]
                && (nodes[node].disk.verified[piece]
                    || nodes[node].board.assemblies[piece] != nil)
        }
    }

    /// Takes pieces off the medium; the checkers know that they may be fetched again.
    private mutating func lose(_ pieces: [PieceIndex], _ node: Int) {
        for piece in pieces {
            nodes[node].disk.drop(piece)
            checks.forgive(piece, node)
        }
        tally.lossCount += pieces.count
    }

    mutating func sealed(_ file: FileIndex, _ node: Int) {
        let pieces = Array(scenario.geometry.pieces(of: file))
        if diskFails(node, 6) {
            let lost = chance(2) ? [] : pieces
            lose(lost, node)
            handle(.storageFailed(reason: "seal", lost: lost), node)
            return
        }
        // Sealing reads everything back from the medium.
        let rotten = pieces.filter { nodes[node].disk.verified[$0] && !nodes[node].disk.intact[$0] }
        guard rotten.isEmpty || options.mutation == .sealUnread else {
            damaged(file, rotten, node)
            return
        }
        guard pieces.allSatisfy({ nodes[node].disk.verified[$0] }) else { return }
        nodes[node].disk.synced(pieces)
        nodes[node].disk.isSealed[file.number] = true
        checkSealed(pieces, node)
        handle(.sealed(file), node)
        if options.mutation == .publishEarly, !nodes[node].isPublished { published(node) }
    }

    private mutating func damaged(_ file: FileIndex, _ pieces: [PieceIndex], _ node: Int) {
        lose(pieces, node)
        nodes[node].disk.isSealed[file.number] = false
        nodes[node].isPublished = false
        guard options.mutation != .hideDamage else { return }
        handle(.damaged(file, pieces), node)
    }

    mutating func published(_ node: Int) {
        guard nodes[node].swarm.isSealed || options.mutation == .publishEarly else { return }
        nodes[node].isPublished = true
        checkPublished(node)
        mayBeSettled = true
    }

    /// A piece on a healthy-looking disk changes. A scrub finds it within a minute.
    mutating func rot(_ node: Int) {
        let held = nodes[node].disk.verified.members
        guard nodes[node].isAlive, let number = held.randomElement(using: &random),
            let piece = scenario.geometry.piece(number)
        else { return }
        nodes[node].disk.rot(piece)
        checks.rotted(piece, node)
        let wait = Duration.milliseconds(Int64.random(in: 100...60_000, using: &random))
        mail(.scrub, node, after: wait)
    }

    mutating func scrub(_ node: Int) {
        let geometry = scenario.geometry
        for file in geometry.files {
            let rotten = Array(geometry.pieces(of: file)).filter {
                nodes[node].disk.verified[$0] && !nodes[node].disk.intact[$0]
            }
            if !rotten.isEmpty { damaged(file, rotten, node) }
        }
    }
}
