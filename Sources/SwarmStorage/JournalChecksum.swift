internal import SwarmHash

/// The checksum of a journal slot: XXH3, against accidents on disk. In a file of its own, because
/// the fuzz target of the journal brings another that a fuzzer can satisfy.
func journalChecksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 { xxh3_64(bytes) }
