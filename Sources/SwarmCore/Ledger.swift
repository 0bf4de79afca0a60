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

    /// Books a block that came; `kept` is false when there was no use for it.
    package mutating func received(
        _ bytes: Int,
        from sender: Locality,
        kind: SourceKind,
        kept: Bool
    ) {
        received.add(
            TrafficLedger.Entry(
                from: sender,
                to: here,
                kind: kind,
                bytes: bytes,
                duplicateBytes: kept ? 0 : bytes
            )
        )
    }

    /// Books a block that the transport has handed to the kernel.
    package mutating func sent(_ bytes: Int, to receiver: Locality) {
        sent.add(TrafficLedger.Entry(from: here, to: receiver, kind: .peer, bytes: bytes))
    }

    package mutating func refetched(_ bytes: Int) { refetchedBytes += bytes }

    /// Bytes that came and are not part of what is here: late, duplicate, or of a failed piece.
    package var duplicateBytes: Int { received.duplicateBytes + refetchedBytes }
}
