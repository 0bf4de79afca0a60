import SwarmModel
import Testing

struct AlignmentTests {
    @Test("values that async functions hold are aligned to 16 bytes at most, as their frames are")
    func alignment() {
        #expect(MemoryLayout<Digest>.alignment <= 16)
        #expect(MemoryLayout<InfoHash>.alignment <= 16)
        #expect(MemoryLayout<SwarmID>.alignment <= 16)
        #expect(MemoryLayout<HashRange>.alignment <= 16)
        #expect(MemoryLayout<VersionInfo>.alignment <= 16)
        #expect(MemoryLayout<Metainfo>.alignment <= 16)
        #expect(MemoryLayout<PeerMessage>.alignment <= 16)
        #expect(MemoryLayout<Digest>.size == 32)
    }
}
