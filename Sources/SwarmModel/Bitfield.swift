/// A set of pieces, one bit each, in the order of the wire: piece 0 is the high bit of the first
/// byte (BEP 3). Bits past the last piece are always clear.
package struct Bitfield: Hashable, Sendable {
    package let count: Int
    @usableFromInline var words: [UInt64]
    /// How many bits are set.
    package private(set) var population: Int

    package init(count: Int) {
        self.count = count
        words = Array(repeating: 0, count: (count + 63) / 64)
        population = 0
    }

    package init(fullCount count: Int) {
        self.init(count: count)
        for index in words.indices { words[index] = .max }
        if count % 64 != 0 { words[words.count - 1] = .max << UInt64(64 - count % 64) }
        population = count
    }

    /// Reads the payload of a `bitfield` message. Nil when its length is wrong or a spare bit is
    /// set, both of which BEP 3 answers by closing the connection.
    package init?(wire bytes: [UInt8], count: Int) {
        guard bytes.count == (count + 7) / 8 else { return nil }
        if count % 8 != 0, let last = bytes.last, last << UInt8(count % 8) != 0 { return nil }
        self.init(count: count)
        for (index, byte) in bytes.enumerated() {
            words[index / 8] |= UInt64(byte) << UInt64(56 - index % 8 * 8)
        }
        population = words.reduce(0) { $0 + $1.nonzeroBitCount }
    }

    package var wire: [UInt8] {
        (0..<(count + 7) / 8).map { index in
            UInt8(truncatingIfNeeded: words[index / 8] >> UInt64(56 - index % 8 * 8))
        }
    }

    @inlinable package var isFull: Bool { population == count }
    @inlinable package var isEmpty: Bool { population == 0 }

    // Looked at for every peer at every piece, in other modules: to be inlined there.

    @inlinable package subscript(piece: PieceIndex) -> Bool { self[bit: piece.number] }

    @inlinable package subscript(bit index: Int) -> Bool {
        if index < 0 || index >= count { trap(at: index) }
        return words[index / 64] & Self.mask(index) != 0
    }

    @usableFromInline func trap(at index: Int) -> Never {
        preconditionFailure("bit \(index) of a bitfield of \(count)")
    }

    /// Adds a piece; false when it was there.
    @discardableResult
    package mutating func insert(_ piece: PieceIndex) -> Bool { insert(bit: piece.number) }

    @discardableResult
    package mutating func insert(bit index: Int) -> Bool {
        guard !self[bit: index] else { return false }
        words[index / 64] |= Self.mask(index)
        population += 1
        return true
    }

    /// Removes a piece; false when it was not there.
    @discardableResult
    package mutating func remove(_ piece: PieceIndex) -> Bool { remove(bit: piece.number) }

    @discardableResult
    package mutating func remove(bit index: Int) -> Bool {
        guard self[bit: index] else { return false }
        words[index / 64] &= ~Self.mask(index)
        population -= 1
        return true
    }

    /// The numbers of the pieces in the set, ascending.
    package var members: [Int] {
        var result: [Int] = []
        result.reserveCapacity(population)
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                let lead = rest.leadingZeroBitCount
                result.append(index * 64 + lead)
                rest &= ~(1 << UInt64(63 - lead))
            }
        }
        return result
    }

    /// How many pieces both sets have.
    package func commonCount(with other: Bitfield) -> Int {
        precondition(count == other.count, "bitfields of \(count) and \(other.count) pieces")
        var common = 0
        for index in words.indices { common += (words[index] & other.words[index]).nonzeroBitCount }
        return common
    }

    /// Whether any piece is in both sets.
    @inlinable package func intersects(_ other: Bitfield) -> Bool {
        precondition(count == other.count, "bitfields of \(count) and \(other.count) pieces")
        return words.indices.contains { words[$0] & other.words[$0] != 0 }
    }

    /// The pieces that both sets have, ascending, at most `countMax`.
    package func firstCommon(_ countMax: Int, with other: Bitfield) -> [Int] {
        precondition(count == other.count, "bitfields of \(count) and \(other.count) pieces")
        var result: [Int] = []
        for index in words.indices {
            var rest = words[index] & other.words[index]
            while rest != 0 {
                guard result.count < countMax else { return result }
                let lead = rest.leadingZeroBitCount
                result.append(index * 64 + lead)
                rest &= ~(1 << UInt64(63 - lead))
            }
        }
        return result
    }

    /// Adds all pieces of the other set.
    package mutating func formUnion(_ other: Bitfield) {
        precondition(count == other.count, "bitfields of \(count) and \(other.count) pieces")
        var sum = 0
        for index in words.indices {
            words[index] |= other.words[index]
            sum += words[index].nonzeroBitCount
        }
        population = sum
    }

    /// How many pieces the other set has that this one lacks.
    package func lackCount(of other: Bitfield) -> Int {
        precondition(count == other.count, "bitfields of \(count) and \(other.count) pieces")
        var lacking = 0
        for index in words.indices {
            lacking += (other.words[index] & ~words[index]).nonzeroBitCount
        }
        return lacking
    }

    @inlinable static func mask(_ index: Int) -> UInt64 { 1 << UInt64(63 - index % 64) }
}
