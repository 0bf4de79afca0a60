/// What a payload byte was read from: another peer, or an origin.
package enum SourceKind: String, Codable, Hashable, Sendable, CaseIterable {
    case peer, origin
}

/// Payload bytes by (from, to, kind): what peers book, what trackers sum up, and what every report
/// of traffic, of copies and of cost is computed from. Sums of thousands of hosts stay small, since
/// hosts of one locality share an entry.
///
/// Invariant: entries are sorted by sender, receiver and kind, no two have all three in common, and
/// there are at most ``entriesMax``. What comes for further ends is counted in ``other``, so that
/// nothing is lost from the total.
package struct TrafficLedger: Hashable, Sendable {
    package typealias Kind = SourceKind

    package struct Entry: Hashable, Sendable, Codable {
        package var from: Locality
        package var to: Locality
        package var kind: Kind
        /// All that crossed, duplicates included.
        package var bytes: Int
        /// The part that the receiver had no use for: late, or there already.
        package var duplicateBytes: Int

        package init(
            from: Locality,
            to: Locality,
            kind: Kind,
            bytes: Int,
            duplicateBytes: Int = 0
        ) {
            self.from = from
            self.to = to
            self.kind = kind
            self.bytes = bytes
            self.duplicateBytes = duplicateBytes
        }

        fileprivate func precedes(_ other: Entry) -> Bool {
            if from != other.from { return from < other.from }
            if to != other.to { return to < other.to }
            return kind == .peer && other.kind == .origin
        }

        fileprivate func hasSameEnds(as other: Entry) -> Bool {
            kind == other.kind && to == other.to && from == other.from
        }
    }

    package struct Amount: Hashable, Sendable, Codable {
        package var bytes: Int
        package var duplicateBytes: Int

        package init(bytes: Int = 0, duplicateBytes: Int = 0) {
            self.bytes = bytes
            self.duplicateBytes = duplicateBytes
        }

        package mutating func add(_ amount: Amount) {
            bytes.addClamped(amount.bytes)
            duplicateBytes.addClamped(amount.duplicateBytes)
        }
    }

    package private(set) var entries: [Entry] = []
    /// Traffic whose ends are not kept apart, because the entries are all in use.
    package private(set) var other = Amount()
    /// Sums over all entries and ``other``.
    package private(set) var total = Amount()
    package let entriesMax: Int

    /// Entries of one peer's ledger, for each direction: more than a peer has connections. Each is
    /// about 40 bytes, and its localities are shared with others'.
    package static let peerEntriesMax = 512

    package init(entriesMax: Int = .max) { self.entriesMax = entriesMax }

    package init(_ entries: some Sequence<Entry>) {
        self.init()
        // In order, so that each is entered at the end: anything else would be quadratic for a
        // fleet's racks.
        for entry in entries.sorted(by: { $0.precedes($1) }) { add(entry) }
    }

    /// Enters bytes that went from one place to another. Sums stop at the largest number rather
    /// than trap: some come from outside. Returns where among ``entries`` they are, for the next of
    /// the same ends: a guess that is right spares the search.
    @discardableResult
    package mutating func add(_ entry: Entry, guess: Int = 0) -> Int {
        let amount = Amount(bytes: entry.bytes, duplicateBytes: entry.duplicateBytes)
        total.add(amount)
        let isThere = entries.indices.contains(guess) && entries[guess].hasSameEnds(as: entry)
        let place = isThere ? guess : place(of: entry)
        if place < entries.count, entries[place].hasSameEnds(as: entry) {
            entries[place].bytes.addClamped(entry.bytes)
            entries[place].duplicateBytes.addClamped(entry.duplicateBytes)
        } else if entries.count < entriesMax {
            entries.insert(entry, at: place)
        } else {
            other.add(amount)
        }
        return place
    }

    package mutating func add(_ ledger: TrafficLedger) {
        for entry in ledger.entries { add(entry) }
        addOther(ledger.other)
    }

    /// Enters `bytes` received at `to`, all of use there.
    package mutating func book(_ bytes: Int, from: Locality, to: Locality, kind: Kind) {
        add(Entry(from: from, to: to, kind: kind, bytes: bytes))
    }

    /// Enters bytes whose ends the one who counted them did not keep apart.
    package mutating func addOther(_ amount: Amount) {
        other.add(amount)
        total.add(amount)
    }

    /// The entry with the same ends, if it is kept apart.
    package func entry(like entry: Entry) -> Entry? {
        let place = place(of: entry)
        guard place < entries.count, entries[place].hasSameEnds(as: entry) else { return nil }
        return entries[place]
    }

    package var totalBytes: Int { total.bytes }
    package var duplicateBytes: Int { total.duplicateBytes }
    package var originBytes: Int { bytes { $0.kind == .origin } }

    /// Bytes between hosts whose localities have `level` leading labels in common. Beyond the
    /// deepest label of either everything is local.
    package func bytes(atLevel level: Int) -> Int {
        bytes { $0.from.commonLevels(with: $0.to) == level }
    }

    /// Bytes of the entries that a condition chooses.
    package func bytes(where isChosen: (Entry) -> Bool) -> Int {
        entries.reduce(into: 0) { if isChosen($1) { $0.addClamped($1.bytes) } }
    }

    /// The same traffic between the domains of a level, such as 1 for clouds.
    package func coarsened(toLevel level: Int) -> TrafficLedger {
        var result = TrafficLedger(entriesMax: entriesMax)
        for var entry in entries {
            entry.from = entry.from.ancestor(level: level)
            entry.to = entry.to.ancestor(level: level)
            result.add(entry)
        }
        result.addOther(other)
        return result
    }

    /// The first entry that does not precede the given one.
    private func place(of entry: Entry) -> Int {
        guard let last = entries.last, !last.precedes(entry) else { return entries.count }
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].precedes(entry) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension Int {
    /// Adds, and stops at the largest number rather than trap: for counts that come from outside.
    package mutating func addClamped(_ amount: Int) {
        let (sum, overflow) = addingReportingOverflow(amount)
        self = overflow ? .max : sum
    }
}
