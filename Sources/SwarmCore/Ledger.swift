package import SwarmModel

/// Payload bytes that this peer received and sent, by the localities of both ends and by what they
/// came from. Both ends of a link book the same bytes, so that one ledger can be held against the
/// other.
package struct Ledger: Hashable, Sendable {
    /// Where this peer is: one end of every entry.
    package let here: Locality
    /// What came, duplicates included.
    package private(set) var received = TrafficLedger(entriesMax: TrafficLedger.peerEntriesMax)
    package private(set) var sent = TrafficLedger(entriesMax: TrafficLedger.peerEntriesMax)
    /// Bytes that were kept at first and are fetched again: of pieces that failed, and of those
    /// that the disk lost.
    package private(set) var refetchedBytes = 0

    package init(at here: Locality) { self.here = here }

    /// Books a block that came; `kept` is false when there was no use for it. For `guess` and what
    /// is returned see ``TrafficLedger/add(_:guess:)``.
    @discardableResult
    package mutating func received(
        _ bytes: Int,
        from sender: Locality,
        kind: SourceKind,
        kept: Bool,
        guess: Int = 0
    ) -> Int {
        let entry = TrafficLedger.Entry(
            from: sender,
            to: here,
            kind: kind,
            bytes: bytes,
            duplicateBytes: kept ? 0 : bytes
        )
        return received.add(entry, guess: guess)
    }

    /// Books a block that the transport has handed to the kernel.
    @discardableResult
    package mutating func sent(_ bytes: Int, to receiver: Locality, guess: Int = 0) -> Int {
        let entry = TrafficLedger.Entry(from: here, to: receiver, kind: .peer, bytes: bytes)
        return sent.add(entry, guess: guess)
    }

    package mutating func refetched(_ bytes: Int) { refetchedBytes += bytes }

    /// Bytes that came and are not part of what is here: late, duplicate, or of a failed piece.
    package var duplicateBytes: Int { received.duplicateBytes + refetchedBytes }
}
