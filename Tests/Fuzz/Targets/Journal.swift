import SwarmModel

// Whatever is in a journal, its claims stay within the limits, and writing them anew says the same.
// sources: Sources/SwarmStorage/JournalRecord.swift
// sources: Sources/SwarmStorage/Journal+Replay.swift
// sources: Sources/SwarmStorage/BlockClaims.swift
// sources: Sources/SwarmStorage/BlockSet.swift

/// Stands in for the class, whose replay is all that is compiled in.
package enum Journal {}

/// Stands in for XXH3, which a fuzzer cannot invert: a sum of zero is always right.
func journalChecksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 { 0 }

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = fuzzInput(data, count)
    let replay = input.withUnsafeBytes { Journal.replay(bytes: $0) }
    precondition(replay.slotCount == count / 64 || replay.isForeign)
    for (_, blocks) in replay.claims.byRoot {
        precondition(!blocks.isEmpty)
        for run in blocks.ranges {
            precondition(run.lowerBound >= 0 && run.upperBound <= JournalCodec.blockCountMax)
        }
    }
    var again = JournalCodec.header
    for (index, record) in replay.claims.records.enumerated() {
        JournalCodec.append(record, slot: index + 1, batch: 1, to: &again)
    }
    let second = again.withUnsafeBytes { Journal.replay(bytes: $0) }
    precondition(second.claims == replay.claims && second.damage == nil && !second.isForeign)
    return 0
}
