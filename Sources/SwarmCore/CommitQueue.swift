package import SwarmModel

/// Verified pieces that the journal does not hold yet: committed together once they are many bytes
/// or old, because each commit costs an fdatasync of the data and one of the journal.
package struct CommitQueue: Hashable, Sendable {
    private struct Item: Hashable, Sendable {
        var piece: PieceIndex
        var bytes: Int
    }

    private var waiting: [Item] = []
    private var waitingBytes = 0
    private var oldest: Instant?
    private var underway: [Item] = []
    /// After a failure nothing is committed before then, unless it is forced.
    private var pausedUntil: Instant?
    // Of the settings, which are large, and this is looked at at every event.
    private let commitAfter: Duration
    private let commitBytes: Int
    private let pause: Duration

    package init(settings: SwarmSettings) {
        commitAfter = settings.commitAfter
        commitBytes = settings.commitBytes
        pause = settings.storagePause
    }

    package mutating func append(_ piece: PieceIndex, bytes: Int, at now: Instant) {
        waiting.append(Item(piece: piece, bytes: bytes))
        waitingBytes += bytes
        oldest = oldest ?? now
    }

    package var deadline: Instant? {
        guard underway.isEmpty, let oldest else { return nil }
        let due = oldest + commitAfter
        return pausedUntil.map { max($0, due) } ?? due
    }

    /// The pieces to commit now; `force` before a file is sealed or the process ends.
    package mutating func take(at now: Instant, force: Bool = false) -> [PieceIndex]? {
        guard !waiting.isEmpty, let oldest else { return nil }
        if let until = pausedUntil, until <= now { pausedUntil = nil }
        let isDue = waitingBytes >= commitBytes || now - oldest >= commitAfter
        guard force || (isDue && underway.isEmpty && pausedUntil == nil) else { return nil }
        let pieces = waiting.map(\.piece)
        underway += waiting
        setWaiting([], oldest: nil)
        return pieces
    }

    package mutating func committed(_ pieces: [PieceIndex]) {
        underway.removeAll { pieces.contains($0.piece) }
    }

    /// The disk failed: the lost pieces must come again, and those that were being committed and
    /// are not lost are committed again, which is harmless when they had been.
    package mutating func failed(losing lost: [PieceIndex], at now: Instant) {
        let kept = (underway + waiting).filter { !lost.contains($0.piece) }
        underway = []
        setWaiting(kept, oldest: kept.isEmpty ? nil : oldest ?? now)
        pausedUntil = now + pause
    }

    /// Pieces that were damaged before they were committed.
    package mutating func forget(_ lost: [PieceIndex]) {
        underway.removeAll { lost.contains($0.piece) }
        let kept = waiting.filter { !lost.contains($0.piece) }
        setWaiting(kept, oldest: kept.isEmpty ? nil : oldest)
    }

    private mutating func setWaiting(_ items: [Item], oldest: Instant?) {
        waiting = items
        waitingBytes = items.reduce(0) { $0 + $1.bytes }
        self.oldest = oldest
    }
}
