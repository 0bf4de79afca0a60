package import SwarmModel

/// One entry of the journal: what became known about a run of 16 KiB blocks of a content. Blocks
/// are counted from the start of the content, so that a record does not depend on the piece length.
package struct JournalRecord: Hashable, Sendable {
    package enum Kind: UInt32, Sendable {
        /// The blocks are on disk, synced, and match the root.
        case blocksVerified = 1
        /// They were found damaged.
        case blocksLost = 2
        /// The whole content became a blob; its blocks need no record any more.
        case sealed = 3
        /// Nothing of the content is here any more.
        case removed = 4
        /// A partial is here of which an earlier journal said something that is lost.
        case unread = 5
        /// It was read since, and what is right of it recorded.
        case reread = 6
    }

    package var kind: Kind
    package var root: Digest
    package var blocks: Range<Int>

    package init(_ kind: Kind, _ root: Digest, blocks: Range<Int> = 0..<0) {
        self.kind = kind
        self.root = root
        self.blocks = blocks
    }

    /// Whether it takes something back. Such a record holds from the moment that it is known, one
    /// that adds only from when it is durable.
    var retracts: Bool { kind != .blocksVerified && kind != .reread }
}

/// The journal's bytes: slots of 64 bytes, the first a header.
///
///      0   4     8            40          48      52      56        64
///     kind slot  root (32)    first block count   batch   XXH3-64
///
/// Numbers are little-endian. `slot` is the record's own position, so that a duplicated or
/// misplaced record is not taken for one; `batch` is the slot of the first record that was synced
/// together with this one, which tells a torn append (its batch was never acknowledged) from rot in
/// the middle.
package enum JournalCodec {
    static let slotByteCount = 64
    private static let sumOffset = 56
    private static let greeting = Array("shoal journal 1\n".utf8)

    /// Highest block number plus one: 2⁴⁶ bytes of 2¹⁴.
    static let blockCountMax = PieceGeometry.totalLengthMax / PieceGeometry.blockLength
    /// Longest run in one record, because its count has 32 bits.
    static let runBlocksMax = Int(UInt32.max)

    enum Header { case ours, foreign, damaged }

    package static var header: [UInt8] {
        var slot = greeting
        slot += [UInt8](repeating: 0, count: sumOffset - slot.count)
        appendSum(to: &slot)
        return slot
    }

    static func header(_ slot: UnsafeRawBufferPointer) -> Header {
        guard sumHolds(slot) else { return .damaged }
        return slot.prefix(greeting.count).elementsEqual(greeting) ? .ours : .foreign
    }

    package static func append(
        _ record: JournalRecord,
        slot: Int,
        batch: Int,
        to bytes: inout [UInt8]
    ) {
        precondition(record.blocks.count <= runBlocksMax, "a run of \(record.blocks.count) blocks")
        var body: [UInt8] = []
        body.reserveCapacity(slotByteCount)
        append(record.kind.rawValue, to: &body)
        append(UInt32(truncatingIfNeeded: slot), to: &body)
        body += record.root.bytes
        append(UInt64(record.blocks.lowerBound), to: &body)
        append(UInt32(record.blocks.count), to: &body)
        append(UInt32(truncatingIfNeeded: batch), to: &body)
        appendSum(to: &body)
        bytes += body
    }

    /// The record of a slot and its batch; nil when it is not what was once written there.
    static func record(
        _ bytes: UnsafeRawBufferPointer,
        slot: Int
    ) -> (record: JournalRecord, batch: Int)? {
        guard sumHolds(bytes),
            let kind = JournalRecord.Kind(rawValue: number(bytes, at: 0)),
            number(bytes, at: 4) == UInt32(truncatingIfNeeded: slot),
            let root = Digest(bytes[8..<40]),
            let start = Int(exactly: number(bytes, at: 40) as UInt64),
            start <= blockCountMax
        else { return nil }
        let end = start + Int(number(bytes, at: 48) as UInt32)
        let batch = Int(number(bytes, at: 52) as UInt32)
        guard end <= blockCountMax, (1...slot).contains(batch) else { return nil }
        return (JournalRecord(kind, root, blocks: start..<end), batch)
    }

    private static func sumHolds(_ slot: UnsafeRawBufferPointer) -> Bool {
        slot.count == slotByteCount
            && number(slot, at: sumOffset)
                == journalChecksum(UnsafeRawBufferPointer(rebasing: slot[..<sumOffset]))
    }

    private static func appendSum(to slot: inout [UInt8]) {
        append(slot.withUnsafeBytes { journalChecksum($0) }, to: &slot)
    }

    private static func append<N: FixedWidthInteger>(_ number: N, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private static func number<N: FixedWidthInteger>(
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int
    ) -> N {
        N(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: N.self))
    }
}
