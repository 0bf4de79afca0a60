import SwarmModel

/// What the laboratory knows of a receiver: where it stands now, and what it booked in each of its
/// lives, since a process that is killed takes its ledger with it.
struct HostRecord {
    /// The last that was heard in this life.
    var current: HostStatus?
    /// The last that was heard in earlier ones.
    var earlier: [HostStatus] = []
    /// When it was asked to fetch the model, since the start of the run.
    var joinedAt: Duration?
    /// When it had the whole model, since the start of the run.
    var completedAt: Duration?
    /// When it was first seen to serve the version that is rolled out.
    var servedAt: Duration?
    var isRunning = false
    var isPaused = false
    /// Copies that the laboratory itself has spoilt.
    var isSpoilt = false
    /// Peers that it has banned at any time, and those that it has been itself.
    var banned: Set<String> = []
    var identities: Set<String> = []

    var progress: Double { completedAt != nil ? 1 : current?.progress ?? 0 }

    mutating func heard(_ status: HostStatus, joinedAt start: Duration) {
        current = status
        banned.formUnion(status.bannedPeers)
        if let identity = status.peerID { identities.insert(identity) }
        if status.isComplete, completedAt == nil {
            completedAt = start + .milliseconds(Int(status.seconds * 1000))
        }
    }

    /// The process is gone; the next one starts with an empty ledger.
    mutating func endLife() {
        if let current { earlier.append(current) }
        current = nil
        isRunning = false
        isPaused = false
    }

    var lives: [HostStatus] { earlier + (current.map { [$0] } ?? []) }
    var duplicateBytes: Int { lives.reduce(0) { $0 + $1.duplicateBytes } }
    var receivedBytes: Int { lives.reduce(0) { $0 + $1.receivedBytes } }

    /// Payload of every version.
    var allReceivedBytes: Int { lives.reduce(0) { $0 + ($1.allReceivedBytes ?? 0) } }

    /// Books what this host has received over all its lives.
    func book(to here: Locality, in ledger: inout TrafficLedger) {
        for source in lives.flatMap(\.from) {
            ledger.book(
                source.bytes,
                from: (try? Locality(source.domain)) ?? .unknown,
                to: here,
                kind: source.kind == "origin" ? .origin : .peer
            )
        }
    }
}
