import SwarmModel
import Testing

@Suite("LevelBytes")
struct LevelBytesTests {
    @Test("each entry counts once, at the nearest domain that its ends share")
    func levels() throws {
        var traffic = ledger(
            try [
                entry("a/r/k", "a/r/k", 1), entry("a/r/k", "a/r/l", 2), entry("a/r/k", "a/s/l", 4),
                entry("a/r/k", "b/s/l", 8), entry("", "b/s/l", 16),
                entry("a/r", "a/r/k", 32, kind: .origin),
            ],
            entriesMax: 6
        )
        traffic.add(try entry("c", "b/s/l", 64))
        var levels = LevelBytes(traffic)
        func bytes(_ level: Proximity, _ kind: SourceKind) -> Int {
            levels.all.filter { $0.level == level && $0.kind == kind }.map(\.bytes).reduce(0, +)
        }
        #expect(Proximity.allCases.map { bytes($0, .peer) } == [1, 2, 4, 8, 80])
        #expect(Proximity.allCases.map { bytes($0, .origin) } == [0, 32, 0, 0, 0])
        #expect(levels.all.count == 10)
        levels.add(levels)
        #expect(bytes(.cloud, .peer) == 8)
    }
}
