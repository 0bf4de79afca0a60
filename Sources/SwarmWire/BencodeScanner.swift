/// One value of a document: where it lies, and where the value after it is.
struct BencodeNode {
    enum Kind: UInt8 { case integer, string, list, dictionary }
    var kind: Kind
    /// First byte of the encoded value.
    var start: UInt32
    /// First byte of its content: after the colon of a string, after the letter of the others.
    var content: UInt32
    /// One past the last byte of the encoded value.
    var end: UInt32
    /// The node after the last one inside of this value.
    var next: UInt32
}

/// Checks bencode in one pass without recursion and lists its values in the order of the input.
/// Canonical input only: sorted keys, no leading zeros.
struct BencodeScanner {
    private let bytes: [UInt8]
    private let limits: BencodeLimits
    private(set) var offset = 0
    private(set) var nodes: [BencodeNode] = []
    private var open: [Container] = []

    private struct Container {
        let node: Int
        let isDictionary: Bool
        var expectsKey: Bool
        var previousKey: Range<Int>?
    }

    init(_ bytes: [UInt8], limits: BencodeLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    /// Reads one value. Afterwards ``offset`` is the byte after it.
    mutating func scan() throws(BencodeError) {
        guard bytes.count <= limits.byteCountMax else {
            throw error(.tooLong(bytes: bytes.count, limit: limits.byteCountMax))
        }
        repeat { try step() } while !open.isEmpty
    }

    private mutating func step() throws(BencodeError) {
        guard offset < bytes.count else { throw error(.endOfInput) }
        let byte = bytes[offset]
        let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        if let top = open.last, top.expectsKey, !isDigit, byte != UInt8(ascii: "e") {
            let isValue = [UInt8(ascii: "i"), UInt8(ascii: "l"), UInt8(ascii: "d")].contains(byte)
            throw error(isValue ? .keyNotString : .unexpectedByte(byte))
        }
        switch byte {
        case UInt8(ascii: "i"): try integer()
        case UInt8(ascii: "l"): try openContainer(.list)
        case UInt8(ascii: "d"): try openContainer(.dictionary)
        case UInt8(ascii: "e"): try closeContainer()
        default:
            guard isDigit else { throw error(.unexpectedByte(byte)) }
            try string()
        }
    }

    // MARK: Containers

    private mutating func openContainer(_ kind: BencodeNode.Kind) throws(BencodeError) {
        guard open.count < limits.depthMax else { throw error(.tooDeep(limit: limits.depthMax)) }
        let isDictionary = kind == .dictionary
        open.append(
            Container(node: nodes.count, isDictionary: isDictionary, expectsKey: isDictionary)
        )
        try append(kind, start: offset, content: offset + 1)
        offset += 1
    }

    private mutating func closeContainer() throws(BencodeError) {
        guard let top = open.last else { throw error(.unexpectedByte(bytes[offset])) }
        guard !top.isDictionary || top.expectsKey else { throw error(.keyWithoutValue) }
        open.removeLast()
        offset += 1
        nodes[top.node].end = UInt32(offset)
        nodes[top.node].next = UInt32(nodes.count)
        valueEnded()
    }

    /// After a value, a dictionary expects the next key.
    private mutating func valueEnded() {
        guard let last = open.indices.last, open[last].isDictionary else { return }
        open[last].expectsKey = true
    }

    private mutating func append(
        _ kind: BencodeNode.Kind,
        start: Int,
        content: Int
    ) throws(BencodeError) {
        guard nodes.count < limits.tokenCountMax else {
            throw error(.tooManyTokens(limit: limits.tokenCountMax))
        }
        nodes.append(
            BencodeNode(
                kind: kind,
                start: UInt32(start),
                content: UInt32(content),
                end: UInt32(content),
                next: UInt32(nodes.count + 1)
            )
        )
    }

    // MARK: Strings and integers

    private mutating func string() throws(BencodeError) {
        let start = offset
        let length = try digits(terminator: UInt8(ascii: ":"), limit: UInt64(Int64.max))
        guard length <= bytes.count - offset else {
            throw BencodeError(.stringPastEnd, at: start)
        }
        let content = offset..<offset + Int(length)
        let isKey = open.last?.expectsKey == true
        if isKey { try checkOrder(of: content, at: start) }
        try append(.string, start: start, content: content.lowerBound)
        nodes[nodes.count - 1].end = UInt32(content.upperBound)
        offset = content.upperBound
        if isKey {
            open[open.count - 1].previousKey = content
            open[open.count - 1].expectsKey = false
        } else {
            valueEnded()
        }
    }

    private func checkOrder(of key: Range<Int>, at start: Int) throws(BencodeError) {
        guard let previous = open.last?.previousKey else { return }
        if bytes[previous].lexicographicallyPrecedes(bytes[key]) { return }
        let isSame = bytes[previous].elementsEqual(bytes[key])
        throw BencodeError(isSame ? .duplicateKey : .keysNotSorted, at: start)
    }

    private mutating func integer() throws(BencodeError) {
        let start = offset
        offset += 1
        let isNegative = offset < bytes.count && bytes[offset] == UInt8(ascii: "-")
        if isNegative { offset += 1 }
        let limit = UInt64(Int64.max) + (isNegative ? 1 : 0)
        let magnitude = try digits(terminator: UInt8(ascii: "e"), limit: limit)
        if isNegative && magnitude == 0 { throw BencodeError(.negativeZero, at: start) }
        try append(.integer, start: start, content: start + 1)
        nodes[nodes.count - 1].end = UInt32(offset)
        valueEnded()
    }

    /// Reads a number without leading zeros and the byte after it.
    private mutating func digits(
        terminator: UInt8,
        limit: UInt64
    ) throws(BencodeError) -> UInt64 {
        let start = offset
        var number: UInt64 = 0
        while offset < bytes.count, bytes[offset] != terminator {
            let digit = bytes[offset] &- UInt8(ascii: "0")
            guard digit <= 9 else { throw error(.unexpectedByte(bytes[offset])) }
            if offset > start && number == 0 { throw BencodeError(.leadingZero, at: start) }
            let (tenfold, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, overflowed) = tenfold.addingReportingOverflow(UInt64(digit))
            guard !overflow, !overflowed, sum <= limit else {
                throw BencodeError(.integerOverflow, at: start)
            }
            number = sum
            offset += 1
        }
        guard offset < bytes.count else { throw error(.endOfInput) }
        guard offset > start else { throw error(.emptyInteger) }
        offset += 1
        return number
    }

    private func error(_ reason: BencodeError.Reason) -> BencodeError {
        BencodeError(reason, at: offset)
    }
}
