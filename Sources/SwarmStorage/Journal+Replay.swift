internal import SwarmModel

extension Journal {
    /// What the bytes of a journal say.
    package struct Replay: Sendable, Equatable {
        package var claims = BlockClaims()
        /// Slots, the header among them.
        package var slotCount = 0
        /// A sentence for the log when the file is not as it was written.
        package var damage: String?
        /// More may have been verified than the journal says now.
        package var hasForgotten = false
        /// The file is of a later format than this program knows.
        package var isForeign = false
    }

    /// Reads a journal. Pure, and takes any bytes.
    ///
    /// A record that is not whole ends a torn append: it was never acknowledged, and what came
    /// before it stands. When a whole record of a *later* batch follows, the bad one was
    /// acknowledged and has rotted since. It may have taken something back, so everything claimed
    /// before it is given up; the bytes are still on disk, where ``Holding/rescan(progress:)``
    /// finds them again. The same goes for a journal that is gone.
    package static func replay(bytes: UnsafeRawBufferPointer) -> Replay {
        var replay = Replay()
        let size = JournalCodec.slotByteCount
        if bytes.isEmpty {
            replay.hasForgotten = true
            return replay
        }
        let slots = bytes.count / size
        replay.slotCount = slots
        var firstBad: Int?
        // Runs of verified blocks that are not among the claims yet.
        var pending: [Digest: [Range<Int>]] = [:]
        for slot in 0..<slots {
            let part = UnsafeRawBufferPointer(rebasing: bytes[slot * size..<(slot + 1) * size])
            if slot == 0 {
                switch JournalCodec.header(part) {
                case .ours: break
                case .damaged: firstBad = 0
                case .foreign:
                    replay.isForeign = true
                    return replay
                }
                continue
            }
            guard let (record, batch) = JournalCodec.record(part, slot: slot) else {
                firstBad = firstBad ?? slot
                replay.damage = replay.damage ?? "the record at byte \(slot * size) is damaged"
                continue
            }
            if let bad = firstBad, batch > bad {
                replay.claims.forgetAll()
                pending = [:]
                replay.hasForgotten = true
                replay.damage =
                    "the record at byte \(bad * size) has rotted; what was verified "
                    + "before it has to be read again"
                firstBad = nil
            }
            if record.kind == .blocksVerified {
                pending[record.root, default: []].append(record.blocks)
            } else {
                let runs = pending.removeValue(forKey: record.root) ?? []
                replay.claims.verify(runs, of: record.root)
                replay.claims.apply(record)
            }
        }
        for (root, runs) in pending { replay.claims.verify(runs, of: root) }
        if firstBad == 0 { replay.hasForgotten = true }
        if firstBad == 0, slots == 1 { replay.damage = "the journal's header is damaged" }
        if bytes.count % size != 0 {
            replay.damage =
                replay.damage ?? "the journal ends within a record, at byte \(bytes.count)"
        }
        return replay
    }
}
