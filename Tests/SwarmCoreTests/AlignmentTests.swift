import SwarmCore
import SwarmModel
import Testing

struct AlignmentTests {
    @Test("what async functions hold of the core is aligned to 16 bytes at most, as frames are")
    func alignment() {
        #expect(MemoryLayout<TransferRate>.alignment <= 16)
        #expect(MemoryLayout<PeerSession>.alignment <= 16)
        #expect(MemoryLayout<Swarm>.alignment <= 16)
        #expect(MemoryLayout<SwarmEvent>.alignment <= 16)
        #expect(MemoryLayout<SwarmAction>.alignment <= 16)
    }
}
