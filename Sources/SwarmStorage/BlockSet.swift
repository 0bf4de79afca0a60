/// A set of block numbers, kept as ascending runs that neither touch nor overlap. The standard
/// library's `RangeSet` is generic and took half as long as hashing for what one block does to it.
package struct BlockSet: Hashable, Sendable {
    package private(set) var ranges: [Range<Int>] = []

    package init() {}
    package init(_ run: Range<Int>) { if !run.isEmpty { ranges = [run] } }
    package init(_ runs: some Sequence<Range<Int>>) { insert(unordered: Array(runs)) }

    package var isEmpty: Bool { ranges.isEmpty }

    /// The first run that ends at `block` or beyond it.
    private func firstRun(endingAtOrAfter block: Int) -> Int {
        // Downloads grow a run at its end, so the last one is looked at first.
        guard let last = ranges.last else { return 0 }
        if last.upperBound < block { return ranges.count }
        var (low, high) = (0, ranges.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < block { low = middle + 1 } else { high = middle }
        }
        return low
    }

    package mutating func insert(contentsOf run: Range<Int>) {
        guard !run.isEmpty else { return }
        let first = firstRun(endingAtOrAfter: run.lowerBound)
        var (merged, end) = (run, first)
        while end < ranges.count, ranges[end].lowerBound <= run.upperBound {
            merged =
                min(
                    merged.lowerBound,
                    ranges[end].lowerBound
                )..<max(merged.upperBound, ranges[end].upperBound)
            end += 1
        }
        if end == first + 1 {
            ranges[first] = merged
        } else {
            ranges.replaceSubrange(first..<end, with: CollectionOfOne(merged))
        }
    }

    /// Adds runs in any order with one sort: one by one, each would move what is behind it, and a
    /// journal has tens of thousands.
    package mutating func insert(unordered runs: [Range<Int>]) {
        let sorted = (ranges + runs).sorted { $0.lowerBound < $1.lowerBound }
        var merged: [Range<Int>] = []
        for run in sorted where !run.isEmpty {
            if let last = merged.last, run.lowerBound <= last.upperBound {
                merged[merged.count - 1] =
                    last.lowerBound..<max(last.upperBound, run.upperBound)
            } else {
                merged.append(run)
            }
        }
        ranges = merged
    }

    package mutating func remove(contentsOf run: Range<Int>) {
        guard !run.isEmpty else { return }
        let first = firstRun(endingAtOrAfter: run.lowerBound + 1)
        var (end, rest) = (first, [Range<Int>]())
        while end < ranges.count, ranges[end].lowerBound < run.upperBound {
            let old = ranges[end]
            if old.lowerBound < run.lowerBound { rest.append(old.lowerBound..<run.lowerBound) }
            if old.upperBound > run.upperBound { rest.append(run.upperBound..<old.upperBound) }
            end += 1
        }
        if end > first { ranges.replaceSubrange(first..<end, with: rest) }
    }

    package mutating func formUnion(_ other: Self) {
        for run in other.ranges { insert(contentsOf: run) }
    }

    package mutating func subtract(_ other: Self) {
        for run in other.ranges {
            if ranges.isEmpty { return }
            remove(contentsOf: run)
        }
    }

    package func union(_ other: Self) -> Self {
        var result = self
        result.formUnion(other)
        return result
    }

    /// Whether all of `run` is in the set.
    package func covers(_ run: Range<Int>) -> Bool {
        if run.isEmpty { return true }
        let first = firstRun(endingAtOrAfter: run.upperBound)
        return first < ranges.count && ranges[first].lowerBound <= run.lowerBound
    }

    /// The blocks of `run` that are not in the set.
    package func missing(of run: Range<Int>) -> [Range<Int>] {
        var result = BlockSet(run)
        let first = firstRun(endingAtOrAfter: run.lowerBound + 1)
        for index in first..<max(first, ranges.count) {
            guard ranges[index].lowerBound < run.upperBound else { break }
            result.remove(contentsOf: ranges[index])
        }
        return result.ranges
    }
}
