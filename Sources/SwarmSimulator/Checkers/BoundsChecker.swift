import OrderedCollections
import SwarmCore
import SwarmModel

/// Everything that can grow has a bound and keeps to it (reliability R2): connections, dials,
/// addresses, requests outstanding, uploads queued, pieces in progress.
extension Simulation {
    mutating func checkBounds(_ node: Int) {
        let swarm = nodes[node].swarm
        let settings = swarm.settings
        let sessions = swarm.connections
        atMost(sessions.count, settings.connectionsMax, "connections", node)
        atMost(swarm.book.diallingCount, settings.dialsMax, "dials under way", node)
        atMost(swarm.book.count, settings.knownPeersMax, "addresses", node)
        let activeMax =
            settings.activePiecesMax + PiecePicker.strandedMax + checks.auditsMax(swarm)
        atMost(swarm.picker?.activeCount ?? 0, activeMax, "pieces in progress", node)
        for session in sessions {
            atMost(session.uploads.count, settings.uploadQueueLength, "uploads queued", node)
            let bytes = settings.outstandingBytesMax + settings.longRequestLength
            atMost(session.pipeline.outstandingBytes, bytes, "bytes outstanding", node)
        }
        // Pieces that are being put together at the driver are those the core knows of.
        atMost(nodes[node].board.assemblies.count, activeMax, "assemblies", node)
    }

    private mutating func atMost(_ value: Int, _ limit: Int, _ what: String, _ node: Int) {
        guard value > limit else { return }
        checks.fail(.safety, "bounds", node, "\(value) \(what), more than \(limit)")
    }
}

extension Checks {
    /// Pieces that are put back into play after a failure may come on top of those begun anew.
    func auditsMax(_ swarm: Swarm) -> Int { 64 }
}
