/// Which part of a version a build node publishes: number K of N, written `K/N`.
package struct PartNumber: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// From 1 to ``count``.
    package let number: Int
    package let count: Int

    /// Parts of one version: each is one request to the tracker and one file there until all are
    /// in.
    package static let countMax = 256

    package static let whole = PartNumber(number: 1, count: 1)

    private init(number: Int, count: Int) {
        self.number = number
        self.count = count
    }

    /// Nil when there is no such part.
    package init?(_ number: Int, of count: Int) {
        guard (1...Self.countMax).contains(count), (1...count).contains(number) else { return nil }
        self.init(number: number, count: count)
    }

    /// Nil when the text is not `K/N` with decimal numbers, 1 ≤ K ≤ N ≤ ``countMax``.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ Self.isDecimal($0) }),
            let number = Int(parts[0]), let count = Int(parts[1])
        else { return nil }
        self.init(number, of: count)
    }

    private static func isDecimal(_ text: some StringProtocol) -> Bool {
        (1...3).contains(text.utf8.count) && text.utf8.allSatisfy { (48...57).contains($0) }
    }

    package var description: String { "\(number)/\(count)" }

    package static func < (a: Self, b: Self) -> Bool {
        (a.count, a.number) < (b.count, b.number)
    }
}

/// What a part says of itself besides its files (our key in its metainfo, outside `info`).
package struct PartLabel: Hashable, Sendable {
    package var number: PartNumber
    /// The piece length that was asked for, which must be one for all parts; nil when it follows
    /// from the files.
    package var pieceLengthAsked: Int?
    /// Files that an index among the part's files says the version has, as paths joined by `/`.
    package var expected: [String]

    /// Entries of ``expected`` that are read.
    package static let expectedMax = 100_000

    package init(number: PartNumber, pieceLengthAsked: Int? = nil, expected: [String] = []) {
        self.number = number
        self.pieceLengthAsked = pieceLengthAsked
        self.expected = expected
    }
}

/// How far the parts of a version are together.
package struct PartsState: Hashable, Sendable {
    /// How many there must be.
    package var count: Int
    /// Ascending.
    package var present: [Int]
    /// Files that an index names and that no part has, ascending; of those not in yet only what an
    /// index among the others says.
    package var missingFiles: [String]

    package init(count: Int, present: [Int], missingFiles: [String]) {
        self.count = count
        self.present = present
        self.missingFiles = missingFiles
    }

    package var missing: [Int] { (1...max(1, count)).filter { !present.contains($0) } }

    /// Files named in a message at most.
    private static let namesMax = 10

    /// What is missing, in words.
    package var missingText: String {
        var texts: [String] = []
        if !missing.isEmpty {
            let numbers = missing.map { "\($0)/\(count)" }.joined(separator: ", ")
            texts.append("part\(missing.count == 1 ? "" : "s") \(numbers)")
        }
        if !missingFiles.isEmpty {
            let more = missingFiles.count - Self.namesMax
            texts.append(
                "the file\(missingFiles.count == 1 ? "" : "s") "
                    + missingFiles.prefix(Self.namesMax).joined(separator: ", ")
                    + (more > 0 ? " and \(more) more" : "")
            )
        }
        return texts.joined(separator: ", with ")
    }
}
