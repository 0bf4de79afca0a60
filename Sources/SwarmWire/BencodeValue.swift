/// A checked bencoded value: the input and a flat list of where each value in it lies. Nothing is
/// copied until somebody asks for it.
package struct BencodeValue {
    private let input: [UInt8]
    private let nodes: [BencodeNode]
    private let index: Int

    private init(input: [UInt8], nodes: [BencodeNode], index: Int) {
        self.input = input
        self.nodes = nodes
        self.index = index
    }

    /// Reads `input`, which is one value and nothing after it.
    package init(_ input: [UInt8], limits: BencodeLimits) throws(BencodeError) {
        self = try Self.prefix(of: input, limits: limits)
        if range.upperBound != input.count {
            throw BencodeError(.trailingBytes, at: range.upperBound)
        }
    }

    package init(_ input: RawSpan, limits: BencodeLimits) throws(BencodeError) {
        guard input.byteCount <= limits.byteCountMax else {
            throw BencodeError(
                .tooLong(bytes: input.byteCount, limit: limits.byteCountMax),
                at: 0
            )
        }
        try self.init(input.array(), limits: limits)
    }

    /// Reads the value that `input` starts with; ``range`` says where it ends.
    package static func prefix(
        of input: [UInt8],
        limits: BencodeLimits
    ) throws(BencodeError) -> BencodeValue {
        var scanner = BencodeScanner(input, limits: limits)
        try scanner.scan()
        return BencodeValue(input: input, nodes: scanner.nodes, index: 0)
    }

    /// Where the encoded value lies in the input.
    package var range: Range<Int> { Int(nodes[index].start)..<Int(nodes[index].end) }

    /// The encoded value, as it was read.
    package var encoded: ArraySlice<UInt8> { input[range] }

    package var integer: Int? {
        guard nodes[index].kind == .integer else { return nil }
        // The scanner has checked the digits and that they fit.
        let text = input[Int(nodes[index].content)..<Int(nodes[index].end) - 1]
        let isNegative = text.first == UInt8(ascii: "-")
        return text.dropFirst(isNegative ? 1 : 0).reduce(0) { sum, byte in
            let digit = Int(byte - UInt8(ascii: "0"))
            return sum * 10 + (isNegative ? -digit : digit)
        }
    }

    package var bytes: ArraySlice<UInt8>? {
        guard nodes[index].kind == .string else { return nil }
        return input[Int(nodes[index].content)..<Int(nodes[index].end)]
    }

    /// A string that is valid UTF-8.
    package var text: String? { bytes.flatMap { String(validating: $0, as: UTF8.self) } }

    package var list: Elements? {
        nodes[index].kind == .list ? Elements(children: children) : nil
    }

    package var dictionary: Entries? {
        nodes[index].kind == .dictionary ? Entries(children: children) : nil
    }

    private var children: Children {
        Children(
            input: input,
            nodes: nodes,
            index: index + 1,
            end: Int(nodes[index].next)
        )
    }

    /// The values directly inside of a list or dictionary, in the order of the input.
    fileprivate struct Children: Sequence, IteratorProtocol {
        let input: [UInt8]
        let nodes: [BencodeNode]
        var index: Int
        let end: Int

        mutating func next() -> BencodeValue? {
            guard index < end else { return nil }
            defer { index = Int(nodes[index].next) }
            return BencodeValue(input: input, nodes: nodes, index: index)
        }
    }

    /// The values of a list.
    package struct Elements: Sequence, IteratorProtocol {
        fileprivate var children: Children
        package var isEmpty: Bool { children.index >= children.end }
        package mutating func next() -> BencodeValue? { children.next() }
    }

    /// The keys and values of a dictionary, by ascending key.
    package struct Entries: Sequence, IteratorProtocol {
        fileprivate var children: Children
        package var isEmpty: Bool { children.index >= children.end }

        package mutating func next() -> (key: ArraySlice<UInt8>, value: BencodeValue)? {
            guard let key = children.next()?.bytes, let value = children.next() else {
                return nil
            }
            return (key, value)
        }

        /// The value of a key. Linear in the number of keys.
        package subscript(key: String) -> BencodeValue? {
            first { $0.key.elementsEqual(key.utf8) }?.value
        }
    }
}
