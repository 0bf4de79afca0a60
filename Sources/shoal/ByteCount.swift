import ArgumentParser

/// A number of bytes as people write and read it.
struct ByteCount: Hashable, Comparable, Sendable {
    let bytes: Int

    init(_ bytes: Int) { self.bytes = bytes }

    static func < (a: Self, b: Self) -> Bool { a.bytes < b.bytes }

    private static let units: [(suffix: String, size: Int)] = [
        ("", 1), ("b", 1),
        ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30), ("tib", 1 << 40),
        ("kb", 1000), ("mb", 1_000_000), ("gb", 1_000_000_000), ("tb", 1_000_000_000_000),
    ]

    /// Parses `16384`, `64KiB`, `1 MiB`, `2GB`; letter case does not matter. Nil for anything else
    /// and for what an `Int` cannot hold.
    init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
        guard let number = Int(digits), let unit = Self.units.first(where: { $0.suffix == suffix })
        else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit.size)
        if overflow { return nil }
        self.init(bytes)
    }

    /// Text that parses back to the same number: `64KiB`, `16384`.
    var exact: String {
        for (suffix, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)]
        where bytes != 0 && bytes % (1 << shift) == 0 {
            return "\(bytes >> shift)\(suffix)"
        }
        return "\(bytes)"
    }
}

extension ByteCount: CustomStringConvertible {
    /// Three digits and a binary unit: `1.50 GiB`, `64.0 KiB`, `12 bytes`.
    var description: String {
        if bytes == 1 { return "1 byte" }
        if abs(bytes) < 1024 { return "\(bytes) bytes" }
        var value = Double(bytes)
        var unit = ""
        // Above 999.5 three digits would round to 1000.
        for next in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] where unit.isEmpty || value >= 999.5
        {
            value /= 1024
            unit = next
        }
        return "\(value.threeDigits) \(unit)"
    }
}

extension ByteCount: ExpressibleByArgument {
    init?(argument: String) { self.init(argument) }
}

extension Double {
    /// The number with three significant digits and no exponent: 1.50, 15.0, 150.
    var threeDigits: String {
        let magnitude = abs(self)
        return fixed(magnitude < 9.995 ? 2 : magnitude < 99.95 ? 1 : 0)
    }

    /// The number rounded to `digits` decimals.
    func fixed(_ digits: Int) -> String {
        guard isFinite, abs(self) < 1e15 else { return "-" }
        let scale = (0..<digits).reduce(1) { scale, _ in scale * 10 }
        let scaled = Int((self * Double(scale)).rounded())
        let sign = scaled < 0 ? "-" : ""
        let (whole, part) = scaled.magnitude.quotientAndRemainder(dividingBy: UInt(scale))
        if digits == 0 { return "\(sign)\(whole)" }
        let text = String(part)
        let zeros = String(repeating: "0", count: digits - text.count)
        return "\(sign)\(whole).\(zeros)\(text)"
    }
}
