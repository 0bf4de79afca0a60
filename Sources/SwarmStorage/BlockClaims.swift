package import SwarmModel

/// Which blocks of which contents are known to be on disk and right.
package struct BlockClaims: Sendable, Equatable {
    package private(set) var byRoot: [Digest: BlockSet] = [:]
    /// Contents whose partials may hold more than is claimed, and must be read to know it.
    package private(set) var unread: Set<Digest> = []

    package init() {}

    package subscript(root: Digest) -> BlockSet { byRoot[root] ?? BlockSet() }

    mutating func apply(_ record: JournalRecord) {
        switch record.kind {
        case .blocksVerified:
            if !record.blocks.isEmpty {
                byRoot[record.root, default: BlockSet()].insert(contentsOf: record.blocks)
            }
        case .blocksLost:
            byRoot[record.root]?.remove(contentsOf: record.blocks)
            if byRoot[record.root]?.isEmpty == true { byRoot[record.root] = nil }
        case .sealed, .removed:
            byRoot[record.root] = nil
            unread.remove(record.root)
        case .unread: unread.insert(record.root)
        case .reread: unread.remove(record.root)
        }
    }

    /// As ``apply(_:)`` for many runs of verified blocks of one content.
    mutating func verify(_ runs: [Range<Int>], of root: Digest) {
        let known = BlockSet(runs)
        if !known.isEmpty { byRoot[root, default: BlockSet()].insert(unordered: known.ranges) }
    }

    mutating func forgetAll() { byRoot = [:] }

    /// The fewest records that say the same, in an order that does not change between runs.
    var records: [JournalRecord] {
        byRoot.keys.sorted().flatMap { root in
            JournalRecord.verified(root, self[root])
        } + unread.sorted().map { JournalRecord(.unread, $0) }
    }
}

extension JournalRecord {
    static func verified(_ root: Digest, _ blocks: BlockSet) -> [JournalRecord] {
        runs(.blocksVerified, root, blocks)
    }
    static func lost(_ root: Digest, _ blocks: BlockSet) -> [JournalRecord] {
        runs(.blocksLost, root, blocks)
    }

    private static func runs(
        _ kind: Kind,
        _ root: Digest,
        _ blocks: BlockSet
    ) -> [JournalRecord] {
        blocks.ranges.flatMap { run in
            stride(from: run.lowerBound, to: run.upperBound, by: JournalCodec.runBlocksMax).map {
                let end = min(run.upperBound, $0 + JournalCodec.runBlocksMax)
                return JournalRecord(kind, root, blocks: $0..<end)
            }
        }
    }
}
