/// The figures of one life of a peer in one swarm, as it reports them to a tracker: sums since it
/// joined, never differences, so that a report that comes twice, or not at all, changes nothing
/// once the next one is there.
package struct TrafficReport: Hashable, Sendable, Codable {
    package var peer: PeerID
    /// Which life of the peer: a new one starts from zero.
    package var generation: UInt64
    /// Where the peer is: the one end of all its traffic.
    package var locality: Locality
    /// Size of the version; nil while the peer has no metainfo.
    package var modelBytes: Int?
    /// It had every piece when it joined: it is one of those that the version spread from.
    package var isSource: Bool
    /// Nothing will follow: the peer leaves.
    package var isLast: Bool
    package var received: [Entry]
    package var sent: [Entry]
    /// Bytes whose other ends were not kept apart.
    package var receivedOther: TrafficLedger.Amount
    package var sentOther: TrafficLedger.Amount
    /// Received, kept at first, and fetched again.
    package var refetchedBytes: Int

    /// Traffic with one domain.
    package struct Entry: Hashable, Sendable, Codable {
        package var domain: Locality
        package var kind: SourceKind
        package var bytes: Int
        package var duplicateBytes: Int

        package init(domain: Locality, kind: SourceKind, bytes: Int, duplicateBytes: Int = 0) {
            self.domain = domain
            self.kind = kind
            self.bytes = bytes
            self.duplicateBytes = duplicateBytes
        }
    }

    /// Entries of one direction: what a peer's ledger keeps apart.
    package static let entriesMax = TrafficLedger.peerEntriesMax
    /// The largest count that is believed, an exabyte: sums of many reports stay far from overflow.
    package static let bytesMax = 1 << 60

    package init(
        peer: PeerID,
        generation: UInt64,
        locality: Locality,
        modelBytes: Int?,
        isSource: Bool,
        isLast: Bool,
        received: TrafficLedger,
        sent: TrafficLedger,
        refetchedBytes: Int
    ) {
        self.peer = peer
        self.generation = generation
        self.locality = locality
        self.modelBytes = modelBytes
        self.isSource = isSource
        self.isLast = isLast
        self.received = received.entries.map {
            Entry(
                domain: $0.from,
                kind: $0.kind,
                bytes: $0.bytes,
                duplicateBytes: $0.duplicateBytes
            )
        }
        self.sent = sent.entries.map { Entry(domain: $0.to, kind: $0.kind, bytes: $0.bytes) }
        receivedOther = received.other
        sentOther = sent.other
        self.refetchedBytes = refetchedBytes
    }

    /// The reporter's ledger again.
    package var receivedLedger: TrafficLedger {
        ledger(received, receivedOther) { (from: $0.domain, to: locality) }
    }

    package var sentLedger: TrafficLedger {
        ledger(sent, sentOther) { (from: locality, to: $0.domain) }
    }

    private func ledger(
        _ entries: [Entry],
        _ other: TrafficLedger.Amount,
        ends: (Entry) -> (from: Locality, to: Locality)
    ) -> TrafficLedger {
        var ledger = TrafficLedger(entriesMax: Self.entriesMax)
        for entry in entries {
            let (from, to) = ends(entry)
            ledger.add(
                TrafficLedger.Entry(
                    from: from,
                    to: to,
                    kind: entry.kind,
                    bytes: entry.bytes,
                    duplicateBytes: entry.duplicateBytes
                )
            )
        }
        ledger.addOther(other)
        return ledger
    }

    /// What is wrong with a report from outside; nil when it can be believed as far as bounds go.
    package var flaw: String? {
        let lists = [received, sent]
        guard lists.allSatisfy({ $0.count <= Self.entriesMax }) else {
            return "it has more than \(Self.entriesMax) entries in one direction"
        }
        for entry in received + sent {
            if let flaw = Self.flaw(entry.bytes, entry.duplicateBytes) {
                return "the entry of '\(entry.domain)' \(flaw)"
            }
        }
        for other in [receivedOther, sentOther] {
            if let flaw = Self.flaw(other.bytes, other.duplicateBytes) {
                return "the rest \(flaw)"
            }
        }
        guard (0...Self.bytesMax).contains(refetchedBytes),
            (0...Self.bytesMax).contains(modelBytes ?? 0)
        else { return "refetchedBytes or modelBytes is out of bounds" }
        return nil
    }

    private static func flaw(_ bytes: Int, _ duplicateBytes: Int) -> String? {
        guard (0...bytesMax).contains(bytes) else {
            return "has \(bytes) bytes, not between 0 and \(bytesMax)"
        }
        guard (0...bytes).contains(duplicateBytes) else {
            return "has \(duplicateBytes) duplicate bytes of \(bytes)"
        }
        return nil
    }
}

extension PeerID: Codable {
    /// As 40 hexadecimal digits: the bytes need not be text.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard text.utf8.count == 40, let id = Hex.decode(text).flatMap({ PeerID($0) }) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "is not 40 hexadecimal digits"
            )
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Hex.encode(bytes))
    }
}

/// What a tracker answers to a report.
package struct TrafficReceipt: Hashable, Sendable, Codable {
    /// Seconds until the next report: more of them when many peers report.
    package var intervalSeconds: Int

    package init(intervalSeconds: Int) { self.intervalSeconds = intervalSeconds }
}
