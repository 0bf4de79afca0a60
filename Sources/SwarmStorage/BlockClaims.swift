package import SwarmModel

/// Which blocks of which contents are known to be on disk and right.
package struct BlockClaims: Sendable, Equatable {
    package private(set) var byRoot: [Digest: RangeSet<Int>] = [:]

    package init() {}

    package subscript(root: Digest) -> RangeSet<Int> { byRoot[root] ?? RangeSet() }

    mutating func apply(_ record: JournalRecord) {
        switch record.kind {
        case .blocksVerified:
            if !record.blocks.isEmpty {
                byRoot[record.root, default: RangeSet()].insert(contentsOf: record.blocks)
            }
        case .blocksLost:
            byRoot[record.root]?.remove(contentsOf: record.blocks)
            if byRoot[record.root]?.isEmpty == true { byRoot[record.root] = nil }
        case .sealed, .removed:
            byRoot[record.root] = nil
        }
    }

    mutating func forgetAll() { byRoot = [:] }

    /// The fewest records that say the same, in an order that does not change between runs.
    var records: [JournalRecord] {
        byRoot.keys.sorted().flatMap { root in
            JournalRecord.verified(root, self[root])
        }
    }
}

extension JournalRecord {
    static func verified(_ root: Digest, _ blocks: RangeSet<Int>) -> [JournalRecord] {
        runs(.blocksVerified, root, blocks)
    }
    static func lost(_ root: Digest, _ blocks: RangeSet<Int>) -> [JournalRecord] {
        runs(.blocksLost, root, blocks)
    }

    private static func runs(
        _ kind: Kind,
        _ root: Digest,
        _ blocks: RangeSet<Int>
    ) -> [JournalRecord] {
        blocks.ranges.flatMap { run in
            stride(from: run.lowerBound, to: run.upperBound, by: JournalCodec.runBlocksMax).map {
                let end = min(run.upperBound, $0 + JournalCodec.runBlocksMax)
                return JournalRecord(kind, root, blocks: $0..<end)
            }
        }
    }
}

extension RangeSet<Int> {
    init(_ runs: some Sequence<Range<Int>>) {
        self.init()
        for run in runs { insert(contentsOf: run) }
    }

    /// Whether all of `range` is in the set: a binary search, where `isSuperset` walks every run.
    func covers(_ range: Range<Int>) -> Bool {
        if range.isEmpty { return true }
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound <= range.lowerBound {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low < ranges.count && ranges[low].lowerBound <= range.lowerBound
            && ranges[low].upperBound >= range.upperBound
    }
}
