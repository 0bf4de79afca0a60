package import SwarmModel

/// A quantity of a plan: one value, or two between which each seed draws its own.
package struct Draw: Hashable, Sendable {
    package var low: Double
    package var high: Double

    package init(_ low: Double, _ high: Double? = nil) {
        self.low = low
        self.high = high ?? low
    }

    package var isFixed: Bool { low == high }

    /// Evenly between the two; where they are more than a factor of 16 apart, each doubling is as
    /// likely as any other, since sizes and rates are spread so.
    package func value(using random: inout SeededRandom) -> Double {
        guard high > low else { return low }
        guard low > 0, high / low > 16 else {
            return low + (high - low) * Double.random(in: 0..<1, using: &random)
        }
        // Doublings are counted rather than computed: logarithms differ between C libraries, and a
        // seed must give the same run everywhere.
        var doublings = 0
        while low * Double(1 << (doublings + 1)) <= high, doublings < 62 { doublings += 1 }
        let chosen = Int.random(in: 0...doublings, using: &random)
        let start = low * Double(1 << chosen)
        let end = min(high, start * 2)
        return start + (end - start) * Double.random(in: 0..<1, using: &random)
    }

    /// A whole number, both ends included.
    package func count(using random: inout SeededRandom) -> Int {
        let (first, last) = (Int(low.rounded()), Int(high.rounded()))
        guard last > first else { return first }
        if first > 0, last / first > 16 {
            return min(last, max(first, Int(value(using: &random).rounded())))
        }
        return Int.random(in: first...last, using: &random)
    }

    package func duration(using random: inout SeededRandom) -> Duration {
        .nanoseconds(Int64(value(using: &random) * 1e9))
    }
}

/// What a quantity is measured in, and how it is written.
package enum PlanUnit: Sendable {
    /// `16GiB`, `140GB`, `4096`
    case bytes
    /// `10Gbit` or `1.25GB` a second, or a number of bytes a second
    case rate
    /// `50us`, `20ms`, `30s`, `5min`, or a number of seconds
    case seconds
    /// A plain number.
    case number

    private static let decimal: [(name: String, factor: Double)] = [
        ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3), ("", 1),
    ]
    private static let binary: [(name: String, factor: Double)] = [
        ("Ti", 1_099_511_627_776), ("Gi", 1_073_741_824), ("Mi", 1_048_576), ("Ki", 1024),
    ]

    /// Endings with what they are worth; a longer one comes before those that end it.
    private var endings: [(name: String, factor: Double)] {
        let bytes = (Self.binary + Self.decimal).map { (name: $0.name + "B", factor: $0.factor) }
        switch self {
        case .bytes: return bytes
        case .rate:
            return Self.decimal.map { (name: $0.name + "bit", factor: $0.factor / 8) } + bytes
        case .seconds: return [("min", 60), ("ms", 1e-3), ("us", 1e-6), ("s", 1), ("h", 3600)]
        case .number: return [("%", 0.01)]
        }
    }

    package var example: String {
        switch self {
        case .bytes: "'16GiB' or '140GB'"
        case .rate: "'10Gbit' or '1.25GB'"
        case .seconds: "'20ms' or '30s'"
        case .number: "a number such as 3 or '5%'"
        }
    }

    package func value(of text: String) -> Double? {
        for ending in endings where text.hasSuffix(ending.name) {
            let number = text.dropLast(ending.name.count)
            guard let value = Double(number), value.isFinite, value >= 0 else { continue }
            return value * ending.factor
        }
        return nil
    }
}
