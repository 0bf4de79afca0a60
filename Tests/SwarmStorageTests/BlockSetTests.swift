import SwarmStorage
import Testing

/// Every set of six blocks against every run of them, next to a plain list of booleans.
@Suite struct BlockSetTests {
    static let size = 6
    static let runs = (0...size).flatMap { low in (low...size).map { low..<$0 } }

    private func set(_ members: [Bool]) -> BlockSet {
        BlockSet(members.indices.filter { members[$0] }.map { $0..<$0 + 1 })
    }

    /// What the set holds; fails when its runs are not ascending, apart and filled.
    private func members(_ set: BlockSet) -> [Bool] {
        var members = [Bool](repeating: false, count: Self.size)
        for (index, run) in set.ranges.enumerated() {
            #expect(!run.isEmpty)
            if index > 0 { #expect(set.ranges[index - 1].upperBound < run.lowerBound) }
            for block in run { members[block] = true }
        }
        return members
    }

    private static func allSets() -> [[Bool]] {
        (0..<1 << size).map { bits in (0..<size).map { bits >> $0 & 1 == 1 } }
    }

    @Test func insertingAndRemovingARunTouchesNothingElse() {
        for start in Self.allSets() {
            for run in Self.runs {
                var (grown, shrunk) = (set(start), set(start))
                grown.insert(contentsOf: run)
                shrunk.remove(contentsOf: run)
                let more = start.enumerated().map { $1 || run.contains($0) }
                let less = start.enumerated().map { $1 && !run.contains($0) }
                #expect(members(grown) == more)
                #expect(members(shrunk) == less)
                #expect(grown == set(more) && shrunk == set(less))
            }
        }
    }

    @Test func coverAndGapsOfARunAreWhatIsThere() {
        for start in Self.allSets() {
            let blocks = set(start)
            #expect(blocks.isEmpty == !start.contains(true))
            for run in Self.runs {
                #expect(blocks.covers(run) == run.allSatisfy { start[$0] })
                let gaps = BlockSet(blocks.missing(of: run))
                let expected = start.enumerated().map { run.contains($0) && !$1 }
                #expect(members(gaps) == expected)
            }
        }
    }

    @Test func unionAndDifferenceOfAnyTwo() {
        for one in Self.allSets() {
            for other in Self.allSets() {
                var rest = set(one)
                rest.subtract(set(other))
                let both = zip(one, other).map { $0 || $1 }
                #expect(members(set(one).union(set(other))) == both)
                var merged = set(one)
                merged.insert(unordered: set(other).ranges.reversed())
                #expect(members(merged) == both)
                #expect(members(rest) == zip(one, other).map { $0 && !$1 })
            }
        }
    }
}
